r"""Splits and classes of images, derived from their file names.

Folders that contain all images are ignored. If ``train`` is then a top-level folder, it and ``test`` and ``val``
(``valid``, ``validation``) are the splits. The first folder below names the class. Classes are numbered in the order of
their sorted names, over all splits. An image outside of folders has no class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noiseless.data.raw import TEST, TRAIN, VALIDATION
from noiseless.errors import InputError

__all__ = ["classes", "parts_and_rest"]

PARTS = {
    **{"train": TRAIN, "training": TRAIN},
    **{"val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION},
    **{"test": TEST, "testing": TEST},
}


def parts_and_rest(place: str, names: Sequence[str]) -> tuple[np.ndarray | None, list[list[str]]]:
    """The split of each image, or None if the folders define no splits, and the rest of each name.

    Raises:
        InputError: there is a ``test`` or ``val`` folder without ``train``, or an image next to them.
    """
    rest = _without_root([name.split("/") for name in names])
    codes = [PARTS.get(name[0].lower(), -1) if len(name) > 1 else -1 for name in rest]
    if TRAIN not in codes:
        if min(codes) >= 0:
            raise InputError(f"{place} has the folder {rest[0][0]}/ but no train/; add it, or rename {rest[0][0]}/")
        return None, rest
    if min(codes) < 0:
        stray = names[codes.index(-1)]
        raise InputError(f"{place}: {stray} lies next to train/ and belongs to no split; move it into one or remove it")
    return np.array(codes, dtype=np.int8), [name[1:] for name in rest]


def classes(rest: Sequence[Sequence[str]]) -> np.ndarray | None:
    """The class of each image, -1 for an image outside of folders; None if all are."""
    names = [name[0] if len(name) > 1 else None for name in rest]
    number = {name: i for i, name in enumerate(sorted({name for name in names if name is not None}))}
    if not number:
        return None
    return np.array([-1 if name is None else number[name] for name in names], dtype=np.int64)


def _without_root(names: list[list[str]]) -> list[list[str]]:
    while min(map(len, names)) > 1 and len({name[0] for name in names}) == 1 and names[0][0].lower() not in PARTS:
        names = [name[1:] for name in names]
    return names
