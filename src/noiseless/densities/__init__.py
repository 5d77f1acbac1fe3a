"""Latent densities: what is put on the codes once training is over, and sampled."""

from noiseless.densities.density import DENSITY, LatentDensity, build, describe, holds, load, names, save

__all__ = ["DENSITY", "LatentDensity", "build", "describe", "holds", "load", "names", "save"]
