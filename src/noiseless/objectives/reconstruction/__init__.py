"""Reconstruction terms: distances between an output and its example, one kind per file."""

from noiseless.objectives.reconstruction.term import Distance, Reconstruction, build, in_nats, names

__all__ = ["Distance", "Reconstruction", "build", "in_nats", "names"]
