r"""User-provided strings, one per line of a text file: molecules, or strings of a user-defined language.

For ``smiles``, a string is the first word of a line, so that SMILES files may contain names; empty lines are skipped.
For ``strings``, it is the whole line.

Source of the grammar of SMILES and its limits, 277 rules and 120 characters: Grammar Variational Autoencoder (Kusner,
Paige, Hernández-Lobato, ICML 2017), https://arxiv.org/abs/1703.01925, whose 249,456 molecules of ZINC users have to
provide (``smiles:250k_rndm_zinc_drugs_clean.smi``).
"""

from __future__ import annotations

import gzip
import zlib
from codecs import BOM_UTF8
from pathlib import Path
from random import Random

import numpy as np

from noiseless.data.raw import LoadOptions, Raw
from noiseless.data.strings import codec_for, coded, encoded, longest
from noiseless.errors import InputError
from noiseless.files import refuse_special
from noiseless.strings import Codec, Grammar, shipped
from noiseless.strings.parser import LONGEST

__all__ = ["ALPHABET", "CHARACTERS", "DATASETS", "LEAST", "MOST_TEXT", "RULES", "TEXTS", "smiles", "strings", "tokens"]

RULES, CHARACTERS = 277, 120
LEAST = 7
"""The smallest length that the convolutions of the small networks accept (:mod:`noiseless.nn.sequence`)."""
MOST_TEXT = 1 << 30
"""Maximal number of bytes of a text file, unpacked."""
TEXTS = (".txt", ".smi", ".txt.gz", ".smi.gz")
ALPHABET = "C()c12o=ON3F[@H]n-#Sl+sBr/4\\567IP8 "


def smiles(
    request: LoadOptions,  # noqa: ARG001
    path: str = "",
    codec: str = "grammar",
    bad: str = "refuse",
    size: int = 0,
    length: int = 0,
    grammar: str = "",
    seed: int = 0,
) -> Raw:
    """Molecules as SMILES, one per line of a text file: smiles:PATH, smiles:PATH,codec=characters,bad=skip.

    Arguments:
        request: the load options of the user; not used.
        path: the file, which may be gzipped; its name must not contain a comma.
        codec: grammar, or characters.
        bad: refuse lines that cannot be read, or skip them.
        size: number of molecules, drawn by the seed; 0 for all.
        length: maximal number of rules or characters; 0 for the paper's 277 and 120.
        grammar: a file with another grammar than the paper's; the alphabet is then that of the strings.
        seed: the random seed.

    Raises:
        InputError: the file does not exist, an option is unknown, or a line cannot be read (the message gives its
            number).
    """
    used = Grammar.load(Path(grammar).expanduser()) if grammar else shipped("smiles")
    found, numbers = _drawn(*_lines(path, "smiles", words=True), size, seed)
    spelled = codec == "characters"
    alphabet = ALPHABET if not grammar else ""  # the paper's, or the characters of the strings
    chosen = codec_for(codec, used, found, length or (CHARACTERS if spelled else RULES), alphabet)
    return coded(_stem(path), found, chosen, where=path, bad=bad, number=numbers.__getitem__, kind="molecules")


def strings(
    request: LoadOptions,  # noqa: ARG001
    path: str = "",
    grammar: str = "",
    codec: str = "grammar",
    bad: str = "refuse",
    size: int = 0,
    length: int = 0,
    seed: int = 0,
) -> Raw:
    """Strings of any language, one per line: strings:PATH,grammar=FILE, or strings:PATH,codec=characters.

    Arguments:
        request: the load options of the user; not used.
        path: the file, which may be gzipped; its name must not contain a comma.
        grammar: a file of rules (:mod:`noiseless.strings.grammar`); optional with codec=characters.
        codec: grammar, or characters.
        bad, size, seed: as for :func:`smiles`.
        length: maximal number of rules or characters; 0 for those of the longest string, at least 7.

    Raises:
        InputError: as for :func:`smiles`, or the grammar is invalid.
    """
    used = Grammar.load(Path(grammar).expanduser()) if grammar else None
    found, numbers = _drawn(*_lines(path, "strings", words=False), size, seed)
    if not length and used is not None and codec != "characters":
        length = max(LEAST, longest(used, found, path))
    chosen = codec_for(codec, used, found, length or max(LEAST, max(map(len, found))))
    return coded(_stem(path), found, chosen, where=path, bad=bad, number=numbers.__getitem__)


DATASETS = {"smiles": smiles, "strings": strings}


def tokens(path: str, codec: Codec, words: bool) -> np.ndarray:
    """The tokens of a text file in a known language, (M, T) in uint8.

    Arguments:
        path: the file, with one string per line; may be gzipped.
        codec: the codec of the language.
        words: use the first word of each line only, as for molecules.

    Raises:
        InputError: the file does not exist, or a line cannot be read (the message gives its number).
    """
    found, numbers = _lines(path, "strings", words)
    ids, wrong = encoded(found, codec, path, numbers.__getitem__, refuse=False)
    if wrong:
        first = next(iter(wrong))
        raise InputError(f"line {numbers[first]} of {path}: {wrong[first]}; correct or remove it")
    return ids


def _lines(path: str, name: str, words: bool) -> tuple[list[str], list[int]]:
    """The strings of a file, and their line numbers."""
    if not path:
        raise InputError(f"{name} are read from a text file, one per line; give {name}:PATH")
    kept = {k: line for k, line in enumerate(read_lines(path, words), 1) if line}
    if not kept:
        raise InputError(f"{path} is empty; give a text file with a string on each line")
    for number, line in kept.items():
        if len(line) > LONGEST:
            raise InputError(
                f"line {number} of {path} has {len(line):,} characters, more than the {LONGEST:,} allowed; shorten or "
                f"remove it"
            )
    return list(kept.values()), list(kept)


def read_lines(path: str, words: bool) -> list[str]:
    """The lines of a text file, which may be gzipped, or their first words; empty for blank lines.

    Raises:
        InputError: the file does not exist, or is not text.
    """
    place = Path(path).expanduser()
    refuse_special(place)
    try:
        with gzip.open(place) if place.suffix == ".gz" else place.open("rb") as stream:
            content = stream.read(MOST_TEXT + 1)
        if len(content) > MOST_TEXT:
            raise InputError(f"{path} has more than {MOST_TEXT:,} bytes of text; give fewer strings")
        # bytes.splitlines splits where editors do; str.splitlines also splits elsewhere, so numbers would differ
        lines = [line.decode("utf-8") for line in content.removeprefix(BOM_UTF8).splitlines()]
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); give a text file with a string on each line") from error
    return [(line.split()[0] if words else line) if line.strip() else "" for line in lines]


def _drawn(found: list[str], numbers: list[int], size: int, seed: int) -> tuple[list[str], list[int]]:
    if size < 0 or size > len(found):
        raise InputError(f"{size} strings were requested, but there are {len(found)}; request fewer, or 0 for all")
    if not size:
        return found, numbers
    chosen = sorted(Random(seed).sample(range(len(found)), size))
    return [found[k] for k in chosen], [numbers[k] for k in chosen]


def _stem(path: str) -> str:
    return Path(path).name.partition(".")[0]
