r"""Strings to tokens and back: by the rules of a grammar, or by characters.

A codec turns strings into T whole numbers below D each, filled up with the number ``pad``, and what a decoder gives,
D numbers for each of T steps, into strings again. A token is chosen among those that may stand there: the one with
the largest number, or a draw with probabilities proportional to its exponential (Gumbel's maximum: the largest of
the numbers with independent Gumbel noise added).

| codec | a token is | allowed at a step | gives |
|---|---|---|---|
| :class:`GrammarCodec` | a rule of a leftmost derivation | rules of the non-terminal to be replaced | a string of the
language, or None where the derivation is not complete after T steps |
| :class:`CharacterCodec` | a character | all | any text, without what pads at its end |

Decoding by a grammar is a push-down automaton for a whole batch at once: the non-terminals yet to be replaced are a
stack of whole numbers, a row for each string.

Source: Grammar Variational Autoencoder (Kusner, Paige, Hernández-Lobato, ICML 2017), section 3,
https://arxiv.org/abs/1703.01925, and the authors' code, which draws.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from noiseless.errors import InputError
from noiseless.strings.grammar import Grammar
from noiseless.strings.parser import parser
from noiseless.values import Spec

__all__ = ["CharacterCodec", "Codec", "GrammarCodec", "of"]


class Codec(ABC):
    """Strings to tokens and back.

    Arguments:
        length: T, the most tokens of a string.
        size: D, how many tokens there are.
        pad: the number of the token that fills up, D - 1.
        grammar: the language of the strings, where they have one.
        alphabet: the characters that are tokens, the one that pads last; empty where tokens are rules.
        unit: what a token is, in the plural.
    """

    length: int
    size: int
    pad: int
    grammar: Grammar | None
    alphabet: str = ""
    unit: str

    def encode(self, strings: Sequence[str]) -> UInt8[np.ndarray, "n t"]:
        """The tokens of strings, which need no more than T.

        Arguments:
            strings: what to encode.

        Raises:
            InputError: a string that cannot be encoded, with the reason.
        """
        ids = np.full((len(strings), self.length), self.pad, dtype=np.uint8)
        for row, string in zip(ids, strings, strict=True):
            found = self.tokens(string)
            if len(found) > self.length:
                raise InputError(
                    f"{string!r} has {len(found)} {self.unit}, more than the {self.length} that are taken (length="
                    f"{len(found)} takes it)"
                )
            row[: len(found)] = found
        return ids

    def read(self, ids: Int[np.ndarray, "n t"] | UInt8[np.ndarray, "n t"]) -> list[str | None]:
        """The strings that tokens stand for, None where they stand for none."""
        return [self.string(row) for row in ids.tolist()]

    def decode(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> list[str | None]:
        """The strings that a decoder's output stands for.

        Arguments:
            logits: the logarithms of the tokens' probabilities up to a constant a step.
            generator: what draws; without one the best token is taken.
        """
        return self.read(self.choose(logits, generator).cpu().numpy())

    def contains(self, string: str | None) -> bool:
        """Whether a string is in the language; any text is where none is known."""
        return string is not None and (self.grammar is None or parser(self.grammar).accepts(string))

    @abstractmethod
    def tokens(self, string: str) -> list[int]:
        """The tokens of a string, not filled up."""

    @abstractmethod
    def string(self, ids: Iterable[int]) -> str | None:
        """The string that tokens stand for."""

    @abstractmethod
    def choose(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> Int[Tensor, "n t"]:
        """The tokens that :meth:`decode` reads."""

    @abstractmethod
    def alternatives(self) -> Bool[Tensor, "d d"]:
        """A row for each token: those that may stand where it stands."""


class GrammarCodec(Codec):
    """Strings of a language as leftmost derivations.

    Arguments:
        grammar: of the language.
        length: T, the most rules of a derivation.

    Raises:
        InputError: no string of the language has a derivation as short as that.
    """

    unit = "rules"

    def __init__(self, grammar: Grammar, length: int) -> None:
        least = shortest(grammar)
        if length < least:
            raise InputError(f"the {grammar.name} has no derivation of {length} rules or fewer; take {least} or more")
        self.grammar: Grammar = grammar
        self.length, self.size, self.pad = length, grammar.size, grammar.pad

    def tokens(self, string: str) -> list[int]:
        """The rules of the leftmost derivation; InputError for a string outside of the language."""
        return parser(self.grammar).ids(string)

    def string(self, ids: Iterable[int]) -> str | None:
        """The string derived, or None."""
        return self.grammar.derive(ids)

    def choose(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> Int[Tensor, "n t"]:
        """Rules from the top of a stack of non-terminals, step by step; where it is empty, the rule that pads."""
        n, device = len(logits), logits.device
        forbidden = ~torch.from_numpy(self.grammar.masks).to(device)
        right = torch.from_numpy(self.grammar.right).to(device)
        arity, pushed = (right >= 0).sum(1), right.clamp_min(0).flip(1)  # reversed: the first is to be on top
        most = right.shape[1]
        deepest = self.length + most  # deeper ones cannot be emptied in T steps, and need not be told apart
        stack = torch.full((n, deepest + most), self.grammar.nothing, device=device)
        top = torch.ones(n, dtype=torch.long, device=device)
        stack[:, 0] = 0
        rows, places = torch.arange(n, device=device), torch.arange(most, device=device)
        ids = torch.empty(n, self.length, dtype=torch.long, device=device)
        for t in range(self.length):
            symbol = torch.where(top > 0, stack[rows, top.clamp_min(1) - 1], self.grammar.nothing)
            rule = _noisy(logits[:, t], generator).masked_fill(forbidden[symbol], -torch.inf).argmax(1)
            ids[:, t] = rule
            base = (top - 1).clamp_min(0)
            # rows of `pushed` begin with what fills them up: shifted so that the last of them is the new top
            at = base[:, None] + places - (most - arity[rule])[:, None]
            keep = at >= base[:, None]
            stack.scatter_(1, torch.where(keep, at, deepest + most - 1), pushed[rule])
            top = torch.where(top > 0, (base + arity[rule]).clamp_max(deepest), 0)
        return ids

    def alternatives(self) -> Bool[Tensor, "d d"]:
        """The rules of the same non-terminal."""
        return torch.from_numpy(self.grammar.masks[self.grammar.left])


class CharacterCodec(Codec):
    """Texts as characters.

    Arguments:
        alphabet: the characters, the one that pads last; it may not stand in a text.
        length: T, the most characters of a text.
        grammar: of the language that texts are meant to be in, if there is one.

    Raises:
        InputError: a character that is there twice, fewer than 2 or more than 256 of them.
    """

    unit = "characters"

    def __init__(self, alphabet: str, length: int, grammar: Grammar | None = None) -> None:
        if not 2 <= len(alphabet) <= 256 or len(set(alphabet)) < len(alphabet) or length < 1:
            raise InputError(f"an alphabet of {alphabet!r} for {length} characters; expected 2 to 256 different ones")
        self.alphabet, self.length, self.grammar = alphabet, length, grammar
        self.size, self.pad = len(alphabet), len(alphabet) - 1
        self._numbers = {character: k for k, character in enumerate(alphabet[:-1])}

    def tokens(self, string: str) -> list[int]:
        """The characters' numbers; InputError for a character that is not in the alphabet, or an empty text."""
        for position, character in enumerate(string):
            if character not in self._numbers:
                raise InputError(
                    f"{string!r} has {character!r} at position {position}, which is not in the alphabet "
                    f"{self.alphabet[:-1]!r}"
                )
        if not string:
            raise InputError("'' is empty; give texts of one character or more")
        return [self._numbers[character] for character in string]

    def string(self, ids: Iterable[int]) -> str:
        """The text without what pads at its end."""
        return "".join(self.alphabet[k] for k in ids).rstrip(self.alphabet[-1])

    def choose(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> Int[Tensor, "n t"]:
        """Characters, each by itself."""
        return torch.stack([_noisy(logits[:, t], generator).argmax(1) for t in range(self.length)], dim=1)

    def alternatives(self) -> Bool[Tensor, "d d"]:
        """All of them."""
        return torch.ones(self.size, self.size, dtype=torch.bool)


def shortest(grammar: Grammar) -> int:
    """The rules of the shortest derivation of the language.

    >>> from noiseless.strings.grammar import shipped
    >>> shortest(shipped("expressions"))
    2
    """
    least: dict[str, float] = dict.fromkeys(grammar.symbols, float("inf"))
    for _ in grammar.symbols:  # a shortest derivation repeats no symbol on a path
        for rule in grammar.live:
            least[rule.left] = min(least[rule.left], 1 + sum(least[symbol] for symbol in rule.symbols))
    return int(least[grammar.start])


@cache
def _of(language: str, alphabet: str, length: int, name: str) -> Codec:
    grammar = Grammar.read(language, f"grammar of {name}") if language else None
    if alphabet:
        return CharacterCodec(alphabet, length, grammar)
    if grammar is None:
        raise InputError(
            f"{name} has neither a grammar nor an alphabet: its description is damaged; name the data anew"
        )
    return GrammarCodec(grammar, length)


def of(spec: Spec) -> Codec:
    """The codec of data that are sequences of tokens.

    Raises:
        InputError: they are numbers.
    """
    if not spec.tokens:
        kind = spec.modality
        raise InputError(f"{spec.name} are {kind}, and not strings; take a run on such, as --data expressions gives")
    codec = _of(spec.language, spec.alphabet, spec.shape[0], spec.name)
    if codec.size != spec.tokens:
        raise InputError(
            f"{spec.name} has {spec.tokens} tokens, and its language {codec.size}: the description is damaged; "
            "name the data anew"
        )
    return codec


def codec_of(spec: Spec) -> Codec | None:
    """The same, or None where data are numbers."""
    return of(spec) if spec.tokens else None


def _noisy(logits: Float[Tensor, "n d"], generator: torch.Generator | None) -> Float[Tensor, "n d"]:
    if generator is None:
        return logits
    exponential = torch.empty(logits.shape, device=generator.device).exponential_(generator=generator)
    return logits - exponential.log().to(logits)
