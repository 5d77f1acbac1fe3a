"""What there is to choose from: `list`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from noiseless.cli.console import tell
from noiseless.registry import Kind

__all__ = ["list_"]

PLACES = {
    "methods": ("recipes.method", "names", "METHOD"),
    "data": ("data", "names", "DATA"),
    "networks": ("autoencoder.networks", "nets", "NET"),
    "reconstructions": ("objectives.reconstruction", "names", "RECONSTRUCTION"),
    "penalties": ("objectives.penalties.penalty", "names", "PENALTY"),
    "densities": ("densities", "names", "DENSITY"),
    "features": ("metrics", "names", "FEATURES"),
    "metrics": ("metrics", "metric_names", "METRIC"),
    "tables": ("reproduce.request", "names", "STUDY"),
    "scores": ("optimise.scores", "names", "SCORE"),
    "searches": ("optimise", "names", "SEARCH"),
}
"""Of each kind of part, the module, its function that gives a line on each by name, and its :class:`Kind`."""


def list_(
    what: Annotated[
        Literal[
            "methods",
            "data",
            "networks",
            "reconstructions",
            "penalties",
            "densities",
            "features",
            "metrics",
            "tables",
            "scores",
            "searches",
        ],
        Parameter(help="Of what."),
    ],
    /,
) -> None:
    """List what there is to choose from, installed packages' own parts included.

    Example: noiseless list methods
    """
    module, names, kind = PLACES[what]
    found = importlib.import_module(f"noiseless.{module}")
    catalogue = [*_lines(getattr(found, names)()).items(), *_installed(getattr(found, kind)).items()]
    width = max(len(name) for name, _ in catalogue)
    tell(*(f"{name:{width}}  {text}" for name, text in catalogue))


def _lines(parts: Mapping[str, str | Callable[..., Any]]) -> dict[str, str]:
    """A line on each part: what is said of it, or the first line of its docstring."""
    return {
        name: part if isinstance(part, str) else (inspect.getdoc(part) or "").partition("\n")[0]
        for name, part in parts.items()
    }


def _installed(kind: Kind) -> dict[str, str]:
    return {name: f"from {text}" for name, text in kind.listed().items()}
