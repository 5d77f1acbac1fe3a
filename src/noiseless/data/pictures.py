r"""The images of a folder or archive as one array.

If a size is given, each image is cropped to its central square and resized. Otherwise all images must have the same
size, of at most ``LARGEST`` pixels per side. If all images are grey they keep one channel; if any has colour, all are
converted to RGB. Rows are sorted by name, whatever the order in the archive, so that a folder and an archive of it are
the same data set. A single file of several frames is a data set of its frames; in a folder or archive such files are
refused unless it is said which frames to take.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import cast, get_args

import numpy as np

from noiseless.data.archive import TAR, ZIP, Members, members, stem
from noiseless.data.cache import remembered
from noiseless.data.decode import Frames, Framing, decoded, suffixes
from noiseless.data.layout import classes, parts_and_rest
from noiseless.data.lines import TEXTS
from noiseless.data.progress import bar
from noiseless.data.raw import LoadOptions, Raw
from noiseless.errors import InputError, unknown
from noiseless.files import refuse_special

__all__ = ["DATASETS", "gathered", "image_files", "load", "refuse_size", "stacked"]

LARGEST, SHOWN = 512, 5


def image_files(request: LoadOptions, path: str = "", frames: str = "one") -> Raw:
    """The images of a folder, an archive or a file, with a choice of their frames: image-files:PATH,frames=all.

    Arguments:
        request: the load options of the user.
        path: a folder, an archive or an image file; must not contain a comma.
        frames: of files with several frames, such as TIFF and GIF, take the "first" or "all"; "one" refuses them.

    Raises:
        InputError: as for :func:`load`, or there is no such path or choice.
    """
    place = Path(path).expanduser()
    if not path or not place.exists():
        raise InputError(
            f"{path or 'no path'} is given to image-files, and does not exist; give image-files:PATH,frames=all"
        )
    if frames not in get_args(Frames):
        raise unknown("choice of frames", frames, get_args(Frames))
    refuse_special(place)
    return load(place, request.size, cast(Frames, frames))


DATASETS = {"image-files": image_files}


def load(path: Path, size: int | None, frames: Frames = "one") -> Raw:
    """All images of a folder or archive, with the splits and classes that its folders define; or those of one file.

    Raises:
        InputError: there are no images, one is damaged, their sizes differ and ``size`` is not given, one has several
            frames and it is not said which to take, or the file is of another kind.
    """
    alone = path.name.lower().endswith(suffixes()) and not path.is_dir()
    if not alone and not path.is_dir() and not path.name.lower().endswith((*ZIP, *TAR)):
        hint = (
            f"; strings are given as strings:{path},grammar=FILE or strings:{path},codec=characters, molecules as "
            f"smiles:{path}"
        )
        raise InputError(
            f"{path} is not a data set; expected a folder, {', '.join((*ZIP, *TAR))} of images, an image with several "
            f"frames, or .npy or .npz arrays{hint if path.name.lower().endswith(TEXTS) else ''}"
        )
    framing = Framing(size=size, frames="all" if alone and frames == "one" else frames)
    return remembered(path, framing, lambda: _made(path, framing))


def _made(path: Path, framing: Framing) -> Raw:
    found = members(path)
    images = gathered(path, found, framing)
    names = sorted(images)
    parts, rest = parts_and_rest(str(path), names)
    return Raw(stem(path), stacked(images, names), classes(rest), parts, notes=_not_read(path, found.others))


def _not_read(path: Path, others: Counter[str]) -> tuple[str, ...]:
    """A note on the files that were skipped."""
    if not others:
        return ()
    kinds = [f"{count:,} {suffix or 'without suffix'}" for suffix, count in others.most_common(SHOWN)]
    more = f" and {len(others) - SHOWN} more kinds" if len(others) > SHOWN else ""
    files = "1 file is not an image by its suffix and was" if others.total() == 1 else ""
    files = files or f"{others.total():,} files are not images by their suffix and were"
    return (f"{path}: {files} not read: {', '.join(kinds)}{more}",)


def gathered(path: Path, found: Members, framing: Framing) -> dict[str, np.ndarray]:
    """The decoded images of a folder or archive by name.

    Arguments:
        path: what errors call the folder or archive.
        found: its images.
        framing: which part of each is kept.

    Raises:
        InputError: there are no images, two have the same name, or their sizes differ.
    """
    images: dict[str, np.ndarray] = {}
    first = ""
    prefix = (
        f"{path}/" if path.is_dir() else f"{path}:" if path.name.lower().endswith((*ZIP, *TAR)) else f"{path.parent}/"
    )
    # Closed immediately on an error, because the traceback would keep the pool and its warning filters alive.
    stream = closing(decoded(((prefix + name, content) for name, content in found.items), framing))
    with bar(f"reading {path.name}", found.count) as advance, stream as pairs:
        for name, image in pairs:
            first = first or name
            refuse_size(name, image, first, images.get(first, image))
            if name in images:
                raise InputError(f"{path} has two images of the name {name}; rename or remove one")
            images[name] = image
            advance(1)
    if not images:
        raise InputError(f"{path} holds no images (files in {', '.join(suffixes())}); check the path")
    return {name.removeprefix(prefix): images.pop(name) for name in list(images)}


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
