"""Scores: what optimisation in a latent space makes smaller or larger, a number for a string."""

from noiseless.optimise.scores.score import Goal, Score, build, check, names, of_ones_own

__all__ = ["Goal", "Score", "build", "check", "names", "of_ones_own"]
