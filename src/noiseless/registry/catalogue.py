"""Lists of the parts there are, with a line on each."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from noiseless.errors import unknown

__all__ = ["catalogue"]

CATALOGUES = {
    "methods": ("recipes.method", "names", "METHOD"),
    "data": ("data", "names", "DATA"),
    "networks": ("autoencoder.networks", "nets", "NET"),
    "bottlenecks": ("autoencoder.bottlenecks.bottleneck", "names", "BOTTLENECK"),
    "reconstructions": ("objectives.reconstruction", "names", "RECONSTRUCTION"),
    "penalties": ("objectives.penalties.penalty", "names", "PENALTY"),
    "densities": ("densities", "names", "DENSITY"),
    "features": ("metrics", "names", "FEATURES"),
    "metrics": ("metrics", "metric_names", "METRIC"),
    "tables": ("reproduction.request", "names", "STUDY"),
    "scores": ("optimisation.scores", "names", "SCORE"),
    "searches": ("optimisation", "names", "SEARCH"),
}
"""Of each kind of part, the module, its function that gives a line on each by name, and its :class:`Kind`."""


def catalogue(what: str) -> dict[str, str]:
    """All parts of a kind by name, with a line on each; parts of installed packages are not imported.

    Arguments:
        what: methods, data, networks, bottlenecks, reconstructions, penalties, densities, features, metrics, tables,
            scores or searches.

    Raises:
        InputError: another kind.
    """
    if what not in CATALOGUES:
        raise unknown("list", what, CATALOGUES)
    module, names, kind = CATALOGUES[what]
    place = importlib.import_module(f"noiseless.{module}")
    found = {name: _line(name, part) for name, part in getattr(place, names)().items()}
    installed = {name: f"from {text}" for name, text in getattr(place, kind).listed().items()}
    return found | {f"{name} (installed)" if name in found else name: text for name, text in installed.items()}


def _line(name: str, part: str | Callable[..., Any]) -> str:
    """The description of a part: a text, or the first line of its docstring."""
    return part if isinstance(part, str) else (inspect.getdoc(part) or name).splitlines()[0]
