r"""The molecules of MOSES: 1.9 million SMILES, a filtered subset of ZINC without charges or stereochemistry.

They are part of the wheel ``molsets``, which depends on packages of 2020 and is never imported: only its files are
needed, from ``pip install --no-deps molsets`` or ``pip download --no-deps molsets``. They are searched for in this
order: ``train.csv.gz`` and ``test.csv.gz``, or the wheel, in the folders of :mod:`noiseless.data.sources`; then the
installed package. The split of scaffolds that are missing from the training set is not used. A few hundred molecules
with ``[H]`` are not in the paper's grammar and are skipped.

MOSES is not the subset of ZINC that the papers used: its molecules are smaller and more similar to each other.

Source: Molecular Sets (MOSES): A Benchmarking Platform for Molecular Generation Models (Polykovskiy et al., Frontiers
in Pharmacology, 2020), https://arxiv.org/abs/1811.12823 (data and code under MIT).
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from random import Random

import numpy as np

from noiseless.data.lines import ALPHABET, CHARACTERS, MOST_TEXT, RULES
from noiseless.data.raw import TEST, TRAIN, LoadOptions, Raw
from noiseless.data.sources import absent, folders
from noiseless.data.strings import codec_for, coded
from noiseless.errors import InputError
from noiseless.strings import shipped

__all__ = ["DATASETS", "moses"]

FILES = {TRAIN: "train.csv.gz", TEST: "test.csv.gz"}
INSIDE = "moses/dataset/data"


def moses(
    request: LoadOptions, codec: str = "grammar", size: int = 0, length: int = 0, bad: str = "skip", seed: int = 0
) -> Raw:
    """Molecules of MOSES, 1.9 million SMILES (found in the wheel molsets); moses:size=20000 draws some of them.

    Arguments:
        request: contains the folder to search first.
        codec: grammar, or characters.
        size: number of training molecules, drawn by the seed, with a ninth as many for testing; 0 for all.
        length: maximal number of rules or characters; 0 for the paper's 277 and 120. All of MOSES fits into 166 and 57.
        bad: refuse molecules that cannot be read, or skip them.
        seed: the random seed.

    Raises:
        InputError: the files are missing or damaged, or an option is unknown.
    """
    contents = _contents(request.data_dir)
    found: dict[int, list[str]] = {}
    rows: list[int] = []
    for part, content in contents.items():
        everything, wanted = _smiles(FILES[part], content), size if part == TRAIN else size // 9
        if size < 0 or wanted > len(everything):
            raise InputError(
                f"{wanted} molecules were requested, but {FILES[part]} has {len(everything)}; request fewer"
            )
        chosen = Random(seed).sample(range(len(everything)), wanted) if size else range(len(everything))
        found[part] = [everything[row] for row in chosen]
        rows += chosen
    strings = [string for part in found.values() for string in part]
    parts = np.repeat(np.array(list(found), dtype=np.int8), [len(part) for part in found.values()])
    spelled = codec == "characters"
    used = codec_for(codec, shipped("smiles"), strings, length or (CHARACTERS if spelled else RULES), ALPHABET)

    def number(k: int) -> str:
        return f"{rows[k] + 2} of {FILES[int(parts[k])]}"  # the first line contains the column names

    return coded("moses", strings, used, where="moses", bad=bad, number=number, parts=parts, kind="molecules")


DATASETS = {"moses": moses}


def _contents(data_dir: Path | None) -> dict[int, bytes]:
    searched = folders("moses", data_dir)
    for folder in searched:
        if all((folder / file).is_file() for file in FILES.values()):
            return {part: _read(folder / file) for part, file in FILES.items()}
        wheel = next(iter(sorted(folder.glob("molsets-*.whl"))), None) if folder.is_dir() else None
        if wheel is not None:
            return _unzipped(wheel)
    try:
        place = Path(str(distribution("molsets").locate_file(INSIDE)))
    except PackageNotFoundError:
        place = Path()
    if all((place / file).is_file() for file in FILES.values()):
        return {part: _read(place / file) for part, file in FILES.items()}
    raise absent("moses", "train.csv.gz and test.csv.gz (or the wheel with them)", searched, "nor is molsets installed")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error


def _unzipped(wheel: Path) -> dict[int, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {part: archive.read(f"{INSIDE}/{file}") for part, file in FILES.items()}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{wheel} cannot be read ({error}); download it again") from error


def _smiles(name: str, content: bytes) -> list[str]:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            text = stream.read(MOST_TEXT + 1)
        if len(text) > MOST_TEXT:
            raise InputError(f"{name} of moses has more than {MOST_TEXT:,} bytes; download it again")
        rows = list(csv.DictReader(io.StringIO(text.decode("utf-8"))))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise InputError(f"{name} of moses cannot be read ({error}); download it again") from error
    if not rows or "SMILES" not in rows[0]:
        raise InputError(f"{name} of moses has no column SMILES; download it again")
    return [row["SMILES"] for row in rows]
