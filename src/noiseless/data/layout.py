r"""Splits and classes of images, derived from their file names.

Folders that contain all images are ignored. If ``train`` is then a top-level folder, it and ``test`` and ``val``
(``valid``, ``validation``) are the splits. They may also be the second level, CLASS/train/FILE, if they are for all
images. Other folders of these names are refused, because test images would be trained on. The first folder below the
splits names the class. Classes are numbered in the order of their sorted names, over all splits. An image outside of
folders has no class.
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
        InputError: there is a ``test`` or ``val`` folder without ``train``, or an image next to them, or folders of
            splits are within others.
    """
    rest = _parts_first(_without_root([name.split("/") for name in names]))
    codes = [_part(name) for name in rest]
    if TRAIN not in codes:
        _refuse_without_train(place, names, rest, codes)
        return None, rest
    if min(codes) < 0:
        stray = names[codes.index(-1)]
        raise InputError(f"{place}: {stray} lies next to train/ and belongs to no split; move it into one or remove it")
    return np.array(codes, dtype=np.int8), [name[1:] for name in rest]


def _part(name: Sequence[str]) -> int:
    return PARTS.get(name[0].lower(), -1) if len(name) > 1 else -1


def _parts_first(names: list[list[str]]) -> list[list[str]]:
    """CLASS/train/FILE as train/CLASS/FILE, if all images lie so."""
    if any(len(name) < 3 or _part(name) >= 0 or _part(name[1:]) < 0 for name in names):
        return names
    return [[name[1], name[0], *name[2:]] for name in names]


def _refuse_without_train(
    place: str, names: Sequence[str], rest: Sequence[Sequence[str]], codes: Sequence[int]
) -> None:
    if max(codes) >= 0:
        part = next(name[0] for name, code in zip(rest, codes, strict=True) if code >= 0)
        raise InputError(
            f"{place} has the folder {part}/ but no train/; move the training images into train/, or rename {part}/ if "
            f"it is a class"
        )
    for name, parts in zip(names, rest, strict=True):
        within = next((part for part in parts[1:-1] if part.lower() in PARTS), None)
        if within is not None:
            raise InputError(
                f"{place}: {name} lies in a folder {within}/ within another; give all images as {within}/CLASS/FILE or "
                f"CLASS/{within}/FILE, or rename {within}/ if it is no split"
            )


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
