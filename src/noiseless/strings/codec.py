r"""Conversion of strings to tokens and back, by the rules of a grammar or by characters.

A codec encodes a string as T integers below D, padded with the integer ``pad``, and decodes a decoder's output, D
logits for each of T steps, to a string. At each step a token is chosen among the allowed ones: the one with the largest
logit, or a sample with probabilities proportional to the exponentials of the logits (by the Gumbel-max trick: the
largest logit after adding independent Gumbel noise).

* :class:`GrammarCodec`: a token is a rule of a leftmost derivation. Allowed at a step are the rules of the non-terminal
  to be replaced. The result is a string of the language, or None if the derivation is not complete after T steps.
* :class:`CharacterCodec`: a token is a character. All are allowed. The result is any text, without trailing padding.

Decoding by a grammar runs a push-down automaton on a whole batch at once: the non-terminals yet to be replaced are a
stack of integers, one row per string.

Source: Grammar Variational Autoencoder (Kusner, Paige, Hernández-Lobato, ICML 2017), section 3,
https://arxiv.org/abs/1703.01925, and the authors' code, which samples.
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
from noiseless.strings.parser import brief, parser, refuse_long
from noiseless.values import Spec

__all__ = ["CharacterCodec", "Codec", "GrammarCodec", "of"]


class Codec(ABC):
    """Converts strings to tokens and back.

    Arguments:
        length: T, the maximal number of tokens of a string.
        size: D, the number of different tokens.
        pad: the padding token, D - 1.
        grammar: the language of the strings, if they have one.
        alphabet: the characters that are tokens, with the padding character last; empty if tokens are rules.
        unit: what a token is, in the plural.
    """

    length: int
    size: int
    pad: int
    grammar: Grammar | None
    alphabet: str = ""
    unit: str

    def encode(self, strings: Sequence[str]) -> UInt8[np.ndarray, "n t"]:
        """The tokens of strings that need at most T of them.

        Arguments:
            strings: the strings to encode.

        Raises:
            InputError: a string cannot be encoded; the message gives the reason.
        """
        ids = np.full((len(strings), self.length), self.pad, dtype=np.uint8)
        for row, string in zip(ids, strings, strict=True):
            refuse_long(string)
            found = self.tokens(string)
            if len(found) > self.length:
                raise InputError(
                    f"{brief(string)} has {len(found)} {self.unit}, more than the maximum of {self.length}; "
                    f"set length={len(found)} to allow it"
                )
            row[: len(found)] = found
        return ids

    def read(self, ids: Int[np.ndarray, "n t"] | UInt8[np.ndarray, "n t"]) -> list[str | None]:
        """The strings that tokens encode, None where they encode none."""
        return [self.string(row) for row in ids.tolist()]

    def decode(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> list[str | None]:
        """The strings that a decoder's output encodes.

        Arguments:
            logits: the logarithms of the tokens' probabilities, up to a constant per step.
            generator: samples the tokens; without one the most probable token is chosen at each step.
        """
        return self.read(self.choose(logits, generator).cpu().numpy())

    def contains(self, string: str | None) -> bool:
        """Whether a string is in the language; always True for a text if there is no grammar."""
        return string is not None and (self.grammar is None or parser(self.grammar).accepts(string))

    @abstractmethod
    def tokens(self, string: str) -> list[int]:
        """The tokens of a string, without padding."""

    @abstractmethod
    def string(self, ids: Iterable[int]) -> str | None:
        """The string that tokens encode."""

    @abstractmethod
    def choose(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> Int[Tensor, "n t"]:
        """The tokens that :meth:`decode` converts to strings."""

    @abstractmethod
    def alternatives(self) -> Bool[Tensor, "d d"]:
        """One row per token: the tokens that are allowed wherever it is."""


class GrammarCodec(Codec):
    """Encodes strings of a language as leftmost derivations.

    Arguments:
        grammar: the grammar of the language.
        length: T, the maximal number of rules of a derivation.

    Raises:
        InputError: the shortest derivation of the language is longer than that.
    """

    unit = "rules"

    def __init__(self, grammar: Grammar, length: int) -> None:
        least = shortest(grammar)
        if length < least:
            raise InputError(f"the {grammar.name} has no derivation of {length} rules or fewer; use {least} or more")
        self.grammar: Grammar = grammar
        self.length, self.size, self.pad = length, grammar.size, grammar.pad

    def tokens(self, string: str) -> list[int]:
        """The rules of the leftmost derivation; InputError for a string that is not in the language."""
        return parser(self.grammar).ids(string)

    def string(self, ids: Iterable[int]) -> str | None:
        """The string derived, or None."""
        return self.grammar.derive(ids)

    def choose(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> Int[Tensor, "n t"]:
        """Chooses a rule for the top of the stack of non-terminals at each step; padding once the stack is empty."""
        n, device = len(logits), logits.device
        forbidden = ~torch.from_numpy(self.grammar.masks).to(device)
        right = torch.from_numpy(self.grammar.right).to(device)
        arity, pushed = (right >= 0).sum(1), right.clamp_min(0).flip(1)  # reversed, so that the first ends on top
        most = right.shape[1]
        deepest = self.length + most  # deeper stacks cannot be emptied in T steps and need not be distinguished
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
            # rows of `pushed` begin with their padding; they are shifted so that the last entry is the new top
            at = base[:, None] + places - (most - arity[rule])[:, None]
            keep = at >= base[:, None]
            stack.scatter_(1, torch.where(keep, at, deepest + most - 1), pushed[rule])
            top = torch.where(top > 0, (base + arity[rule]).clamp_max(deepest), 0)
        return ids

    def alternatives(self) -> Bool[Tensor, "d d"]:
        """The rules of the same non-terminal."""
        return torch.from_numpy(self.grammar.masks[self.grammar.left])


class CharacterCodec(Codec):
    """Encodes texts character by character.

    Arguments:
        alphabet: the characters, with the padding character last, which must not occur in a text.
        length: T, the maximal number of characters of a text.
        grammar: the grammar of the language that texts should belong to, if there is one.

    Raises:
        InputError: a character is repeated, or there are fewer than 2 or more than 256 of them.
    """

    unit = "characters"

    def __init__(self, alphabet: str, length: int, grammar: Grammar | None = None) -> None:
        if not 2 <= len(alphabet) <= 256 or len(set(alphabet)) < len(alphabet) or length < 1:
            raise InputError(
                f"the alphabet {alphabet!r} for texts of up to {length} characters must have 2 to 256 different ones"
            )
        self.alphabet, self.length, self.grammar = alphabet, length, grammar
        self.size, self.pad = len(alphabet), len(alphabet) - 1
        self._numbers = {character: k for k, character in enumerate(alphabet[:-1])}

    def tokens(self, string: str) -> list[int]:
        """The indices of the characters; InputError for a character outside the alphabet, or an empty text."""
        for position, character in enumerate(string):
            if character not in self._numbers:
                raise InputError(
                    f"{brief(string)} has {character!r} at position {position}, which is not in the alphabet "
                    f"{self.alphabet[:-1]!r}"
                )
        if not string:
            raise InputError("'' is empty; give texts of one character or more")
        return [self._numbers[character] for character in string]

    def string(self, ids: Iterable[int]) -> str:
        """The text without trailing padding."""
        return "".join(self.alphabet[k] for k in ids).rstrip(self.alphabet[-1])

    def choose(self, logits: Float[Tensor, "n t d"], generator: torch.Generator | None = None) -> Int[Tensor, "n t"]:
        """Chooses each character independently."""
        return torch.stack([_noisy(logits[:, t], generator).argmax(1) for t in range(self.length)], dim=1)

    def alternatives(self) -> Bool[Tensor, "d d"]:
        """All of them."""
        return torch.ones(self.size, self.size, dtype=torch.bool)


def shortest(grammar: Grammar) -> int:
    """The number of rules of the shortest derivation of the language.

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
            f"{name} has neither a grammar nor an alphabet: its description is damaged; name the data again"
        )
    return GrammarCodec(grammar, length)


def of(spec: Spec) -> Codec:
    """The codec of data that consist of strings.

    Raises:
        InputError: the data are not strings.
    """
    if not spec.tokens:
        raise InputError(
            f"{spec.name} are {spec.modality}, not strings; use a run that was trained on strings, "
            "such as data=expressions"
        )
    codec = _of(spec.language, spec.alphabet, spec.shape[0], spec.name)
    if codec.size != spec.tokens:
        raise InputError(
            f"{spec.name} has {spec.tokens} tokens, but its language has {codec.size}: the description is damaged; "
            "name the data again"
        )
    return codec


def codec_of(spec: Spec) -> Codec | None:
    """The codec as from :func:`of`, or None if the data are numbers."""
    return of(spec) if spec.tokens else None


def _noisy(logits: Float[Tensor, "n d"], generator: torch.Generator | None) -> Float[Tensor, "n d"]:
    if generator is None:
        return logits
    exponential = torch.empty(logits.shape, device=generator.device).exponential_(generator=generator)
    return logits - exponential.log().to(logits)
