"""The studies of the entropic autoencoder (Ghose, Rashwan, Poupart, UAI 2020), https://arxiv.org/abs/2002.10631."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from noiseless.data import modality
from noiseless.errors import InputError
from noiseless.files import atomic_write
from noiseless.reproduction.cells import Cell, cells, measure, trained
from noiseless.reproduction.command import command, refuse_overwrite
from noiseless.reproduction.images import ImageRequest
from noiseless.reproduction.request import Line, Report, Scale, Source, chosen
from noiseless.reproduction.studies import rae
from noiseless.reproduction.table import Doubtful, PublishedNumbers, Table, agreement
from noiseless.show import grids
from noiseless.show.png import own_style
from noiseless.training import Stopped

__all__ = ["COLUMNS", "by_density", "eae_ablations", "eae_bottlenecks", "eae_figures", "eae_lines", "eae_table"]

COLUMNS = ("isotropic", "MVG", "GMM", "reconstruction")
ISOTROPIC = ("VAE", "WAE", "2sVAE")
"""The rows whose N in the table of Ghosh et al. is N(0, I), or a second stage's."""
EAE = {"cifar10": (85.26, 80.07, 73.12, 29.77), "celeba": (44.63, 42.92, 39.76, 40.26)}

REMARKS = ("isotropic is N(0, I), for 2sVAE its second stage; MVG is one fitted Gaussian, GMM a mixture of ten",)
ORIGINS = (
    "published: EAE from the table of Ghose et al., for CIFAR-10 and CelebA; the other rows from Table 1 of Ghosh "
    "et al., with which that table agrees",
    "EAE's isotropic number on CIFAR-10 has a second one beside it in the paper, 84.53, whose meaning is not known",
    *rae.DIFFERENT,
    "CV-VAE's published isotropic number, in brackets, is a fitted Gaussian's in Ghosh et al.: it is left out of ranks "
    "and correlation",
)


def eae_table(request: ImageRequest) -> Report:
    """The table of Ghose et al. (2020): EAE and ten baselines, by samples under three densities.

    Columns are samples from N(0, I) (isotropic), from one fitted Gaussian (MVG) and from a mixture of ten (GMM), and
    reconstructions of held-out data. The claim that the table is for: isotropic samples of EAE, which fits nothing,
    beat those of the methods that have N(0, I) as their prior. So ``isotropic`` is measured for every row; for 2sVAE it
    is the second stage, which is how that method samples.

    Published numbers of the EAE row are the paper's, CIFAR-10 and CelebA; it has none for MNIST. Those of the other
    rows equal Table 1 of Ghosh et al. (2020), where N means MVG but for VAE, WAE and 2sVAE; the isotropic cells of rows
    for which only a fitted Gaussian is published are blank.
    """
    lines = chosen(eae_lines(request.setting.second_stage), request)
    measured = measure(request, "eae-table", lines)
    title = "EAE's table (Ghose et al., 2020)"
    remarks = (*rae.one_model(lines), *REMARKS)
    return Table("eae-table", title, request, lines, COLUMNS, measured, _published(), remarks, ORIGINS).report()


def eae_lines(second_stage: str) -> list[Line]:
    """The rows: RAE's, and EAE."""
    found = [
        _line("VAE", "vae"),
        _line("CV-VAE", "cv-vae"),
        _line("WAE", "wae-mmd"),
        _line("2sVAE", "vae", second_stage),
    ]
    others = ("rae-gp", "rae-l2", "rae-sn", "rae", "ae", "ae-l2", "eae")
    return found + [_line(name.upper(), name) for name in others]


def by_density(isotropic: str = "normal") -> dict[str, Source]:
    """The columns, of which the first is of samples under a density that may stand for N(0, I)."""
    samples = {"isotropic": isotropic, "MVG": "gaussian", "GMM": "gmm"}
    return {column: Source("samples", name) for column, name in samples.items()} | {
        "reconstruction": Source("reconstruction")
    }


def _line(label: str, recipe: str, isotropic: str = "normal") -> Line:
    return Line(label, recipe, by_density(isotropic))


def _published() -> PublishedNumbers:
    rows = {data: {k: _row(k, *v) for k, v in table.items()} for data, table in rae.PUBLISHED.items()}
    return {data: table | ({"EAE": EAE[data]} if data in EAE else {}) for data, table in rows.items()}


def _row(
    label: str, rec: float | None, n: float | None, gmm: float | None, _: float | None
) -> tuple[float | None, float | None, float | None, float | None]:
    """A row of Ghosh et al. under the columns here."""
    if label == "CV-VAE" and n is not None:
        return Doubtful(n), n, gmm, rec
    return (n, None, gmm, rec) if label in ISOTROPIC else (None, n, gmm, rec)


EARLY = {"isotropic, 1/4": 0.25, "isotropic, 1/2": 0.5}
"""Columns of isotropic samples after a part of the steps."""
STAGED = by_density() | {column: Source("samples", "normal", part) for column, part in EARLY.items()}
STAGED_COLUMNS = tuple(STAGED)
ABLATION_REMARKS = (
    "every other row differs from base in the one argument that it names; the perceptrons differ from base in their "
    "kind of network, and from each other in depth",
    "isotropic is N(0, I), in a row `base, second stage` such a one on the codes of base",
    "batches of other sizes see as many data as base only where the scale counts epochs and not steps",
)


def eae_ablations(request: ImageRequest) -> Report:
    """EAE with one argument changed at a time, and whether early samples predict the final distance.

    The base is ``eae`` at its defaults, and every other row changes one argument of it: the weight of the entropy (0 is
    batch norm alone; 0.05 and 1 are the weights that the paper names), the normalisation (none is entropy alone, which
    has no minimum), the neighbour k, the size of a batch, of a code and of the networks. The depth of the convolutional
    networks is the paper's own, so that depth is varied on a perceptron, whose rows are to be read against each other.
    A second stage on the base's codes is what the paper names as future work.

    Rows are trained in three stages, each of which ends with a validation, where isotropic samples are measured:
    whether early samples tell the final distance is the rank correlation over rows below the table. A run that was
    trained beforehand has no early numbers.
    """
    setting = request.setting
    lines = chosen([_staged(line, setting) for line in _ablations(setting.width, setting.second_stage)], request)
    measured = measure(request, "eae-ablations", lines)
    title = "What EAE owes to what"
    table = Table("eae-ablations", title, request, lines, STAGED_COLUMNS, measured, remarks=ABLATION_REMARKS)
    final = table.means("isotropic")
    found = {column: agreement(table.means(column), final) for column in EARLY}
    said = [f"{column}: {rho:.2f}" for column, rho in found.items() if rho is not None]
    text = f"Rank correlation over rows of early with final isotropic distances: {'; '.join(said)}." if said else ""
    return table.report(text, content={"early": found})


def _ablations(width: int, second_stage: str) -> list[Line]:
    half = max(1, width // 2)
    return [
        Line("base", "eae", STAGED, name="base"),
        Line("weight 0 (batch norm alone)", "eae", STAGED, arguments={"weight": 0.0}, name="weight-0"),
        Line("weight 0.05", "eae", STAGED, arguments={"weight": 0.05}, name="weight-0.05"),
        Line("weight 0.2", "eae", STAGED, arguments={"weight": 0.2}, name="weight-0.2"),
        Line("weight 5", "eae", STAGED, arguments={"weight": 5.0}, name="weight-5"),
        Line("no batch norm (entropy alone)", "eae", STAGED, arguments={"normalisation": "none"}, name="no-norm"),
        *(Line(f"k = {k}", "eae", STAGED, arguments={"k": k}, name=f"k-{k}") for k in (3, 10)),
        *(Line(f"batch {b}", "eae", STAGED, training={"batch": b}, name=f"batch-{b}") for b in (20, 500)),
        *(Line(f"latent {d}", "eae", STAGED, {"latent_dim": d}, name=f"latent-{d}") for d in (4, 8, 32)),
        *(Line(f"width {w}", "eae", STAGED, {"width": w}, name=f"width-{w}") for w in (half, 2 * width)),
        *(_perceptron(depth) for depth in (1, 2, 4)),
        Line("base, second stage", "eae", {"isotropic": Source("samples", second_stage)}, name="base"),
    ]


def _staged(line: Line, setting: Scale) -> Line:
    """With a validation at every quarter, where stages end; where epochs are counted, they end with the nearest one.

    The rate, which falls at every validation, falls as fast as in the tables.
    """
    every: dict[str, Any] = {} if setting.steps is None else {"validate_every": max(1, setting.steps // 4)}
    if every and setting.lr_factor is not None and setting.validate_every is not None:
        every["lr_factor"] = setting.lr_factor ** (every["validate_every"] / setting.validate_every)
    return replace(line, training={**every, **line.training})


def _perceptron(depth: int) -> Line:
    return Line(f"perceptron, depth {depth}", "eae", STAGED, {"net": "mlp", "depth": depth}, name=f"mlp-{depth}")


LATENT_SIZES = (2, 4, 8, 16, 32)
BY_DENSITY = by_density()
BOTTLENECK_REMARKS = (
    "latent sizes and widths were chosen by this library: the paper's could not be recovered",
    "isotropic is N(0, I), which nothing in a plain autoencoder draws its codes to; MVG is one fitted Gaussian, GMM a "
    "mixture of ten",
)


def eae_bottlenecks(request: ImageRequest) -> Report:
    """Plain autoencoders with narrow bottlenecks: distance against latent size, at two widths.

    Plain autoencoders of several latent sizes and widths, sampled from N(0, I), one fitted Gaussian and a mixture of
    ten; beside them, at each width, an entropic autoencoder of the data set's own latent size. The question of section
    5.2 of the paper: does a code of few dimensions make samples as good as a regulariser does, and at which cost to
    reconstructions? The paper's sizes could not be recovered; these are ours.
    """
    widths = tuple(dict.fromkeys((request.setting.width, max(1, request.setting.width // 4))))
    lines = chosen([line for width in widths for line in _bottlenecks(width)], request)
    measured = measure(request, "eae-bottlenecks", lines)
    title = "Narrow bottlenecks without a regulariser"
    table = Table("eae-bottlenecks", title, request, lines, tuple(BY_DENSITY), measured, remarks=BOTTLENECK_REMARKS)
    picture = f"![Fréchet distance against latent size]({request.place('eae-bottlenecks').name}-distances.png)"
    return table.report(picture, pictures={"distances": lambda path: _draw(table, widths, path)})


def _bottlenecks(width: int) -> list[Line]:
    """The rows of a width: an autoencoder a latent size, and EAE."""
    eae = Line(f"width {width}, EAE", "eae", BY_DENSITY, {"width": width}, name=f"width-{width}-eae")
    return [*(_bottleneck(width, latent_dim) for latent_dim in LATENT_SIZES), eae]


def _bottleneck(width: int, latent_dim: int) -> Line:
    networks = {"width": width, "latent_dim": latent_dim}
    return Line(
        f"width {width}, latent {latent_dim}", "ae", BY_DENSITY, networks, name=f"width-{width}-latent-{latent_dim}"
    )


@own_style()
def _draw(table: Table, widths: tuple[int, ...], path: Path) -> None:
    """Distance against latent size: a panel a width, a curve a column, bars of one standard deviation; EAE dashed."""
    figure = Figure(figsize=(4.5 * len(widths), 3.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(widths), squeeze=False, sharey=True)[0]
    for width, panel in zip(widths, panels, strict=True):
        mine = [line for line in table.lines if line.networks["width"] == width]
        lines = [line for line in mine if "latent_dim" in line.networks]
        regularised = [line for line in mine if "latent_dim" not in line.networks]
        for colour, column in enumerate(table.columns):
            found = {line.networks["latent_dim"]: table.number(line, column) for line in lines}
            known = {d: number for d, number in found.items() if number["mean"] is not None}
            means, errors = ([number[key] or 0.0 for number in known.values()] for key in ("mean", "std"))
            panel.errorbar(list(known), means, errors, marker=".", capsize=2, label=column, color=f"C{colour}")
            levels = [table.means(column)[line.label] for line in regularised if line.label in table.means(column)]
            for level in levels:
                panel.axhline(level, linestyle="--", linewidth=1, color=f"C{colour}")
        panel.set_xscale("log", base=2)
        panel.set_xticks(LATENT_SIZES, map(str, LATENT_SIZES))
        panel.set(title=f"ae (EAE dashed), width {width}", xlabel="latent size")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("Fréchet distance")
    panels[-1].legend()
    with atomic_write(path) as part:
        figure.savefig(part, format="png")


SHOWN = 12
TITLES = {
    "reconstructions": "reconstructions of held-out data",
    "isotropic": "samples from N(0, I); 2sVAE: from its second stage",
    "gmm": "samples from a mixture of ten Gaussians",
    "interpolations": "the way between two held-out images, spherical",
}


def eae_figures(request: ImageRequest) -> Report:
    """Reconstructions, samples and interpolations of every method of eae-table, side by side.

    Every method's reconstructions of the same held-out images, its isotropic samples (for 2sVAE those of its second
    stage), its samples from a mixture of ten Gaussians, and the way between the same two images. The runs are those of
    eae-table, of the first seed that is given; what is missing is trained.
    """
    refuse_overwrite("eae-figures", request)
    asked = replace(request, seeds=request.seeds[:1])
    lines = chosen(eae_lines(request.setting.second_stage), asked)
    images: dict[str, dict[str, Tensor]] = {kind: {} for kind in TITLES}
    notes = []
    for cell in cells(asked, "eae-table", lines):
        try:
            made = _made(cell)
        except Stopped:
            raise
        except (InputError, RuntimeError) as error:
            notes.append(f"not shown: {cell.line.label}: {' '.join(str(error).split())}")
            continue
        images["reconstructions"].setdefault("data", _originals(cell))
        for kind, some in made.items():
            images[kind][cell.line.label] = some
    return _side_by_side(request, {kind: some for kind, some in images.items() if some}, list(dict.fromkeys(notes)))


def _made(cell: Cell) -> dict[str, Tensor]:
    """What a method makes, by kind."""
    data = cell.loaded
    if not modality.of(data.spec).pixels:
        raise InputError(f"{data.spec.name} are {data.spec.modality}, and these figures are of images")
    model = trained(cell).model(data=data)
    shown = data.test.some(SHOWN)
    isotropic = cell.line.sources["isotropic"].density or "normal"
    return {
        "reconstructions": model.reconstruct(shown),
        "isotropic": model.sample(SHOWN, isotropic, cell.seed),
        "gmm": model.sample(SHOWN, "gmm", cell.seed),
        "interpolations": model.interpolate(shown[:1], shown[-1:], SHOWN)[0],
    }


def _originals(cell: Cell) -> Tensor:
    data = cell.loaded
    return data.spec.normalise(torch.from_numpy(data.test.some(SHOWN)))


def _side_by_side(request: ImageRequest, images: Mapping[str, Mapping[str, Tensor]], notes: list[str]) -> Report:
    name, line = request.place("eae-figures").name, command("eae-figures", request)
    head = f"# EAE and its baselines, side by side: {request.data_name}, scale {request.scale}"
    shown = [f"{TITLES[kind].capitalize()}:\n\n![{TITLES[kind]}]({name}-{kind}.png)" for kind in images]
    said = "\n".join(f"* {note}" for note in notes)
    text = "\n\n".join(filter(None, [head, f"```sh\n{line}\n```", *shown, said])) + "\n"
    pictures: dict[str, Callable[[Path], object]] = {
        kind: partial(grids.comparison, some, title=TITLES[kind]) for kind, some in images.items()
    }
    content = {"format": 1, "study": "eae-figures", "command": line, "seed": request.seeds[0], "notes": notes}
    return Report(text, content | {"rows": {kind: list(some) for kind, some in images.items()}}, pictures)
