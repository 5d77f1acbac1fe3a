"""The cells of a study: a line under a seed is a run, which is trained, gone on with or taken as it is found.

Runs lie in FOLDER/LINE-SEED, wherever they were made: one that the command `train` put there is taken if its recipe,
arguments, training and data are those of the line, and refused by name if not. What is recorded is not measured again.
A cell that cannot be measured keeps the reason, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

from rich.console import Console

from noiseless import data as datasets
from noiseless import metrics
from noiseless.autoencoder import Networks
from noiseless.data import Data, modality
from noiseless.errors import InputError
from noiseless.evaluate.distances import evaluate
from noiseless.evaluate.results import Reference, Row, known, noted, record
from noiseless.files import read_header, read_json, write_json
from noiseless.metrics import Features
from noiseless.model import Model
from noiseless.recipes.method import defaults, find
from noiseless.reproduce.command import refuse_overwrite
from noiseless.reproduce.request import Line, Request, Source
from noiseless.runs import BatchNormMoments, Run, train
from noiseless.runs.record import plain
from noiseless.training import Stopped, Training, resolve
from noiseless.training.settings import Optimiser, best_device

__all__ = ["Cell", "Measured", "cells", "features_for", "measure", "parted", "told", "trained"]

LABELS: dict[BatchNormMoments, str] = {"running": "best", "batch": "best, moments of the batch"}
"""What rows say of their weights, by the moments of batch norms."""
ALWAYS = ("normal", "gaussian", "gmm")
"""Densities that are measured in every cell, whichever of them a table shows."""
Protocol: TypeAlias = tuple[str | None, Reference, BatchNormMoments]
"""Features, unless the request's; the part that is compared with; the moments of batch norms."""
INCIDENTAL = {"device", "precision", "threads", "compile", "deterministic", "batch_norm", "track"}
INCIDENTAL |= {"log_every", "checkpoint_every", "pictures_every"}
"""Settings of training in which runs of one line may differ."""


@dataclass(frozen=True)
class Cell:
    """A line under a seed.

    Arguments:
        line: the first of the lines that share the run.
        sources: of all lines that share it.
        seed: of the run, of its data's parts and of its evaluation.
        folder: of the run.
        request: what was asked for.
        data: as parted by the seed, or why there are none.
    """

    line: Line
    sources: frozenset[Source]
    seed: int
    folder: Path
    request: Request
    data: Data | str

    @property
    def arguments(self) -> dict[str, Any]:
        """The recipe's arguments."""
        networks = Networks(**{"width": self.request.setting.width} | dict(self.line.networks))
        constants = {"constants": self.request.constants} if self.request.constants else {}
        rate = {"optimiser": Optimiser(lr=self.request.setting.lr)} if self.request.setting.lr else {}
        return {"networks": networks, **rate, **constants, **self.line.arguments}

    @property
    def training(self) -> Training:
        """How the run is trained, before the recipe and the machine decide the rest."""
        request, setting = self.request, self.request.setting
        asked = {"seed": self.seed, "threads": request.threads, "device": request.device}
        return Training(**{**setting.training, **asked, **self.line.training})

    @cached_property
    def decided(self) -> tuple[Training, dict[str, float]]:
        """How the run is trained, and the recipe's constants."""
        data = self.loaded
        method = find(self.line.recipe)(data.spec, **self.arguments)
        return resolve(
            self.training.with_defaults(method.training), method.objective, data
        ), method.objective.constants()

    @property
    def settled(self) -> Training:
        """How the run is trained, all decided."""
        return self.decided[0]

    @property
    def loaded(self) -> Data:
        """The data.

        Raises:
            InputError: there are none.
        """
        if isinstance(self.data, str):
            raise InputError(self.data)
        return self.data

    def steps(self, part: float = 1.0) -> int:
        """The steps that are a part of all: the nearest validation's, so that a stop there changes nothing."""
        steps, every = cast(int, self.settled.steps), cast(int, self.settled.validate_every)
        return steps if part == 1 else min(steps, every * max(1, round(part * steps / every)))

    @property
    def done(self) -> int:
        """The steps that its run has done.

        Raises:
            InputError: its folder holds another run.
        """
        if not (self.folder / "run.json").is_file():
            return 0
        run = Run(self.folder)
        _check(run, self)
        return run.steps[0]


@dataclass(frozen=True)
class Measured:
    """What is known of a cell.

    Arguments:
        cell: which.
        rows: by the part of the steps after which they were measured.
        about: versions, machine and time of the run.
        reasons: why something is missing.
    """

    cell: Cell
    rows: Mapping[float, Sequence[Row]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    def value(self, source: Source) -> float | None:
        """The Fréchet distance that stands at a source, if it was measured."""
        wanted = {"row": source.row, "density": source.density, "reference": source.reference}
        wanted |= {"weights": LABELS[source.moments], "asked features": source.features}
        found = (row for row in self.rows.get(source.part, ()) if all(row[key] == wanted[key] for key in wanted))
        return next((row["fd"] for row in found), None)


def cells(request: Request, study: str, lines: Sequence[Line]) -> Iterator[Cell]:
    """Every cell, seed by seed, so that one seed's table is complete before the next begins.

    Raises:
        InputError: the folder holds runs under other terms, or the data cannot be what was meant.
    """
    folder = request.folder(study)
    _same_terms(folder, request)
    shared: dict[str, list[Line]] = {}
    for line in lines:
        shared.setdefault(line.folder, []).append(line)
    total, began = len(request.seeds) * len(shared), time.perf_counter()
    for k, seed in enumerate(request.seeds):
        data = parted(request, seed)
        if isinstance(data, Data) and not modality.of(data.spec).features:
            raise InputError(
                f"{data.spec.name} are {data.spec.modality}, whose table is noiseless reproduce rae-structured"
            )
        for j, (name, group) in enumerate(shared.items()):
            _announce(k * len(shared) + j, total, f"{name}, seed {seed}", began)
            sources = frozenset(source for line in group for source in line.sources.values())
            yield Cell(group[0], sources, seed, folder / f"{name}-{seed}", request, data)


def measure(request: Request, study: str, lines: Sequence[Line]) -> list[Measured]:
    """Every cell trained and evaluated, as far as it is not yet.

    Raises:
        InputError: as for :func:`cells`, or a report of other terms is where this one is to be written.
        Stopped: a signal came.
    """
    refuse_overwrite(study, request)
    return [_measured(cell) for cell in cells(request, study, lines)]


def trained(cell: Cell, part: float = 1.0) -> Run:
    """The cell's run after this part of its steps: a new one, gone on with, or as it is found.

    Raises:
        InputError: its folder holds another run, or there are no data.
    """
    data, steps = cell.loaded, cell.steps(part)
    if not (cell.folder / "run.json").is_file():
        training, recipe = replace(cell.training, epochs=None, steps=cell.steps()), cell.line.recipe
        size, data_dir = cell.request.size, cell.request.data_dir
        write_json(cell.folder.parent / "terms.json", _terms(cell.request))
        place, own = cell.folder, cell.arguments
        return train(
            recipe, data, place, training=training, size=size, data_dir=data_dir, until=steps, draw=False, **own
        )
    run = Run(cell.folder)
    if cell.done < steps:
        run.resume(data, until=steps, draw=False)
    return run


def _measured(cell: Cell) -> Measured:
    if isinstance(cell.data, str):
        return Measured(cell, reasons=(cell.data,))  # the same for every line
    features_for(cell.request, cell.data)  # whose name, if misspelt, is no line's own trouble
    rows: dict[float, Sequence[Row]] = {}
    reasons: list[str] = []
    for part in sorted({1.0, *(source.part for source in cell.sources)}):
        try:
            rows[part], missing = _rows(cell, part)
        except Stopped:
            raise
        except (InputError, RuntimeError) as error:  # RuntimeError: ours, or torch's where a method cannot be computed
            reasons.append(_said(error))
            break
        reasons += missing
    about = _about(Run(cell.folder)) if any(rows.values()) else {}
    return Measured(cell, rows, about, tuple(f"{cell.line.label}, seed {cell.seed}: {reason}" for reason in reasons))


def _rows(cell: Cell, part: float) -> tuple[Sequence[Row], list[str]]:
    """The rows after a part of the steps under every protocol that a source asks for, and why some are missing."""
    protocols: dict[Protocol, set[str]] = {}
    usual = [Source("samples", name) for name in ALWAYS] if part == 1 else []
    for source in [*usual, *sorted((s for s in cell.sources if s.part == part), key=repr)]:
        names = protocols.setdefault((source.features, source.reference, source.moments), set())
        names |= {source.density} if source.density else set()
    rows: list[Row] = []
    reasons: list[str] = []
    for protocol, names in protocols.items():
        found, missing = _under(cell, part, sorted(names), protocol)
        rows += [row | {"asked features": protocol[0]} for row in found]
        reasons += missing
    return rows, list(dict.fromkeys(reasons))


def _under(cell: Cell, part: float, names: Sequence[str], protocol: Protocol) -> tuple[Sequence[Row], list[str]]:
    """The rows under one protocol, and why some are missing."""
    data, n, seed, steps = cell.loaded, cell.request.setting.n, cell.seed, cell.steps(part)
    asked, reference, moments = protocol
    features, label = features_for(cell.request, data, asked), LABELS[moments]
    place, done = cell.folder if part == 1 else cell.folder / f"at-{steps}", cell.done

    def there(names: Sequence[str]) -> list[Row]:
        return known(place, data.fingerprint, features.name, names, n=n, seed=seed, part=reference, weights=label)

    rows = there(names) if done >= steps else []
    if rows:
        return rows, []
    if done > steps:
        return [], [f"the run is past step {steps:,}, where it was not measured under these terms"]
    run = trained(cell, part)
    model = run.model(device=str(features.device), data=data, moments=moments)
    fitted, missing = _fitted(model, names)
    rows = there(fitted) if done >= steps else []  # else they are of the weights of an earlier step
    if not rows:
        made = evaluate(model, data, fitted, features, n=n, part=reference, seed=seed)
        rows = noted(made, label, run.record["notes"])
        record(place, rows)
    return rows, missing


def _fitted(model: Model, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The densities that can be fitted, and why the others cannot."""
    fitted, missing = [], []
    for name in names:
        try:
            model.density(name)
            fitted.append(name)
        except (InputError, RuntimeError) as error:
            missing.append(f"{name}: {_said(error)}")
    return fitted, missing


def _said(error: Exception) -> str:
    return " ".join(str(error).split())


def _check(run: Run, cell: Cell) -> None:
    """Refuses a run that is not the cell's."""
    there, recipe, (chosen, constants) = run.record, cell.line.recipe, cell.decided
    training, settled = there["training"], vars(chosen)
    compared = [
        ("recipe", there["recipe"], recipe),
        ("data", there["data"]["fingerprint"], cell.loaded.fingerprint),
        ("arguments", told(recipe, there["defaults"] | there["arguments"]), told(recipe, plain(cell.arguments))),
        *((name, value, constants.get(name)) for name, value in there["constants"].items()),
        *((name, training[name], settled[name]) for name in settled if name not in INCIDENTAL),
    ]
    for name, then, now in compared:
        if then != now:
            raise InputError(f"{run.directory} is another run: its {name} is {then}, and this row's is {now}")


def told(recipe: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as run.json has them, without those that are at their default now."""
    now = defaults(find(recipe))
    return {k: v for k, v in arguments.items() if v != {} and v != now.get(k)}


def _terms(request: Request) -> dict[str, Any]:
    """What all runs of a folder share."""
    terms = {"data": request.data_name, "size": request.size, "constants": request.constants}
    return terms | {"width": request.setting.width, "steps": request.setting.steps}


def _same_terms(folder: Path, request: Request) -> None:
    """Refuses a folder with runs of other terms."""
    path = folder / "terms.json"
    if not path.is_file() or not any(folder.glob("*/run.json")):
        return
    then = read_json(path)
    for key, value in _terms(request).items():
        was = then.get(key) if isinstance(then, dict) else then
        if was != value:
            raise InputError(
                f"{folder} holds runs under other terms: {key} was {was} and is {value}; choose another --runs"
            )


def parted(request: Request, seed: int) -> Data | str:
    """The data in the parts of a seed, or why a data set of this name is not at hand; what is no name is refused."""
    try:
        return datasets.load(request.data, size=request.size, data_dir=request.data_dir, seed=seed)
    except InputError as error:
        if request.data not in datasets.names():
            raise
        return str(error).partition(";")[0]


def features_for(request: Request, data: Data, asked: str | None = None) -> Features:
    """The features of a request, or others that are asked for by name."""
    name = asked or request.features or modality.of(data.spec).features[0]
    resize = request.setting.resize if name == "efficientnet" else None
    device = request.device if request.device != "auto" else best_device()
    return metrics.build(name, data.spec, resize=resize, device=device)


def _about(run: Run) -> dict[str, Any]:
    record = run.record
    settings = {key: record["training"][key] for key in ("steps", "batch", "device", "precision", "threads")}
    versions = {key: record[key] for key in ("noiseless", "torch", "processes")}
    seconds = read_header(run.directory / "checkpoint.safetensors")["seconds"]
    return {"fingerprint": record["data"]["fingerprint"], **settings, **versions, "seconds": seconds}


def _announce(done: int, total: int, what: str, began: float) -> None:
    left = (time.perf_counter() - began) / done * (total - done) / 60 if done else 0
    estimate = f", about {left:,.0f} minutes left" if left >= 1 else ""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"cell {done + 1} of {total}: {what}{estimate}", markup=False)
