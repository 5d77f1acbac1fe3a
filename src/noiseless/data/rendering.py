r"""An open image file as 8-bit grey or RGB, upright and opaque.

Orientation is read from EXIF, also where a PNG has it as a raw profile, and from XMP. 16-bit grey becomes 8-bit by
round(v / 257), palettes, CMYK and YCbCr become RGB. Transparency is composited on white; the colour that a PNG declares
transparent is brought to the depth of the pixels first, where Pillow leaves it as it is in the file. Other kinds
(32-bit, floating-point, LAB) are refused.
"""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image, ImageOps

from noiseless.errors import InputError

__all__ = ["rendered"]

GREY_STEPS = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies the grey values of PNG files of few bits by, by its name of their layout."""

Transparent = int | bytes | tuple[int, ...] | None
"""A grey value, the opacities of a palette's colours, or an RGB colour."""


def rendered(name: str, image: Image.Image) -> Image.Image:
    """The image in mode L or RGB; it is not changed itself.

    Raises:
        InputError: it is of a kind that is not read.
    """
    transparent = _transparent(image)  # first, because the file's depth is forgotten when it is loaded
    image = _upright(image)
    if image.mode in ("L", "RGB") and transparent is None:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _eight_bits(name, image, transparent)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or transparent is not None:
        return _on_white(image, transparent)
    if image.mode in ("1", "P", "CMYK", "YCbCr"):
        return image.convert("L" if image.mode == "1" else "RGB")
    raise InputError(f"{name} is an image of mode {image.mode}, which is not read; save it as 8-bit grey or RGB")


def _upright(image: Image.Image) -> Image.Image:
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return ImageOps.exif_transpose(image) if turned else image


def _transparent(image: Image.Image) -> Transparent:
    value: Transparent = image.info.get("transparency")
    tiles = getattr(image, "tile", [])
    layout = tiles[0][3] if image.format == "PNG" and tiles else None
    if isinstance(value, int) and layout in GREY_STEPS:
        return value * GREY_STEPS[layout]
    if isinstance(value, tuple) and layout == "RGB;16B":
        return tuple(v >> 8 for v in value)
    return value


def _eight_bits(name: str, image: Image.Image, transparent: Transparent) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise InputError(f"{name} is a 32-bit image, which is not read; save it as 8-bit or 16-bit grey")
    opaque = values if transparent is None else np.where(values == transparent, 65535, values)
    return Image.fromarray(np.rint(opaque / 257).astype(np.uint8))


def _on_white(image: Image.Image, transparent: Transparent) -> Image.Image:
    if transparent != image.info.get("transparency"):
        image = image.copy()
        image.info["transparency"] = transparent
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("L" if image.mode in ("1", "L", "LA", "La") else "RGB")
