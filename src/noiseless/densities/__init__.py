"""Latent densities: distributions that are fitted to the codes after training, and sampled."""

from noiseless.densities.density import LatentDensity, build, describe, load, names, save

__all__ = ["LatentDensity", "build", "describe", "load", "names", "save"]
