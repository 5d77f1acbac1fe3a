"""How far an output is from its datum: one kind of distance a file."""

from noiseless.objectives.reconstruction.term import Distance, Reconstruction, build, in_nats, names

__all__ = ["Distance", "Reconstruction", "build", "in_nats", "names"]
