"""Shares of strings, by hand."""

from __future__ import annotations

import pytest

from noiseless.errors import InputError
from noiseless.metrics.strings import exact, string_shares


def letters(string: str) -> str | None:
    return string.lower() if string.isalpha() else None


def test_shares_by_hand() -> None:
    made = ["a", "A", "b", "1", None, "c", "c", "c"]
    found = string_shares(made, letters, {"b", "z"})
    assert found == {"valid": 6 / 8, "unique": 3 / 6, "novel": 2 / 3}
    assert string_shares(["a"], letters, set()) == {"valid": 1.0, "unique": 1.0, "novel": 1.0}


def test_shares_of_nothing_valid_are_blank() -> None:
    assert string_shares([None, "1"], letters, {"a"}) == {"valid": 0.0, "unique": None, "novel": None}


def test_exact_counts_letter_by_letter() -> None:
    assert exact(["x+1", "x", None, "1+x"], ["x+1", "x ", "x", "x+1"]) == 0.25


def test_nothing_to_judge_is_refused() -> None:
    with pytest.raises(InputError, match="no strings"):
        string_shares([], letters, set())
    with pytest.raises(InputError, match="cannot compare 1 strings with 2"):
        exact(["a"], ["a", "b"])
