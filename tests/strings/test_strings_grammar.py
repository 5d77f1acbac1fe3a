"""Grammars as data: the published ones, what is refused, and derivations."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from noiseless.errors import InputError
from noiseless.strings import Counts, Grammar, shipped
from noiseless.strings.codec import shortest

SMALL = """
# balanced brackets around one of two letters
S -> '(' S ')' | A
A -> 'a'
A -> "b"
"""


def test_the_expressions_are_the_published_grammar() -> None:
    grammar = shipped("expressions")
    assert (grammar.size, grammar.pad, grammar.start) == (12, 11, "S")
    assert [rule.left for rule in grammar.rules] == ["S"] * 4 + ["T"] * 7
    assert grammar.rules[5].right == ("'sin('", "S", "')'")
    assert grammar.terminals[:2] == ["exp(", "sin("]
    assert grammar.masks.shape == (3, 12)
    assert grammar.masks.sum(1).tolist() == [4, 7, 1]
    assert grammar.right[1].tolist() == [0, 1]
    assert grammar.right[7].tolist() == [-1, -1]


def test_the_smiles_are_the_published_grammar() -> None:
    grammar = shipped("smiles")
    assert (grammar.size, len(grammar.symbols), grammar.start) == (76, 22, "smiles")
    assert grammar.masks.shape == (23, 76)
    off = [k for k, rule in enumerate(grammar.rules) if rule.off]
    assert off == [29, 31]
    assert not grammar.masks[:, off].any()
    assert grammar.masks[:, [k for k in range(76) if k not in off]].sum(0).tolist() == [1] * 74
    ranges = {"aliphatic_organic": (4, 13), "DIGIT": (37, 44), "bond": (55, 59), "chain": (72, 74), "BB": (68, 69)}
    for left, (first, last) in ranges.items():
        assert [k for k, rule in enumerate(grammar.rules) if rule.left == left] == list(range(first, last + 1))
    assert {"Cl", "Br", "@@"} <= set(grammar.terminals)


def test_a_text_makes_the_grammar_again(tmp_path: Path) -> None:
    for grammar in (shipped("expressions"), shipped("smiles"), Grammar.read(SMALL)):
        assert Grammar.read(grammar.text) == grammar
    (tmp_path / "g.txt").write_text(SMALL, "utf-8")
    assert Grammar.load(tmp_path / "g.txt") == Grammar.read(SMALL)
    assert Grammar.read(SMALL).rules[3].right == ('"b"',)


def test_derivations_are_replayed_or_refused() -> None:
    grammar = Grammar.read(SMALL)
    assert grammar.derive([0, 0, 1, 3]) == "((b))"
    assert grammar.derive([1, 2, 4, 4]) == "a"
    assert grammar.derive([0, 0, 1]) is None  # not complete
    assert grammar.derive([2]) is None  # no rule of S
    assert grammar.derive([1, 2, 2]) is None  # something behind the end
    assert grammar.derive([1, 4]) is None  # pads too early
    assert grammar.derive([]) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("S -> S '+' T", "no rule for 'T'.*S -> S '\\+' T"),
        ("S -> 'a'\nT -> 'b'", "rules for 'T', which cannot be reached from 'S'"),
        ("S -> S '+' S", "derives no string from 'S'"),
        ("S -> 'a'\nS -> 'a'", "twice"),
        ("S -> 'a' | ", "whose right side is empty"),
        ("S -> ''", "whose right side is empty"),
        ("S = 'a'", "line 1 of the grammar is \"S = 'a'\""),
        ("S -> 'a'\n\nT -> +", "line 3 of the grammar has '\\+'"),
        ("S -> 'a", "line 1 of the grammar has"),
        ("# nothing", "0 rules"),
        ("! S -> 'a'", "1 rules"),
        ("%fuse S T\nS -> 'a'", "unknown symbol to fuse in the grammar 'T'"),
        ("\n".join(f"S -> '{k}'" for k in range(256)), "256 rules; expected 1 to 255"),
    ],
)
def test_what_is_no_grammar_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Grammar.read(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.txt cannot be read"):
        Grammar.load(tmp_path / "no.txt")
    with pytest.raises(InputError, match="did you mean 'smiles'"):
        shipped("smile")


def test_counts_of_expressions_by_length() -> None:
    counts = Counts(shipped("expressions"), 15)
    exact = {2: 4, 4: 60, 6: 1_044, 8: 19_980, 10: 407_268, 12: 8_675_100, 14: 190_837_620}
    assert {n: counts.exactly(n) for n in range(16) if counts.exactly(n)} == exact
    assert counts.total == 199_941_076
    assert [sum(v for n, v in exact.items() if n <= most) for most in (2, 4, 6, 8)] == [4, 64, 1_108, 21_088]


def test_counts_of_a_language_that_can_be_enumerated() -> None:
    grammar = Grammar.read(SMALL)
    counts = Counts(grammar, 6)
    assert [counts.exactly(n) for n in range(7)] == [0, 0, 2, 2, 2, 2, 2]  # brackets and two letters
    random = Random(0)
    draws = [grammar.derive(counts.draw(random)) for _ in range(2000)]
    assert set(draws) == {"(" * k + letter + ")" * k for k in range(5) for letter in "ab"}
    shares = np.array([draws.count(string) for string in sorted(set(map(str, draws)))]) / 2000
    assert np.abs(shares - 0.1).max() < 4 * np.sqrt(0.1 * 0.9 / 2000)


def test_too_short_a_limit_has_no_derivation() -> None:
    with pytest.raises(InputError, match="no derivation of 1 rules"):
        Counts(Grammar.read(SMALL), 1).draw(Random(0))
    assert shortest(shipped("smiles")) == 5


def test_grammars_that_are_too_large_are_refused(tmp_path: Path) -> None:
    rules = [
        f"S{k} -> {f'S{k + 1} ' if k < 199 else ''}" + " ".join(f"'{k}.{j}'" for j in range(300)) for k in range(200)
    ]
    with pytest.raises(
        InputError, match="has 60,199 symbols on the right sides of its rules; expected 10,000 or fewer"
    ):
        Grammar.read("\n".join(rules))
    (tmp_path / "long.txt").write_text(f"S -> '{'a' * (1 << 21)}'")
    with pytest.raises(InputError, match=r"long.txt has 1,048,577 characters; expected 1,048,576 or fewer"):
        Grammar.load(tmp_path / "long.txt")
