"""Code of the user's own that a run was made with: it is named in run.json, and named again when the run is opened.

Nothing is imported because a run names it. Parts of installed packages, found by entry points, are the user's own in
this respect too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from noiseless.autoencoder import Net
from noiseless.autoencoder.bottlenecks import BOTTLENECK
from noiseless.autoencoder.networks import DECODER, ENCODER, NET
from noiseless.data import DATA
from noiseless.errors import InputError
from noiseless.objectives.penalties.penalty import PENALTY, weighted
from noiseless.objectives.reconstruction import RECONSTRUCTION
from noiseless.objectives.regularised import Term
from noiseless.recipes.method import METHOD, Recipe, find
from noiseless.registry import Choice, Kind, load_object

__all__ = ["UserCode"]

PARTS = {"reconstruction": RECONSTRUCTION, "normalisation": BOTTLENECK}
NETWORKS = {"net": NET, "encoder": ENCODER, "decoder": DECODER}


@dataclass(frozen=True)
class _Missing:
    """Stands for an optimiser that was not named again."""

    recorded: str
    run: Path

    def __call__(self, _: list[nn.Parameter], /) -> torch.optim.Optimizer:
        raise InputError(
            f"{self.run} was trained with the optimiser {self.recorded}, which is not part of noiseless; name it again "
            "with own=UserCode(optimiser=...)"
        )


@dataclass(frozen=True)
class UserCode:
    """Your own parts of a run, or data that have moved: not loaded from the run, so they are given again.

    Each is MODULE:NAME, the name of an installed package's, or the object.

    Arguments:
        recipe: A recipe of your own, if the run was made by one.
        net: The net of your own, if the run has one.
        encoder: The encoder of your own, if the run has one.
        decoder: The decoder of your own, if the run has one.
        reconstruction: The reconstruction term of your own, if the run has one.
        normalisation: The bottleneck of your own, if the run was given one as normalisation.
        penalty: The penalties of your own, if the run has such, in their order and without weights.
        source: Where the data are now, if they have moved; or the function of your own that gave them.
        optimiser: The optimiser of your own, parameters -> torch.optim.Optimizer, if the run has one and is resumed.
    """

    recipe: Choice | None = None
    net: str | Net | Callable[..., Net] | None = None
    encoder: Choice | None = None
    decoder: Choice | None = None
    reconstruction: Choice | None = None
    normalisation: Choice | None = None
    penalty: tuple[Choice, ...] = ()
    source: Choice | None = None
    optimiser: Choice | None = None

    @classmethod
    def of(cls, recipe: Recipe, arguments: Mapping[str, Any], source: Choice | None = None) -> UserCode:
        """What was given when a run was made, so that it is not asked for again while it is at hand.

        Arguments:
            recipe, arguments: as for :func:`noiseless.runs.train`.
            source: of the data.
        """
        networks = arguments.get("networks")
        chosen = [_as_mapping(one)["penalty"] for one in _terms(arguments)]
        penalties = tuple(one for one in chosen if not isinstance(one, str) or PENALTY.is_own(one))
        parts: Any = {part: getattr(networks, part, None) for part in NETWORKS}
        optimiser = getattr(arguments.get("optimiser"), "optimiser", None)
        factory = optimiser if callable(optimiser) else None
        about: Any = {name: arguments.get(name) for name in PARTS} | {"penalty": penalties, "optimiser": factory}
        return cls(recipe, **parts, **about, source=source)

    def recipe_of(self, recorded: str, run: Path) -> Recipe:
        """The recipe of a run.

        Raises:
            InputError: it is not one of ours and was not named again; so for the others.
        """
        if self.recipe is not None:
            return find(self.recipe)
        if METHOD.is_own(recorded):
            raise InputError(
                f"{run} was trained by the recipe {recorded}, which is not part of noiseless; name it again with "
                "own=UserCode(recipe=...)"
            )
        return find(recorded)

    def arguments_of(self, arguments: Mapping[str, Any], run: Path) -> dict[str, Any]:
        """A recipe's arguments, with the parts that were named again in the place of the user's own."""
        found, networks = dict(arguments), _mapping(arguments, "networks")
        for part, kind in NETWORKS.items():
            if isinstance(networks.get(part), str):  # anything else is refused by the recipe's signature
                networks[part] = self._again(kind, part, networks[part], run)
        if networks:
            found["networks"] = networks
        for part, kind in PARTS.items():
            if isinstance(found.get(part), str):
                found[part] = self._again(kind, part, found[part], run)
        if terms := _terms(arguments):
            found["penalty"] = self._penalties(terms, run)
        return found | self._optimiser(arguments, run)

    def _optimiser(self, arguments: Mapping[str, Any], run: Path) -> dict[str, Any]:
        """The optimiser of the user's, which is missed only when the run is resumed."""
        settings = _mapping(arguments, "optimiser")
        recorded = settings.get("optimiser")
        if not isinstance(recorded, str) or ":" not in recorded:
            return {}
        given = load_object(self.optimiser) if isinstance(self.optimiser, str) else self.optimiser
        return {"optimiser": settings | {"optimiser": given or _Missing(recorded, run)}}

    def source_of(self, recorded: str, run: Path) -> Choice:
        """The name or the path of a run's data, or what gives them."""
        if self.source is not None:
            return self.source
        if not Path(recorded).exists() and DATA.is_own(recorded):
            DATA.refuse_own(recorded, str(run), "with own=UserCode(source=...)")
        return recorded

    def _again(self, kind: Kind, part: str, recorded: str, run: Path) -> object:
        if not kind.is_own(recorded):
            return recorded
        if getattr(self, part) is None:
            kind.refuse_own(recorded, str(run), f"with own=UserCode({part}=...)")
        chosen: object = getattr(self, part)
        return chosen

    def _penalties(self, recorded: Sequence[Any], run: Path) -> tuple[Any, ...]:
        """The recorded penalties, with those of the user's own replaced in order."""
        own, found = list(self.penalty), []
        for one in recorded:
            term = _as_mapping(one)
            if not isinstance(term.get("penalty"), str) or not PENALTY.is_own(term["penalty"]):
                found.append(one)
                continue
            if not own:
                PENALTY.refuse_own(term["penalty"], str(run), "with own=UserCode(penalty=...)")
            found.append(term | {"penalty": own.pop(0)})
        return tuple(found)


def _mapping(arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The fields of a dataclass among recorded arguments; a recipe of the user's own may call something else so."""
    value = arguments.get(name)
    return dict(value) if isinstance(value, Mapping) else {}


def _terms(arguments: Mapping[str, Any]) -> Sequence[Any]:
    """The penalties with their weights among arguments."""
    value = arguments.get("penalty")
    if not isinstance(value, list | tuple) or not all(isinstance(one, str | Mapping | Term) for one in value):
        return ()
    return value


def _as_mapping(penalty: Any) -> dict[str, Any]:
    """A penalty with its weight as run.json has it: a name with @WEIGHT, or the fields of a term."""
    if isinstance(penalty, str):
        name, weight = weighted(penalty)
        return {"penalty": name, "weight": float(weight)}
    return dict(penalty) if isinstance(penalty, Mapping) else vars(penalty)
