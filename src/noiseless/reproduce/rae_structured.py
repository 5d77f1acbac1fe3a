"""The table of structured objects of RAE (Ghosh et al., ICLR 2020, section 6.2), https://arxiv.org/abs/1903.12436.

Grammar RAE, GVAE, GCVVAE and the character VAE on expressions or molecules: exact reconstructions of held-out strings,
the share of valid ones among samples and mid-points, and of unique and new ones; then what optimisation in the latent
space finds, as published: the share of valid points, their average score, and the best three. The latter is read from
what `noiseless optimise RUN` left in the runs, and blank where it was not done.

Published numbers are those of the paper as submitted, but for GCVVAE's, which were added later and are quoted from
memory. They are of the optimisation alone: the paper gives no validity of samples. Its molecules are those of ZINC,
which a user has to bring (--data smiles:250k_rndm_zinc_drugs_clean.smi); MOSES, the default, is another set.
"""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

from noiseless import data as datasets
from noiseless.autoencoder import Networks
from noiseless.data import Data
from noiseless.drawings import is_expressions, is_molecules
from noiseless.errors import InputError, RunError, unknown
from noiseless.evaluate_strings import STRINGS, evaluate_strings
from noiseless.files import read_json
from noiseless.objectives.core import Optimiser
from noiseless.optimise import build
from noiseless.optimise.protocol import place
from noiseless.record import plain
from noiseless.reproduce.cells import told
from noiseless.reproduce.core import Many, Report, Rows, Seeds, bare
from noiseless.reproduce.table import machine, spread
from noiseless.results import Row, known, noted, record
from noiseless.runs import Run, train
from noiseless.tables import markdown
from noiseless.training import Stopped, Training

__all__ = ["PUBLISHED", "Structured", "rae_structured"]

Objects = Literal["expressions", "molecules"]
METHODS = {"GRAE": "grae", "GCVVAE": "gcv-vae", "GVAE": "gvae", "CVAE": "character-vae"}
DENSITIES = ("normal", "gaussian", "gmm")
DATA = {
    "small": {"expressions": "expressions", "molecules": "moses:size=20000,length=200"},
    "paper": {"expressions": "expressions", "molecules": "moses:size=250000"},
}
"""By scale; of MOSES as many as ZINC has."""

PUBLISHED: dict[str, dict[str, tuple[str, str, str]]] = {
    "expressions": {
        "GRAE": ("1.00 ± 0.00", "3.22 ± 0.03", "0.39 0.39 0.43"),
        "GCVVAE": ("(0.99 ± 0.01)", "(2.85 ± 0.08)", "(0.39 0.40 0.43)"),
        "GVAE": ("0.99 ± 0.01", "3.26 ± 0.20", "0.10 0.46 0.52"),
        "CVAE": ("0.82 ± 0.07", "4.74 ± 0.25", "0.45 0.48 0.61"),
    },
    "molecules": {
        "GRAE": ("0.72 ± 0.09", "-5.62 ± 0.71", "3.74 3.52 3.14"),
        "GCVVAE": ("(0.76 ± 0.06)", "(-6.40 ± 0.80)", "(3.22 2.83 2.63)"),
        "GVAE": ("0.28 ± 0.04", "-7.89 ± 1.90", "3.13 3.10 2.37"),
        "CVAE": ("0.16 ± 0.04", "-25.64 ± 6.35", "2.75 0.82 0.63"),
    },
}
"""By objects and row: valid, average score of the valid, best three; in brackets what is quoted from memory."""

FOUND = ("valid", "average", "best three")
OBJECTIVES = {"expressions": "expression", "molecules": "logp"}
TRIALS = {"valid": "valid", "average": "published average"}
"""By column: what a trial's row calls it."""
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

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise InputError(f"seeds are {self.seeds}; give one or several different ones, 0 or more")
        for name, least in (("steps", 1), ("width", 1), ("batch", 1), ("n", 2)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}, and must be {least} or more")
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


def rae_structured(request: Structured) -> Report:
    """The table of structured objects of Ghosh et al. (2020): four methods on expressions or molecules.

    A run of each row and seed lies in runs/rae-structured-OBJECTS-SCALE/METHOD-SEED.
    """
    folder = request.folder("rae-structured")
    load = cache(lambda source, seed: _loaded(request, source, seed))
    cells = [
        _tried(request, label, recipe, seed, folder, load(request.source(recipe), seed))
        for seed in request.seeds
        for label, recipe in request.methods.items()
    ]
    if not any(cell.rows for cell in cells):
        raise RunError("; ".join(cell.reason for cell in cells))
    return Report(_page(request, cells), _content(request, cells))


def _loaded(request: Structured, source: str, seed: int) -> Data:
    data = datasets.load(source, data_dir=request.data_dir, seed=seed)
    if not {"expressions": is_expressions, "molecules": is_molecules}[request.objects](data.spec):
        raise InputError(f"{source} are no {request.objects}; give other --objects, or other --data")
    return data


def optimised(run: Run, request: Structured) -> Mapping[str, Any]:
    """What `noiseless optimise` found in the run's latent space: terms, trials and best objects; empty if nothing.

    Raises:
        InputError: its report is damaged.
    """
    path = place(run.directory, OBJECTIVES[request.objects], request.search) / "report.json"
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
        terms = {name: content[name] for name in ("objective", "search", "batch", "votes", "goal")}
        trials = [row for row in content["rows"] if row["trial"] in content["rounds"]]
        best = {name: content[name][:3] for name in ("best", "best new")}
        return terms | {"rounds": max(map(len, content["rounds"].values())), "trials": trials} | best
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}); make it again with noiseless optimise") from error


def _tried(request: Structured, label: str, recipe: str, seed: int, folder: Path, data: Data) -> Cell:
    """The cell, or why there is none: a run that fails leaves the others."""
    try:
        return _measured(request, label, recipe, seed, folder, data)
    except Stopped:
        raise
    except RuntimeError as error:
        return Cell(label, seed, (), reason=f"not measured: {label}, seed {seed}: {' '.join(str(error).split())}")


def _measured(request: Structured, label: str, recipe: str, seed: int, folder: Path, data: Data) -> Cell:
    place, setting = folder / f"{recipe}-{seed}", request.setting
    finished = (place / "run.json").is_file() and Run(place).steps[0] >= Run(place).steps[1]
    run = _trained(request, recipe, seed, place, data)
    rows = known(place, data.fingerprint, STRINGS, DENSITIES, n=setting.n, seed=seed) if finished else []
    if not rows:
        model = run.model(device=run.training.device, data=data)
        made = evaluate_strings(model, data, DENSITIES, n=setting.n, seed=seed)
        rows = noted(made, "best", run.record["notes"])
        record(run.directory, rows)
    about = {"run": run.directory.name, "seed": seed, "fingerprint": data.fingerprint, "steps": run.steps[1]}
    about["train"] = len(data.train)
    return Cell(label, seed, rows, optimised(run, request), about)


def _trained(request: Structured, recipe: str, seed: int, place: Path, data: Data) -> Run:
    """The run of a row: new, gone on with, or as it is found.

    Raises:
        InputError: the folder holds another run.
    """
    setting = request.setting
    arguments: dict[str, Any] = {"networks": Networks(width=setting.width)}
    if request.lr is not None:
        arguments["optimiser"] = Optimiser(lr=request.lr)
    if not (place / "run.json").is_file():
        training = Training(
            steps=setting.steps, batch=request.batch, seed=seed, threads=request.threads, device=request.device
        )
        return train(recipe, data, place, training=training, data_dir=request.data_dir, **arguments)
    run = Run(place)
    there = run.record
    compared = [
        ("recipe", there["recipe"], recipe),
        ("data", there["data"]["fingerprint"], data.fingerprint),
        ("seed", there["training"]["seed"], seed),
        ("arguments", told(recipe, there["defaults"] | there["arguments"]), told(recipe, plain(arguments))),
        ("steps", there["training"]["steps"], setting.steps or there["training"]["steps"]),
        ("batch", there["training"]["batch"], request.batch or there["training"]["batch"]),
    ]
    for name, then, now in compared:
        if then != now:
            raise InputError(
                f"{place} is another run: its {name} is {then}, and this row's is {now}; choose other --runs"
            )
    if run.steps[0] < run.steps[1]:
        run.resume(data)
    return run


def _page(request: Structured, cells: Sequence[Cell]) -> str:
    rows = []
    for label in request.methods:
        row: dict[str, Any] = {"method": label}
        for column in COLUMNS:
            values = [value for cell in cells if cell.label == label and (value := cell.value(column)) is not None]
            row[column] = spread(values) if values else ""
        rows.append(row)
    setting = request.setting
    steps = f"{setting.steps:,} steps" if setting.steps else "the paper's epochs"
    steps += f" of {request.batch}" if request.batch else ""
    steps += f" at a rate of {request.lr:g}" if request.lr else ""
    notes = dict.fromkeys(note for cell in cells for r in cell.rows for note in (*r.get("notes", ()), *r["warnings"]))
    notes |= dict.fromkeys(cell.reason for cell in cells if cell.reason)
    notes |= dict.fromkeys(_unequal(cells))
    parts = [
        f"# RAE's table of structured objects (Ghosh et al., 2020): {request.objects}, scale {request.scale}",
        f"```sh\n{_command(request)}\n```",
        "Shares, mean ± standard deviation over seeds. Samples and mid-points are decoded by drawing.",
        markdown(rows),
        _searched(request, cells),
        markdown(_optimisation(request, cells)),
        f"Data: {request.named}; width {setting.width}, {steps}; n = {setting.n:,}; seeds "
        f"{', '.join(map(str, request.seeds))}. Machine: {machine()}; noiseless {version('noiseless')}, torch "
        f"{torch.__version__}.",
        "Notes:",
        "\n".join(
            [
                "* published numbers in brackets are quoted from memory; those of expressions follow a Python 2 "
                "in which new points divided whole numbers with floor; their ± is a deviation over the root of 5",
                "* the average leaves out what is as bad as the worst of its trial, as published, so that failures are "
                "in it where an object is worse than they count; the three best are of all trials",
                *(f"* {note}" for note in notes),
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _unequal(cells: Sequence[Cell]) -> list[str]:
    """What has to be said where a codec takes strings that another one does not, as with bad=skip."""
    counts = {cell.label: cell.about["train"] for cell in cells if cell.about}  # of all seeds the same
    each = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    said = f"rules and characters do not take the same strings, and parts are drawn anew: training strings: {each}"
    return [said] if len(set(counts.values())) > 1 else []


def _searched(request: Structured, cells: Sequence[Cell]) -> str:
    """What the second table is of: the terms of every search that was found, or how to make one."""
    said = "What optimisation in the latent space found, published beside measured"
    made = [cell.found for cell in cells if cell.found]
    if not made:
        command = f"noiseless optimise RUN --objective {OBJECTIVES[request.objects]} --search {request.search}"
        return f"{said} (blank: not measured; `{command}` for each run, then this command again)."
    terms = dict.fromkeys(
        f"`{f['search']}` on {f['objective']}, to {f['goal']}, {f['rounds']} x {f['batch']} codes, {f['votes']} "
        "votes each"
        for f in made
    )
    trials = sum(len(found["trials"]) for found in made)
    return f"{said}: {'; '.join(terms)}; mean ± standard deviation over trials. Trials: {trials}; runs: {len(made)}."


def _optimisation(request: Structured, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    rows = []
    for label in request.methods:
        measured = _over([cell.found for cell in cells if cell.label == label and cell.found])
        row: dict[str, Any] = {"method": label}
        for column, published in zip(FOUND, PUBLISHED[request.objects][label], strict=True):
            row |= {column: measured.get(column, ""), f"{column}, published": published}
        rows.append(row | {"best not in training": measured.get("best not in training", "")})
    return rows


def _over(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The cells of a row of the second table, from the searches on its runs."""
    trials = [trial for one in found for trial in one["trials"]]
    columns = {name: [trial[key] for trial in trials if trial[key] is not None] for name, key in TRIALS.items()}
    cells = {name: spread(values) for name, values in columns.items() if values}
    best = _ranked(found, "best")
    if best:
        cells["best three"] = " ".join(f"{row['score']:.2f}" for row in best[:3])
    for row in _ranked(found, "best new")[:1]:
        cells["best not in training"] = f"{row['score']:.2f} `{row['string']}`"
    return cells


def _ranked(found: Sequence[Mapping[str, Any]], which: str) -> list[dict[str, Any]]:
    """Different objects of several searches, the best first."""
    objects = {row["string"]: row for one in found for row in one[which]}
    sign = -1 if any(one["goal"] == "maximise" for one in found) else 1
    return sorted(objects.values(), key=lambda row: sign * row["score"])


def _content(request: Structured, cells: Sequence[Cell]) -> dict[str, Any]:
    rows = []
    for label, recipe in request.methods.items():
        mine = [cell for cell in cells if cell.label == label]
        columns = {}
        for column in COLUMNS:
            values = {str(c.seed): value for c in mine if (value := c.value(column)) is not None}
            mean = statistics.fmean(values.values()) if values else None
            columns[column] = {"values": values, "mean": mean}
        found = {str(c.seed): dict(c.found) for c in mine if c.found}
        published = dict(zip(FOUND, PUBLISHED[request.objects][label], strict=True))
        rows.append({"row": label, "recipe": recipe, "columns": columns, "optimised": found, "published": published})
    return {
        "format": 1,
        "study": "rae-structured",
        "command": _command(request),
        "objects": request.objects,
        "scale": request.scale,
        "setting": vars(request.setting),
        "seeds": list(request.seeds),
        "machine": machine(),
        "noiseless": version("noiseless"),
        "torch": torch.__version__,
        "columns": list(COLUMNS),
        "rows": rows,
        "runs": [dict(cell.about) | {"rows": list(cell.rows)} for cell in cells if cell.rows],
    }


def _command(request: Structured) -> str:
    words = ["noiseless", "reproduce", "rae-structured", "--objects", request.objects]
    for name in ("data", "scale", "seeds", "rows", "steps", "width", "batch", "lr", "n", "search", "threads"):
        value = getattr(request, name)
        if value != getattr(Structured(), name):
            words += ["-n" if name == "n" else f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
    return shlex.join(words)
