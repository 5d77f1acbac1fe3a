"""Reconstruction terms: distances between an output and its example, one kind per file."""

from noiseless.objectives.reconstruction.laplacian import Laplacian
from noiseless.objectives.reconstruction.likelihood import GaussianLikelihood, bernoulli, gaussian_learnt
from noiseless.objectives.reconstruction.lpips import lpips
from noiseless.objectives.reconstruction.perceptual import Perceptual
from noiseless.objectives.reconstruction.pixel import squared_error
from noiseless.objectives.reconstruction.sequence import Binary, Categorical, SquaredError
from noiseless.objectives.reconstruction.term import RECONSTRUCTION, Distance, Reconstruction, build, in_nats, names

__all__ = [
    "RECONSTRUCTION",
    "Binary",
    "Categorical",
    "Distance",
    "GaussianLikelihood",
    "Laplacian",
    "Perceptual",
    "Reconstruction",
    "SquaredError",
    "bernoulli",
    "build",
    "gaussian_learnt",
    "in_nats",
    "lpips",
    "names",
    "squared_error",
]
