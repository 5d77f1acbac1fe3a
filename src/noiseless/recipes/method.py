"""What a recipe gives, and how recipes are found.

A recipe is a function of a :class:`~noiseless.values.Spec` and keyword arguments that returns a :class:`Method`. Its
signature is the schema: the command line is generated from it, an unknown argument is an error, and its docstring is
the help. It is chosen by name, as an object, as `MODULE:NAME` or by an entry point in the group `noiseless.methods`
(:mod:`noiseless.registry`). Every public function that a module of this package lists in `__all__` and that returns a
Method is one; its name on the command line has hyphens for underscores.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, get_type_hints

import torch

from noiseless.errors import InputError
from noiseless.objectives.objective import Objective
from noiseless.registry import Choice, Kind, modules
from noiseless.training import Training
from noiseless.values import Spec

__all__ = ["METHOD", "Method", "Recipe", "call", "defaults", "find", "names"]

Recipe = Callable[..., "Method"]


@dataclass(frozen=True)
class Method:
    """A method for one kind of data: what a recipe composes.

    Arguments:
        objective: what is minimised.
        training: the method's own way of being trained; what a user gives comes first.
        densities: what is fitted to the codes by default, the best first; one at least. Names, or objects
            (:func:`noiseless.densities.build`).
        notes: deviations and choices that belong beside every number this method gives.

    Raises:
        InputError: no densities are named.
    """

    objective: Objective
    training: Training = field(default_factory=Training)
    densities: tuple[Choice, ...] = ("gmm", "gaussian", "normal")
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.densities:
            raise InputError("a method names one density at least, by which its codes are sampled, such as 'gmm'")


def names() -> dict[str, Recipe]:
    """Every recipe of the package by its name on the command line."""
    others = [module for module in modules("noiseless.recipes") if module.__name__ != __name__]
    return dict(sorted(item for module in others for item in _recipes(module).items()))


def _recipes(module: ModuleType) -> dict[str, Recipe]:
    public = {name: getattr(module, name) for name in module.__all__}
    return {
        name.replace("_", "-"): value
        for name, value in public.items()
        if inspect.isfunction(value) and value.__annotations__.get("return") in (Method, "Method")
    }


METHOD = Kind("method", "noiseless.methods", names)
"""Where recipes are found."""


def find(chosen: Choice) -> Recipe:
    """The recipe that is chosen: one of the package by name, `MODULE:NAME`, an installed package's, or the function.

    Raises:
        InputError: there is none, or what is named cannot be called.
    """
    part = METHOD.find(chosen)
    if not callable(part.value) or part.name != part.stem:
        given = f"a {type(part.value).__name__}" if part.name == part.stem else "given options after a colon"
        raise InputError(f"the method {part.name} is {given}; expected a function of a Spec and arguments")
    recipe: Recipe = part.value
    return recipe


def defaults(recipe: Recipe) -> dict[str, Any]:
    """The numbers and texts that stand in the recipe's signature for arguments which are not given."""
    values = {p.name: p.default for p in inspect.signature(recipe).parameters.values()}
    return {name: value for name, value in values.items() if isinstance(value, bool | int | float | str)}


def call(recipe: Recipe, spec: Spec, arguments: Mapping[str, Any], seed: int) -> Method:
    """What the recipe composes for such data, with weights drawn by ``seed``.

    Arguments:
        recipe: a function.
        spec: the data.
        arguments: its own, also as run.json has them.
        seed: of the weights.

    Raises:
        InputError: it cannot be called so, or gives something else than a method.
    """
    try:
        bound = inspect.signature(recipe).bind(spec, **_typed(recipe, arguments))
    except TypeError as error:
        takes = ", ".join(list(inspect.signature(recipe).parameters)[1:])
        raise InputError(f"the recipe {recipe.__name__} cannot be called so ({error}); it takes {takes}") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = recipe(*bound.args, **bound.kwargs)
    if not isinstance(method, Method):
        raise InputError(f"the recipe {recipe.__name__} gave a {type(method).__name__}; expected a Method")
    return method


def _typed(recipe: Recipe, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as run.json has them, with tuples, and with dataclasses where the recipe's signature has such."""
    hints = get_type_hints(recipe)
    return {
        name: hints[name](**value)
        if isinstance(value, dict) and dataclasses.is_dataclass(hints.get(name))
        else tuple(value)
        if isinstance(value, list)
        else value
        for name, value in arguments.items()
    }
