"""Runs: folders from which everything can be rebuilt, and no code can be run."""

from noiseless.runs.run import BatchNormMoments, Run, Weights, load, train

__all__ = ["BatchNormMoments", "Run", "Weights", "load", "train"]
