r"""Strings of the user's own, one a line of a text file: molecules, or a language of the user's.

The first word of a line counts, so that a SMILES file with names beside the molecules is read; empty lines are passed
over. The strings of ``strings`` are whole lines.

Source of the grammar of SMILES and its limits, 277 rules and 120 characters: Grammar Variational Autoencoder (Kusner,
Paige, Hernández-Lobato, ICML 2017), https://arxiv.org/abs/1703.01925, whose 249,456 molecules of ZINC a user has to
bring (``smiles:250k_rndm_zinc_drugs_clean.smi``).
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
from noiseless.strings import Codec, Grammar, shipped

__all__ = ["ALPHABET", "CHARACTERS", "DATASETS", "LEAST", "RULES", "TEXTS", "smiles", "strings", "tokens"]

RULES, CHARACTERS = 277, 120
LEAST = 7
"""What the convolutions of the small networks need (:mod:`noiseless.nn.sequence`)."""
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
    """Molecules as SMILES, one a line of a text file: smiles:PATH, smiles:PATH,codec=characters,bad=skip.

    Arguments:
        request: what the user asks of a data set; of no effect.
        path: the file, which may be gzipped; no comma in its name.
        codec: grammar, or characters.
        bad: refuse a line that cannot be read, or skip all such.
        size: how many, drawn by the seed; 0 for all.
        length: the most rules or characters; 0 for the paper's 277 and 120.
        grammar: a file with another grammar than the paper's; characters are then those of the strings.
        seed: of the draw.

    Raises:
        InputError: no such file, an option that does not exist, or a line that cannot be read, with its number.
    """
    used = Grammar.load(Path(grammar).expanduser()) if grammar else shipped("smiles")
    found, numbers = _drawn(*_lines(path, "smiles", words=True), size, seed)
    spelled = codec == "characters"
    alphabet = ALPHABET if not grammar else ""  # the paper's, or that of the strings
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
    """Strings of a language of your own, one a line: strings:PATH,grammar=FILE, or strings:PATH,codec=characters.

    Arguments:
        request: what the user asks of a data set; of no effect.
        path: the file, which may be gzipped; no comma in its name.
        grammar: a file of rules (:mod:`noiseless.strings.grammar`); may be left out with codec=characters.
        codec: grammar, or characters.
        bad, size, seed: as for smiles.
        length: the most rules or characters; 0 for those of the longest string, 7 at the least.

    Raises:
        InputError: as for smiles, or a grammar that cannot be used.
    """
    used = Grammar.load(Path(grammar).expanduser()) if grammar else None
    found, numbers = _drawn(*_lines(path, "strings", words=False), size, seed)
    if not length and used is not None and codec != "characters":
        length = max(LEAST, longest(used, found, path))
    chosen = codec_for(codec, used, found, length or max(LEAST, max(map(len, found))))
    return coded(_stem(path), found, chosen, where=path, bad=bad, number=numbers.__getitem__)


DATASETS = {"smiles": smiles, "strings": strings}


def tokens(path: str, codec: Codec, words: bool) -> np.ndarray:
    """The tokens of a text file in a language that is known already, (M, T) in uint8.

    Arguments:
        path: the file, one string a line, which may be gzipped.
        codec: of the language.
        words: the first word of a line counts, as of molecules.

    Raises:
        InputError: no such file, or a line that cannot be read, with its number.
    """
    found, numbers = _lines(path, "strings", words)
    ids, wrong = encoded(found, codec, path, numbers.__getitem__, refuse=False)
    if wrong:
        first = next(iter(wrong))
        raise InputError(f"line {numbers[first]} of {path}: {wrong[first]}; correct or remove it")
    return ids


def _lines(path: str, name: str, words: bool) -> tuple[list[str], list[int]]:
    """The strings of a file, and the numbers of their lines."""
    if not path:
        raise InputError(f"{name} are read from a text file, one a line; give {name}:PATH")
    kept = {k: line for k, line in enumerate(read_lines(path, words), 1) if line}
    if not kept:
        raise InputError(f"{path} is empty; give a text file with a string on each line")
    return list(kept.values()), list(kept)


def read_lines(path: str, words: bool) -> list[str]:
    """The lines of a text file, which may be gzipped, or their first words; empty where there is nothing but blanks.

    Raises:
        InputError: no such file, or no text.
    """
    place = Path(path).expanduser()
    try:
        content = gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes()
        # bytes end lines where editors do; texts also at other marks, and then numbers differ
        lines = [line.decode("utf-8") for line in content.removeprefix(BOM_UTF8).splitlines()]
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); give a text file with a string on each line") from error
    return [(line.split()[0] if words else line) if line.strip() else "" for line in lines]


def _drawn(found: list[str], numbers: list[int], size: int, seed: int) -> tuple[list[str], list[int]]:
    if size < 0 or size > len(found):
        raise InputError(f"{size} strings were asked for, and there are {len(found)}; ask for fewer, or 0 for all")
    if not size:
        return found, numbers
    chosen = sorted(Random(seed).sample(range(len(found)), size))
    return [found[k] for k in chosen], [numbers[k] for k in chosen]


def _stem(path: str) -> str:
    return Path(path).name.partition(".")[0]
