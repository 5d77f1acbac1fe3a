"""Scores by name, and of one's own."""

from __future__ import annotations

import math

import pytest

from noiseless.errors import InputError, RunError
from noiseless.optimisation import scores


def test_a_score_of_ones_own_needs_a_goal() -> None:
    with pytest.raises(InputError, match="give goal=minimise or goal=maximise"):
        scores.of_ones_own("mine:length", len, None)


def test_what_is_no_number_is_nan() -> None:
    for missing in (None, math.nan, math.inf):
        assert math.isnan(scores.of_ones_own("mine:missing", lambda _, m=missing: m, "maximise")("abc"))
    score = scores.of_ones_own("mine:length", len, "maximise")
    assert score("abc") == 3.0
    assert score.sign == -1.0


def test_an_error_names_the_score_and_the_string() -> None:
    score = scores.of_ones_own("mine:broken", lambda s: 1 / len(s), "minimise")
    with pytest.raises(RunError, match=r"mine:broken failed on '' \(ZeroDivisionError"):
        score("")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("expresion", "did you mean 'expression'"),
        ("expression:true,1", "takes 1 options"),
        ("expression:way=1", "unknown option"),
    ],
)
def test_names_that_do_not_exist(name: str, sentence: str) -> None:
    for use in (scores.check, lambda name: scores.build(name, [])):
        with pytest.raises(InputError, match=sentence):
            use(name)
