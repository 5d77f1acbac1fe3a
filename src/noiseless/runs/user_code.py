"""What of a run is its maker's own, or has moved, and has to be named again when the run is opened.

A folder never says which code to import: only recipes of this package are looked up by what run.json has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noiseless.errors import InputError
from noiseless.recipes.method import Recipe, names
from noiseless.registry import ImportableCallable, is_named

__all__ = ["UserCode"]


@dataclass(frozen=True)
class UserCode:
    """What is the user's own, or has moved, and therefore not read from a run: it is named again.

    Arguments:
        recipe: A recipe of your own, if the run was made by one.
        encoder: The encoder factory of your own, if the run has one.
        decoder: The decoder factory of your own, if the run has one.
        source: Where the data are now, if they have moved; or the function of your own that gave them, module:function.
    """

    recipe: ImportableCallable | None = None
    encoder: ImportableCallable | None = None
    decoder: ImportableCallable | None = None
    source: str | None = None

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
        return dict(arguments) | ({"networks": networks} if networks else {})

    def source_of(self, recorded: str, run: Path) -> str:
        """The name or the path of a run's data."""
        if self.source is not None:
            return self.source
        if is_named(recorded) and not Path(recorded).exists():
            raise InputError(f"{run} has data of its maker's, {recorded}; name it again with --source")
        return recorded
