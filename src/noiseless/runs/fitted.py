"""A density fitted to the codes of a run, and kept in its folder."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noiseless import densities
from noiseless.errors import RunError
from noiseless.files import slug
from noiseless.objectives.objective import Objective
from noiseless.registry import Choice

__all__ = ["Densities", "fitted"]


class Densities:
    """The densities of an open model by choice, each fitted when it is first asked for.

    A copy that is pickled leaves the objective out, which holds functions, and opens it again where it is needed.

    Arguments:
        objective: the model's.
        opened: opens it again.
        fit: gives a density for a choice and the objective.
    """

    def __init__(
        self,
        objective: Objective,
        opened: Callable[[], Objective],
        fit: Callable[[Choice, Objective], densities.LatentDensity],
    ) -> None:
        self.objective: Objective | None = objective
        self.opened, self.fit = opened, fit
        self.known: dict[str, densities.LatentDensity] = {}

    def __call__(self, chosen: Choice) -> densities.LatentDensity:
        """The density, fitted once, also where it cannot be kept in the run."""
        part = None if isinstance(chosen, densities.LatentDensity) else densities.DENSITY.find(chosen)
        if part is None or part.own or not part.is_lasting:  # a user's source may change
            return self._fitted(chosen)
        if part.name not in self.known:
            self.known[part.name] = self._fitted(chosen)
        return self.known[part.name]

    def _fitted(self, chosen: Choice) -> densities.LatentDensity:
        if self.objective is None:
            self.objective = self.opened()
        return self.fit(chosen, self.objective)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"objective": None, "known": {}}


NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


def fitted(
    chosen: Choice, folder: Path, suffix: str, objective: Objective, codes: Callable[[], Tensor], seed: int, model: str
) -> densities.LatentDensity:
    """The density that is chosen, fitted to the codes; kept in the folder, with a hash of their weights, once fitted.

    One that cannot be found again by its name, such as a lambda, is not kept. One is fitted again when its weights are
    others, or when its source, if it is the user's own, has changed. An object that is a density already is taken as it
    is.

    Arguments:
        chosen: as for :func:`noiseless.densities.build`, or a fitted density.
        folder: where densities are kept.
        suffix: of the file's name: which weights and moments the codes are of.
        objective: whose codes they are.
        codes: gives them.
        seed: of the fit.
        model: what errors call the model.
    """
    if isinstance(chosen, densities.LatentDensity):
        chosen.require_fit()
        return chosen
    part = densities.DENSITY.find(chosen)
    path = folder / f"{slug(part.name)}{suffix}.safetensors"
    if densities.holds(path, chosen, objective.weights_hash):
        return densities.load(path, chosen).bind(objective, model)
    density = densities.build(chosen, objective.autoencoder.latent_dim).bind(objective, model)
    density.device = str(next(objective.parameters()).device)
    density.fit(codes(), torch.Generator().manual_seed(seed))
    if part.is_lasting:
        density.note = "; ".join(filter(None, [density.note, _kept(density, path, chosen, objective.weights_hash)]))
    return density


def _kept(density: densities.LatentDensity, path: Path, chosen: Choice, weights: str) -> str:
    """Keeps a density; where the folder may not be written to, why it was not, and the density serves all the same."""
    try:
        densities.save(density, path, name=chosen, codes="mean", weights=weights)
    except RunError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in NO_PERMISSION:
            raise
        return f"the density is not kept, because {path.parent} cannot be written to ({error.__cause__.strerror})"
    return ""
