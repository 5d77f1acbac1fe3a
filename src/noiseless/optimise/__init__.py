"""Optimisation in a latent space: searches for codes whose decoded strings score better than the training data."""

from noiseless.optimise.objects import scored
from noiseless.optimise.problem import SEARCH, Decode, Problem, Proposal, Round, build, names
from noiseless.optimise.protocol import optimise
from noiseless.optimise.report import best, report, summary
from noiseless.optimise.trial import Found, Terms, Trial

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
