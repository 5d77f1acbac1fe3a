r"""The distance of an expression in x from the target function of the grammar autoencoders' experiment.

.. math:: \text{score}(f) = \log \Big(1 + \frac{1}{1000} \sum_{i=1}^{1000} \min \big((f(x_i) - y_i)^2, 1000\big) \Big),
          \qquad y_i = \tfrac13 + x_i + \sin (x_i^2)

at 1,000 equally spaced points of [-10, 10]; lower is better, 0 is the target itself. If the sum is NaN or the
evaluation fails, the score is the worst possible, log 1001. An infinite value at a point contributes 1,000.

Expressions consist of the numbers 1, 2 and 3, x, ``+ * /``, brackets, ``sin(...)`` and ``exp(...)``, with Python's
operator precedence. They are parsed by Python's own parser and evaluated by walking the tree: nothing is executed, and
anything else in a string is refused.

The published scores of new points were computed under Python 2, where division of two integers is floor division (1/2
is 0), while the scores of the training data and the target use true division. ``expression:python2`` computes the
former: with it ``1/2+(x)+sin(x*x)`` scores 0.105 (published as 0.10), without it 0.027.

Sources: Grammar variational autoencoder, M. J. Kusner, B. Paige, J. M. Hernández-Lobato, ICML 2017,
https://arxiv.org/abs/1703.01925, section 4, and its public code; Ghosh et al., 2020, section 6.2,
https://arxiv.org/abs/1903.12436.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import cast, get_args

import numpy as np

from noiseless.errors import unknown
from noiseless.optimisation.scores.score import Score
from noiseless.strings.expressions import Division, X, evaluate, is_expression, parse

__all__ = ["SCORES", "TARGET", "WORST", "distance"]


TARGET = 1 / 3 + X + np.sin(X * X)
CAP = 1000.0
WORST = math.log1p(CAP)


def distance(string: str, division: Division = "true") -> float:
    """The score of an expression, from 0 to log 1001.

    >>> round(distance("1/2+(x)+sin(x*x)"), 3), round(distance("1/2+(x)+sin(x*x)", "python2"), 3)
    (0.027, 0.105)

    Arguments:
        string: the expression.
        division: division of two integers: ``true``, or ``python2`` for floor division.

    Raises:
        InputError: as :func:`noiseless.strings.expressions.parse`.
    """
    tree = parse(string)
    try:
        with np.errstate(all="ignore"):
            error = np.minimum((evaluate(tree, X, division) - TARGET) ** 2, CAP)
            score = math.log1p(float(np.mean(error)))
    except (ZeroDivisionError, OverflowError):
        return WORST
    return score if math.isfinite(score) else WORST


def expression(training: Sequence[str], division: str = "true") -> Score:  # noqa: ARG001
    """The distance of an expression from 1/3 + x + sin(x*x), minimised; expression:python2 for published scores."""
    if division not in get_args(Division):
        raise unknown("division", division, get_args(Division))
    return Score(partial(distance, division=cast(Division, division)), "minimise", WORST, is_expression, votes=25)


SCORES = {"expression": expression}
