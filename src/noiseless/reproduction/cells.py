"""The cells of a study: each row and seed is a run, which is trained, resumed or reused.

Runs lie in FOLDER/LINE-SEED, wherever they were made: one that the command ``train`` put there is taken if its recipe,
arguments, training and data are those of the line, and refused by name if not. What is recorded is not measured again.
A cell that cannot be measured keeps the reason, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

from rich.console import Console

from noiseless import metrics
from noiseless.autoencoder import Networks
from noiseless.data import Data, modality
from noiseless.errors import InputError
from noiseless.evaluation.measured import LABELS, Conditions, codes, measured, recorded
from noiseless.evaluation.results import Reference, Result
from noiseless.files import read_header, read_json, write_json
from noiseless.metrics import Features
from noiseless.recipes.method import find
from noiseless.reproduction.command import refuse_overwrite
from noiseless.reproduction.request import Line, Request, Source
from noiseless.runs import BatchNormMoments, Run, reuse
from noiseless.training import Stopped, Training, resolve
from noiseless.training.settings import Optimiser, best_device

__all__ = ["ALWAYS", "Cell", "Judged", "Measured", "cells", "features_for", "measure", "trained"]

ALWAYS = ("normal", "gaussian", "gmm")
"""Densities that are measured in every cell, whichever of them a table shows."""
Asked: TypeAlias = tuple[str | None, Reference, BatchNormMoments]
"""Features, unless the request's; the part that is compared with; the moments of batch norms."""


@dataclass(frozen=True)
class Cell:
    """A line under a seed.

    Arguments:
        line: the first of the lines that share the run.
        sources: of all lines that share it.
        seed: of the run, of its data's parts and of its evaluation.
        folder: of the run.
        request: the request.
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
class Judged:
    """A row of results, and under which features it was asked for: None for those of the request."""

    result: Result
    features: str | None = None

    def stands_at(self, source: Source) -> bool:
        """Whether a source means this row."""
        about = self.result.protocol
        against = about.reference or about.part
        found = (about.row, about.density, about.decoding, against, about.weights, self.features)
        wanted = (source.row, source.density, source.decoding, source.reference, LABELS[source.moments])
        return found == (*wanted, source.features)

    def to_json(self) -> dict[str, Any]:
        """The row as one flat JSON object."""
        return self.result.to_json() | {"asked features": self.features}


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
    rows: Mapping[float, Sequence[Judged]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def results(self) -> list[Result]:
        """All rows."""
        return [row.result for rows in self.rows.values() for row in rows]

    def value(self, source: Source) -> float | None:
        """The number that stands at a source, if it was measured."""
        found = (row.result for row in self.rows.get(source.part, ()) if row.stands_at(source))
        return next((result.number(source.column) for result in found), None)


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
        load = cache(request.load)
        for j, (name, group) in enumerate(shared.items()):
            _announce(k * len(shared) + j, total, f"{name}, seed {seed}", began)
            sources = frozenset(source for line in group for source in line.sources.values())
            data = load(request.source(group[0].recipe), seed)
            yield Cell(group[0], sources, seed, folder / f"{name}-{seed}", request, data)


def measure(request: Request, study: str, lines: Sequence[Line]) -> list[Measured]:
    """Every cell trained and evaluated, as far as it is not yet.

    Raises:
        InputError: as for :func:`cells`, or a report with other settings is in the way.
        Stopped: a signal came.
    """
    refuse_overwrite(study, request)
    return [_measured(cell) for cell in cells(request, study, lines)]


def trained(cell: Cell, part: float = 1.0) -> Run:
    """The cell's run after this part of its steps: a new one, gone on with, or as it is found.

    Raises:
        InputError: its folder holds another run, or there are no data.
    """
    data, request, training = cell.loaded, cell.request, replace(cell.training, epochs=None, steps=cell.steps())
    fresh = not (cell.folder / "run.json").is_file()
    if fresh and request.terms():
        write_json(cell.folder.parent / "terms.json", request.terms())
    if not fresh:
        _check(Run(cell.folder), cell)
    where: dict[str, Any] = {"size": request.size, "data_dir": request.data_dir, "draw": request.draws}
    until, recipe = cell.steps(part), cell.line.recipe
    return reuse.trained(recipe, data, cell.folder, cell.arguments, training=training, until=until, **where)


def _measured(cell: Cell) -> Measured:
    if isinstance(cell.data, str):
        return Measured(cell, reasons=(cell.data,))  # the same for every line
    _judged_by(cell)  # whose name, if misspelt, is no line's own trouble
    rows: dict[float, Sequence[Judged]] = {}
    reasons: list[str] = []
    for part in sorted({1.0, *(source.part for source in cell.sources)}):
        try:
            rows[part], missing = _rows(cell, part)
        except Stopped:
            raise
        except cell.request.forgiven as error:  # RuntimeError: ours, or torch's where a method cannot be computed
            reasons.append(" ".join(str(error).split()))
            break
        reasons += missing
    about = _about(Run(cell.folder)) if any(rows.values()) else {}
    return Measured(cell, rows, about, tuple(f"{cell.line.label}, seed {cell.seed}: {reason}" for reason in reasons))


def _rows(cell: Cell, part: float) -> tuple[Sequence[Judged], list[str]]:
    """The rows after a part of the steps under all that a source asks for, and why some are missing."""
    wanted: dict[Asked, set[str]] = {}
    usual = [Source("samples", name) for name in ALWAYS] if part == 1 else []
    for source in [*usual, *sorted((s for s in cell.sources if s.part == part), key=repr)]:
        names = wanted.setdefault((source.features, source.reference, source.moments), set())
        names |= {source.density} if source.density else set()
    rows: list[Judged] = []
    reasons: list[str] = []
    for asked, names in wanted.items():
        found, missing = _under(cell, part, sorted(names), asked)
        rows += [Judged(row, asked[0]) for row in found]
        reasons += missing
    if any(source.row == "codes" and source.part == part for source in cell.sources):
        rows += [Judged(row) for row in _codes(cell, part)]
    return rows, list(dict.fromkeys(reasons))


def _under(cell: Cell, part: float, names: Sequence[str], asked: Asked) -> tuple[Sequence[Result], list[str]]:
    """The rows under one set of conditions, and why some are missing."""
    data, steps, (features, reference, moments) = cell.loaded, cell.steps(part), asked
    conditions = Conditions(_judged_by(cell, features), cell.request.setting.n, cell.seed, reference, moments)
    place, done = cell.folder if part == 1 else cell.folder / f"at-{steps}", cell.done
    weights = Run(cell.folder).weights_hash() if part == 1 and done >= steps else None
    rows = recorded(place, data, names, conditions, weights) if done >= steps else []
    if rows:
        return rows, []
    if done > steps:
        return [], [f"the run is past step {steps:,}, where it was not measured under these terms"]
    run, forgiven = trained(cell, part), cell.request.forgiven
    return measured(run, data, names, conditions, folder=place, afresh=done < steps, forgiven=forgiven)


def _codes(cell: Cell, part: float) -> list[Result]:
    place = cell.folder if part == 1 else cell.folder / f"at-{cell.steps(part)}"
    conditions = Conditions(_judged_by(cell), cell.request.setting.n, cell.seed)
    return codes(trained(cell, part), cell.loaded, conditions, place)


def _check(run: Run, cell: Cell) -> None:
    """Refuses a run that is not the cell's."""
    training, constants = cell.decided
    settings = cell.request.compared(training)
    try:
        reuse.refuse_other(run, cell.line.recipe, cell.loaded, cell.arguments, constants, settings)
    except InputError as error:
        if InputError in cell.request.forgiven:  # it becomes a note of a page
            raise
        raise InputError(f"{error}; choose another folder of runs (runs=)") from error


def _same_terms(folder: Path, request: Request) -> None:
    """Refuses a folder with runs of other settings."""
    path = folder / "terms.json"
    if not path.is_file() or not any(folder.glob("*/run.json")):
        return
    then = read_json(path)
    for key, value in request.terms().items():
        was = then.get(key) if isinstance(then, dict) else then
        if was != value:
            raise InputError(
                f"{folder} holds runs under other terms: {key} was {was} and is {value}; "
                "choose another folder of runs (runs=)"
            )


def _judged_by(cell: Cell, asked: str | None = None) -> Features | None:
    """The features by which a cell is judged; none where its kind of data is judged without."""
    usual = modality.of(cell.loaded.spec).features
    return features_for(cell.request, cell.loaded, asked) if usual else None


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
