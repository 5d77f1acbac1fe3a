"""The method of a run, built again from what run.json says: its arguments are checked by the recipe's own signature."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from noiseless.errors import InputError, RunError
from noiseless.files.schema import conform
from noiseless.recipes.method import Method, Recipe, call
from noiseless.values import Spec

__all__ = ["rebuilt"]

UNFIT = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, MemoryError, RuntimeError)
"""What a recipe, or torch, raises for arguments or data of another kind."""


def rebuilt(path: Path, recipe: Recipe, spec: Spec, arguments: Mapping[str, Any], seed: int) -> Method:
    """The method that a recipe composes.

    Arguments:
        path: run.json, for errors.
        recipe, spec, arguments, seed: as for :func:`noiseless.recipes.method.call`.

    Raises:
        InputError: the arguments are not the recipe's; the message names the file and the field.
    """
    hints = {name: hint for name, hint in get_type_hints(recipe, include_extras=True).items() if name in arguments}
    for name, value in arguments.items():
        conform(path, value, hints.get(name, Any), f"arguments.{name}")
    try:
        return call(recipe, spec, arguments, seed)
    except (InputError, RunError) as error:
        raise type(error)(f"{path}: {error}") from error
    except UNFIT as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else error!r}"
        raise InputError(
            f"{path} does not describe a method: {recipe.__name__} cannot be built from its arguments and data "
            f"({reason}); restore a copy, or train anew"
        ) from error
