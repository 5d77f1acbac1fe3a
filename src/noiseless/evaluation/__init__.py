"""Evaluation: distances, latent diagnostics, strings, and comparisons of methods."""
