"""Deterministic generative autoencoders: regularized autoencoders (Ghosh et al., ICLR 2020) and their field."""
