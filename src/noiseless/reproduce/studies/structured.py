"""What is asked of the study of structured objects, and what it measures of each of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from noiseless.errors import InputError, unknown
from noiseless.evaluate.results import Row
from noiseless.optimise import build
from noiseless.reproduce.request import Many, Overwrite, Rows, Seeds, bare, check_numbers

__all__ = ["COLUMNS", "DENSITIES", "OBJECTIVES", "Cell", "Structured"]

Objects = Literal["expressions", "molecules"]
METHODS = {"GRAE": "grae", "GCVVAE": "gcv-vae", "GVAE": "gvae", "CVAE": "character-vae"}
DENSITIES = ("normal", "gaussian", "gmm")
DATA = {
    "small": {"expressions": "expressions", "molecules": "moses:size=20000,length=200"},
    "paper": {"expressions": "expressions", "molecules": "moses:size=250000"},
}
"""By scale; of MOSES as many as ZINC has."""

OBJECTIVES = {"expressions": "expression", "molecules": "logp"}
COLUMNS: dict[str, tuple[str, str | None, str, str]] = {
    "exact": ("reconstruction", None, "best", "exact"),
    "valid, normal": ("samples", "normal", "sampled", "valid"),
    "valid, gmm": ("samples", "gmm", "sampled", "valid"),
    "unique, gmm": ("samples", "gmm", "sampled", "unique"),
    "novel, gmm": ("samples", "gmm", "sampled", "novel"),
    "valid, mid-points": ("interpolation, spherical", None, "sampled", "valid"),
}
"""By column: row, density, decoding and share of an evaluation."""


@dataclass(frozen=True)
class Scale:
    """How large networks are (128: the paper's), how long they are trained, and on how many strings they are judged."""

    width: int
    steps: int | None
    n: int


SCALES: dict[str, dict[str, Scale]] = {
    "small": {"expressions": Scale(64, 1500, 1000), "molecules": Scale(16, 1000, 500)},
    "paper": {"expressions": Scale(128, None, 5000), "molecules": Scale(128, None, 5000)},
}


@dataclass(frozen=True)
class Structured:
    """What is asked of the study.

    Arguments:
        objects: expressions, or molecules.
        data: Which, with options. Default: expressions, or as many of MOSES as the papers have of ZINC (small: 20,000);
            of ZINC smiles:PATH.
        scale: small: narrower networks and 1,500 (molecules: 1,000) steps; paper: the paper's networks and epochs.
        seeds: A run of every row for each; the table shows means and standard deviations.
        rows: Labels of the rows to make. Default: all.
        data_dir: Where to look first for the files of a named data set.
        steps: Updates, in place of the scale's.
        width: Of the networks, in place of the scale's; 128 is the paper's.
        batch: Strings in a batch. Default: the paper's, 600 of expressions and 500 of molecules.
        lr: Learning rate, in place of the paper's 0.001.
        n: Strings in each row, in place of the scale's.
        search: The search of noiseless optimise whose reports are read, as it was given there.
        threads: CPU threads. Default: torch's.
        device: auto, cpu, cuda, cuda:1, mps, ... auto takes a GPU where there is one.
        runs: The folder of the runs. Default: runs/NAME-OBJECTS-SCALE.
        out: Where to write, without an ending. Default: docs/results/NAME-OBJECTS-SCALE.
        overwrite: Replace a report of other terms, or with rows or seeds that this one lacks.
    """

    objects: Objects = "expressions"
    data: str | None = None
    scale: Literal["small", "paper"] = "small"
    seeds: Seeds = (0, 1, 2)
    rows: Rows = ()
    data_dir: Path | None = None
    steps: int | None = None
    width: int | None = None
    batch: int | None = None
    lr: float | None = None
    n: Many = None
    search: str = "paper"
    threads: int | None = None
    device: str = "auto"
    runs: Path | None = None
    out: Path | None = None
    overwrite: Overwrite = False

    def __post_init__(self) -> None:
        least = {"steps": 1, "width": 1, "batch": 1, "n": 2}
        check_numbers(self.seeds, {name: (getattr(self, name), number) for name, number in least.items()})
        for row in self.rows:
            if row.upper() not in METHODS:
                raise unknown("row", row, METHODS)
        if "codec=" in (self.data or ""):
            raise InputError(f"the rows have their own codecs, rules or characters; leave codec= out of {self.data}")
        build(self.search)

    @property
    def named(self) -> str:
        """The data, as they are named."""
        return self.data or DATA[self.scale][self.objects]

    @property
    def setting(self) -> Scale:
        """The scale, with what was given in place of its own."""
        scale = SCALES[self.scale][self.objects]
        return Scale(self.width or scale.width, self.steps or scale.steps, self.n or scale.n)

    @property
    def methods(self) -> dict[str, str]:
        """The rows that are asked for, and their recipes."""
        wanted = {row.upper() for row in self.rows} or set(METHODS)
        return {label: recipe for label, recipe in METHODS.items() if label in wanted}

    def source(self, recipe: str) -> str:
        """The data of a recipe: rules, or characters."""
        source = self.named
        if recipe != "character-vae":
            return source
        kept = ",".join(o for o in source.partition(":")[2].split(",") if o and not o.startswith("length="))
        return f"{source.partition(':')[0]}:{kept}{',' if kept else ''}codec=characters"

    def place(self, study: str) -> Path:
        """Where results are written, without an ending."""
        return bare(self.out) or Path("docs") / "results" / f"{study}-{self.objects}-{self.scale}"

    def folder(self, study: str) -> Path:
        """The folder of the runs."""
        return self.runs or Path("runs") / f"{study}-{self.objects}-{self.scale}"


@dataclass(frozen=True)
class Cell:
    """A row under a seed: what was measured, or why nothing was."""

    label: str
    seed: int
    rows: Sequence[Row]
    found: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def value(self, column: str) -> float | None:
        """The share that stands in a column of the table."""
        row, density, decoding, share = COLUMNS[column]
        wanted = (row, density, decoding)
        return next((r[share] for r in self.rows if (r["row"], r["density"], r.get("decoding")) == wanted), None)
