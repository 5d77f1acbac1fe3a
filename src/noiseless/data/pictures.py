r"""The images of a folder or archive as one array.

If a size is given, each image is cropped to its central square and resized. Otherwise all images must have the same
size, of at most ``LARGEST`` pixels per side. If all images are grey they keep one channel; if any has colour, all are
converted to RGB. Rows are sorted by name, whatever the order in the archive, so that a folder and an archive of it are
the same data set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from noiseless.data.archive import TAR, ZIP, members, stem
from noiseless.data.cache import remembered
from noiseless.data.decode import SUFFIXES, Framing, decoded
from noiseless.data.layout import classes, parts_and_rest
from noiseless.data.lines import TEXTS
from noiseless.data.progress import bar
from noiseless.data.raw import Raw
from noiseless.errors import InputError

__all__ = ["gathered", "load", "refuse_size", "stacked"]

LARGEST = 512


def load(path: Path, size: int | None) -> Raw:
    """All images of a folder or archive, with the splits and classes that its folders define.

    Raises:
        InputError: there are no images, one is damaged, their sizes differ and ``size`` is not given, or the file is of
            another kind.
    """
    if not path.is_dir() and not path.name.lower().endswith((*ZIP, *TAR)):
        hint = (
            f"; strings are given as strings:{path},grammar=FILE or strings:{path},codec=characters, molecules as "
            f"smiles:{path}"
        )
        raise InputError(
            f"{path} is not a data set; expected a folder, {', '.join((*ZIP, *TAR))} of images, or .npy or .npz arrays"
            f"{hint if path.name.lower().endswith(TEXTS) else ''}"
        )
    framing = Framing(size=size)
    return remembered(path, framing, lambda: _made(path, framing))


def _made(path: Path, framing: Framing) -> Raw:
    images = gathered(path, framing)
    names = sorted(images)
    parts, rest = parts_and_rest(str(path), names)
    return Raw(stem(path), stacked(images, names), classes(rest), parts)


def gathered(path: Path, framing: Framing) -> dict[str, np.ndarray]:
    """The decoded images of a folder or archive by name.

    Raises:
        InputError: there are no images, two have the same name, or their sizes differ.
    """
    found = members(path)
    images: dict[str, np.ndarray] = {}
    first = ""
    # Closed immediately on an error, because the traceback would keep the pool and its warning filters alive.
    stream = closing(decoded(_called(path, found.items), framing))
    with bar(f"reading {path.name}", found.count) as advance, stream as pairs:
        for name, image in pairs:
            first = first or name
            refuse_size(name, image, first, images.get(first, image))
            if name in images:
                raise InputError(f"{path} has two images of the name {name}; rename or remove one")
            images[name] = image
            advance(1)
    if not images:
        raise InputError(f"{path} holds no images (files in {', '.join(SUFFIXES)}); check the path")
    return {_short(path, name): images.pop(name) for name in list(images)}


def _called(path: Path, items: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    separator = "/" if path.is_dir() else ":"
    return ((f"{path}{separator}{name}", content) for name, content in items)


def _short(path: Path, name: str) -> str:
    return name[len(str(path)) + 1 :]


def refuse_size(name: str, image: np.ndarray, first: str, expected: np.ndarray) -> None:
    """Refuses an image of another size than the first, or a larger one than is taken as it is."""
    (height, width), (expected_height, expected_width) = image.shape[:2], expected.shape[:2]
    if (height, width) != (expected_height, expected_width):
        raise InputError(
            f"{name} is {width}x{height}, but {first} is {expected_width}x{expected_height}; give size= to crop all "
            f"images to their central square and resize them"
        )
    if max(height, width) > LARGEST:
        raise InputError(
            f"{name} is {width}x{height}, larger than {LARGEST} a side; give size= to crop and resize the images"
        )


def stacked(images: dict[str, np.ndarray], names: list[str]) -> np.ndarray:
    """Stacks images (H, W[, 3]), in the order of ``names`` to (M, C, H, W); empties ``images`` to save memory."""
    first = images[names[0]]
    channels = 3 if any(image.ndim == 3 for image in images.values()) else 1
    array = np.empty((len(names), channels, *first.shape[:2]), dtype=np.uint8)
    for row, name in zip(array, names, strict=True):
        image = images.pop(name)
        row[...] = image if image.ndim == 2 else image.transpose(2, 0, 1)
    return array
