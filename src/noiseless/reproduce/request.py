"""What a study is, what may be asked of it, and where it is found.

A study is a function of a :class:`Request` that returns a :class:`Report`: a table or a figure of a paper, measured
again; it refuses, before anything is trained, to make one that would take another's place. (One on other things than
images states a request of its own, a dataclass with `threads`, `device`, `overwrite` and `place`.) Its docstring is the
help. It is chosen by name, as an object, as `MODULE:NAME` or by an entry point in the group `noiseless.studies`
(:mod:`noiseless.registry`). Every public function that a module of :mod:`noiseless.reproduce.studies` lists in
`__all__` and whose parameter is called `request` is one; its name on the command line has hyphens for underscores.

A study states its :class:`Line` s, the rows of its table: which recipe with which arguments, and where each column's
number stands among a run's results. Two scales are offered. `paper` trains the papers' networks for their epochs;
`small` trains narrow ones for 1,200 steps of 100, which shows on a few CPU cores what is better than what, and no more.
Its rate is the same for all methods (a VAE's published one, 1e-4, would not get far in so few steps) and halved every
500 steps, since at a constant one the running moments of the batch norms lag behind so short a run, and distances of
runs of equal loss then differ by tens.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from noiseless.data import names as data_sets
from noiseless.errors import InputError, unknown
from noiseless.files import atomic_write, write_json
from noiseless.recipes.constants import Constants
from noiseless.registry import Choice, Kind, is_named, modules
from noiseless.reproduce.command import refuse_loss

__all__ = [
    "SCALES",
    "STUDY",
    "Line",
    "Many",
    "Report",
    "Request",
    "Rows",
    "Scale",
    "Seeds",
    "Source",
    "Study",
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
        width: channels of the first convolution.
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
    resize: int | None
    second_stage: str
    lr: float | None = None
    schedule: Literal["exponential"] | None = None
    lr_factor: float | None = None
    validate_every: int | None = None
    batch: int | None = None

    @property
    def training(self) -> dict[str, Any]:
        """What it asks of every run's training."""
        return {name: getattr(self, name) for name in ("steps", "batch", "schedule", "lr_factor", "validate_every")}


SCALES = {
    "small": Scale(16, 1200, 2500, 96, "second-stage:width=256,steps=3000", 5e-4, "exponential", 0.5, 500, 100),
    "paper": Scale(128, None, 10_000, None, "second-stage"),
}

Seeds = tuple[int, ...]
Rows = tuple[str, ...]
Many = int | None
Overwrite = bool


def bare(path: Path | None) -> Path | None:
    """Where a table is written, if it was given with the ending of one of its files."""
    return path.with_suffix("") if path is not None and path.suffix in (".md", ".json") else path


def check_numbers(seeds: Sequence[int], given: Mapping[str, tuple[int | None, int]]) -> None:
    """Refuses seeds that are none, negative or twice the same, and numbers below the least that stands beside each."""
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(f"seeds are {seeds}; give one or several different ones, 0 or more")
    for name, (value, least) in given.items():
        if value is not None and value < least:
            raise InputError(f"{name} is {value}, and must be {least} or more")


@dataclass(frozen=True)
class Request:
    """What is asked of a study.

    Arguments:
        data: A data set's name, a folder, an archive, a .npy or .npz file, or MODULE:NAME.
        scale: small: narrow networks, 1,200 steps of 100 or the study's own, and n = 2,500; paper: the papers' networks
            and epochs, n = 10,000.
        constants: Take the constants that the papers have for this data set, and show its published numbers.
        seeds: A run of every row for each; the table shows means and standard deviations.
        rows: Labels of the rows to make. Default: all.
        size: Crop images to squares and resize them to so many pixels.
        data_dir: Where to look first for the files of a named data set.
        steps: Updates, in place of the scale's; at small the rate falls over them as it does over 1,200.
        width: Channels of the first convolution, in place of the scale's.
        n: Data in each row and in the reference, in place of the scale's.
        features: One of noiseless list features. Default: efficientnet for images, identity for vectors.
        threads: CPU threads. Default: torch's.
        device: auto, cpu, cuda, cuda:1, mps, ... auto takes a GPU where there is one.
        runs: The folder of the runs. Default: runs/NAME-DATA-SCALE.
        out: Where to write, without an ending. Default: docs/results/NAME-DATA-SCALE.
        overwrite: Replace a report of other terms, or with rows or seeds that this one lacks.
    """

    data: str
    scale: Literal["small", "paper"] = "small"
    constants: Constants | None = None
    seeds: Seeds = (0, 1, 2)
    rows: Rows = ()
    size: int | None = None
    data_dir: Path | None = None
    steps: int | None = None
    width: int | None = None
    n: Many = None
    features: str | None = None
    threads: int | None = None
    device: str = "auto"
    runs: Path | None = None
    out: Path | None = None
    overwrite: Overwrite = False

    def __post_init__(self) -> None:
        check_numbers(self.seeds, {"steps": (self.steps, 1), "width": (self.width, 1), "n": (self.n, 2)})
        if self.out is not None and not self.out.name:
            raise InputError(f"--out is {str(self.out)!r}, which names no file; give a path without an ending")

    @property
    def setting(self) -> Scale:
        """The scale, with what was given in place of its own."""
        scale = SCALES[self.scale]
        given = {name: getattr(self, name) for name in ("width", "steps", "n")}
        if self.steps is not None and scale.steps is not None and scale.validate_every is not None:
            given["validate_every"] = max(1, round(scale.validate_every * self.steps / scale.steps))
        return replace(scale, **{name: value for name, value in given.items() if value is not None})

    @property
    def data_name(self) -> str:
        """What the data are called in the names of files."""
        if self.data in data_sets():
            return self.data
        if is_named(self.data):
            return self.data.split(":")[1]
        return re.sub(r"[^\w-]+", "-", Path(self.data).resolve().name.partition(".")[0])

    def name(self, study: str) -> str:
        """What the folder of runs and the results of a study are called."""
        return f"{study}-{self.data_name}-{self.scale}"

    def place(self, study: str) -> Path:
        """Where the results of a study are written, without an ending."""
        return bare(self.out) or Path("docs") / "results" / self.name(study)

    def folder(self, study: str) -> Path:
        """The folder of the runs of a study."""
        return self.runs or Path("runs") / self.name(study)


@dataclass(frozen=True)
class Source:
    """Where a column's number stands among the results of a run.

    Arguments:
        row: reconstruction, samples or an interpolation, as :func:`noiseless.evaluate.distances.evaluate` names them.
        density: of samples.
        part: after which part of the steps.
        reference: the part of the data that is compared with.
        features: under which features; None for those of the request.
        moments: of batch norms.
    """

    row: str
    density: str | None = None
    part: float = 1.0
    reference: Literal["test", "train"] = "test"
    features: str | None = None
    moments: Literal["running", "batch"] = "running"


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
        name: getattr(module, name) for module in modules("noiseless.reproduce.studies") for name in module.__all__
    }
    return {name.replace("_", "-"): value for name, value in sorted(public.items()) if _is_study(value)}


def _is_study(value: object) -> bool:
    return inspect.isfunction(value) and list(inspect.signature(value).parameters) == ["request"]


STUDY = Kind("table", "noiseless.studies", names)
"""Where studies are found."""


def find(chosen: Choice) -> Study:
    """The study that is chosen: one of the package by name, `MODULE:NAME`, an installed package's, or the function.

    Raises:
        InputError: there is none, or what is named is no function of a request.
    """
    part = STUDY.find(chosen)
    if not _is_study(part.value) or part.name != part.stem:
        raise InputError(f"{part.name} is no study: expected the name of a function with one parameter, request")
    study: Study = part.value
    return study


def write(report: Report, out: Path, overwrite: bool = False) -> list[Path]:
    """Writes a report's page, JSON and pictures, each whole or not at all, as `out` with an ending.

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
