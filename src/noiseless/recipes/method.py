"""The result of a recipe, and how recipes are found.

A recipe is a function of a :class:`~noiseless.values.Spec` and keyword arguments that returns a :class:`Method`. Its
signature is the schema: the command line is generated from it, an unknown argument is an error, and its docstring is
the help. A recipe is chosen by name, as an object, as ``MODULE:NAME`` or by an entry point in the group
``noiseless.methods`` (:mod:`noiseless.registry`). Every public function that a module of this package lists in
``__all__`` and that returns a Method is a recipe; its name on the command line has hyphens instead of underscores.

All recipes share the parameters ``spec``, a description of the data, ``networks``, the user's choice of networks, and
``optimiser``, the user's choice of optimiser.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, get_type_hints

import torch

from noiseless.autoencoder import Networks
from noiseless.errors import USUAL, InputError
from noiseless.objectives.objective import Objective
from noiseless.registry import Choice, Kind, modules, settings
from noiseless.training import Optimiser, Training
from noiseless.values import Spec

__all__ = ["METHOD", "Method", "Recipe", "call", "defaults", "find", "names"]

Recipe = Callable[..., "Method"]


@dataclass(frozen=True)
class Method:
    """A method for given data, composed by a recipe.

    Arguments:
        objective: the objective to minimise.
        training: the method's default training settings, which the user's override.
        densities: the densities that are fitted to the codes by default, best first; at least one. Names, or objects
            (:func:`noiseless.densities.build`).
        notes: deviations and choices that are recorded with every result of this method.

    Raises:
        InputError: there are no densities.
    """

    objective: Objective
    training: Training = field(default_factory=Training)
    densities: tuple[Choice, ...] = ("gmm", "gaussian", "normal")
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.densities:
            raise InputError("a method must name at least one density that samples its codes, such as 'gmm'")


def names() -> dict[str, Recipe]:
    """The recipes of the package by their names on the command line."""
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
"""How recipes are found."""


def find(chosen: Choice) -> Recipe:
    """The chosen recipe: one of the package by name, ``MODULE:NAME``, one of an installed package, or the function.

    Raises:
        InputError: there is no such recipe, or it is not callable.
    """
    part = METHOD.find(chosen)
    if not callable(part.value) or part.name != part.stem:
        given = f"a {type(part.value).__name__}" if part.name == part.stem else "given options after a colon"
        raise InputError(f"the method {part.name} is {given}; expected a function of a Spec and arguments")
    recipe: Recipe = part.value
    return recipe


def defaults(recipe: Recipe) -> dict[str, Any]:
    """The defaults in the recipe's signature that are numbers or texts."""
    values = {p.name: p.default for p in inspect.signature(recipe).parameters.values()}
    return {name: value for name, value in values.items() if isinstance(value, bool | int | float | str)}


def call(recipe: Recipe, spec: Spec, arguments: Mapping[str, Any], seed: int) -> Method:
    """The method that the recipe composes for these data, with weights initialised by ``seed``.

    Arguments:
        recipe: the recipe.
        spec: describes the data.
        arguments: the recipe's arguments, possibly as read from run.json.
        seed: the seed of the initial weights.

    Raises:
        InputError: the recipe cannot be called with these arguments, or does not return a method.
    """
    _refuse_unknown(recipe, arguments)
    try:
        bound = inspect.signature(recipe).bind(spec, **_typed(recipe, arguments))
    except TypeError as error:
        takes = ", ".join(list(inspect.signature(recipe).parameters)[1:])
        raise InputError(
            f"the recipe {recipe.__name__} cannot be called with these arguments ({error}); it takes {takes}"
        ) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = recipe(*bound.args, **bound.kwargs)
    if not isinstance(method, Method):
        raise InputError(f"the recipe {recipe.__name__} returned a {type(method).__name__}; expected a Method")
    return method


def _refuse_unknown(recipe: Recipe, arguments: Mapping[str, Any]) -> None:
    """Refuses an argument that the recipe does not have, and names the one that is meant."""
    taken = inspect.signature(recipe).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return
    known = {name: f"{name}=" for name in list(taken)[1:]}
    for place, kind in (("training", Training), ("optimiser", Optimiser), ("networks", Networks)):
        if place == "training" or place in taken:
            known |= {field.name: f"{place}={kind.__name__}({field.name}=...)" for field in dataclasses.fields(kind)}
    for name in arguments:
        if name not in taken:
            near = [name, USUAL.get(name), *difflib.get_close_matches(name, known, n=1)]
            meant = next((f" (did you mean {known[one]}?)" for one in near if one in known), "")
            raise InputError(f"{recipe.__name__} takes no {name}{meant}; it takes {', '.join(list(taken)[1:])}")


def _typed(recipe: Recipe, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments from run.json, converted to tuples and to the dataclasses that the signature, or a default, is of."""
    hints = {p.name: type(p.default) for p in inspect.signature(recipe).parameters.values()} | get_type_hints(recipe)
    return {
        name: settings(hints[name], value, name)
        if dataclasses.is_dataclass(hints.get(name))
        else tuple(value)
        if isinstance(value, list)
        else value
        for name, value in arguments.items()
    }
