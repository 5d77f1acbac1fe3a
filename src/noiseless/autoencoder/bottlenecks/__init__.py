"""Bottlenecks: what turns an encoder's outputs into a distribution over codes; one idea a file."""

from noiseless.autoencoder.bottlenecks.ball import UnitBall
from noiseless.autoencoder.bottlenecks.bottleneck import BOTTLENECK, Bottleneck
from noiseless.autoencoder.bottlenecks.bounded import Spherical, UnitCube
from noiseless.autoencoder.bottlenecks.flow import FlowPosterior
from noiseless.autoencoder.bottlenecks.gaussian import ConstantVariance, Variational
from noiseless.autoencoder.bottlenecks.normalised import BatchNormed, L1Normed
from noiseless.autoencoder.bottlenecks.point import Deterministic

__all__ = [
    "BOTTLENECK",
    "BatchNormed",
    "Bottleneck",
    "ConstantVariance",
    "Deterministic",
    "FlowPosterior",
    "L1Normed",
    "Spherical",
    "UnitBall",
    "UnitCube",
    "Variational",
]
