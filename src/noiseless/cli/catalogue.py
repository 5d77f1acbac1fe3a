"""What there is to choose from: ``list``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from noiseless.cli.console import tell
from noiseless.registry import catalogue

__all__ = ["list_"]


def list_(
    what: Annotated[
        Literal[
            "methods",
            "data",
            "networks",
            "bottlenecks",
            "reconstructions",
            "penalties",
            "densities",
            "features",
            "metrics",
            "tables",
            "scores",
            "searches",
        ],
        Parameter(help="The kind of part."),
    ],
    /,
) -> None:
    """List the available parts, including those of installed packages.

    Example: noiseless list methods
    """
    found = catalogue(what)
    width = max(map(len, found))
    tell(*(f"{name:{width}}  {text}" for name, text in found.items()))
