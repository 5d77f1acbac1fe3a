r"""The numbers of images, by one rule wherever they come from: data sets, and what a trained model is given.

* Booleans are black and white, 0 and 255 in uint8.
* uint8 is kept; uint16 is read as pictures of 16 bits are, by round(v / 257). Other integers from 0 to 255 become
  uint8.
* Floats lie in [0, 1] and become float32. What is outside by no more than ``ROUNDING`` is clipped.
* Integers whose largest value is 1 are refused, because they may be meant as black and white or as 8-bit numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noiseless.errors import InputError

__all__ = ["extent", "refuse_faint", "stored"]

CHUNK = 1 << 24
ROUNDING = 1e-5


def stored(where: str, images: np.ndarray, whole: bool = True) -> np.ndarray:
    """Images of any type of number, as uint8 or float32.

    Arguments:
        where: what error messages call the images.
        images: booleans, integers or floating-point numbers of any shape with the data first.
        whole: they are all that there are; a batch may be dark by chance, and is not refused for it.

    Raises:
        InputError: the numbers break the rules above.
    """
    kind = images.dtype.kind
    if kind == "b":
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype == np.uint8:
        if whole:
            refuse_faint(where, images)
        return images
    low, high = extent(where, images)
    if whole and kind in "iu" and low >= 0 and high == 1:
        raise _faint(where)
    if kind == "u" and images.dtype.itemsize == 2:
        if whole and 0 < high <= 255:
            raise _dark(where, high)
        return np.rint(images / np.float32(257)).astype(np.uint8)
    if kind in "iu" and low >= 0 and high <= 255:
        return images.astype(np.uint8)
    if kind == "f" and low >= -ROUNDING and high <= 1 + ROUNDING:
        found = images.astype(np.float32, copy=False)
        return found if low >= 0 and high <= 1 else found.clip(0, 1)
    raise InputError(
        f"{where} has images in {images.dtype} from {low:g} to {high:g}; expected uint8, or floats from 0 to 1: "
        f"{_advice(low, high)}, or reshape them to (N, D) to use them as vectors"
    )


def refuse_faint(where: str, images: np.ndarray) -> None:
    """Refuses images in uint8 whose largest value is 1; reads no more than shows that they are others."""
    high = 0
    for _, chunk in _chunks(images):
        high = max(high, int(chunk.max()))
        if high > 1:
            return
    if high == 1:
        raise _faint(where)


def extent(where: str, array: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest number.

    Raises:
        InputError: some are not finite; the message names the first row.
    """
    low, high = np.inf, -np.inf
    for start, chunk in _chunks(array):
        if array.dtype.kind == "f" and not np.isfinite(chunk).all():
            bad = ~np.isfinite(chunk).reshape(len(chunk), -1).all(axis=1)
            raise InputError(
                f"{where} has NaN, infinite or too large numbers, first in row {start + int(bad.argmax())}; "
                f"remove or replace them"
            )
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high


def _chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    rows = max(1, CHUNK // max(1, array[:1].nbytes))
    return ((start, array[start : start + rows]) for start in range(0, len(array), rows))


def _dark(where: str, high: float) -> InputError:
    return InputError(
        f"{where} has images in uint16, which are read as 16-bit numbers, up to {high:g} of 65535: almost black; "
        f"if they are 8-bit numbers, convert them to uint8"
    )


def _faint(where: str) -> InputError:
    return InputError(
        f"{where} has images in whole numbers up to 1, which is almost black among 8-bit numbers from 0 to 255; if 0 "
        f"and 1 are black and white, multiply them by 255, or convert an array to bool"
    )


def _advice(low: float, high: float) -> str:
    if -1 - ROUNDING <= low < 0 and high <= 1 + ROUNDING:
        return "if -1 is black and 1 is white, give (x + 1) / 2"
    if low >= 0 and high <= 255:
        return "divide them by 255"
    if low >= 0 and high <= 65535:
        return "convert 16-bit numbers to uint16, or divide by the value of white"
    return "scale them"
