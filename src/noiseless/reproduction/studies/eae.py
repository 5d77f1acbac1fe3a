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
from noiseless.files import atomic_write, slug
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
    "every other row differs from base in the arguments that it names; depth is the number of convolutions per size",
    "isotropic is N(0, I), in a row `base, second stage` such a one on the codes of base",
    "batches of another size have as many updates as base where the scale counts steps, and as many data elsewhere",
)


def eae_ablations(request: ImageRequest) -> Report:
    """EAE with one argument changed at a time, and whether early samples predict the final distance.

    The base is ``eae`` at its defaults, and every other row changes what it names: the weight of the entropy (0 is
    batch norm alone; 0.05 and 1 are the weights that the paper names), the normalisation (none is entropy alone, which
    has no minimum), the neighbour k, the size of a batch, of a code and of the networks, and their depth, with the
    entropy and with batch norm alone. Batches of another size are for as many updates as the base's, or for as many
    data. A second stage on the base's codes is what the paper names as future work.

    Rows are trained in three stages, each of which ends with a validation, where isotropic samples are measured:
    whether early samples tell the final distance is the rank correlation over rows below the table. A run that was
    trained beforehand has no early numbers.
    """
    setting = request.setting
    lines = chosen([_staged(line, setting) for line in _ablations(setting)], request)
    measured = measure(request, "eae-ablations", lines)
    title = "What EAE owes to what"
    table = Table("eae-ablations", title, request, lines, STAGED_COLUMNS, measured, remarks=ABLATION_REMARKS)
    final = table.means("isotropic")
    found = {column: agreement(table.means(column), final) for column in EARLY}
    said = [f"{column}: {rho:.2f}" for column, rho in found.items() if rho is not None]
    text = f"Rank correlation over rows of early with final isotropic distances: {'; '.join(said)}." if said else ""
    return table.report(text, content={"early": found})


def _ablations(setting: Scale) -> list[Line]:
    half, twice = max(1, setting.width // 2), 2 * setting.width
    return [
        Line("base", "eae", STAGED, name="base"),
        Line("weight 0 (batch norm alone)", "eae", STAGED, arguments={"weight": 0.0}, name="weight-0"),
        Line("weight 0.05", "eae", STAGED, arguments={"weight": 0.05}, name="weight-0.05"),
        Line("weight 0.2", "eae", STAGED, arguments={"weight": 0.2}, name="weight-0.2"),
        Line("weight 5", "eae", STAGED, arguments={"weight": 5.0}, name="weight-5"),
        Line("no batch norm (entropy alone)", "eae", STAGED, arguments={"normalisation": "none"}, name="no-norm"),
        *(Line(f"k = {k}", "eae", STAGED, arguments={"k": k}, name=f"k-{k}") for k in (3, 10)),
        *(line for b in (20, 500) for line in _batches(b, setting.steps)),
        *(Line(f"latent {d}", "eae", STAGED, {"latent_dim": d}, name=f"latent-{d}") for d in (4, 8, 32)),
        *(Line(f"width {w}", "eae", STAGED, {"width": w}, name=f"width-{w}") for w in (half, twice)),
        *(_deep(depth, weight) for weight in (1.0, 0.0) for depth in DEPTHS[1:]),
        Line("base, second stage", "eae", {"isotropic": Source("samples", setting.second_stage)}, name="base"),
    ]


def _staged(line: Line, setting: Scale) -> Line:
    """With a validation at every quarter, where stages end; where epochs are counted, they end with the nearest one.

    The rate, which falls at every validation, falls as fast as in the tables.
    """
    steps = line.training.get("steps", setting.steps)
    every: dict[str, Any] = {} if steps is None else {"validate_every": max(1, steps // 4)}
    if every and setting.lr_factor is not None and setting.validate_every is not None:
        every["lr_factor"] = setting.lr_factor ** (every["validate_every"] / setting.validate_every)
    return replace(line, training={**every, **line.training})


def _batches(batch: int, steps: int | None) -> list[Line]:
    """Batches of another size: as many updates as the base, and as many data; epochs count data anyway."""
    label, name, given = f"batch {batch}", f"batch-{batch}", {"batch": batch}
    lines = [Line(label, "eae", STAGED, training=given, name=name)]
    if steps is None:
        return lines
    given = {"batch": batch, "steps": max(1, round(steps * USUAL / batch))}
    return [*lines, Line(f"{label}, as many data", "eae", STAGED, training=given, name=f"{name}-data")]


def _deep(depth: int, weight: float) -> Line:
    label, name = ("", "") if weight else ("weight 0, ", "weight-0-")
    networks, arguments = {"depth": depth}, {} if weight else {"weight": weight}
    return Line(f"{label}depth {depth}", "eae", STAGED, networks, arguments=arguments, name=f"{name}depth-{depth}")


USUAL = 100
"""The batch of the base."""
DEPTHS = (1, 2, 3)
LATENT_SIZES = (2, 4, 8, 16, 32)
BOTTLENECK_SOURCES = by_density() | {"energy": Source("codes", column="energy")}
KINDS = {"eae": "batch norm", "ae": "neither"}
BOTTLENECK_REMARKS = (
    "latent sizes and depths (convolutions per size) were chosen by this library: the paper's could not be recovered",
    "batch norm: codes of mean 0 and variance 1 without entropy; neither: a plain autoencoder; EAE: with entropy, at "
    "the data set's own latent size",
    "energy: squared energy distance of the codes of held-out data to N(0, I), about 0 for its own draws",
)


def eae_bottlenecks(request: ImageRequest) -> Report:
    """Batch norm without entropy: do codes become Gaussian as the bottleneck narrows and the network deepens?

    The prediction of sections 4.2 and 5.2 of the paper. Autoencoders whose codes are only normalised, at several latent
    sizes and depths, sampled from N(0, I), one fitted Gaussian and a mixture of ten, with the squared energy distance
    between their codes and N(0, I). Beside them are plain autoencoders, and at each depth an entropic one of the data
    set's own latent size. The paper's sizes could not be recovered; these are ours.
    """
    plain = [_bottleneck("ae", 1, d) for d in LATENT_SIZES]
    lines = chosen([line for depth in DEPTHS for line in _bottlenecks(depth)] + plain, request)
    measured = measure(request, "eae-bottlenecks", lines)
    title = "Narrow and deep bottlenecks without entropy"
    columns = tuple(BOTTLENECK_SOURCES)
    table = Table("eae-bottlenecks", title, request, lines, columns, measured, remarks=BOTTLENECK_REMARKS)
    picture = f"![Distances against latent size]({request.place('eae-bottlenecks').name}-distances.png)"
    return table.report(picture, pictures={"distances": lambda path: _draw(table, path)})


def _bottlenecks(depth: int) -> list[Line]:
    """The rows of a depth: batch norm at each latent size, and EAE."""
    entropic = Line(f"EAE, depth {depth}", "eae", BOTTLENECK_SOURCES, {"depth": depth}, name=f"eae-depth-{depth}")
    return [*(_bottleneck("eae", depth, latent_dim) for latent_dim in LATENT_SIZES), entropic]


def _bottleneck(recipe: str, depth: int, latent_dim: int) -> Line:
    networks = {"latent_dim": latent_dim, "depth": depth}
    arguments = {"weight": 0.0} if recipe == "eae" else {}
    label = f"{KINDS[recipe]}, depth {depth}, latent {latent_dim}"
    return Line(label, recipe, BOTTLENECK_SOURCES, networks, arguments=arguments, name=slug(label))


@own_style()
def _draw(table: Table, path: Path) -> None:
    """Isotropic distance and energy distance against latent size: a curve a depth, bars of one standard deviation."""
    figure = Figure(figsize=(9, 3.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    narrow = [line for line in table.lines if "latent_dim" in line.networks]
    kinds = dict.fromkeys((line.recipe, line.networks["depth"]) for line in narrow)
    shown = {"isotropic": "Fréchet distance, N(0, I)", "energy": "squared energy distance"}
    for panel, (column, title) in zip(figure.subplots(1, 2), shown.items(), strict=True):
        for recipe, depth in kinds:
            mine = [line for line in narrow if (line.recipe, line.networks["depth"]) == (recipe, depth)]
            found = {line.networks["latent_dim"]: table.number(line, column) for line in mine}
            known = {d: number for d, number in found.items() if number["mean"] is not None}
            means, errors = ([number[key] or 0.0 for number in known.values()] for key in ("mean", "std"))
            label = f"{KINDS[recipe]}, depth {depth}"
            panel.errorbar(list(known), means, errors, marker=".", capsize=2, label=label)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xticks(LATENT_SIZES, map(str, LATENT_SIZES))
        panel.set(title=title, xlabel="latent size")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    figure.axes[-1].legend()
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
