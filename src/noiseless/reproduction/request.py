"""What a study is, what may be asked of it, and where it is found.

A study is a function of a :class:`Request` that returns a :class:`Report`: a table or a figure of a paper, measured
again; it refuses, before anything is trained, to make one that would take another's place. Its docstring is the help.
It is chosen by name, as an object, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.studies``
(:mod:`noiseless.registry`). Every public function that a module of :mod:`noiseless.reproduction.studies` lists in
``__all__`` and whose parameter is called ``request`` is one; its name on the command line has hyphens for underscores.

A study states its :class:`Line` s, the rows of its table: which recipe with which arguments, and where each column's
number stands among a run's results. What is asked of it is a kind of :class:`Request`, which says what the runs have in
common: their data, their :class:`Scale`, and by what a run that is found is known to be one of them.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from noiseless.data import Data
from noiseless.errors import InputError, unknown
from noiseless.files import atomic_write, write_json
from noiseless.recipes.constants import Constants
from noiseless.registry import Choice, Kind, modules
from noiseless.reproduction.command import refuse_loss
from noiseless.training import Training

__all__ = [
    "STUDY",
    "Line",
    "Report",
    "Request",
    "Scale",
    "Source",
    "Study",
    "check",
    "chosen",
    "find",
    "names",
    "write",
]

Study = Callable[[Any], "Report"]


@dataclass(frozen=True)
class Scale:
    """How large the networks of a study are, and how long and on how much it is trained and measured.

    Arguments:
        width: of the networks, such as the channels of the first convolution.
        steps: updates; None for the paper's epochs.
        n: data in each row and in the reference.
        resize: the side that EfficientNet sees; None for its default.
        second_stage: the density that stands for a second stage.
        lr, schedule, lr_factor, validate_every: the learning rate and its way down; None for the paper's.
        batch: data in a batch; None for the paper's.
    """

    width: int
    steps: int | None
    n: int
    resize: int | None = None
    second_stage: str = "second-stage"
    lr: float | None = None
    schedule: Literal["exponential"] | None = None
    lr_factor: float | None = None
    validate_every: int | None = None
    batch: int | None = None

    @property
    def training(self) -> dict[str, Any]:
        """What it asks of every run's training."""
        return {name: getattr(self, name) for name in ("steps", "batch", "schedule", "lr_factor", "validate_every")}


def check(request: Request, *names: str) -> None:
    """Refuses missing, negative or duplicate seeds, numbers that are too low, and a path without a file name.

    Arguments:
        request: the request.
        names: its numbers, which must be 1 or more; n must be 2 or more.
    """
    seeds = request.seeds
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(f"seeds are {seeds}; give one or several different ones, 0 or more")
    for name in names:
        value, least = getattr(request, name), 2 if name == "n" else 1
        if value is not None and value < least:
            raise InputError(f"{name} is {value}, and must be {least} or more")
    if request.out is not None and not request.out.name:
        raise InputError(f"out={str(request.out)!r} names no file; give a path without an ending")


@dataclass(frozen=True)
class Request(ABC):
    """What is asked of a study, and what its runs have in common.

    All studies take these options, but for ``constants``, ``size``, ``batch``, ``lr`` and ``features``: a kind of
    request that takes one declares it again, as it does with those that it documents otherwise.

    Arguments:
        data: Which data.
        scale: small: narrow networks and few steps; paper: the paper's networks and epochs.
        seeds: A run of every row for each; the table shows means and standard deviations.
        rows: Labels of the rows to make. Default: all.
        data_dir: Where to look first for the files of a named data set.
        steps: Updates, instead of the scale's value.
        width: Of the networks, instead of the scale's value.
        n: Data in each row, instead of the scale's value.
        threads: CPU threads. Default: torch's.
        device: auto, cpu, cuda, cuda:1, mps, ... auto takes a GPU where there is one.
        runs: The folder of the runs. Default: runs/NAME-DATA-SCALE.
        out: Where to write, without an ending. Default: docs/results/NAME-DATA-SCALE.
        overwrite: Replace a report with other settings, or with rows or seeds that this one lacks.
    """

    example: ClassVar[str]
    """Options of a first command."""
    forgiven: ClassVar[tuple[type[Exception], ...]]
    """Errors that leave a cell blank, with the reason, where others end the study."""
    draws: ClassVar[bool]
    """Whether runs draw pictures when they end."""

    data: str | None
    scale: Literal["small", "paper"] = "small"
    constants: Constants | None = field(default=None, init=False)
    seeds: tuple[int, ...] = (0, 1, 2)
    rows: tuple[str, ...] = ()
    size: int | None = field(default=None, init=False)
    data_dir: Path | None = None
    steps: int | None = None
    width: int | None = None
    batch: int | None = field(default=None, init=False)
    lr: float | None = field(default=None, init=False)
    n: int | None = None
    features: str | None = field(default=None, init=False)
    threads: int | None = None
    device: str = "auto"
    runs: Path | None = None
    out: Path | None = None
    overwrite: bool = False

    @property
    @abstractmethod
    def data_name(self) -> str:
        """What the data are called in the names of files."""

    @property
    @abstractmethod
    def setting(self) -> Scale:
        """The scale, with the request's overrides."""

    @abstractmethod
    def source(self, recipe: str) -> str:
        """The name of the data on which a recipe is trained."""

    @abstractmethod
    def load(self, source: str, seed: int) -> Data | str:
        """The data of this name in the parts of a seed, or why they are not at hand.

        Raises:
            InputError: it is no name of data, or they are of another kind.
        """

    @abstractmethod
    def terms(self) -> dict[str, Any]:
        """What all runs of a folder share, and is kept beside them; nothing where rows may differ in it."""

    @abstractmethod
    def compared(self, training: Training) -> dict[str, Any]:
        """Those of the settings of a run's training in which a run that is found has to agree."""

    def name(self, study: str) -> str:
        """What the folder of runs and the results of a study are called."""
        return f"{study}-{self.data_name}-{self.scale}"

    def place(self, study: str) -> Path:
        """Where the results of a study are written, without an ending."""
        out = self.out
        bare = out.with_suffix("") if out is not None and out.suffix in (".md", ".json") else out
        return bare or Path("docs") / "results" / self.name(study)

    def folder(self, study: str) -> Path:
        """The folder of the runs of a study."""
        return self.runs or Path("runs") / self.name(study)


@dataclass(frozen=True)
class Source:
    """Where a column's number stands among the results of a run.

    Arguments:
        row: reconstruction, samples or an interpolation, as :func:`noiseless.evaluation.distances.evaluate` names them;
            or codes, as :func:`noiseless.evaluation.latent.latent` does.
        density: of samples.
        part: after which part of the steps.
        reference: the part of the data that is compared with.
        features: under which features; None for those of the request.
        moments: of batch norms.
        decoding: of strings.
        column: which of the row's numbers.
    """

    row: str
    density: str | None = None
    part: float = 1.0
    reference: Literal["test", "train"] = "test"
    features: str | None = None
    moments: Literal["running", "batch"] = "running"
    decoding: str | None = None
    column: str = "fd"

    def to_json(self) -> dict[str, Any]:
        """Where the number of a table of distances stands."""
        about = ("row", "density", "part", "reference", "features", "moments")
        return {name: getattr(self, name) for name in about}


@dataclass(frozen=True)
class Line:
    """A row of a study's table.

    Arguments:
        label: as the paper has it.
        recipe: the method.
        sources: by column, where its number comes from; a column that is not there is blank.
        networks, arguments, training: what is not the recipe's default or the scale's.
        name: of the run's folder; the recipe's by default. Lines of one name share their runs.
    """

    label: str
    recipe: str
    sources: Mapping[str, Source]
    networks: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def folder(self) -> str:
        """The name of the run's folder, without the seed."""
        return self.name or self.recipe


@dataclass(frozen=True)
class Report:
    """What a study found.

    Arguments:
        text: the page, in Markdown.
        content: the same for programs, as JSON.
        pictures: by name, what writes them to a path.
    """

    text: str
    content: Mapping[str, Any]
    pictures: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)


def chosen(lines: Sequence[Line], request: Request) -> list[Line]:
    """The lines that are asked for.

    Raises:
        InputError: a label that no line has.
    """
    known = {line.label.lower(): line for line in lines}
    for given in request.rows:
        if given.lower() not in known:
            raise unknown("row", given, [line.label for line in lines])
    wanted = {given.lower() for given in request.rows} or set(known)
    return [line for line in lines if line.label.lower() in wanted]


def names() -> dict[str, Study]:
    """Every study of the package by its name on the command line."""
    public = {
        name: getattr(module, name) for module in modules("noiseless.reproduction.studies") for name in module.__all__
    }
    return {name.replace("_", "-"): value for name, value in sorted(public.items()) if _is_study(value)}


def _is_study(value: object) -> bool:
    return inspect.isfunction(value) and list(inspect.signature(value).parameters) == ["request"]


STUDY = Kind("table", "noiseless.studies", names)
"""Where studies are found."""


def find(chosen: Choice) -> Study:
    """The study that is chosen: one of the package by name, ``MODULE:NAME``, an installed package's, or the function.

    Raises:
        InputError: there is none, or what is named is no function of a request.
    """
    part = STUDY.find(chosen)
    if not _is_study(part.value) or part.name != part.stem:
        raise InputError(f"{part.name} is no study: expected the name of a function with one parameter, request")
    study: Study = part.value
    return study


def write(report: Report, out: Path, overwrite: bool = False) -> list[Path]:
    """Writes a report's page, JSON and pictures, each whole or not at all, as ``out`` with an ending.

    Raises:
        InputError: a report is there that would lose by it, and may not be replaced.
    """
    if not overwrite:
        refuse_loss(out, report.content["command"])
    pictures = [out.with_name(f"{out.name}-{name}.png") for name in report.pictures]
    for path, draw in zip(pictures, report.pictures.values(), strict=True):
        draw(path)
    page, content = out.with_name(f"{out.name}.md"), out.with_name(f"{out.name}.json")
    write_json(content, report.content)
    with atomic_write(page) as part:
        part.write_text(report.text, encoding="utf-8")
    return [page, content, *pictures]
