r"""Inception-v3 as in TensorFlow's graph of 2015, from torch-fidelity: the features of published Fréchet distances.

The network maps 8-bit images to 2048 pooled features and 1008 class scores :math:`W \phi(x)`, without the bias, as in
the Inception score's code. Resizing to 299x299, as TensorFlow 1 did it, and normalisation by :math:`(u - 128) / 128`
are part of the network.

It needs the extra ``noiseless[inception]``. Its weights (91 MB) are searched for under torch-fidelity's file name in
``$NOISELESS_DATA``, then in the user's cache, and are otherwise downloaded by torch-fidelity.

Reference: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
https://arxiv.org/abs/1512.00567; Obukhov et al., "High-fidelity performance metrics for generative models in
PyTorch", 2020, https://github.com/toshas/torch-fidelity.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path
from torch import nn

from noiseless.errors import InputError, RunError
from noiseless.nn.stored import read_weights

__all__ = ["WEIGHTS", "pretrained"]

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"


def pretrained(weights: Path | None = None) -> nn.Module:
    """The network, frozen: maps uint8 images (B, 3, H, W) to (features, logits).

    Arguments:
        weights: the file to read; None searches the places named above and then downloads.

    Raises:
        InputError: torch-fidelity is not installed, or the file does not contain these weights.
        RunError: the weights are not found and cannot be downloaded.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision built for another torch
        raise InputError(
            f"features 'inception' cannot be imported ({error}); pip install noiseless[inception]"
        ) from error
    path = weights or _found()
    if path is not None:
        _check(path)
    try:
        network: nn.Module = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], str(path) if path else None
        )
    except (OSError, RuntimeError) as error:
        raise _unusable(path, error) from error
    return network.eval()


def _places() -> list[Path]:
    """Where the weights are searched for, in this order."""
    data = os.environ.get("NOISELESS_DATA")
    cache = user_cache_path("noiseless") / WEIGHTS
    return [Path(data) / WEIGHTS, cache] if data else [cache]


def _found() -> Path | None:
    return next((path for path in _places() if path.is_file()), None)


def _check(path: Path) -> None:
    """Refuses a file that could execute code, because torch-fidelity unpickles it without a check."""
    read_weights(path, "the weights of Inception-v3")


def _unusable(path: Path | None, error: Exception) -> InputError | RunError:
    if path is not None:
        return InputError(f"{path} does not hold the weights of Inception-v3 ({error}); replace it")
    return RunError(f"the weights of Inception-v3 cannot be downloaded ({error}); put {WEIGHTS} at {_places()[0]}")
