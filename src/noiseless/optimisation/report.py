r"""The results of trials: a row for each, their means and standard errors, and the best objects.

The published average excludes all entries that are as bad as the worst of the trial. This excludes failures, unless an
object is worse than the cost of a failure (which is that of the worst training object if the score has no worst value).
In that case failures are included in the average, which may also be true of published averages for molecules. The
report also contains the average over all objects that have a score, which excludes failures only. "Best" says little if
the best object is a training object, so the best new one is reported as well.

The standard error is the standard deviation over trials (with divisor n - 1) divided by the square root of their number
n. The released script divides by the square root of the number of rounds instead, and computes the standard deviation
with divisor n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import torch

from noiseless.optimisation.objects import key
from noiseless.optimisation.problem import Problem
from noiseless.optimisation.trial import Found

__all__ = ["COLUMNS", "KEY", "best", "progress", "report", "summary"]

Row = dict[str, Any]
COLUMNS = {
    "valid": "share of the codes that decode to an object",
    "average": "mean score of these objects",
    "published average": "the same without those as bad as the worst, as papers report it",
    "best": "best score of an object",
    "second": "that of the second best, another object",
    "third": "that of the third best",
    "best new": "best score of an object that is not in the training data",
    "novel": "share of the objects that are not in the training data",
    "unique": "share of different objects",
}
"""What the report of a trial has, and what each means."""
KEY = tuple(f"{column}: {meaning}" for column, meaning in COLUMNS.items())
"""The lines below a table of trials."""


def summary(found: Found, problem: Problem) -> Row:
    """The row of one trial; None where a number is undefined.

    Returns:
        ``valid``, the share of codes that decode to an object; ``average`` of their scores and ``published average``;
        the ``best``, ``second`` and ``third`` score of different objects; ``best new``, the best score of an object
        that is not in the training set; ``novel``, the share of such objects; ``unique``, the share of distinct
        objects.
    """
    objects = [string for string in found.strings if string is not None]
    keys = [key(problem.score.identity(string)) for string in objects]
    known = _known(problem)
    costs = problem.cost(found.scores)
    ranked = best([found], problem)
    firsts = [row["score"] for row in ranked[:3]] + [None] * 3
    return {
        "valid": len(objects) / len(found.strings),
        "average": _mean(found.scores[found.scores.isfinite()].tolist()),
        "published average": _mean((problem.score.sign * costs[costs < costs.max()]).tolist()),
        **dict(zip(("best", "second", "third"), firsts, strict=False)),
        "best new": next((row["score"] for row in ranked if not row["training"]), None),
        "novel": _mean([float(k not in known) for k in keys]),
        "unique": len(set(keys)) / len(keys) if keys else None,
    }


def best(trials: Sequence[Found], problem: Problem) -> list[Row]:
    """All distinct objects of the trials that have a score, best first: string, score, whether in the training set."""
    known, sign = _known(problem), problem.score.sign
    rows: dict[int, Row] = {}
    for found in trials:
        for string, score in zip(found.strings, found.scores.tolist(), strict=True):
            if string is not None and math.isfinite(score):
                identity = key(problem.score.identity(string))
                rows.setdefault(identity, {"string": string, "score": score, "training": identity in known})
    return sorted(rows.values(), key=lambda row: sign * row["score"])


def report(trials: Mapping[int, Found], problem: Problem, about: Mapping[str, Any], shown: int = 20) -> dict[str, Any]:
    """The report for JSON: the rows by seed, means and standard errors, and the best objects.

    Arguments:
        trials: the results by seed.
        problem: the optimisation problem.
        about: further entries.
        shown: how many of the best objects to include.
    """
    rows = [{"trial": str(seed), **summary(found, problem)} for seed, found in trials.items()]
    ranked = best(list(trials.values()), problem)
    training = problem.scores[problem.scores.isfinite()]
    return {
        "format": 1,
        **about,
        "goal": problem.score.goal,
        "failure": problem.score.sign * problem.failure,
        "training": {
            "objects": len(problem.scores),
            "average": float(training.mean()),
            "best": problem.score.sign * float((problem.score.sign * training).min()),
        },
        "rows": rows + _over(rows),
        "standard error": _divisors(len(rows)),
        "best": ranked[:shown],
        "best new": [row for row in ranked if not row["training"]][:shown],
        "rounds": {str(seed): found.rounds for seed, found in trials.items()},
    }


def progress(trials: Mapping[int, Found], problem: Problem) -> list[Row]:
    """The best score so far after each code, over all and over new objects, for :func:`noiseless.show.plots.curves`."""
    sign, known = problem.score.sign, _known(problem)
    training = sign * float((sign * problem.scores[problem.scores.isfinite()]).min())
    rows: list[Row] = []
    for seed, found in trials.items():
        costs = (sign * found.scores).nan_to_num(nan=math.inf)
        new = [s is not None and key(problem.score.identity(s)) not in known for s in found.strings]
        fresh = torch.where(torch.tensor(new, dtype=torch.bool), costs, math.inf)
        lines = {"best so far": costs, "best so far, not in training": fresh}
        for name, line in lines.items():
            values = (sign * line.cummin(dim=0).values).tolist() if len(line) else []
            rows += [
                {"step": k, f"trial {seed}/{name}": v, f"training/{name}": training} for k, v in enumerate(values, 1)
            ]
    return rows


def _over(rows: Sequence[Row]) -> list[Row]:
    """Means over trials, and their standard errors if there are two or more."""
    columns = {name: [row[name] for row in rows if row[name] is not None] for name in COLUMNS}
    mean: Row = {"trial": "mean", **{name: _mean(values) for name, values in columns.items()}}
    if len(rows) < 2:
        return [mean]
    error = {name: stdev(v) / math.sqrt(len(v)) if len(v) > 1 else None for name, v in columns.items()}
    return [mean, {"trial": "standard error", **error}]


def _divisors(n: int) -> str:
    """How the standard error is computed."""
    return f"deviation over {n} trials (divisor {n - 1}) over sqrt({n})" if n > 1 else "undefined for one trial"


def _known(problem: Problem) -> set[int]:
    return set(problem.identities.tolist())


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
