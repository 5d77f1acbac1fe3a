"""Weights in files of torch that others publish, read without running what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from noiseless.errors import InputError

__all__ = ["read_weights"]


def read_weights(path: Path, what: str) -> Any:
    """What a file of torch holds, where that is tensors and plain values alone.

    Arguments:
        path: the file.
        what: what errors call it, such as "the weights of Inception-v3".

    Raises:
        InputError: the file cannot be read, is damaged, or holds more than tensors, which could run code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read as {what} ({error.strerror or 'damaged'}); replace it") from error
    except Exception as error:  # torch's own errors advise to load the file in a way that runs what is in it
        raise InputError(
            f"{path} cannot be read as {what}: it is damaged, or holds more than tensors, which is not loaded because "
            "it could run code; replace it by the published file"
        ) from error
