"""The page of the table of structured objects: shares of strings, and what optimisation found, beside the published.

Published numbers are those of the paper as submitted, but for GCVVAE's, which were added later and are quoted from
memory. They are of the optimisation alone: the paper gives no validity of samples.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import torch

from noiseless.reproduce.command import command
from noiseless.reproduce.studies.structured import COLUMNS, OBJECTIVES, Cell, Structured
from noiseless.reproduce.table import machine, spread
from noiseless.show.tables import markdown
from noiseless.strings.molecules import canonical

__all__ = ["PUBLISHED", "content", "page"]

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


def page(request: Structured, cells: Sequence[Cell]) -> str:
    """The table in Markdown."""
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
        f"```sh\n{command('rae-structured', request)}\n```",
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
        searching = f"noiseless optimise RUN --objective {OBJECTIVES[request.objects]} --search {request.search}"
        return f"{said} (blank: not measured; `{searching}` for each run, then this command again)."
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
        measured = _over([cell.found for cell in cells if cell.label == label and cell.found], request.objects)
        row: dict[str, Any] = {"method": label}
        for column, published in zip(FOUND, PUBLISHED[request.objects][label], strict=True):
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


def content(request: Structured, cells: Sequence[Cell]) -> dict[str, Any]:
    """The table for JSON, with every value."""
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
        "command": command("rae-structured", request),
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
