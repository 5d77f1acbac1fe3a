"""Runs: folders from which everything can be rebuilt, and no code can be run."""

from noiseless.runs.run import Moments, Run, Weights, load, train

__all__ = ["Moments", "Run", "Weights", "load", "train"]
