"""Deterministic generative autoencoders: regularized autoencoders (Ghosh et al., ICLR 2020) and their field.

>>> import noiseless as nl
>>> nl.metrics.entropy.__name__, nl.penalties.code_norm.__name__
('entropy', 'code_norm')

Everything is imported on first use, so that ``noiseless --help`` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noiseless import autoencoder, data, densities, metrics, nn, objectives, recipes, show, strings, training
    from noiseless.autoencoder import Autoencoder, Networks, bottlenecks
    from noiseless.data import Data, Raw
    from noiseless.errors import InputError, RunError
    from noiseless.evaluation.verbs import compare, evaluate, evaluate_codes, evaluate_samples
    from noiseless.model import Model
    from noiseless.objectives import penalties, reconstruction
    from noiseless.optimisation.verbs import optimise
    from noiseless.recipes import Method
    from noiseless.registry import catalogue
    from noiseless.reproduction.verbs import reproduce
    from noiseless.runs import Run, decode, encode, interpolate, load, reconstruct, resume, sample, train
    from noiseless.runs.prune import prune
    from noiseless.runs.user_code import UserCode
    from noiseless.training import Optimiser, Optimizer, Training, fit
    from noiseless.values import Batch, Noise, Spec, Trace

__all__ = [
    "Autoencoder",
    "Batch",
    "Data",
    "InputError",
    "Method",
    "Model",
    "Networks",
    "Noise",
    "Optimiser",
    "Optimizer",
    "Raw",
    "Run",
    "RunError",
    "Spec",
    "Trace",
    "Training",
    "UserCode",
    "autoencoder",
    "bottlenecks",
    "catalogue",
    "compare",
    "data",
    "decode",
    "densities",
    "encode",
    "evaluate",
    "evaluate_codes",
    "evaluate_samples",
    "fit",
    "interpolate",
    "load",
    "metrics",
    "nn",
    "objectives",
    "optimise",
    "penalties",
    "prune",
    "recipes",
    "reconstruct",
    "reconstruction",
    "reproduce",
    "resume",
    "sample",
    "show",
    "strings",
    "train",
    "training",
]

PLACES = {
    "Autoencoder": "autoencoder",
    "Batch": "values",
    "Data": "data",
    "InputError": "errors",
    "Method": "recipes",
    "Model": "model",
    "Networks": "autoencoder",
    "Noise": "values",
    "Optimiser": "training",
    "Optimizer": "training",
    "Raw": "data",
    "Run": "runs",
    "RunError": "errors",
    "Spec": "values",
    "Trace": "values",
    "Training": "training",
    "UserCode": "runs.user_code",
    "catalogue": "registry",
    "compare": "evaluation.verbs",
    "decode": "runs",
    "encode": "runs",
    "evaluate": "evaluation.verbs",
    "evaluate_codes": "evaluation.verbs",
    "evaluate_samples": "evaluation.verbs",
    "fit": "training",
    "interpolate": "runs",
    "load": "runs",
    "optimise": "optimisation.verbs",
    "prune": "runs.prune",
    "reconstruct": "runs",
    "reproduce": "reproduction.verbs",
    "resume": "runs",
    "sample": "runs",
    "train": "runs",
}
"""Where names are, other than packages."""
PACKAGES = {
    "bottlenecks": "autoencoder.bottlenecks",
    "penalties": "objectives.penalties",
    "reconstruction": "objectives.reconstruction",
}
"""Packages that have a short name; every other package has its own."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("noiseless")
    if name in PLACES:
        return getattr(importlib.import_module(f"noiseless.{PLACES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"noiseless.{PACKAGES.get(name, name)}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
