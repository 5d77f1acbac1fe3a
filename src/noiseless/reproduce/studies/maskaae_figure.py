r"""MaskAAE's figures (Mondal et al., UAI 2020), https://arxiv.org/abs/1912.04564: one latent size for all capacities.

The question of the paper's Figure 4: how do samples depend on the latent size m that was given? A model without mask
should be best at the data's own number of dimensions n and worse on either side; one with a mask should find n, and be
as good at every m that is not below it. On `synthetic:n=8` n is known, and m is n/2, n, 3n/2, 2n and 4n; on other data
m is 8 to 128. The runs of the first seed at the next to largest m are shown in full: mask along training (the paper's
Figure 5), covariance of codes (10 to 13), samples, and reconstruction, critic and distance along training (8).

The paper's n, m and widths could not be recovered; those of this study are ours.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseless.data.synthetic import synthetic
from noiseless.registry import options
from noiseless.reproduce.command import command
from noiseless.reproduce.request import Report, Request, chosen
from noiseless.reproduce.studies.maskaae_capacity import METHODS, Reading, codes, lines, log, readings, sized
from noiseless.reproduce.studies.maskaae_figures import against_capacity, along_training, correlations
from noiseless.reproduce.table import machine, spread
from noiseless.runs import Run
from noiseless.show import grids, plots, tables

__all__ = ["COUNTED", "failed", "maskaae_figure_4", "means", "page", "summary"]

CAPACITIES = (8, 16, 32, 64, 128)
"""Where the data's own dimensions are not known; ours."""
NEAR = 2
COUNTED = "active: masks of at least 0.1; of WAE-WGAN, which has none, code variances above 0.01"
SHOWN = 12
REMARKS = (
    "the paper's dimensions of synthetic data, its latent sizes and widths could not be recovered: they are ours",
    "distance: Fréchet distance of decoded draws of N(0, I) to held-out data; floor: that of training data",
    COUNTED,
    "along training: distances of the weights of the moment, and at the end of those that validated best",
)
PICTURES = {
    "capacity": "distance and active dimensions against m",
    "mask": "the mask along training",
    "covariance": "normalised absolute covariance of codes",
    "training": "reconstruction, critic's distance and distance of samples along training",
    "samples": "samples",
}


def maskaae_figure_4(request: Request) -> Report:
    """MaskAAE and WAE-WGAN at several latent sizes: distance, active dimensions, masks, covariances, training."""
    asked, true = sized(request), _true(request.data)
    capacities = CAPACITIES if true is None else _around(true)
    wanted = chosen(lines(asked, capacities, shown=capacities[-2]), asked)
    found = readings(asked, "maskaae-figure-4", wanted)
    measured = [reading for reading in found if reading.numbers]
    findings = _findings(found, true) if true is not None else {}
    pictures: dict[str, Callable[[Path], object]] = {"capacity": partial(against_capacity, measured, true)}
    shown = [r for r in measured if r.m == capacities[-2] and r.cell.seed == request.seeds[0]]
    alone = f"pictures of single runs are of m = {capacities[-2]}, seed {request.seeds[0]}; there is no such run here"
    if shown:
        pictures |= _shown(shown)
    name = request.place("maskaae-figure-4").name
    links = [f"{PICTURES[kind].capitalize()}:\n\n![{PICTURES[kind]}]({name}-{kind}.png)" for kind in pictures]
    remarks = REMARKS if shown else (*REMARKS, alone)
    title = f"MaskAAE at several latent sizes: {request.data_name}, scale {request.scale}"
    return page("maskaae-figure-4", title, request, found, remarks, findings, links, pictures)


def _around(n: int) -> tuple[int, ...]:
    """Latent sizes from half of n to four times n."""
    return tuple(dict.fromkeys(max(1, round(k * n)) for k in (0.5, 1, 1.5, 2, 4)))


def _true(data: str) -> int | None:
    """The dimensions of synthetic data."""
    if data.partition(":")[0] != "synthetic":
        return None
    return int(options("data set", data, synthetic).get("n", 8))


def _findings(found: Sequence[Reading], n: int) -> dict[str, str]:
    """What the study is for, in sentences with numbers; a run that failed has not found n."""
    masked, plain = ([r for r in found if r.method == label] for label in METHODS)
    wide, enough = [r for r in masked if r.m > n], [r for r in masked if r.m >= n]
    said = {}
    if wide:
        near = sum(bool(r.numbers) and abs(r.numbers["active"] - n) <= NEAR for r in wide)
        said["active"] = (
            f"with m > {n}, {near} of {len(wide)} runs of MaskAAE end within {NEAR} of {n} active dimensions"
            f"{failed(wide)}"
        )
    above = means(enough, lambda r: r["fd"] - r["floor"])
    if len(above) > 1:
        worst = max(above, key=lambda m: above[m])
        said["flat"] = (
            f"with m >= {n}, MaskAAE's distance above the floor is largest at m = {worst}: "
            f"{_times(above, [worst])}{failed(enough)}"
        )
    distance, above = means(plain, lambda r: r["fd"]), means(plain, lambda r: r["fd"] - r["floor"])
    if len(distance) > 2:
        ends = [min(distance), max(distance)]
        said["arms"] = (
            f"WAE-WGAN's distance is least at m = {min(distance, key=lambda m: distance[m])}; at m = {ends[0]} and "
            f"m = {ends[1]} it is {_times(distance, ends)}; above the floor: {_times(above, ends)}{failed(plain)}"
        )
    return said


def means(found: Sequence[Reading], value: Callable[[Mapping[str, Any]], float]) -> dict[int, float]:
    """The mean of a number of the runs that were measured, by latent size."""
    measured = [r for r in found if r.numbers]
    return {
        m: statistics.fmean(value(r.numbers) for r in measured if r.m == m) for m in sorted({r.m for r in measured})
    }


def failed(found: Sequence[Reading]) -> str:
    """How many of the runs were not measured, as the end of a sentence."""
    count = sum(not r.numbers for r in found)
    return f"; {count} of {len(found)} runs failed" if count else ""


def _times(values: Mapping[int, float], sizes: Sequence[int]) -> str:
    """How many times the least of the values those at some sizes are."""
    least = min(values.values())
    if least <= 0:
        return "its least is within the floor"
    return " and ".join(f"{values[m] / least:.2f}" for m in sizes) + " times its least"


def _shown(found: Sequence[Reading]) -> dict[str, Callable[[Path], object]]:
    """The pictures of single runs."""
    logs = {reading.method: log(reading) for reading in found}
    latent_dim: dict[str, Tensor] = {}
    samples: dict[str, Tensor] = {}
    for reading in found:
        data = reading.cell.loaded
        opened = Run(reading.cell.folder).model(data=data)
        active, z = opened.autoencoder.active, codes(opened, data, reading.numbers["n"])
        open_ = active if active is not None else torch.ones(z.shape[1], dtype=torch.bool)
        latent_dim[f"{reading.method}, {int(open_.sum())} of {len(open_)} dimensions"] = z[:, open_]
        count = SHOWN if data.spec.modality == "images" else 1000
        samples[reading.method] = opened.sample(count, "normal", reading.cell.seed)
    made: dict[str, Callable[[Path], object]] = {
        "covariance": partial(correlations, latent_dim),
        "training": partial(along_training, logs, found),
    }
    if "MaskAAE" in logs:
        made["mask"] = partial(plots.masks, logs["MaskAAE"])
    if data.spec.modality == "images":
        made["samples"] = partial(grids.comparison, samples, title=PICTURES["samples"])
    else:
        real = torch.from_numpy(data.test.take(np.arange(min(1000, len(data.test)))))
        made["samples"] = partial(plots.vectors, real, samples)
    return made


def summary(found: Sequence[Reading]) -> list[dict[str, Any]]:
    """A row of a table for each line: means and deviations over seeds."""
    rows = []
    for label, m in dict.fromkeys((r.method, r.m) for r in found if r.numbers):
        mine = [r.numbers for r in found if (r.method, r.m) == (label, m) and r.numbers]
        row: dict[str, Any] = {"method": label, "m": m, "runs": len(mine)}
        for column, key in COLUMNS.items():
            values = [float(numbers[key]) for numbers in mine if numbers[key] is not None]
            row[column] = spread(values) if values else ""
        rows.append(row)
    return rows


COLUMNS = {
    "active": "active",
    "distance": "fd",
    "floor": "floor",
    "NAC": "nac",
    "reconstruction": "reconstruction",
}
"""Columns of a table, and where they stand in a reading."""


def page(
    study: str,
    title: str,
    request: Request,
    found: Sequence[Reading],
    remarks: Sequence[str],
    findings: Mapping[str, str],
    links: Sequence[str] = (),
    pictures: Mapping[str, Callable[[Path], object]] | None = None,
) -> Report:
    """The report of a study of readings.

    Arguments:
        study, title: its name, and what stands above it.
        request: what was asked for.
        found: the readings.
        remarks: what a reader has to know.
        findings: what the study is for, in sentences.
        links: to pictures, in Markdown.
        pictures: as a :class:`~noiseless.reproduce.request.Report` has them.
    """
    measured = [r for r in found if r.numbers]
    noted = [note for r in measured for note in Run(r.cell.folder).record["notes"]]
    notes = list(dict.fromkeys([*remarks, *(f"not measured: {r.reason}" for r in found if r.reason), *noted]))
    protocols = sorted({(r.numbers["features"], r.numbers["n"], r.numbers["fingerprint"]) for r in measured})
    seconds = sum(r.numbers["seconds"] for r in measured)
    about = [
        f"Features {name}, n = {n:,} in every row and in the reference (test data), data {print_}."
        for name, n, print_ in protocols
    ]
    trained = f"Training the {len(measured)} runs took {seconds / 60:,.0f} minutes in all."
    built = f"Machine: {machine()}; noiseless {version('noiseless')}, torch {torch.__version__}. {trained}"
    head = [f"# {title}", f"```sh\n{command(study, request)}\n```", "Mean ± standard deviation over seeds."]
    listed = "\n".join(f"* {note}" for note in notes)
    told = "\n".join(f"* {text}" for text in findings.values())
    parts = [*head, tables.markdown(summary(found)), told, *links, "\n\n".join([*about, built]), f"Notes:\n\n{listed}"]
    rows = [{"row": r.cell.line.label, "seed": r.cell.seed, **r.numbers, "stages": dict(r.stages)} for r in measured]
    whole = {"format": 1, "study": study, "command": command(study, request), "scale": request.scale}
    whole |= {"machine": machine(), "noiseless": version("noiseless"), "torch": torch.__version__}
    whole |= {"methods": METHODS, "rows": rows, "notes": notes, "findings": dict(findings)}
    return Report("\n\n".join(filter(None, parts)) + "\n", whole, pictures or {})
