"""A narrow bottleneck in place of a regulariser (Ghose, Rashwan, Poupart, UAI 2020, section 5.2).

Plain autoencoders of several latent sizes and widths, sampled from N(0, I), one fitted Gaussian and a mixture of ten;
beside them, at each width, an entropic autoencoder of the data set's own latent size. The question of that section:
does a code of few dimensions make samples as good as a regulariser does, and at which cost to reconstructions? The
paper's sizes could not be recovered; these are ours.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from noiseless.files import atomic_write
from noiseless.reproduce.cells import measure
from noiseless.reproduce.request import Line, Report, Request, chosen
from noiseless.reproduce.studies.eae import by_density
from noiseless.reproduce.table import Table

__all__ = ["eae_bottlenecks"]

LATENT = (2, 4, 8, 16, 32)
SOURCES = by_density()
REMARKS = (
    "latent sizes and widths are ours: the paper's could not be recovered",
    "isotropic is N(0, I), which nothing in a plain autoencoder draws its codes to; MVG is one fitted Gaussian, GMM a "
    "mixture of ten",
)


def eae_bottlenecks(request: Request) -> Report:
    """Plain autoencoders with narrow bottlenecks: distance against latent size, at two widths."""
    widths = tuple(dict.fromkeys((request.setting.width, max(1, request.setting.width // 4))))
    lines = chosen([line for width in widths for line in _lines(width)], request)
    measured = measure(request, "eae-bottlenecks", lines)
    title = "Narrow bottlenecks without a regulariser"
    table = Table("eae-bottlenecks", title, request, lines, tuple(SOURCES), measured, remarks=REMARKS)
    picture = f"![Fréchet distance against latent size]({request.place('eae-bottlenecks').name}-distances.png)"
    return table.report(picture, pictures={"distances": lambda path: _draw(table, widths, path)})


def _lines(width: int) -> list[Line]:
    """The rows of a width: an autoencoder a latent size, and EAE."""
    eae = Line(f"width {width}, EAE", "eae", SOURCES, {"width": width}, name=f"width-{width}-eae")
    return [*(_line(width, latent_dim) for latent_dim in LATENT), eae]


def _line(width: int, latent_dim: int) -> Line:
    networks = {"width": width, "latent_dim": latent_dim}
    return Line(
        f"width {width}, latent {latent_dim}", "ae", SOURCES, networks, name=f"width-{width}-latent-{latent_dim}"
    )


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
        panel.set_xticks(LATENT, map(str, LATENT))
        panel.set(title=f"ae (EAE dashed), width {width}", xlabel="latent size")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("Fréchet distance")
    panels[-1].legend()
    with atomic_write(path) as part:
        figure.savefig(part, format="png")
