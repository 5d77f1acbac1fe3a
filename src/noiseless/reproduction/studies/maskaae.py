"""The studies of MaskAAE (Mondal et al., UAI 2020), https://arxiv.org/abs/1912.04564, as far as they could be had."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noiseless.data import modality
from noiseless.data.synthetic import synthetic
from noiseless.registry import options
from noiseless.reproduction.cells import measure
from noiseless.reproduction.command import command
from noiseless.reproduction.images import ImageRequest
from noiseless.reproduction.request import Line, Report, Source, chosen
from noiseless.reproduction.studies.maskaae_capacity import METHODS, Reading, codes, lines, log, readings, sized
from noiseless.reproduction.studies.maskaae_figures import against_capacity, along_training, correlations
from noiseless.reproduction.table import Doubtful, PublishedNumbers, Table, machine, spread
from noiseless.runs import Run
from noiseless.show import grids, plots, tables

__all__ = ["maskaae_figure_4", "maskaae_table_1", "maskaae_table_2"]

COLUMNS = ("samples", "reconstruction")
DAI_WIPF = {
    "VAE (cross-entropy)": (16.6, 43.6, 106.0, 53.3),
    "VAE (fixed variance)": (52.0, 84.6, 160.5, 55.9),
    "VAE (learned variance)": (54.5, 60.0, 76.7, 60.5),
    "VAE + flow": (54.8, 62.1, 81.2, 65.7),
    "WAE-MMD": (115.0, 101.7, 80.9, 62.9),
    "2-stage VAE": (12.6, 29.3, 72.9, 44.4),
}
SETS = ("mnist", "fashion-mnist", "cifar10", "celeba")
PUBLISHED: PublishedNumbers = {
    data: {label: (Doubtful(row[k]), None) for label, row in DAI_WIPF.items()} for k, data in enumerate(SETS)
}
LONGER = 4
"""How many times as long the rows with a critic of several rounds are trained at the small scale."""
ORIGINS = (
    "numbers in brackets are those of Dai and Wipf (2019), who compare such methods under Inception",
    "nothing is published for WAE-GAN and MaskAAE that could be read",
)
REMARKS = (
    "that these are the rows of MaskAAE's Table 1 is inferred, not read; WAE-GAN is a guess at the seventh baseline",
    "the fixed variance is that of Ghosh et al.'s VAE; of the flow and its decoder nothing is known",
    f"where steps are counted, MaskAAE is trained {LONGER} times as long: its mask needs the time",
)
LATENT_SIZES = (32, 64, 128)


def maskaae_table_1(request: ImageRequest) -> Report:
    """MaskAAE beside seven baselines; its rows and published numbers are inferred, and marked so.

    Table 1 compares samples of MaskAAE with those of seven baselines on four data sets. Its rows and numbers could not
    be read: that they are those of Dai and Wipf (2019, https://arxiv.org/abs/1903.05789), whose code for distances the
    paper takes, is an inference, and so is the seventh. Numbers of Dai and Wipf stand in brackets and are compared with
    nothing.
    """
    wanted = chosen(_table_1(request), request)
    measured = measure(request, "maskaae-table-1", wanted)
    title = "MaskAAE's Table 1, as inferred (Mondal et al., 2020)"
    return Table("maskaae-table-1", title, request, wanted, COLUMNS, measured, PUBLISHED, REMARKS, ORIGINS).report()


def _table_1(request: ImageRequest) -> list[Line]:
    learnt: dict[str, Any] = {"reconstruction": "gaussian-learnt"}
    second = request.setting.second_stage
    return [
        _line("VAE (cross-entropy)", "vae", arguments={"reconstruction": "bernoulli"}, name="vae-bernoulli"),
        _line("VAE (fixed variance)", "vae"),
        _line("VAE (learned variance)", "vae", arguments=learnt, name="vae-learnt"),
        _line("VAE + flow", "vae-flow", arguments=learnt),
        _line("WAE-MMD", "wae-mmd"),
        _line("WAE-GAN", "wae-gan"),
        _line("2-stage VAE", "two-stage-vae", second, arguments=learnt),
        _masked(request),
    ]


def _line(label: str, recipe: str, density: str = "normal", arguments: Any = None, name: str = "") -> Line:
    sources = {"samples": Source("samples", density), "reconstruction": Source("reconstruction")}
    return Line(label, recipe, sources, arguments=arguments or {}, name=name)


def _masked(request: ImageRequest) -> Line:
    """MaskAAE: the paper's form in the paper's steps, or the robust one in the same proportions of other steps."""
    sources = {"samples": Source("samples", "normal"), "reconstruction": Source("reconstruction")}
    if request.setting.steps is None:
        return Line("MaskAAE", "maskaae", sources, arguments={"form": "paper"}, training={"schedule": "constant"})
    steps = LONGER * request.setting.steps
    cooling = {"steps": steps, "schedule": "cooldown", "lr_factor": None}
    return Line("MaskAAE", "maskaae", sources, training=cooling)


def maskaae_table_2(request: ImageRequest) -> Report:
    """NAC, active dimensions and distance with and without mask, at three latent sizes.

    Table 2 is the normalised absolute covariance of codes (NAC) with and without mask. None of its numbers could be
    read.
    """
    asked = sized(request)
    found = readings(asked, "maskaae-table-2", chosen(lines(asked, LATENT_SIZES), asked))
    remarks = (
        "none of the paper's numbers could be read; the latent sizes were chosen by this library",
        "NAC over active dimensions of the codes of held-out data; of n independent codes it is about sqrt(2 / pi n)",
        "distance: Fréchet distance of decoded draws of N(0, I) to held-out data; floor: that of training data",
        COUNTED,
    )
    title = f"MaskAAE's Table 2 (Mondal et al., 2020): {request.data_name}, scale {request.scale}"
    return page("maskaae-table-2", title, request, found, remarks, _findings_of_table(found))


def _findings_of_table(found: Sequence[Reading]) -> dict[str, str]:
    """How far MaskAAE depends on the latent size, and whether its codes are less correlated than without mask."""
    masked, plain = ([r for r in found if r.method == label] for label in METHODS)
    counts, distances = means(masked, lambda r: r["active"]), means(masked, lambda r: r["fd"])
    said = {}
    if len(counts) > 1:
        said["active"] = (
            f"MaskAAE's mean numbers of active dimensions at m = {' and '.join(map(str, counts))} differ by "
            f"{max(counts.values()) - min(counts.values()):.1f}{failed(masked)}"
        )
        said["distance"] = (
            f"MaskAAE's mean distances there differ by {max(distances.values()) / min(distances.values()) - 1:.0%} of "
            f"the lesser{failed(masked)}"
        )
    with_mask, without = (_nac(group) for group in (masked, plain))
    pairs = {m: (with_mask[m], without[m]) for m in with_mask if m in without}
    if pairs:
        said["nac"] = (
            f"MaskAAE's NAC is below WAE-WGAN's at {sum(a < b for a, b in pairs.values())} of {len(pairs)} latent "
            f"sizes: {', '.join(f'{a:.3f} against {b:.3f} at m = {m}' for m, (a, b) in pairs.items())}{failed(found)}"
        )
    return said


def _nac(found: Sequence[Reading]) -> dict[int, float]:
    """The mean NAC by latent size, of the runs that have one."""
    return means([r for r in found if r.numbers and r.numbers["nac"] is not None], lambda r: r["nac"])


CAPACITIES = (8, 16, 32, 64, 128)
"""Where the data's own dimensions are not known; ours."""
NEAR = 2
COUNTED = "active: masks of at least 0.1; of WAE-WGAN, which has none, code variances above 0.01"
SHOWN = 12
FIGURE_REMARKS = (
    "the paper's dimensions of synthetic data, its latent sizes and widths could not be recovered; chosen here",
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


def maskaae_figure_4(request: ImageRequest) -> Report:
    """MaskAAE and WAE-WGAN at several latent sizes: distance, active dimensions, masks, covariances, training.

    The question of the paper's Figure 4: how do samples depend on the latent size m that was given? A model without
    mask should be best at the data's own number of dimensions n and worse on either side; one with a mask should find
    n, and be as good at every m that is not below it. On ``synthetic:n=8`` n is known, and m is n/2, n, 3n/2, 2n and
    4n; on other data m is 8 to 128. The runs of the first seed at the next to largest m are shown in full: mask along
    training (the paper's Figure 5), covariance of codes (10 to 13), samples, and reconstruction, critic and distance
    along training (8).

    The paper's n, m and widths could not be recovered; those of this study are ours.
    """
    asked, true = sized(request), _true(request.data)
    capacities = CAPACITIES if true is None else _around(true)
    wanted = chosen(lines(asked, capacities, shown=capacities[-2]), asked)
    found = readings(asked, "maskaae-figure-4", wanted)
    measured = [reading for reading in found if reading.numbers]
    findings = _findings_of_figure(found, true) if true is not None else {}
    pictures: dict[str, Callable[[Path], object]] = {"capacity": partial(against_capacity, measured, true)}
    shown = [r for r in measured if r.m == capacities[-2] and r.cell.seed == request.seeds[0]]
    alone = f"pictures of single runs are of m = {capacities[-2]}, seed {request.seeds[0]}; there is no such run here"
    if shown:
        pictures |= _shown(shown)
    name = request.place("maskaae-figure-4").name
    links = [f"{PICTURES[kind].capitalize()}:\n\n![{PICTURES[kind]}]({name}-{kind}.png)" for kind in pictures]
    remarks = FIGURE_REMARKS if shown else (*FIGURE_REMARKS, alone)
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


def _findings_of_figure(found: Sequence[Reading], n: int) -> dict[str, str]:
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
        count = SHOWN if modality.of(data.spec).pixels else 1000
        samples[reading.method] = opened.sample(count, "normal", reading.cell.seed)
    made: dict[str, Callable[[Path], object]] = {
        "covariance": partial(correlations, latent_dim),
        "training": partial(along_training, logs, found),
    }
    if "MaskAAE" in logs:
        made["mask"] = partial(plots.masks, logs["MaskAAE"])
    if modality.of(data.spec).pixels:
        made["samples"] = partial(grids.comparison, samples, title=PICTURES["samples"])
    else:
        real = torch.from_numpy(data.test.some(1000))
        made["samples"] = partial(plots.vectors, real, samples)
    return made


def summary(found: Sequence[Reading]) -> list[dict[str, Any]]:
    """A row of a table for each line: means and deviations over seeds."""
    rows = []
    for label, m in dict.fromkeys((r.method, r.m) for r in found if r.numbers):
        mine = [r.numbers for r in found if (r.method, r.m) == (label, m) and r.numbers]
        row: dict[str, Any] = {"method": label, "m": m, "runs": len(mine)}
        for column, key in READING_COLUMNS.items():
            values = [float(numbers[key]) for numbers in mine if numbers[key] is not None]
            row[column] = spread(values) if values else ""
        rows.append(row)
    return rows


READING_COLUMNS = {
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
    request: ImageRequest,
    found: Sequence[Reading],
    remarks: Sequence[str],
    findings: Mapping[str, str],
    links: Sequence[str] = (),
    pictures: Mapping[str, Callable[[Path], object]] | None = None,
) -> Report:
    """The report of a study of readings.

    Arguments:
        study, title: its name, and what stands above it.
        request: the request.
        found: the readings.
        remarks: caveats about the numbers.
        findings: what the study is for, in sentences.
        links: to pictures, in Markdown.
        pictures: as a :class:`~noiseless.reproduction.request.Report` has them.
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
