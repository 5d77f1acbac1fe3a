"""Reconstruction terms: distances between an output and its example, one kind per file."""

from noiseless.objectives.reconstruction.term import RECONSTRUCTION, Distance, Reconstruction, build, in_nats, names

__all__ = ["RECONSTRUCTION", "Distance", "Reconstruction", "build", "in_nats", "names"]
