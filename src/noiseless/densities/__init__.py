"""Latent densities: what is put on the codes once training is over, and sampled."""

from noiseless.densities.density import LatentDensity, build, describe, load, names, save

__all__ = ["LatentDensity", "build", "describe", "load", "names", "save"]
