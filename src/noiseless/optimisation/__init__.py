"""Optimisation in a latent space: searches for codes whose decoded strings score better than the training data."""

from noiseless.optimisation.objects import scored
from noiseless.optimisation.problem import SEARCH, Decode, Problem, Proposal, Round, build, names
from noiseless.optimisation.protocol import optimise
from noiseless.optimisation.report import best, report, summary
from noiseless.optimisation.trial import Found, Terms, Trial

__all__ = [
    "SEARCH",
    "Decode",
    "Found",
    "Problem",
    "Proposal",
    "Round",
    "Terms",
    "Trial",
    "best",
    "build",
    "names",
    "optimise",
    "report",
    "scored",
    "summary",
]
