"""Latent densities: distributions that are fitted to the codes after training, and sampled."""

from noiseless.densities.density import DENSITY, LatentDensity, build, describe, holds, load, names, save

__all__ = ["DENSITY", "LatentDensity", "build", "describe", "holds", "load", "names", "save"]
