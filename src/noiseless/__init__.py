"""Deterministic generative autoencoders: regularized autoencoders (Ghosh et al., ICLR 2020) and their field."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noiseless.autoencoder import Networks
    from noiseless.runs import Run, load, train
    from noiseless.training import Training
    from noiseless.training.settings import Optimiser

__all__ = ["Networks", "Optimiser", "Run", "Training", "load", "train"]

PLACES = {
    "Networks": "autoencoder",
    "Optimiser": "training.settings",
    "Run": "runs",
    "Training": "training",
    "load": "runs",
    "train": "runs",
}


def __getattr__(name: str) -> Any:
    """Imports torch, and what stands on it, only when it is asked for: `noiseless --help` does without."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"noiseless.{PLACES[name]}"), name)
