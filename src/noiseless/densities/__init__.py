"""Latent densities: distributions that are fitted to the codes after training, and sampled.

The classes are imported when they are asked for, since some bring scikit-learn or the training loop.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from noiseless.densities.density import (
    DENSITY,
    LatentDensity,
    build,
    checked,
    describe,
    holds,
    load,
    names,
    refuse_few,
    save,
)

if TYPE_CHECKING:
    from noiseless.densities.empirical import Empirical
    from noiseless.densities.flow import Flow
    from noiseless.densities.laplace import Laplace
    from noiseless.densities.mixture import Mixture
    from noiseless.densities.normal import Gaussian, Normal
    from noiseless.densities.pattern import Pattern
    from noiseless.densities.second_stage import SecondStage

__all__ = [
    "DENSITY",
    "Empirical",
    "Flow",
    "Gaussian",
    "Laplace",
    "LatentDensity",
    "Mixture",
    "Normal",
    "Pattern",
    "SecondStage",
    "build",
    "checked",
    "describe",
    "holds",
    "load",
    "names",
    "refuse_few",
    "save",
]

PLACES = {
    "Empirical": "empirical",
    "Flow": "flow",
    "Gaussian": "normal",
    "Laplace": "laplace",
    "Mixture": "mixture",
    "Normal": "normal",
    "Pattern": "pattern",
    "SecondStage": "second_stage",
}


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
