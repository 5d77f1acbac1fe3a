r"""How far an expression in x is from the target function of the grammar autoencoders' experiment.

.. math:: \text{score}(f) = \log \Big(1 + \frac{1}{1000} \sum_{i=1}^{1000} \min \big((f(x_i) - y_i)^2, 1000\big) \Big),
          \qquad y_i = \tfrac13 + x_i + \sin (x_i^2)

at 1,000 equally spaced points of [-10, 10]; lower is better, 0 is the target itself. Where the sum is not a number, or
the evaluation fails, the score is the worst there is, log 1001. An infinite value at a point counts 1,000 there.

Expressions have the numbers 1, 2 and 3, x, ``+ * /``, brackets, ``sin(...)`` and ``exp(...)``, with the precedence of
Python. They are parsed by Python's own parser and evaluated by walking the tree: nothing is ever run, and whatever else
a string may hold is refused.

The published scores of new points were computed under Python 2, in which two integers divide with floor (1/2 is 0),
while training scores and target divide truly. ``expression:python2`` computes the former: with it
``1/2+(x)+sin(x*x)`` scores 0.105, the published 0.10, and 0.027 without.

Sources: Grammar variational autoencoder, M. J. Kusner, B. Paige, J. M. Hernández-Lobato, ICML 2017,
https://arxiv.org/abs/1703.01925, section 4, and its public code; Ghosh et al., 2020, section 6.2,
https://arxiv.org/abs/1903.12436.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, cast, get_args

import numpy as np

from noiseless.errors import InputError, unknown
from noiseless.optimise.scores.score import Score

__all__ = ["SCORES", "TARGET", "WORST", "Division", "X", "distance", "evaluate", "is_expression", "parse"]

Division = Literal["true", "python2"]
Value = np.ndarray | np.floating | float | int

X = np.linspace(-10.0, 10.0, 1000)
TARGET = 1 / 3 + X + np.sin(X * X)
CAP = 1000.0
WORST = math.log1p(CAP)
LONGEST = 300
"""Characters: a tree is at most half as deep, which Python's stack can carry."""
WORDS = re.compile(r"(?:sin\(|exp\(|[x123+*/()])+")
FUNCTIONS: dict[str, Callable[[Value], Value]] = {"sin": np.sin, "exp": np.exp}
OPERATORS: dict[type[ast.operator], Callable[[Value, Value], Value]] = {ast.Add: operator.add, ast.Mult: operator.mul}


def distance(string: str, division: Division = "true") -> float:
    """The score of an expression, from 0 to log 1001.

    >>> round(distance("1/2+(x)+sin(x*x)"), 3), round(distance("1/2+(x)+sin(x*x)", "python2"), 3)
    (0.027, 0.105)

    Arguments:
        string: the expression.
        division: of two integers, true or with floor.

    Raises:
        InputError: as :func:`parse`.
    """
    tree = parse(string)
    try:
        with np.errstate(all="ignore"):
            error = np.minimum((evaluate(tree, X, division) - TARGET) ** 2, CAP)
            score = math.log1p(float(np.mean(error)))
    except (ZeroDivisionError, OverflowError):
        return WORST
    return score if math.isfinite(score) else WORST


def is_expression(string: str) -> bool:
    """Whether :func:`parse` takes it."""
    try:
        parse(string)
    except InputError:
        return False
    return True


def parse(string: str) -> ast.expr:
    """The syntax tree of an expression, of no other nodes than the language has.

    Raises:
        InputError: it is no expression of the language, or longer than :data:`LONGEST` characters.
    """
    if len(string) > LONGEST:
        raise InputError(f"an expression of {len(string)} characters is too long; at most {LONGEST} are read")
    if WORDS.fullmatch(string) is None:
        raise _refused(string, "it has other signs than x 1 2 3 + * / ( ) sin( exp(")
    try:
        tree = ast.parse(string, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _refused(string, str(error)) from None
    for node in ast.walk(tree):
        if not _is_known(node):
            raise _refused(string, f"it has a {type(node).__name__}")
    return tree


def evaluate(tree: ast.expr, x: np.ndarray, division: Division = "true") -> Value:
    """The values of a tree of :func:`parse`; integers stay integers until something else meets them.

    Raises:
        ZeroDivisionError, OverflowError: of integers; floating-point numbers become infinite or NaN.
    """
    if isinstance(tree, ast.BinOp):
        left, right = evaluate(tree.left, x, division), evaluate(tree.right, x, division)
        return OPERATORS.get(type(tree.op), partial(_divide, division))(left, right)
    if isinstance(tree, ast.Call):
        return FUNCTIONS[tree.func.id](np.float64(evaluate(tree.args[0], x, division)))  # type: ignore[attr-defined]
    return x if isinstance(tree, ast.Name) else tree.value  # type: ignore[attr-defined]


def _divide(division: Division, left: Value, right: Value) -> Value:
    if division == "python2" and isinstance(left, int) and isinstance(right, int):
        return left // right
    return left / right


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords
        return plain and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred)
    if isinstance(node, ast.Name):
        return node.id in {"x", *FUNCTIONS}
    if isinstance(node, ast.Constant):
        return type(node.value) is int and node.value in (1, 2, 3)
    return isinstance(node, ast.BinOp | ast.Add | ast.Mult | ast.Div | ast.Load)


def _refused(string: str, why: str) -> InputError:
    return InputError(f"{string!r} is no expression in x, 1, 2, 3, +, *, /, sin(), exp() and brackets: {why}")


def expression(training: Sequence[str], division: str = "true") -> Score:  # noqa: ARG001
    """The distance of an expression from 1/3 + x + sin(x*x), minimised; expression:python2 divides as published."""
    if division not in get_args(Division):
        raise unknown("division", division, get_args(Division))
    return Score(partial(distance, division=cast(Division, division)), "minimise", WORST, is_expression, votes=25)


SCORES = {"expression": expression}
