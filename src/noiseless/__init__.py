"""Deterministic generative autoencoders: regularized autoencoders (Ghosh et al., ICLR 2020) and their field."""

from noiseless.autoencoder import Networks
from noiseless.objectives.core import Optimiser
from noiseless.runs import Run, load, train
from noiseless.training import Training

__all__ = ["Networks", "Optimiser", "Run", "Training", "load", "train"]
