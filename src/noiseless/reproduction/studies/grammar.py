"""The table of structured objects of RAE (Ghosh et al., ICLR 2020, section 6.2), https://arxiv.org/abs/1903.12436.

Grammar RAE, GVAE, GCVVAE and the character VAE on expressions or molecules: exact reconstructions of held-out strings,
the share of valid ones among samples and mid-points, and of unique and new ones; then what optimisation in the latent
space finds, as published: the share of valid points, their average score, and the best three. The latter is read from
what ``noiseless optimise RUN`` left in the runs, and blank where it was not done.

Published numbers are those of the paper as submitted, but for GCVVAE's, which were added later and are quoted from
memory. They are of the optimisation alone: the paper gives no validity of samples. Its molecules are those of ZINC,
which a user has to bring (the data smiles:250k_rndm_zinc_drugs_clean.smi); MOSES, the default, is another set.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from noiseless import data as datasets
from noiseless.data import Data
from noiseless.errors import InputError, RunError, unknown
from noiseless.files import read_json
from noiseless.optimisation import build
from noiseless.optimisation.protocol import place
from noiseless.reproduction.cells import Measured, measure
from noiseless.reproduction.command import command
from noiseless.reproduction.request import Line, Report, Request, Scale, Source, check, chosen
from noiseless.reproduction.table import machine, spread
from noiseless.runs import Run
from noiseless.show.tables import markdown
from noiseless.strings.language import is_expressions, is_molecules
from noiseless.strings.molecules import canonical
from noiseless.training import Training

__all__ = ["StringRequest", "rae_structured"]

METHODS = {"GRAE": "grae", "GCVVAE": "gcv-vae", "GVAE": "gvae", "CVAE": "character-vae"}
DATA = {
    "small": {"expressions": "expressions", "molecules": "moses:size=20000,length=200"},
    "paper": {"expressions": "expressions", "molecules": "moses:size=250000"},
}
"""By scale; of MOSES as many as ZINC has."""
SCALES = {
    "small": {"expressions": Scale(64, 1500, 1000), "molecules": Scale(16, 1000, 500)},
    "paper": {"expressions": Scale(128, None, 5000), "molecules": Scale(128, None, 5000)},
}
OBJECTIVES = {"expressions": "expression", "molecules": "logp"}
COLUMNS = {
    "exact": Source("reconstruction", decoding="best", column="exact"),
    "valid, normal": Source("samples", "normal", decoding="sampled", column="valid"),
    "valid, gmm": Source("samples", "gmm", decoding="sampled", column="valid"),
    "unique, gmm": Source("samples", "gmm", decoding="sampled", column="unique"),
    "novel, gmm": Source("samples", "gmm", decoding="sampled", column="novel"),
    "valid, mid-points": Source("interpolation, spherical", decoding="sampled", column="valid"),
}
LINES = [Line(label, recipe, COLUMNS) for label, recipe in METHODS.items()]
Searches = Mapping[tuple[str, int], Mapping[str, Any]]
"""By row and seed, what optimisation has found in the run's latent space."""
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
TRIALS = {"valid": "valid", "average": "published average"}
"""By column: what a trial's row calls it."""
REMARKS = (
    "published numbers in brackets are quoted from memory; those of expressions follow a Python 2 in which new points "
    "divided whole numbers with floor; their ± is a deviation over the root of 5",
    "the average leaves out what is as bad as the worst of its trial, as published, so that failures are in it where "
    "an object is worse than they count; the three best are of all trials",
)


@dataclass(frozen=True)
class StringRequest(Request):
    """What is asked of a study of strings.

    Arguments:
        objects: expressions, or molecules.
        data: Which, with options. Default: expressions, or as many of MOSES as the papers have of ZINC (small: 20,000);
            of ZINC smiles:PATH.
        scale: small: narrower networks and 1,500 (molecules: 1,000) steps; paper: the paper's networks and epochs.
        steps: Updates, instead of the scale's value.
        width: Of the networks, instead of the scale's value; 128 is the paper's.
        batch: Strings in a batch. Default: the paper's, 600 of expressions and 500 of molecules.
        lr: Learning rate, in place of the paper's 0.001.
        n: Strings in each row, instead of the scale's value.
        search: The search of noiseless optimise whose reports are read, as it was given there.
        runs: The folder of the runs. Default: runs/NAME-OBJECTS-SCALE.
        out: Where to write, without an ending. Default: docs/results/NAME-OBJECTS-SCALE.
    """

    example: ClassVar[str] = "--objects expressions"
    forgiven: ClassVar[tuple[type[Exception], ...]] = (RuntimeError,)
    draws: ClassVar[bool] = True

    data: str | None = None
    scale: Literal["small", "paper"] = "small"
    steps: int | None = None
    width: int | None = None
    batch: int | None = None
    lr: float | None = None
    n: int | None = None
    runs: Path | None = None
    out: Path | None = None
    objects: Literal["expressions", "molecules"] = "expressions"
    search: str = "paper"

    def __post_init__(self) -> None:
        check(self, "steps", "width", "batch", "n")
        for row in self.rows:
            if row.upper() not in METHODS:
                raise unknown("row", row, METHODS)
        if "codec=" in (self.data or ""):
            raise InputError(f"the rows have their own codecs, rules or characters; leave codec= out of {self.data}")
        build(self.search)

    @property
    def data_name(self) -> str:
        """What the data are called in the names of files: the objects."""
        return self.objects

    @property
    def named(self) -> str:
        """The data, as they are named."""
        return self.data or DATA[self.scale][self.objects]

    @property
    def setting(self) -> Scale:
        """The scale, with the request's overrides."""
        given = {name: getattr(self, name) for name in ("width", "steps", "n", "batch", "lr")}
        return replace(SCALES[self.scale][self.objects], **{k: v for k, v in given.items() if v is not None})

    def source(self, recipe: str) -> str:
        """The data of a recipe: rules, or characters."""
        source = self.named
        if recipe != "character-vae":
            return source
        kept = ",".join(o for o in source.partition(":")[2].split(",") if o and not o.startswith("length="))
        return f"{source.partition(':')[0]}:{kept}{',' if kept else ''}codec=characters"

    def load(self, source: str, seed: int) -> Data:
        """The data in the parts of a seed; those of other objects are refused."""
        data = datasets.load(source, data_dir=self.data_dir, seed=seed)
        if not {"expressions": is_expressions, "molecules": is_molecules}[self.objects](data.spec):
            raise InputError(f"{source} are no {self.objects}; give other objects= or data=")
        return data

    def terms(self) -> dict[str, Any]:
        """Nothing: rows of a folder may differ, and each run is looked at for itself."""
        return {}

    def compared(self, training: Training) -> dict[str, Any]:
        """Seed, steps and batch."""
        return {name: getattr(training, name) for name in ("seed", "steps", "batch")}


def rae_structured(request: StringRequest) -> Report:
    """The table of structured objects of Ghosh et al. (2020): four methods on expressions or molecules."""
    lines = chosen(LINES, request)
    measured = measure(request, "rae-structured", lines)
    if not any(one.results for one in measured):
        raise RunError("; ".join(f"not measured: {reason}" for one in measured for reason in one.reasons))
    found = {_key(one): optimised(Run(one.cell.folder), request) for one in measured if one.results}
    return Report(page(request, measured, found), content(request, measured, found))


def _key(measured: Measured) -> tuple[str, int]:
    return measured.cell.line.label, measured.cell.seed


def optimised(run: Run, request: StringRequest) -> Mapping[str, Any]:
    """What ``noiseless optimise`` found in the run's latent space: terms, trials and best objects; empty if nothing.

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


def page(request: StringRequest, measured: Sequence[Measured], found: Searches) -> str:
    """The table in Markdown."""
    setting = request.setting
    steps = f"{setting.steps:,} steps" if setting.steps else "the paper's epochs"
    steps += f" of {request.batch}" if request.batch else ""
    steps += f" at a rate of {request.lr:g}" if request.lr else ""
    parts = [
        f"# RAE's table of structured objects (Ghosh et al., 2020): {request.objects}, scale {request.scale}",
        f"```sh\n{command('rae-structured', request)}\n```",
        "Shares, mean ± standard deviation over seeds. Samples and mid-points are decoded by drawing.",
        markdown([_shares(line, measured) for line in chosen(LINES, request)]),
        _searched(request, found),
        markdown(_optimisation(request, found)),
        f"Data: {request.named}; width {setting.width}, {steps}; n = {setting.n:,}; seeds "
        f"{', '.join(map(str, request.seeds))}. Machine: {machine()}; noiseless {version('noiseless')}, torch "
        f"{torch.__version__}.",
        "Notes:",
        "\n".join(f"* {note}" for note in (*REMARKS, *_notes(measured))),
    ]
    return "\n\n".join(parts) + "\n"


def _shares(line: Line, measured: Sequence[Measured]) -> dict[str, Any]:
    """A row of the first table."""
    row: dict[str, Any] = {"method": line.label}
    for column in COLUMNS:
        values = list(_values(line, measured, column).values())
        row[column] = spread(values) if values else ""
    return row


def _values(line: Line, measured: Sequence[Measured], column: str) -> dict[int, float]:
    """The shares of a cell of the table, by seed."""
    found = {one.cell.seed: one.value(COLUMNS[column]) for one in measured if one.cell.line.label == line.label}
    return {seed: value for seed, value in found.items() if value is not None}


def _notes(measured: Sequence[Measured]) -> list[str]:
    """What belongs beside the numbers, each sentence once."""
    of_rows = [note for one in measured for row in one.results for note in (*row.notes, *row.warnings)]
    reasons = [f"not measured: {reason}" for one in measured for reason in one.reasons]
    return list(dict.fromkeys([*of_rows, *reasons, *_unequal(measured)]))


def _unequal(measured: Sequence[Measured]) -> list[str]:
    """A note if one codec accepts strings that another rejects, as with bad=skip."""
    found = [one.cell for one in measured if one.results]
    counts = {cell.line.label: len(cell.loaded.train) for cell in found}  # of all seeds the same
    each = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    said = f"rules and characters do not take the same strings, and parts are drawn anew: training strings: {each}"
    return [said] if len(set(counts.values())) > 1 else []


def _searched(request: StringRequest, found: Searches) -> str:
    """What the second table is of: the terms of every search that was found, or how to make one."""
    said = "What optimisation in the latent space found, published beside measured"
    made = [one for one in found.values() if one]
    if not made:
        searching = f"noiseless optimise RUN --objective {OBJECTIVES[request.objects]} --search {request.search}"
        return f"{said} (blank: not measured; `{searching}` for each run, then this command again)."
    terms = dict.fromkeys(
        f"`{f['search']}` on {f['objective']}, to {f['goal']}, {f['rounds']} x {f['batch']} codes, {f['votes']} "
        "votes each"
        for f in made
    )
    trials = sum(len(one["trials"]) for one in made)
    return f"{said}: {'; '.join(terms)}; mean ± standard deviation over trials. Trials: {trials}; runs: {len(made)}."


def _optimisation(request: StringRequest, found: Searches) -> list[dict[str, Any]]:
    """The second table."""
    rows = []
    for line in chosen(LINES, request):
        measured = _over([one for (label, _), one in found.items() if label == line.label and one], request.objects)
        row: dict[str, Any] = {"method": line.label}
        for column, published in zip(FOUND, PUBLISHED[request.objects][line.label], strict=True):
            row |= {column: measured.get(column, ""), f"{column}, published": published}
        rows.append(row | {"best not in training": measured.get("best not in training", "")})
    return rows


def _over(found: Sequence[Mapping[str, Any]], objects: str) -> dict[str, str]:
    """The cells of a row of the second table, from the searches on its runs."""
    trials = [trial for one in found for trial in one["trials"]]
    columns = {name: [trial[key] for trial in trials if trial[key] is not None] for name, key in TRIALS.items()}
    cells = {name: spread(values) for name, values in columns.items() if values}
    best = _ranked(found, "best", objects)
    if best:
        cells["best three"] = " ".join(f"{row['score']:.2f}" for row in best[:3])
    for row in _ranked(found, "best new", objects)[:1]:
        cells["best not in training"] = f"{row['score']:.2f} `{row['string']}`"
    return cells


def _ranked(found: Sequence[Mapping[str, Any]], which: str, objects: str) -> list[dict[str, Any]]:
    """Different objects of several searches, the best first; a molecule may be written in several ways."""
    rows = [row for one in found for row in one[which]]
    identity = canonical if objects == "molecules" else str
    different = {identity(row["string"]): row for row in rows}
    sign = -1 if any(one["goal"] == "maximise" for one in found) else 1
    return sorted(different.values(), key=lambda row: sign * row["score"])


def content(request: StringRequest, measured: Sequence[Measured], found: Searches) -> dict[str, Any]:
    """The table for JSON, with every value."""
    return {
        "format": 1,
        "study": "rae-structured",
        "command": command("rae-structured", request),
        "objects": request.objects,
        "scale": request.scale,
        "setting": {name: getattr(request.setting, name) for name in ("width", "steps", "n")},
        "seeds": list(request.seeds),
        "machine": machine(),
        "noiseless": version("noiseless"),
        "torch": torch.__version__,
        "columns": list(COLUMNS),
        "rows": [_row(line, request, measured, found) for line in chosen(LINES, request)],
        "runs": [_run(one) for one in measured if one.results],
    }


def _row(line: Line, request: StringRequest, measured: Sequence[Measured], found: Searches) -> dict[str, Any]:
    columns = {}
    for column in COLUMNS:
        values = _values(line, measured, column)
        mean = statistics.fmean(values.values()) if values else None
        columns[column] = {"values": {str(seed): value for seed, value in values.items()}, "mean": mean}
    optimised = {str(seed): dict(one) for (label, seed), one in found.items() if label == line.label and one}
    published = dict(zip(FOUND, PUBLISHED[request.objects][line.label], strict=True))
    about = {"row": line.label, "recipe": line.recipe, "columns": columns}
    return about | {"optimised": optimised, "published": published}


def _run(measured: Measured) -> dict[str, Any]:
    cell, about = measured.cell, measured.about
    told = {"run": cell.folder.name, "seed": cell.seed, "fingerprint": about["fingerprint"], "steps": about["steps"]}
    return told | {"train": len(cell.loaded.train), "rows": [row.to_json() for row in measured.results]}
