r"""What MaskAAE and its baseline without mask do at several latent sizes m: the runs and the readings of its studies.

A reading of a run is, on n held-out data (at most the smaller of both parts) and as many draws of N(0, I),

* the Fréchet **distance** of decoded draws to held-out data, and its **floor**, that of training data: what remains of
  it if the model is right. Of vectors it is that of the raw numbers;
* **active** dimensions: masks of at least 0.1, and without a mask code variances above 0.01;
* **nac**, the normalised absolute covariance of the codes over active dimensions;
* **reconstruction**, the mean squared error of a datum, summed over its standardised numbers or its pixels.

Two scales. ``paper`` is the form and the network of the paper's code, 4 x 1024 and 500,000 steps. ``small`` is the
robust form of the recipe, compressed: 2 x 256, fewer steps, and a shorter average of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from noiseless.data import Data, modality
from noiseless.errors import InputError, RunError
from noiseless.evaluation.heldout import reference
from noiseless.files import read_json, write_json
from noiseless.metrics import Features, latent
from noiseless.metrics.frechet import frechet_distance
from noiseless.model import Model
from noiseless.reproduction.cells import Cell, cells, features_for, trained
from noiseless.reproduction.command import refuse_overwrite
from noiseless.reproduction.images import ImageRequest
from noiseless.reproduction.request import Line, Source
from noiseless.runs.writer import RunWriter
from noiseless.training import Stopped

__all__ = ["METHODS", "Reading", "codes", "lines", "log", "readings", "sized"]

METHODS = {"MaskAAE": "maskaae", "WAE-WGAN": "wae-wgan"}
"""The method with a mask, and the one without, by label."""
DRAWS = 50_000
"""Vectors in a row and in the reference."""
STAGES = 8
"""How often the distance is measured along the training of a run that is shown."""


@dataclass(frozen=True)
class Size:
    """Networks and training of a scale.

    Arguments:
        width, depth: of perceptrons of 8 times the width.
        batch, steps, schedule: of training.
        ema: decay of the average of the weights.
    """

    width: int
    depth: int
    batch: int
    steps: int
    schedule: str = "constant"
    ema: float | None = None


SIZES = {"small": Size(32, 2, 64, 5400, "cooldown", 0.997), "paper": Size(128, 4, 64, 500_000)}
CRITIC = 2
"""Hidden layers of the small scale's critic: with the paper's four, most of the time is the critic's."""


def sized(asked: ImageRequest) -> ImageRequest:
    """The request with the steps and the width of these studies, where it has none of its own."""
    size = SIZES[asked.scale]
    return replace(asked, steps=asked.steps or size.steps, width=asked.width or size.width)


def lines(request: ImageRequest, capacities: Sequence[int], shown: int | None = None) -> list[Line]:
    """A line for each method and latent size.

    Arguments:
        request: as :func:`sized` gives it.
        capacities: the latent sizes.
        shown: the one whose distance is measured along training too.
    """
    return [_line(request, label, m, m == shown) for label in METHODS for m in capacities]


def _line(request: ImageRequest, label: str, m: int, shown: bool) -> Line:
    size, steps, recipe = SIZES[request.scale], request.setting.steps or 0, METHODS[label]
    stages = [k / STAGES for k in range(1, STAGES)] if shown and steps >= STAGES else []
    sources = {f"{part:g}": Source("samples", "normal", part) for part in (*stages, 1.0)}
    average = {"ema": size.ema} if size.ema is not None else {}
    return Line(
        f"{label}, m = {m}",
        recipe,
        sources,
        networks={"latent_dim": m, "depth": size.depth},
        arguments={"form": "paper"} if request.scale == "paper" else {"critic_depth": CRITIC},
        training={"batch": size.batch, "schedule": size.schedule, "lr_factor": None, "validate_every": -(-steps // 40)}
        | average,
        name=f"{recipe}-{m}",
    )


@dataclass(frozen=True)
class Reading:
    """What a run has come to.

    Arguments:
        cell: which run.
        numbers: the list of the module, and what they depend on; empty where there is a reason.
        stages: distances along training, by step.
        reason: why there is nothing, or some stages are missing.
    """

    cell: Cell
    numbers: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[int, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def method(self) -> str:
        """The label of the method."""
        return self.cell.line.label.partition(",")[0]

    @property
    def m(self) -> int:
        """The latent size."""
        return int(self.cell.line.networks["latent_dim"])


def readings(request: ImageRequest, study: str, wanted: Sequence[Line]) -> list[Reading]:
    """Every run, trained and measured as far as it is not yet.

    Raises:
        InputError: as :func:`noiseless.reproduction.cells.measure`, or the features cannot be had.
        RunError: no run could be measured.
        Stopped: a signal came.
    """
    refuse_overwrite(study, request)
    found = [_reading(cell) for cell in cells(request, study, wanted)]
    if not any(reading.numbers for reading in found):
        raise RunError("no run could be measured: " + "; ".join(dict.fromkeys(reading.reason for reading in found)))
    return found


def _reading(cell: Cell) -> Reading:
    if isinstance(cell.data, str):
        return Reading(cell, reason=cell.data)  # the same for every run
    asked = None if modality.of(cell.data.spec).pixels else cell.request.features or "raw"
    features = features_for(cell.request, cell.data, asked)  # whose name, if misspelt, is no run's own trouble
    label = f"{cell.line.label}, seed {cell.seed}"
    try:
        parts = sorted(source.part for source in cell.sources)
        found = {part: _numbers(cell, part, features) for part in parts}
    except Stopped:
        raise
    except (InputError, RuntimeError) as error:
        return Reading(cell, reason=f"{label}: {' '.join(str(error).split())}")
    stages = {cell.steps(part): numbers["fd"] for part, numbers in found.items() if numbers}
    past = ", ".join(f"{cell.steps(part):,}" for part, numbers in found.items() if not numbers)
    reason = f"{label}: the run is past steps {past}, where it was not measured under these terms" if past else ""
    return Reading(cell, found[1.0], stages, reason)


def _numbers(cell: Cell, part: float, features: Features) -> dict[str, Any]:
    """The reading after a part of the steps; nothing if the run is past it and was not measured there."""
    data, steps, done = cell.loaded, cell.steps(part), cell.done
    place = cell.folder if part == 1 else cell.folder / f"at-{steps}"
    path, request = place / "capacity.json", cell.request
    n = min(
        request.n or (request.setting.n if modality.of(data.spec).pixels else DRAWS), len(data.train), len(data.test)
    )
    terms = {"n": n, "features": features.name, "seed": cell.seed, "fingerprint": data.fingerprint, "steps": steps}
    known = read_json(path) if path.is_file() and done >= steps else {}
    if terms.items() <= known.items():
        return dict(known)
    if done > steps:
        return {}
    opened = trained(cell, part).model("best" if part == 1 else "last", data=data)
    real = reference(data, "test", n, features, cell.seed)
    drawn = opened.density("normal").sample(real.n, torch.Generator().manual_seed(cell.seed))
    decoded = (data.spec.normalise(opened.decode(z)) for z in drawn.split(opened.batch))
    numbers = terms | {"fd": frechet_distance(real, features.over(decoded))}
    if part == 1:
        floor = frechet_distance(real, reference(data, "train", n, features, cell.seed))
        seconds = RunWriter(cell.folder, data).rows()[-1]["seconds"]
        numbers |= {"floor": floor, **_inner(opened, data, n), "seconds": seconds}
    write_json(path, numbers)
    return numbers


def _inner(opened: Model, data: Data, n: int) -> dict[str, Any]:
    """What concerns codes and reconstructions."""
    z = codes(opened, data, n)
    masking = opened.autoencoder.mask
    active = masking.active.cpu() if masking is not None else latent.active(z)
    raw = data.test.some(n)
    y = opened.decode(z)
    error = (data.spec.normalise(y) - data.spec.normalise(torch.from_numpy(raw))).square().flatten(1).sum(1).mean()
    return {
        "active": int(active.sum()),
        "nac": latent.nac(z[:, active], 0.0) if active.any() else None,
        "reconstruction": float(error),
        "mask": masking.mu.detach().cpu().tolist() if masking is not None else None,
    }


def codes(opened: Model, data: Data, n: int) -> Tensor:
    """The codes of up to n held-out data, before the mask."""
    return opened.encoded(data.test.some(n))


def log(reading: Reading) -> list[dict[str, Any]]:
    """The rows that the training of a run has left."""
    return RunWriter(reading.cell.folder, reading.cell.loaded).rows()
