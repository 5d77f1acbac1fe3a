"""Scores: functions of strings that are minimised or maximised in a latent space."""

from noiseless.optimisation.scores.score import SCORE, Goal, Score, build, check, names, of_ones_own

__all__ = ["SCORE", "Goal", "Score", "build", "check", "names", "of_ones_own"]
