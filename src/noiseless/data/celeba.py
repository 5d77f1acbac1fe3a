r"""CelebA: aligned faces, cropped to the central 140x140 and resized to 64x64.

Each 178x218 image is cropped to the rows 39 to 179 and the columns 19 to 159 and resized (to 64, or to the requested
size) by Pillow's bilinear filter with antialiasing. The splits are the official ones: 162,770 images for training,
19,867 for validation, 19,962 for testing. The images are not downloaded, because the authors ask users to agree to
their terms first.

Reference: Z. Liu, P. Luo, X. Wang, X. Tang, Deep Learning Face Attributes in the Wild, 2015,
https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html. The crop is RAE's (Ghosh et al., 2020).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noiseless.data.archive import members
from noiseless.data.cache import remembered
from noiseless.data.decode import Framing
from noiseless.data.pictures import gathered, stacked
from noiseless.data.raw import LoadOptions, Raw
from noiseless.data.sources import absent, folders
from noiseless.errors import InputError

__all__ = ["DATASETS", "celeba"]

IMAGES = ("img_align_celeba", "Img/img_align_celeba", "img_align_celeba.zip", "Img/img_align_celeba.zip")
PARTITION = ("list_eval_partition.txt", "Eval/list_eval_partition.txt")
EXPECTED = (178, 218)
WINDOW = (19, 39, 159, 179)
SIZE = 64


def celeba(request: LoadOptions) -> Raw:
    """Faces of celebrities: 202,599 colour images, cropped and resized to 64x64 (found, not downloaded)."""
    images, partition = _place(request.data_dir)
    framing = Framing(size=request.size or SIZE, expected=EXPECTED, window=WINDOW)
    listed = partition.stat()
    options = (framing, str(partition.resolve()), listed.st_size, listed.st_mtime_ns)
    return remembered(images, options, lambda: _made(images, partition, framing))


DATASETS = {"celeba": celeba}


def _place(data_dir: Path | None) -> tuple[Path, Path]:
    searched = folders("celeba", data_dir)
    for folder in searched:
        images = next((folder / name for name in IMAGES if (folder / name).exists()), None)
        partition = next((folder / name for name in PARTITION if (folder / name).is_file()), None)
        if images is not None and partition is not None:
            return images, partition
    raise absent(
        "celeba",
        f"{IMAGES[0]} (folder or zip) and {PARTITION[0]}",
        searched,
        "and its authors ask users to download it from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    )


def _made(path: Path, partition: Path, framing: Framing) -> Raw:
    parts = _parts(partition)
    images = {name.rpartition("/")[2]: image for name, image in gathered(path, members(path), framing).items()}
    for name in parts:
        if name not in images:
            raise InputError(f"{path} holds no {name}, which {partition} lists; download both again")
    array = stacked(images, list(parts))
    return Raw("celeba", array, parts=np.fromiter(parts.values(), dtype=np.int8))


def _parts(partition: Path) -> dict[str, int]:
    # The file's numbers 0, 1, 2 are those used here: training, validation, test.
    parts: dict[str, int] = {}
    try:
        lines = partition.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{partition} cannot be read ({error}); download it again") from error
    for number, line in enumerate(filter(None, map(str.strip, lines)), start=1):
        name, _, code = line.partition(" ")
        if code.strip() not in ("0", "1", "2"):
            raise InputError(f"{partition}, line {number}: {line!r}; expected a file name and 0, 1 or 2")
        parts[name] = int(code)
    if not parts:
        raise InputError(f"{partition} is empty; download it again")
    return dict(sorted(parts.items()))
