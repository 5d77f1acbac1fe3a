"""Runs: folders from which everything can be rebuilt, and no code can be run."""

from noiseless.runs.run import BatchNormMoments, Run, Weights
from noiseless.runs.verbs import decode, encode, interpolate, load, reconstruct, resume, sample, train

__all__ = [
    "BatchNormMoments",
    "Run",
    "Weights",
    "decode",
    "encode",
    "interpolate",
    "load",
    "reconstruct",
    "resume",
    "sample",
    "train",
]
