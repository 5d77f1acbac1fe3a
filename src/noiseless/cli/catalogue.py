"""What there is to choose from: `list`."""

from __future__ import annotations

import inspect
from typing import Annotated, Literal

from cyclopts import Parameter

from noiseless.cli.console import tell

__all__ = ["list_"]


def list_(
    what: Annotated[
        Literal["methods", "data", "densities", "reconstructions", "features", "tables", "scores", "searches"],
        Parameter(help="Of what."),
    ],
    /,
) -> None:
    """List what there is to choose from.

    Example: noiseless list methods
    """
    kinds = {
        "methods": _methods,
        "data": _data,
        "densities": _densities,
        "reconstructions": _reconstructions,
        "features": _features,
        "tables": _tables,
        "scores": _scores,
        "searches": _searches,
    }
    catalogue = kinds[what]()
    width = max(map(len, catalogue))
    tell(*(f"{name:{width}}  {text}" for name, text in catalogue.items()))


def _methods() -> dict[str, str]:
    from noiseless.recipes.method import names

    return {name: (inspect.getdoc(recipe) or "").partition("\n")[0] for name, recipe in names().items()}


def _data() -> dict[str, str]:
    from noiseless.data import names

    return names()


def _densities() -> dict[str, str]:
    from noiseless.densities import names

    return names()


def _reconstructions() -> dict[str, str]:
    from noiseless.objectives.reconstruction.term import names

    return names()


def _features() -> dict[str, str]:
    from noiseless.metrics import names

    return names()


def _tables() -> dict[str, str]:
    from noiseless.reproduce import names

    return {name: (inspect.getdoc(study) or "").partition("\n")[0] for name, study in names().items()}


def _scores() -> dict[str, str]:
    from noiseless.optimise.scores import names

    return names()


def _searches() -> dict[str, str]:
    from noiseless.optimise import names

    return names()
