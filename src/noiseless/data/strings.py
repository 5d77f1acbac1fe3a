r"""Data sets of strings, encoded by a grammar or by characters; strings that cannot be encoded are refused or skipped.

The tokens are stored in the user's cache under a hash of the strings and the codec, because parsing a million strings
takes minutes. A row that contains only padding is a string that could not be encoded; such strings are encoded again to
obtain the error message.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from noiseless.data.progress import bar
from noiseless.data.raw import Raw
from noiseless.data.sources import cache, keeps_decoded
from noiseless.errors import InputError, RunError, unknown
from noiseless.files import read_checked, write_checked
from noiseless.strings import CharacterCodec, Codec, Grammar, GrammarCodec, parser

__all__ = ["Bad", "Coding", "codec_for", "coded", "encoded", "longest"]

Coding = Literal["grammar", "characters"]
Bad = Literal["refuse", "skip"]
PAD = "\0"
NAMED = 5
VERSION = 2
MOST_TOKENS = 1 << 34


def coded(
    name: str,
    strings: Sequence[str],
    codec: Codec,
    *,
    where: str,
    bad: str = "refuse",
    number: Callable[[int], object] = lambda k: k + 1,
    parts: np.ndarray | None = None,
    kind: str = "",
) -> Raw:
    """Strings as a data set.

    Arguments:
        name: the name of the data set.
        strings: the strings to encode.
        codec: the codec.
        where: what error messages call the source of the strings.
        bad: refuse the first string that cannot be encoded, or skip all such strings and report how many and which.
        number: returns the number of the k-th string in the source, for error messages.
        parts: the split of each string, if there are splits.
        kind: the kind of strings, as in :class:`noiseless.values.Spec`.

    Raises:
        InputError: a string cannot be encoded (the message gives its number), or none can.
    """
    if bad not in get_args(Bad):
        raise unknown("way with bad lines", bad, get_args(Bad))
    ids, wrong = encoded(strings, codec, where, number, bad == "refuse")
    good = np.ones(len(strings), dtype=bool)
    good[list(wrong)] = False
    if not good.any():
        raise InputError(f"{where} has no string that can be read{_told(wrong, number)}")
    were = "was" if len(wrong) == 1 else "were"
    skipped = f"{len(wrong):,} of {len(strings):,} strings of {where} {were} skipped{_told(wrong, number)}"
    notes = (skipped,) if wrong else ()
    return Raw(name, ids[good], parts=None if parts is None else parts[good], codec=codec, kind=kind, notes=notes)


def encoded(
    strings: Sequence[str], codec: Codec, where: str, number: Callable[[int], object], refuse: bool = True
) -> tuple[np.ndarray, dict[int, str]]:
    """The tokens of every string, one row each, and the positions of strings that cannot be encoded, with the reasons.

    Arguments:
        strings, codec, where, number: as for :func:`coded`.
        refuse: raise an error for the first such string.
    """
    if len(strings) * codec.length > MOST_TOKENS:
        raise InputError(
            f"{where} has {len(strings):,} strings, stored with {codec.length:,} {codec.unit} each, over "
            f"{MOST_TOKENS:,} in all; set length= to fewer, with bad=skip, or remove the longest strings"
        )
    grammar = codec.grammar.text if codec.grammar is not None else ""
    path = _place(".ids", strings, grammar, codec.alphabet, codec.length)
    known = _read(path, len(strings), codec) if keeps_decoded() else None
    ids = known if known is not None else np.full((len(strings), codec.length), codec.pad, dtype=np.uint8)
    empty = np.flatnonzero(ids[:, 0] == codec.pad).tolist()  # all, or those that could not be encoded when cached
    wrong: dict[int, str] = {}
    with bar(f"encoding {where}", len(empty)) as advance:
        for k in empty:
            try:
                ids[k] = codec.encode([strings[k]])[0]
            except InputError as error:
                if refuse:
                    raise InputError(
                        f"line {number(k)} of {where}: {error}; correct it, or skip such lines with bad=skip"
                    ) from None
                wrong[k] = str(error)
            advance(1)
    if known is None and keeps_decoded():
        with contextlib.suppress(RunError):  # nothing is cached if the cache cannot be written
            write_checked(path, [ids.data])
    return ids, wrong


def codec_for(coding: str, grammar: Grammar | None, strings: Sequence[str], length: int, alphabet: str = "") -> Codec:
    """The codec of a data set.

    Arguments:
        coding: ``grammar`` for the grammar's rules, or ``characters``.
        grammar: the grammar of the strings, if there is one.
        strings: the strings, which define the alphabet if none is given.
        length: T.
        alphabet: the characters, including the padding character.

    Raises:
        InputError: the coding is unknown, or requires a grammar and there is none.
    """
    if coding not in get_args(Coding):
        raise unknown("codec", coding, get_args(Coding))
    if coding == "characters":
        found = alphabet or "".join(sorted(set("".join(strings)) - {PAD})) + PAD
        return CharacterCodec(found, length, grammar)
    if grammar is None:
        raise InputError("strings without a grammar are encoded by characters: add codec=characters, or grammar=FILE")
    return GrammarCodec(grammar, length)


def longest(grammar: Grammar, strings: Sequence[str], where: str) -> int:
    """The largest number of rules of a string; arguments as for :func:`coded`. Skips strings outside the language."""
    path = _place(".txt", strings, grammar.text)
    if keeps_decoded():
        with contextlib.suppress(InputError):  # a damaged entry is recreated
            return int(bytes(read_checked(path)))
    most = 0
    with bar(f"measuring {where}", len(strings)) as advance:
        for string in strings:
            with contextlib.suppress(InputError):  # reported with its number when all strings are encoded
                most = max(most, len(parser(grammar).ids(string)))
            advance(1)
    if keeps_decoded():
        with contextlib.suppress(RunError):
            write_checked(path, [str(most).encode()])
    return most


def _place(suffix: str, strings: Sequence[str], *about: object) -> Path:
    key = hashlib.sha256(repr((VERSION, *about)).encode())
    key.update("\n".join(strings).encode("utf-8", "surrogateescape"))
    return cache() / "tokens" / f"{key.hexdigest()[:32]}{suffix}"


def _told(wrong: dict[int, str], number: Callable[[int], object]) -> str:
    if not wrong:
        return ""
    first = next(iter(wrong))
    shown = ", ".join(str(number(k)) for k in list(wrong)[:NAMED]) + (", ..." if len(wrong) > NAMED else "")
    return f" (line {shown}: {wrong[first]})" if len(wrong) == 1 else f" (lines {shown}; the first: {wrong[first]})"


def _read(path: Path, count: int, codec: Codec) -> np.ndarray | None:
    try:
        ids = np.frombuffer(read_checked(path), dtype=np.uint8)
    except InputError:
        return None
    right = ids.size == count * codec.length and (not count or ids.max() < codec.size)
    return ids.reshape(count, codec.length) if right else None
