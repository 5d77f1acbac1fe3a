"""Deciphering autoencoders: the objective, its patterns and its clusters."""

from noiseless.objectives.deciphering.objective import Deciphering, Plan
from noiseless.objectives.deciphering.patterns import Layout, Patterns

__all__ = ["Deciphering", "Layout", "Patterns", "Plan"]
