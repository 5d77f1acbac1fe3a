"""The expression score: known values, agreement with Python, and what is refused."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from noiseless.errors import InputError
from noiseless.optimisation import scores
from noiseless.optimisation.scores.expression import TARGET, WORST, distance
from noiseless.strings.expressions import X, evaluate, is_expression, parse

KNOWN = {
    "1/3+x+sin(x*x)": 0.0,
    "1/3+(x)+sin(x*x)": 0.0,
    "x/1+sin(3)+sin(x*x)": 0.036,
    "1/2+(x)+sin(x*x)": 0.027,
    "x/x+(x)+sin(x*x)": 0.368,
    "x+1/exp(1)": 0.389,
    "x+1+2*sin(3+1+2)": 0.391,
    "sin(3)+x": 0.430,
    "x/1+sin(1)+sin(2*2)": 0.451,
    "x/1+sin(x)+sin(x*x)": 0.463,
    "x*1+sin(x)+sin(3+x)": 0.489,
    "x/2+sin(1)+(x/2)": 0.518,
    "1/1+(x)+sin(1/2)": 0.978,
}
PYTHON2 = {"1/2+(x)+sin(x*x)": 0.105, "1/1+(x)+sin(1/2)": 0.613}


@pytest.mark.parametrize("string", KNOWN)
def test_known_values(string: str) -> None:
    assert distance(string) == pytest.approx(KNOWN[string], abs=6e-4)


@pytest.mark.parametrize("string", PYTHON2)
def test_published_values_with_floor_division(string: str) -> None:
    assert distance(string, "python2") == pytest.approx(PYTHON2[string], abs=6e-4)
    assert scores.build("expression:python2", [])(string) == distance(string, "python2")


def test_the_target_scores_zero_under_true_division_alone() -> None:
    assert distance("1/3+x+sin(x*x)") == 0.0
    assert distance("1/3+x+sin(x*x)", "python2") == pytest.approx(math.log1p(1 / 9))


def expression(depth: int, draw: random.Random) -> str:
    if depth == 0:
        return draw.choice("x123")
    kind = draw.choice(["+", "*", "/", "(", "sin(", "exp("])
    if kind in "+*/":
        return expression(depth - 1, draw) + kind + expression(depth - 1, draw)
    return kind + expression(depth - 1, draw) + ")"


def test_python_agrees() -> None:
    draw = random.Random(0)
    names = {"x": X, "sin": np.sin, "exp": np.exp, "__builtins__": {}}
    seen = {expression(draw.randint(0, 4), draw) for _ in range(400)}
    assert len(seen) > 200
    with np.errstate(all="ignore"):
        for string in seen:
            np.testing.assert_array_equal(evaluate(parse(string), X), eval(string, names), err_msg=string)


@pytest.mark.parametrize("string", ["exp(exp(exp(x)))/exp(exp(exp(x)))", "1/sin(3)/(1/exp(exp(3*3)))*x/(x*x/x)"])
def test_what_is_no_number_scores_worst(string: str) -> None:
    assert distance(string) == WORST == math.log(1001)


def test_an_infinite_point_counts_a_thousand() -> None:
    score = distance("exp(exp(x))")
    with np.errstate(all="ignore"):
        errors = np.minimum((np.exp(np.exp(X)) - TARGET) ** 2, 1000)
    assert score == pytest.approx(math.log1p(errors.mean()))
    assert score < WORST


def test_integers_divided_by_zero_score_worst() -> None:
    assert distance("1/(1/2)", "python2") == WORST
    assert distance("1/(1/2)") < WORST


REFUSED = {
    "": "it is empty",
    "x-1": "contains symbols other than x 1 2 3",
    "y": "contains symbols other than x 1 2 3",
    "x + 1": "contains symbols other than x 1 2 3",
    "4": "contains symbols other than x 1 2 3",
    "0x1": "contains symbols other than x 1 2 3",
    "x.real": "contains symbols other than x 1 2 3",
    "__import__('os')": "contains symbols other than x 1 2 3",
    "12": "Constant",
    "x**2": "Pow",
    "x//2": "FloorDiv",
    "+x": "UnaryOp",
    "x1": "Name",
    "xsin(x)": "Call",
    "1(x)": "Call",
    "sin()": "Call",
    "()": "Tuple",
    "x+": "syntax",
    "(x": "never closed",
    "x)": "unmatched",
    "1x": "decimal",
    "(" * 150 + "x": "was never closed",
    "x+" * 200 + "x": "too long",
}


@pytest.mark.parametrize("string", REFUSED)
def test_whatever_else_is_refused(string: str) -> None:
    assert not is_expression(string)
    with pytest.raises(InputError, match=REFUSED[string]):
        distance(string)


def test_the_longest_expressions_are_evaluated() -> None:
    chain = "+".join("x" * 150)
    assert len(chain) == 299
    assert 0 < distance(chain) <= WORST
    assert 0 < distance("(" * 90 + "x" + ")" * 90) < WORST


def test_as_a_score() -> None:
    score = scores.build("expression", [])
    assert (score.goal, score.sign, score.failure, score.votes) == ("minimise", 1.0, WORST, 25)
    assert score("x") == distance("x")
    with pytest.raises(InputError, match="did you mean 'python2'"):
        scores.build("expression:python", [])


def test_the_score_orders_by_closeness() -> None:
    ways = [distance(string) for string in ("1/3+x+sin(x*x)", "1/2+x+sin(x*x)", "x+sin(x*x)", "x", "1", "exp(x)")]
    assert all(a < b for a, b in pairwise(ways))
