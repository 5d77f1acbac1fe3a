"""What of a run is its maker's own, or has moved, and has to be named again when the run is opened.

A folder never says which code to import: only recipes of this package are looked up by what run.json has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from noiseless.errors import InputError
from noiseless.recipes.method import Recipe, names
from noiseless.registry import ImportableCallable, is_named

__all__ = ["UserCode"]


@dataclass(frozen=True)
class _Missing:
    """Stands for an optimiser that was not named again."""

    recorded: str
    run: Path

    def __call__(self, _: list[nn.Parameter], /) -> torch.optim.Optimizer:
        raise InputError(f"{self.run} has an optimiser of its maker's, {self.recorded}; name it again with --optimiser")


@dataclass(frozen=True)
class UserCode:
    """What is the user's own, or has moved, and therefore not read from a run: it is named again.

    Arguments:
        recipe: A recipe of your own, if the run was made by one.
        encoder: The encoder factory of your own, if the run has one.
        decoder: The decoder factory of your own, if the run has one.
        optimiser: The optimiser of your own, parameters -> torch.optim.Optimizer, if the run has one and is resumed.
        source: Where the data are now, if they have moved; or the function of your own that gave them, module:function.
    """

    recipe: ImportableCallable | None = None
    encoder: ImportableCallable | None = None
    decoder: ImportableCallable | None = None
    source: str | None = None
    optimiser: ImportableCallable | None = None

    def recipe_of(self, recorded: str, run: Path) -> Recipe:
        """The recipe of a run.

        Raises:
            InputError: it is not one of ours and was not named again; so for the others.
        """
        if self.recipe is not None:
            return self.recipe
        if recorded not in names():
            raise InputError(f"{run} was made by a recipe that is not ours, {recorded}; name it again with --recipe")
        return names()[recorded]

    def arguments_of(self, arguments: Mapping[str, Any], run: Path) -> dict[str, Any]:
        """A recipe's arguments, with the user's networks where the run had such."""
        networks = dict(arguments.get("networks", {}))
        for part in ("encoder", "decoder"):
            if networks.get(part) is not None:
                if getattr(self, part) is None:
                    raise InputError(
                        f"{run} has a {part} of its maker's, {networks[part]}; name it again with --{part}"
                    )
                networks[part] = getattr(self, part)
        return dict(arguments) | ({"networks": networks} if networks else {}) | self._optimiser(arguments, run)

    def _optimiser(self, arguments: Mapping[str, Any], run: Path) -> dict[str, Any]:
        """The optimiser of the user's, which is missed only when the run is resumed."""
        settings = dict(arguments.get("optimiser", {}))
        recorded = settings.get("optimiser")
        if not isinstance(recorded, str) or ":" not in recorded:
            return {}
        return {"optimiser": settings | {"optimiser": self.optimiser or _Missing(recorded, run)}}

    def source_of(self, recorded: str, run: Path) -> str:
        """The name or the path of a run's data."""
        if self.source is not None:
            return self.source
        if is_named(recorded) and not Path(recorded).exists():
            raise InputError(f"{run} has data of its maker's, {recorded}; name it again with --source")
        return recorded
