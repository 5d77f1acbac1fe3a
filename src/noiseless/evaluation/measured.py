"""What is not yet measured of a run is measured, and recorded in its folder; what is recorded is not measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noiseless.data import Data
from noiseless.densities import DENSITY
from noiseless.evaluation import evaluation
from noiseless.evaluation.latent import latent
from noiseless.evaluation.results import CODES, Reference, Result, known, noted, record
from noiseless.evaluation.strings import STRINGS
from noiseless.metrics import Features, Metric
from noiseless.model import Model
from noiseless.registry import Choice
from noiseless.runs import BatchNormMoments, Run

__all__ = ["LABELS", "Conditions", "codes", "measured", "recorded"]


LABELS: dict[BatchNormMoments, str] = {"running": "best", "batch": "best, moments of the batch"}
"""What rows say of their weights, by the moments of batch norms."""


@dataclass(frozen=True)
class Conditions:
    """Under which conditions a model is measured.

    Arguments:
        features: what data are compared by; None for kinds of data that are judged without.
        n: data in every row and in the reference.
        seed: of every random choice.
        reference: the part that is compared with.
        moments: of batch norms.
        metrics: metrics in addition to those of the package.
    """

    features: Features | None
    n: int
    seed: int = 0
    reference: Reference = "test"
    moments: BatchNormMoments = "running"
    metrics: tuple[Metric, ...] = ()


def recorded(
    folder: Path, data: Data, names: Sequence[Choice], conditions: Conditions, weights_hash: str | None = None
) -> list[Result]:
    """The rows that a folder has under some conditions, and of some weights; none unless all densities are there."""
    kind = conditions.features.name if conditions.features is not None else STRINGS
    n, seed, part, weights = conditions.n, conditions.seed, conditions.reference, LABELS[conditions.moments]
    densities = [DENSITY.find(name).name for name in names]
    further = [metric.name for metric in conditions.metrics]
    about: Any = {"n": n, "seed": seed, "part": part, "weights": weights, "weights_hash": weights_hash}
    return known(folder, data.fingerprint, kind, densities, metrics=further, **about)


def measured(
    run: Run,
    data: Data,
    names: Sequence[Choice],
    conditions: Conditions,
    *,
    folder: Path | None = None,
    afresh: bool = False,
    forgiven: tuple[type[Exception], ...] = (),
    show: bool = True,
) -> tuple[list[Result], list[str]]:
    """The rows of a run's best weights: as they are recorded, or else measured now and recorded.

    Arguments:
        run: what is evaluated.
        data: its own.
        names: densities to sample from, by name or as objects.
        conditions: under which it is measured.
        folder: where rows are recorded; by default the run's.
        afresh: the rows recorded there are of other weights; measure again.
        forgiven: errors by which a density that cannot be fitted is left out, with the reason.
        show: progress on the terminal.

    Returns:
        The rows, and why densities are missing.

    Raises:
        InputError, RunError: a density cannot be fitted, or data cannot be compared.
    """
    place, weights = folder or run.directory, run.weights_hash()

    def there(names: Sequence[Choice]) -> list[Result]:
        return [] if afresh else recorded(place, data, names, conditions, weights)

    rows = there(names)
    if rows:
        return rows, []
    device = str(conditions.features.device) if conditions.features is not None else run.training.device
    model = run.model(device=device, data=data, moments=conditions.moments)
    fitted, missing = _fitted(model, names, forgiven)
    rows = there(fitted)
    if not rows:
        about: Any = {"n": conditions.n, "part": conditions.reference, "seed": conditions.seed, "show": show}
        about["more"] = conditions.metrics
        made = evaluation.of(data.spec).rows(model, data, fitted, conditions.features, **about)
        rows = noted(made, LABELS[conditions.moments], model.weights_hash, run.record["notes"])
        record(place, rows)
    return rows, missing


def codes(run: Run, data: Data, conditions: Conditions, folder: Path | None = None) -> list[Result]:
    """The rows of :func:`noiseless.evaluation.latent.latent` of a run's best weights, recorded or measured now.

    Arguments:
        run, data, conditions, folder: as for :func:`measured`.
    """
    place, weights, n, seed = folder or run.directory, run.weights_hash(), conditions.n, conditions.seed
    about: Any = {"n": n, "seed": seed, "weights": LABELS[conditions.moments]}
    found = known(place, data.fingerprint, None, (), **about, part=None, weights_hash=weights, file=CODES)
    if found:
        return found
    device = str(conditions.features.device) if conditions.features is not None else run.training.device
    model = run.model(device=device, data=data, moments=conditions.moments)
    made = latent(model, data, n=n, part=conditions.reference, seed=seed)
    rows = noted(made, LABELS[conditions.moments], model.weights_hash, run.record["notes"])
    record(place, rows, CODES)
    return rows


def _fitted(
    model: Model, names: Sequence[Choice], forgiven: tuple[type[Exception], ...]
) -> tuple[list[Choice], list[str]]:
    """The densities that can be fitted, and why the others cannot."""
    fitted: list[Choice] = []
    missing = []
    for name in names:
        try:
            model.density(name)
            fitted.append(name)
        except forgiven as error:
            missing.append(f"{DENSITY.find(name).name}: {' '.join(str(error).split())}")
    return fitted, missing
