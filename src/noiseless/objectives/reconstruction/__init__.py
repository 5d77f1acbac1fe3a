"""How far an output is from its datum: one kind of distance a file."""

from noiseless.objectives.reconstruction.term import RECONSTRUCTION, Distance, Reconstruction, build, in_nats, names

__all__ = ["RECONSTRUCTION", "Distance", "Reconstruction", "build", "in_nats", "names"]
