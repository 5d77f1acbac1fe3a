"""Codecs: round trips, masks, the push-down automaton of a batch against one string at a time, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from noiseless.data.expressions import ALPHABET, released
from noiseless.errors import InputError
from noiseless.strings import CharacterCodec, Codec, Grammar, GrammarCodec, of, parser, shipped
from noiseless.values import Spec

EXPRESSIONS = GrammarCodec(shipped("expressions"), 15)
SMILES = GrammarCodec(shipped("smiles"), 80)
CHARACTERS = CharacterCodec(ALPHABET, 19, shipped("expressions"))


def logits(codec: Codec, n: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(n, codec.length, codec.size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("codec", [EXPRESSIONS, CHARACTERS], ids=["grammar", "characters"])
def test_strings_are_encoded_and_read_back(codec: Codec) -> None:
    strings = released()[::2000]
    ids = codec.encode(strings)
    assert ids.dtype == np.uint8
    assert ids.shape == (50, codec.length)
    assert codec.read(ids) == strings
    certain = 30.0 * torch.nn.functional.one_hot(torch.from_numpy(ids).long(), codec.size)
    assert codec.decode(certain) == strings
    assert codec.decode(certain, torch.Generator().manual_seed(0)) == strings


@pytest.mark.parametrize("codec", [EXPRESSIONS, SMILES], ids=["expressions", "smiles"])
@pytest.mark.parametrize("drawn", [False, True], ids=["best", "drawn"])
def test_every_string_that_ends_is_in_the_language(codec: GrammarCodec, drawn: bool) -> None:
    ended = 0
    for seed in range(4):
        made = codec.decode(logits(codec, 250, seed, 3.0), torch.Generator().manual_seed(seed) if drawn else None)
        for string in filter(None, made):
            ended += 1
            assert codec.grammar.derive(parser(codec.grammar).ids(string)) == string
    assert ended > 100


def one_by_one(grammar: Grammar, row: Tensor) -> list[int]:
    """The automaton as one writes it for a single string."""
    names, stack, found = list(grammar.symbols), [grammar.start], []
    for numbers in row.tolist():
        symbol = stack.pop() if stack else None
        options = [k for k, r in enumerate(grammar.rules) if r.left == symbol and not r.off] or [grammar.pad]
        best = max(options, key=lambda k: numbers[k])
        found.append(best)
        if best != grammar.pad:
            stack += reversed(grammar.rules[best].symbols)
    assert set(stack) <= set(names)
    return found


@pytest.mark.parametrize("codec", [EXPRESSIONS, SMILES], ids=["expressions", "smiles"])
def test_a_batch_is_decoded_as_one_by_one(codec: GrammarCodec) -> None:
    drawn = logits(codec, 40)
    ids = codec.choose(drawn)
    assert ids.tolist() == [one_by_one(codec.grammar, row) for row in drawn]
    strings = codec.read(ids.numpy())
    assert strings == [codec.grammar.derive(one_by_one(codec.grammar, row)) for row in drawn]


def test_a_stack_that_outgrows_the_limit_is_no_string() -> None:
    grammar = Grammar.read("S -> S S S '+' | 'a'")
    codec = GrammarCodec(grammar, 9)
    always = torch.zeros(1, 9, 3)
    always[..., 0] = 5.0
    assert codec.decode(always) == [None]
    assert codec.choose(always).tolist() == [[0] * 9]
    at_last = always.clone()
    at_last[:, 2:, 1] = 9.0
    assert codec.decode(at_last) == ["aaa+aa+"]


def test_draws_follow_the_masked_probabilities() -> None:
    codec = EXPRESSIONS
    numbers = torch.zeros(1, 15, 12)
    numbers[:, 0, :4] = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    numbers[:, 0, 4:] = 20.0  # forbidden at the first step, however large
    ids = codec.choose(numbers.expand(20_000, -1, -1), torch.Generator().manual_seed(0))
    shares = torch.bincount(ids[:, 0], minlength=12)[:4] / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.4, 0.3, 0.2, 0.1]), rtol=0, atol=0.014)
    assert ids[:, 0].max() < 4


def test_draws_are_those_of_the_generator() -> None:
    for codec in (EXPRESSIONS, CHARACTERS):
        a, b, c = (codec.decode(logits(codec, 20), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        assert a == b != c


def test_alternatives_are_the_rules_of_the_same_symbol() -> None:
    table = EXPRESSIONS.alternatives()
    assert table[1].nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert table[9].nonzero().flatten().tolist() == [4, 5, 6, 7, 8, 9, 10]
    assert table[11].nonzero().flatten().tolist() == [11]
    assert CHARACTERS.alternatives().all()


def test_characters_may_spell_anything_and_the_grammar_judges() -> None:
    spelled = np.full((2, 19), CHARACTERS.pad)
    spelled[0, :3] = [0, 1, 0]
    spelled[1, :2] = [1, 1]
    assert CHARACTERS.read(spelled) == ["x+x", "++"]
    assert [CHARACTERS.contains(s) for s in ("x+x", "++", None, "")] == [True, False, False, False]
    assert CharacterCodec("ab ", 3).contains("anything")


@pytest.mark.parametrize(
    ("codec", "string", "sentence"),
    [
        (EXPRESSIONS, "x+", "'x\\+' is not in the language: its end at position 2"),
        (EXPRESSIONS, "x+x+x+x+x+x+x+x+x", "has 18 rules, more than the maximum of 15; set length=18"),
        (CHARACTERS, "x+y", "has 'y' at position 2"),
        (CHARACTERS, "x+" * 10 + "x", "has 21 characters, more than the maximum of 19; set length=21"),
        (CHARACTERS, "", "'' is empty"),
        (CHARACTERS, "x ", "has ' ' at position 1"),
    ],
)
def test_what_cannot_be_encoded_is_refused(codec: Codec, string: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        codec.encode(["x", string])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: GrammarCodec(shipped("expressions"), 1), "no derivation of 1 rules or fewer; use 2"),
        (lambda: CharacterCodec("aa ", 3), "2 to 256 different ones"),
        (lambda: CharacterCodec("a", 3), "2 to 256 different ones"),
        (lambda: of(Spec("v", (5,))), "v are vectors, not strings"),
        (lambda: of(Spec("e", (15,), (), (), 13, shipped("expressions").text)), "13 tokens, but its language has 12"),
        (lambda: of(Spec("e", (15,), (), (), 13)), "neither a grammar nor an alphabet"),
    ],
)
def test_what_is_no_codec_is_refused(make, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_spec_has_the_whole_codec() -> None:
    spec = Spec("own", (4,), (), (), 4, "S -> '(' S ')' | 'a' | 'b'")
    assert of(spec).read(of(spec).encode(["((a))", "b"])) == ["((a))", "b"]
    assert of(spec) is of(spec)
    assert (spec.outputs, spec.size) == ((4, 4), 16)
