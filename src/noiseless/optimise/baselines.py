"""What a search has to beat: codes drawn without looking at a score."""

from __future__ import annotations

from noiseless.optimise.problem import Proposal, Round

__all__ = ["SEARCHES", "density", "random"]


def random(round_: Round) -> Proposal:
    """Uniform draws from the box of the known codes."""
    return Proposal(round_.uniform(round_.size))


def density(round_: Round, name: str = "gmm") -> Proposal:
    """Draws from a density of the training codes: density, density:gaussian, density:normal."""
    return Proposal(round_.density(name).sample(round_.size, round_.generator).double())


SEARCHES = {"random": random, "density": density}
