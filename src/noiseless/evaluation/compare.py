"""Several methods on the same data: each trained in turn, one table and one picture of them all; it can be resumed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from noiseless.data import Data
from noiseless.densities import DENSITY, refuse_few
from noiseless.errors import InputError
from noiseless.evaluation.distances import second_look
from noiseless.evaluation.measured import Conditions, measured
from noiseless.evaluation.results import Result
from noiseless.files import read_json, slug, write_json
from noiseless.metrics import Features, Metric
from noiseless.recipes.method import METHOD, Method, Recipe, call, find
from noiseless.registry import Choice, name_of
from noiseless.runs import Run, pictures
from noiseless.runs.record import with_new_names
from noiseless.runs.reuse import trained
from noiseless.show import grids
from noiseless.training import Training

__all__ = ["compare"]


def compare(
    methods: Sequence[Choice],
    data: Data,
    out: Path,
    features: Features | None,
    *,
    training: Training = Training(),
    size: int | None = None,
    arguments: Mapping[str, Any] | None = None,
    names: Sequence[Choice] = (),
    more: Sequence[Metric] = (),
    n: int = 10_000,
    show: bool = True,
) -> dict[str, list[Result]]:
    """Trains or resumes each method in ``out``/METHOD and evaluates it; what is there already is not done again.

    Arguments:
        methods: names of recipes, or your own ``MODULE:NAME``.
        data: what all are trained on.
        out: the folder of the comparison: a run for each method, results.json, table.md and samples.png.
        features: what they are compared by; None where data are strings, which are judged as such. If a method is
            trained on the same features, all are compared by a second kind too.
        training, size: as for :func:`noiseless.runs.train`, the same for all.
        arguments: dataclasses of a recipe's arguments (networks, optimiser), the same for all.
        names: densities; by default each method's own.
        more: metrics in addition to those of the package.
        n: as for :func:`noiseless.evaluation.distances.evaluate`.
        show: progress on the terminal.

    Returns:
        The rows by method.

    Raises:
        InputError: ``out`` holds something else, or a comparison on other data or with other arguments.
    """
    recipes = {METHOD.find(method).name: find(method) for method in methods}
    given = {method: _accepted(method, recipe, arguments or {}) for method, recipe in recipes.items()}
    # what data are not for is refused before anything is trained; one method at a time is held
    seen = [_seen(call(r, data.spec, given[m], training.seed), data, names) for m, r in recipes.items()]
    looks = _looks(seen, data, features)
    if features is None and more:
        raise InputError(f"{data.spec.name} are {data.spec.modality}, which are evaluated without metrics on features")
    _same_comparison(out, data, training, size, arguments or {})
    rows: dict[str, list[Result]] = {method: [] for method in recipes}
    drawn: dict[str, Tensor] = {}
    for method, recipe in recipes.items():
        run = trained(recipe, data, out / slug(method), given[method], training=training, size=size, show=show)
        for look in looks:
            conditions = Conditions(look, n, training.seed, metrics=tuple(more))
            rows[method] += measured(run, data, _densities(run, names), conditions, show=show)[0]
        drawn |= _pictures(method, run, data, names)
    write_json(out / "results.json", [{"method": m, **row.to_json()} for m, found in rows.items() for row in found])
    if drawn:
        grids.comparison(drawn, out / "samples.png")
    return rows


def _seen(method: Method, data: Data, names: Sequence[Choice]) -> str | None:
    """The features that a method is trained on; InputError if its codes would be too few for a density."""
    for density in names or method.densities:
        refuse_few(density, method.objective.autoencoder.latent_dim, len(data.train))
    return method.objective.trained_on


def _looks(seen: Sequence[str | None], data: Data, features: Features | None) -> list[Features | None]:
    """The features, and others where they flatter a method: unflattered ranks need them of every method."""
    if features is None:
        return [None]
    second = second_look(seen, data, features)
    return [features, second] if second is not None else [features]


def _accepted(method: str, recipe: Recipe, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``arguments`` that the recipe takes; one that it does not take may not have been set."""
    taken = inspect.signature(recipe).parameters
    for name, value in arguments.items():
        if name not in taken and value != type(value)():
            raise InputError(f"{method} takes no {name}, so that it cannot be compared under {value}; leave them out")
    return {name: value for name, value in arguments.items() if name in taken}


def _pictures(method: str, run: Run, data: Data, names: Sequence[Choice]) -> dict[str, Tensor]:
    """Samples under each density, where data have pictures."""
    kind = pictures.of(data.spec)
    if not kind.has_tiles(data.spec):
        return {}
    model = run.model(data=data)
    chosen = {DENSITY.find(density).name: density for density in _densities(run, names)}
    return {f"{method}, {name}": kind.tiles(model, density) for name, density in chosen.items()}


def _same_comparison(out: Path, data: Data, training: Training, size: int | None, arguments: Mapping[str, Any]) -> None:
    """Writes what makes the runs comparable, or refuses a folder where that was something else."""
    terms = json.loads(json.dumps(_plain(data, training, size, arguments)))
    path = out / "compare.json"
    if not path.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out} exists already and is no comparison; choose another --out")
        return write_json(path, terms)
    then = read_json(path)
    then = with_new_names(then) if isinstance(then, dict) else then
    differing = [key for key in terms if not isinstance(then, dict) or then.get(key) != terms[key]]
    if differing:
        was = then.get(differing[0]) if isinstance(then, dict) else then
        raise InputError(
            f"{out} is a comparison under other terms: {differing[0]} was {was} and is {terms[differing[0]]}; "
            "choose another --out"
        )
    return None


def _plain(data: Data, training: Training, size: int | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: str(value) if callable(value) else value for key, value in vars(training).items()}
    for part in arguments.values():
        given |= {key: name_of(value) if callable(value) else value for key, value in vars(part).items()}
    return {"data": f"{data.spec.name} ({data.fingerprint})", "size": size, **given}


def _densities(run: Run, names: Sequence[Choice]) -> list[Choice]:
    return list(names or run.method().densities)
