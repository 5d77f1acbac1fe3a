"""One string for a code whose decoding is random: the most frequent one that is a valid object.

The published protocol decodes a code 25 times (expressions) or 500 times (molecules) and takes a majority vote; a code
none of whose strings is a valid object counts as a failure. Ties are resolved in favour of the string that came first.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.errors import InputError
from noiseless.optimisation.problem import Decode
from noiseless.optimisation.scores import Score

__all__ = ["elect"]

CODES = 5000
"""Codes per batch of decoding."""


def elect(
    codes: Float[Tensor, "n d"], decode: Decode, score: Score, votes: int, generator: torch.Generator
) -> list[str | None]:
    """A string for each code, or None.

    Arguments:
        codes: the codes to decode.
        decode: samples a string for each code.
        score: decides which strings are valid objects.
        votes: how often every code is decoded, 1 or more.
        generator: the source of randomness.

    Raises:
        InputError: the decoder does not return one string per code.
    """
    valid = cache(score.valid)
    ballots: list[str | None] = []
    for part in codes.repeat_interleave(votes, dim=0).split(CODES):
        strings = decode(part, generator)
        if len(strings) != len(part):
            raise InputError(f"the decoder gave {len(strings)} strings for {len(part)} codes; expected one per code")
        ballots += strings
    return [_winner([s for s in ballots[i : i + votes] if s and valid(s)]) for i in range(0, len(ballots), votes)]


def _winner(strings: list[str]) -> str | None:
    return Counter(strings).most_common(1)[0][0] if strings else None
