"""Parsing: parse then derive is the identity, strangers are refused by position, and nltk finds the same trees."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from noiseless.data.expressions import released, uniform
from noiseless.errors import InputError
from noiseless.strings import Counts, Grammar, parser, shipped

QUOTES = "'\""
MOLECULES = [
    "C", "CC", "C=C", "C#N", "c1ccccc1", "Cc1ccccc1Cl", "C1=CC=CC=C1", "C=1C=CC=CC=1", "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@H](N)C(=O)O", "C[C@@H]1CC[C@H](C)C1", "[O-]C(=O)C", "C[N+](C)(C)C", "[NH3+]CC", "C/C=C\\C", "C/C=C/1CCCC1",
    "N#Cc1ccc2[nH]ccc2c1", "O=S(=O)(c1ccc(Br)cc1)N1CCOCC1", "[13C]", "[N+2]", "[C-12]", "FC(F)(F)c1nnc(s1)N2CCC(I)C2",
    "P(=O)(O)O", "CC-1=CC-1", "C1CC1C2CC2", "B(O)O",
]  # fmt: skip


def test_expressions_parse_and_derive_to_themselves() -> None:
    grammar = shipped("expressions")
    drawn = uniform(grammar, 300, Random(1), 15)
    for string in [*Random(0).sample(released(), 300), *drawn]:
        ids = parser(grammar).ids(string)
        assert len(ids) <= 15
        assert grammar.derive(ids) == string


def test_the_tree_is_the_one_of_the_published_code() -> None:
    ids = parser(shipped("expressions")).ids
    assert ids("x") == [3, 7]
    assert ids("x+1*2") == [1, 0, 3, 7, 8, 9]  # one precedence, from the left: (x + 1) * 2
    assert ids("sin(x/3)") == [3, 5, 2, 3, 7, 10]
    assert len(ids("1/3+x+sin(x*x)")) == 12


@pytest.mark.parametrize("string", MOLECULES)
def test_molecules_parse_and_derive_to_themselves(string: str) -> None:
    grammar = shipped("smiles")
    assert grammar.derive(parser(grammar).ids(string)) == string


def test_uniform_smiles_parse_to_the_derivation_they_were_made_by() -> None:
    grammar, random = shipped("smiles"), Random(3)
    counts = Counts(grammar, 40)
    for _ in range(100):
        ids = counts.draw(random)
        string = grammar.derive(ids)
        assert string is not None
        assert parser(grammar).ids(string) == ids


def test_nltk_finds_the_same_and_only_tree() -> None:
    nltk = pytest.importorskip("nltk")
    for name, strings in (("expressions", Random(2).sample(released(), 25)), ("smiles", MOLECULES)):
        grammar = shipped(name)
        known = {
            nltk.Production(
                nltk.Nonterminal(rule.left), [s[1:-1] if s[0] in QUOTES else nltk.Nonterminal(s) for s in rule.right]
            ): k
            for k, rule in enumerate(grammar.rules)
            if not rule.off
        }
        chart = nltk.ChartParser(nltk.CFG(nltk.Nonterminal(grammar.start), list(known)))
        for string in strings:
            trees = list(itertools.islice(chart.parse(_cut(grammar, string)), 2))
            assert len(trees) == 1, string
            assert [known[p] for p in trees[0].productions()] == parser(grammar).ids(string)


def _cut(grammar: Grammar, string: str) -> list[str]:
    tokens = []
    while string:
        tokens.append(next(t for t in grammar.terminals if string.startswith(t)))
        string = string[len(tokens[-1]) :]
    return tokens


@pytest.mark.parametrize(
    ("name", "string", "position"),
    [
        ("expressions", "x++1", 2),
        ("expressions", "x+y", 2),
        ("expressions", "sin(x", 5),
        ("expressions", "", 0),
        ("expressions", "x 1", 1),
        ("smiles", "CC(=O", 5),
        ("smiles", "[Si]C", 2),
        ("smiles", "C1CC9", 4),
        ("smiles", "C.C", 1),
    ],
)
def test_a_stranger_is_refused_by_its_position(name: str, string: str, position: int) -> None:
    assert not parser(shipped(name)).accepts(string)
    with pytest.raises(InputError, match=f"is not in the language: .* at position {position} ") as error:
        parser(shipped(name)).ids(string)
    assert repr(string) in str(error.value)


def test_a_grammar_that_needs_more_lookahead_is_refused() -> None:
    with pytest.raises(InputError, match=r"one token of lookahead .*%fuse"):
        parser(Grammar.read("\n".join(line for line in shipped("smiles").text.splitlines() if "%" not in line)))
    with pytest.raises(InputError, match="one token of lookahead"):
        parser(Grammar.read("S -> S S | 'a'"))


def test_fused_texts_are_refused_where_no_rule_has_them_as_neighbours() -> None:
    rules = "S -> X Y | B D\nX -> 'a' B\nY -> D 'b'\nB -> '-'\nD -> '1'"
    assert parser(Grammar.read(rules)).accepts("a-1b")
    assert not parser(Grammar.read(f"%fuse B D\n{rules}")).accepts("a-1b")


def test_fused_neighbours_are_taken_apart() -> None:
    grammar = Grammar.read(
        "%fuse B D\nS -> A | S R | S B A\nA -> 'a'\nR -> D | B D\nB -> '-' | E\nE -> '='\nD -> '1' | '2'"
    )
    ids = parser(grammar).ids("a-1=a2=2")
    assert grammar.derive(ids) == "a-1=a2=2"
    assert [str(grammar.rules[k]) for k in parser(grammar).ids("a=1")][-4:] == [
        "R -> B D", "B -> E", "E -> '='", "D -> '1'",
    ]  # fmt: skip


def test_a_symbol_that_leads_to_a_text_on_many_ways_is_worked_out_once() -> None:
    chains = [f"A{k} -> A{k + 1} | B{k}\nB{k} -> A{k + 1}" for k in range(40)]  # 2^40 derivations of 'x'
    text = "\n".join(["S -> A0 D", *chains, "A40 -> 'x'", "D -> '1' | '2'", "%fuse A0 D"])
    found = parser(Grammar.read(text))
    ids = found.ids("x2")
    assert found.grammar.derive(ids) == "x2"
    with pytest.raises(InputError, match="'x3' is not in the language"):
        found.ids("x3")


def test_symbols_that_derive_more_than_a_text_are_not_fused() -> None:
    grammar = Grammar.read("S -> A D\nA -> B\nB -> 'x' | 'x' A\nD -> '1'\n%fuse A D")
    assert parser(grammar).ids("xx1") == [0, 1, 3, 1, 2, 4]


def test_too_many_fused_texts_are_refused() -> None:
    rules = [f"A -> 'a{k}'" for k in range(120)] + [f"B -> 'b{k}'" for k in range(120)]
    with pytest.raises(InputError, match="fuses more than 10,000 pairs of texts into one; fuse symbols with fewer"):
        parser(Grammar.read("\n".join(["S -> A B", *rules, "%fuse A B"])))


def test_long_strings_are_refused_and_cut_in_messages() -> None:
    brackets = parser(Grammar.read("S -> '(' S ')' | 'a'"))
    with pytest.raises(
        InputError, match=r"1,000,000 characters. is longer than the 65,536 characters allowed"
    ) as caught:
        brackets.ids("(" * 1_000_000)
    assert len(str(caught.value)) < 1000
    with pytest.raises(InputError, match="its end at position 5000 cannot follow") as caught:
        brackets.ids("(" * 5000)
    assert len(str(caught.value)) < 1000
    assert not brackets.accepts("(" * 1_000_000)
