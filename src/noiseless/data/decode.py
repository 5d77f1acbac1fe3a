r"""Decoding of image files to arrays of uint8.

Images are processed in this order: they are brought upright and to 8-bit grey or RGB (:mod:`noiseless.data.rendering`);
the image is cropped if a data set requires it; if a size is given, it is cropped to the central square and resized by
Pillow's bilinear filter with antialiasing. An image of several frames is refused, unless it is
said to take the first frame, or all.

Pillow releases Python's global interpreter lock while decoding, so threads use all cores.
"""

from __future__ import annotations

import io
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from noiseless.data.rendering import rendered
from noiseless.errors import InputError

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Frames", "Framing", "decode", "decoded", "frame_count", "pixels", "suffixes"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000")
"""What is read, as far as this Pillow was built with it."""
STACKS = ("GIF", "TIFF", "PNG", "WEBP", "AVIF")
MAX_PIXELS = 1 << 26
MAX_STACK = 1 << 30
MAX_BYTES = 1 << 28
BUNCH_IMAGES = 128
BUNCH_BYTES = 1 << 22

Frames = Literal["one", "first", "all"]


@cache
def suffixes() -> tuple[str, ...]:
    """The suffixes of the images that this Pillow reads, in lower case."""
    return tuple(suffix for suffix, form in Image.registered_extensions().items() if form in _formats())


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(form for form in FORMATS if form in Image.OPEN)


@dataclass(frozen=True)
class Framing:
    """Which part of an image is kept, at which size, and which of its frames.

    Arguments:
        size: the height and width to resize to, or None to keep the image's size.
        expected: the (width, height) that image files must have, or None.
        window: (left, upper, right, lower) of the crop, or None.
        frames: of a file of several frames, the "first" or "all"; "one" refuses such files.
    """

    size: int | None = None
    expected: tuple[int, int] | None = None
    window: tuple[int, int, int, int] | None = None
    frames: Frames = "one"

    def __call__(self, image: Image.Image) -> Image.Image:
        """The part of ``image`` that is kept."""
        if self.window is not None:
            image = image.crop(self.window)
        if self.size is None or image.size == (self.size, self.size):
            return image
        return _square(image).resize((self.size, self.size), Image.Resampling.BILINEAR)


def _square(image: Image.Image) -> Image.Image:
    width, height = image.size
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return image.crop((left, upper, left + side, upper + side))


def decoded(items: Iterable[tuple[str, bytes]], framing: Framing) -> Generator[tuple[str, np.ndarray], None, None]:
    """Decodes pairs of name and content to pairs of name and array, (H, W) or (H, W, 3) in uint8, in the same order.

    There are several pairs for a file, one for each frame, if ``framing`` takes all frames.

    Raises:
        InputError: an image cannot be decoded; the message names the first one.
    """
    workers = min(torch.get_num_threads(), 16)
    waiting: deque[Future[list[tuple[str, np.ndarray]]]] = deque()
    Image.init()
    with _only_bombs_warn(), ThreadPoolExecutor(workers) as pool:
        try:
            for bunch in _bunches(items):
                waiting.append(pool.submit(_decode_bunch, bunch, framing))
                if len(waiting) > 2 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _only_bombs_warn() -> Iterator[None]:
    # The filters apply to all threads, so they are set once around the pool and not in each thread.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _bunches(items: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    bunch: list[tuple[str, bytes]] = []
    held = 0
    for name, content in items:
        bunch.append((name, content))
        held += len(content)
        if len(bunch) >= BUNCH_IMAGES or held >= BUNCH_BYTES:
            yield bunch
            bunch, held = [], 0
    if bunch:
        yield bunch


def _decode_bunch(bunch: list[tuple[str, bytes]], framing: Framing) -> list[tuple[str, np.ndarray]]:
    return [pair for name, content in bunch for pair in decode(name, content, framing).items()]


def decode(name: str, content: bytes, framing: Framing) -> dict[str, np.ndarray]:
    """An encoded image -> its uint8 array by name, (H, W) if grey and (H, W, 3) if not; or those of all frames.

    Raises:
        InputError: the image is damaged, of a kind that is not read, of more than ``MAX_PIXELS`` pixels, or has several
            frames where one is expected.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as image:
            _refuse_size(name, image.size, framing.expected)
            count = frame_count(image)
            if count == 1 or framing.frames == "first":
                return {name: pixels(name, image, framing)}
            _refuse_frames(name, count, image.size, framing.frames)
            return {f"{name}#{k:06}": pixels(name, _at(image, k), framing) for k in range(count)}
    except InputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _giant(name) from None
    except UnidentifiedImageError:
        raise InputError(
            f"{name} is not an image in one of the formats {', '.join(_formats())}, or is damaged; repair or remove it"
        ) from None
    except Exception as error:  # Pillow's decoders raise all kinds of errors on damaged files
        raise InputError(f"{name} is a damaged image ({error}); repair or remove it") from error


def frame_count(image: Image.Image) -> int:
    """The number of frames of an open image: of an animation, or the pages of a TIFF file.

    The additional images in a JPEG file, which cameras write, do not count.
    """
    return getattr(image, "n_frames", 1) if image.format in STACKS and getattr(image, "is_animated", False) else 1


def _at(image: Image.Image, k: int) -> Image.Image:
    image.seek(k)
    return image


def _refuse_frames(name: str, count: int, size: tuple[int, int], frames: Frames) -> None:
    if frames == "one":
        raise InputError(
            f"{name} has {count} frames; to take all of them as images, give the data as image-files:PATH,frames=all, "
            f"and to take the first of each file as image-files:PATH,frames=first"
        )
    if count * size[0] * size[1] > MAX_STACK:
        raise InputError(f"{name} has {count} frames of {size[0]}x{size[1]}, over {MAX_STACK} pixels; split the file")


def pixels(name: str, image: Image.Image, framing: Framing) -> np.ndarray:
    """The part of an open image that is kept, as a uint8 array, (H, W) if grey and (H, W, 3) if not.

    Raises:
        InputError: it is of a kind that is not read.
    """
    return np.asarray(framing(rendered(name, image)))


def _refuse_size(name: str, size: tuple[int, int], expected: tuple[int, int] | None) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise _giant(name)
    if expected is not None and size != expected:
        raise InputError(f"{name} is {size[0]}x{size[1]} (width x height), expected {expected[0]}x{expected[1]}")


def _giant(name: str) -> InputError:
    return InputError(f"{name} unpacks to more than {MAX_PIXELS} pixels, which is not read; shrink or remove it")
