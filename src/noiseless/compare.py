"""Several methods on the same data: each trained in turn, one table and one picture of them all; it can be resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from noiseless import figures
from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.evaluate import Row, evaluate, known, record
from noiseless.files import write_json
from noiseless.metrics import Features
from noiseless.recipes.core import find
from noiseless.runs import Run, train
from noiseless.training import Training

__all__ = ["compare"]


def compare(
    methods: Sequence[str],
    data: Data,
    out: Path,
    features: Features,
    *,
    training: Training = Training(),
    arguments: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
    n: int = 10_000,
    show: bool = True,
) -> list[Row]:
    """Trains or resumes each method in `out`/METHOD and evaluates it; what is there already is not done again.

    Arguments:
        methods: names of recipes, or `module:function` of one's own.
        data: what all are trained on.
        out: the folder of the comparison: a run for each method, results.json, table.md and samples.png.
        features: what they are compared by.
        training, arguments: as for :func:`noiseless.runs.train`, the same for all.
        names: densities; by default each method's own.
        n: as for :func:`noiseless.evaluate.evaluate`.

    Returns:
        The rows of all methods, each with its `method`.
    """
    recipes = {method: find(method) for method in methods}
    rows: list[Row] = []
    pictures: dict[str, Tensor] = {}
    for method, recipe in recipes.items():
        run = _trained(recipe, data, out / method.replace(":", "-"), training, arguments or {}, show)
        model = run.model(data=data)
        densities = list(names or run.method().densities)
        found = known(run.directory, features, densities, n=n, seed=training.seed)
        if not found:
            found = evaluate(model, data, densities, features, n=n, seed=training.seed, show=show)
            record(run.directory, found)
        rows += [{"method": method, **row} for row in found]
        if data.spec.is_image:
            pictures |= {f"{method}, {name}": model.sample(12, name) for name in densities}
    write_json(out / "results.json", rows)
    if pictures:
        figures.comparison(pictures, out / "samples.png")
    return rows


def _trained(
    recipe: Any, data: Data, folder: Path, training: Training, arguments: Mapping[str, Any], show: bool
) -> Run:
    if not (folder / "run.json").is_file():
        return train(recipe, data, folder, training=training, show=show, **arguments)
    run = Run(folder)
    if run.record["data"]["fingerprint"] != data.fingerprint:
        raise InputError(f"{folder} was trained on other data; choose another --out")
    done, planned = run.steps
    if done < planned:
        run.resume(data, show=show)
    return run
