"""A data set of the user's own: a function that returns a ``Raw``.

Its parameters are options in the name, ``moons:moons:500``. A first parameter without a default takes the
:class:`~noiseless.data.raw.LoadOptions`, as it does in the package's loaders.
"""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np

from noiseless.data.arrays import standard
from noiseless.data.raw import LoadOptions, Raw
from noiseless.errors import InputError
from noiseless.registry import Part

__all__ = ["load"]


def load(part: Part, request: LoadOptions) -> Raw:
    """What the function gives, its array brought to the standard form.

    Raises:
        InputError: it fails, or does not return a ``Raw``.
    """
    raw, source = _called(part, request), part.name
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


def _called(part: Part, request: LoadOptions) -> object:
    if not callable(part.value):
        raise InputError(f"the data set {part.name} is a {type(part.value).__name__}; expected a function")
    parameters = list(inspect.signature(part.value).parameters.values())
    takes = bool(parameters) and parameters[0].default is inspect.Parameter.empty
    return part.build(request) if takes else part.build()
