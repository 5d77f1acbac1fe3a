"""A data set of the user's own: `module:function`, a function without arguments that returns a `Raw`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noiseless.data.arrays import standard
from noiseless.data.raw import Raw
from noiseless.errors import InputError
from noiseless.registry import load_callable

__all__ = ["load"]


def load(source: str) -> Raw:
    """What the function gives, its array brought to the standard form.

    Raises:
        InputError: there is no such module or function, or it does not return a `Raw`.
    """
    raw = load_callable(source)()
    if not isinstance(raw, Raw):
        raise InputError(f"{source} returned a {type(raw).__name__}; expected a noiseless.data.Raw")
    if raw.codec is None:
        return replace(raw, array=standard(source, raw.array))
    length, tokens = raw.codec.length, raw.codec.size
    if raw.array.dtype != np.uint8 or raw.array.ndim != 2 or raw.array.shape[1] != length or raw.array.max() >= tokens:
        raise InputError(
            f"{source} has a codec and an array of shape {raw.array.shape} in {raw.array.dtype}; "
            f"expected what the codec's encode gives, uint8 below {tokens} of shape (N, {length})"
        )
    return raw
