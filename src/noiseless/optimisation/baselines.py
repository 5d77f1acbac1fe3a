"""Baselines for searches: codes sampled independently of the scores."""

from __future__ import annotations

from noiseless.optimisation.problem import Proposal, Round

__all__ = ["SEARCHES", "density", "random"]


def random(round_: Round) -> Proposal:
    """Uniform samples from the bounding box of the known codes."""
    return Proposal(round_.uniform(round_.size))


def density(round_: Round, name: str = "gmm") -> Proposal:
    """Samples from a density fitted to the training codes: density, density:gaussian, density:normal."""
    return Proposal(round_.density(name).sample(round_.size, round_.generator).double())


SEARCHES = {"random": random, "density": density}
