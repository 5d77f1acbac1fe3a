r"""Pictures of what a model does: PNG files, readable at a glance.

Images are pasted pixel by pixel and never resampled. A value :math:`v` becomes the byte
:math:`\operatorname{round}(255 \min(\max(v, 0), 1))`, so that what lies outside [0, 1] saturates instead of wrapping
around, and nothing is darkened by truncation; a value that is not finite is refused. One channel is grey, three are
RGB; of any other number of channels the mean is shown, in grey. Small images are enlarged by a whole factor with the
nearest neighbour, to at most :data:`LEGIBLE` pixels a side, so that 8x8 digits can be read.

Curves and scatter plots go through matplotlib's object interface and the Agg canvas: no window and no global state.
Every file is written whole or not at all, and every function returns the path that it wrote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from torch import Tensor

from noiseless.errors import InputError
from noiseless.show.png import own_style, refuse_broken, written

__all__ = ["curves", "latent", "masks", "panelled", "vectors"]

WIDE = 5
GREY, COLOUR = "0.55", "tab:blue"
LABELS = {"autoencoder": "train"}
"""What curves call a phase of training, where that is not its name."""


@own_style()
def curves(log: Sequence[Mapping[str, Any]], path: Path, along: str = "step") -> Path:
    """Loss terms against the step, a panel each; training and validation share the panel of their term.

    The axis is logarithmic where all values are positive and the largest is over 5 times the smallest. Values that
    are missing or not finite are left out; of two rows at one step, as a resumed run has, the later counts.

    Arguments:
        log: rows with a ``step`` and terms as ``split/term`` (``train/reconstruction``); what has no slash is no term.
        path: the PNG file.
        along: what the step counts.

    Raises:
        InputError: no row has a term, or a path that does not end in ``.png``.
    """
    lines = _lines(log)
    terms = list(dict.fromkeys(term for _, term in lines))
    if not terms:
        raise InputError("the log has no loss terms to draw (keys such as 'train/reconstruction'); train for longer")
    figure, panels = panelled(len(terms))
    splits = list(dict.fromkeys(["train", "validation", *(split for split, _ in lines)]))
    for panel, term in zip(panels, terms, strict=True):
        found = {split: lines[split, term] for split in splits if (split, term) in lines}
        for split, points in found.items():
            style = ".-" if len(points) < 30 else "-"
            panel.plot(list(points), list(points.values()), style, color=f"C{splits.index(split)}", label=split)
        panel.set(title=term, xlabel=along)
        values = [value for points in found.values() for value in points.values()]
        if min(values) > 0 and max(values) > WIDE * min(values):
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter(LogFormatter())
            panel.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.4)))
        panel.legend()
    return written(figure, path)


@own_style()
def masks(log: Sequence[Mapping[str, Any]], path: Path) -> Path:
    r"""The mask :math:`\mu_j` of every dimension against the step, and how many are active.

    Arguments:
        log: rows with a ``step``, of which some have a ``mask``, a list of d numbers, and ``validation/active``.
        path: the PNG file.

    Raises:
        InputError: no row has a mask, or a path that does not end in ``.png``.
    """
    rows = [row for row in log if "mask" in row]
    if not rows:
        raise InputError("the log has no mask to draw; only methods with a mask log one")
    steps, d = [row["step"] for row in rows], len(rows[-1]["mask"])
    figure, (left, right) = panelled(2)
    left.plot(steps, [row["mask"] for row in rows], color=COLOUR, alpha=0.6, linewidth=1)
    left.set(title=f"mask of {d} dimensions", xlabel="step", ylim=(-0.05, 1.05))
    right.plot(steps, [row["validation/active"] for row in rows], ".-", color=COLOUR)
    right.set(title="active dimensions", xlabel="step", ylim=(0, 1.05 * d))
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    return written(figure, path)


@own_style()
def vectors(real: Float[Tensor, "n d"], made: Mapping[str, Float[Tensor, "_ d"]], path: Path) -> Path:
    r"""Real and generated vectors side by side in the plane of the first two principal components of the real ones.

    .. math:: (v - \bar x) V_{1:2}, \qquad X - \bar x = U S V^\top

    One-dimensional data are shown as two histograms.

    Arguments:
        real: data.
        made: what was generated, by label; a panel each.
        path: the PNG file.

    Raises:
        InputError: fewer than 2 real vectors, values that are not finite, or a path that does not end in ``.png``.
    """
    least = min(map(len, made.values()))
    if len(real) < 2 or least < 1:
        raise InputError(f"a plot needs at least 2 real and 1 generated vectors, not {len(real)} and {least}")
    for name, v in {"real": real, **made}.items():
        refuse_broken(v, f"{name} vectors")
    mean = real.double().mean(dim=0)
    _, scales, axes = torch.linalg.svd(real.double() - mean, full_matrices=False)
    planes = {name: ((v.double() - mean) @ axes[:2].T).cpu().numpy() for name, v in {"real": real, **made}.items()}
    figure, panels = panelled(len(planes), shared=True)
    for panel, (name, points) in zip(panels, planes.items(), strict=True):
        _cloud(panel, points, GREY if name == "real" else COLOUR)
        panel.set(title=f"{name}, n = {len(points)}", xlabel=f"component 1 ({_share(scales, 0)} of variance)")
    panels[0].set_ylabel(f"component 2 ({_share(scales, 1)})" if len(scales) > 1 else "frequency")
    return written(figure, path)


@own_style()
def latent(z: Float[Tensor, "n d"], path: Path) -> Path:
    r"""Codes beside N(0, I): variance, mean and correlation of every dimension, and histograms of up to three.

    The histograms are of the dimensions of largest, median and smallest variance. The correlation
    :math:`|C_{ij}| / \sqrt{C_{ii} C_{jj}}` with a constant dimension is shown as 0.

    Arguments:
        z: the codes.
        path: the PNG file.

    Raises:
        InputError: fewer than 2 codes, values that are not finite, or a path that does not end in ``.png``.
    """
    if len(z) < 2:
        raise InputError(f"a picture of codes needs at least 2 of them, not {len(z)}")
    refuse_broken(z, "codes")
    mean, std = z.double().mean(dim=0), z.double().std(dim=0)
    order = std.argsort(descending=True).tolist()
    chosen = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))
    figure, panels = panelled(3 + len(chosen))
    for panel, values, title, normal in zip(
        panels, (std.square(), mean), ("variance", "mean"), (1.0, 0.0), strict=False
    ):
        panel.plot(values.numpy(), ".", color=COLOUR)
        panel.axhline(normal, color=GREY, label="N(0, I)")
        panel.set(title=f"{title}, n = {len(z):,}", xlabel="dimension", ylim=_around(values, normal))
        panel.legend()
    scaled = (z.double() - mean) / std.where(std > 0, 1) / math.sqrt(len(z) - 1)
    panels[2].grid(visible=False)
    image = panels[2].imshow((scaled.T @ scaled).abs().numpy(), vmin=0, vmax=1, cmap="magma")
    panels[2].set(title="absolute correlation", xlabel="dimension", ylabel="dimension")
    figure.colorbar(image, ax=panels[2])
    for axis in (panels[0].xaxis, panels[1].xaxis, panels[2].xaxis, panels[2].yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    for panel, j in zip(panels[3:], chosen, strict=True):
        _beside_normal(panel, z[:, j].double().numpy())
        panel.set(title=f"dimension {j}, variance {float(std[j]) ** 2:#.3g}")
    return written(figure, path)


def panelled(count: int, shared: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure with this many panels, up to three in a row."""
    across = min(3, count)
    down = math.ceil(count / across)
    figure = Figure(figsize=(4.5 * across, 3.4 * down), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(down, across, squeeze=False, sharex=shared, sharey=shared).flat)
    for empty in axes[count:]:
        empty.remove()
    for panel in axes[:count]:
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes[:count]


def _lines(log: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[int, float]]:
    lines: dict[tuple[str, str], dict[int, float]] = {}
    for row in log:
        for key, value in row.items():
            split, slash, term = key.partition("/")
            if slash and value is not None and math.isfinite(value):
                lines.setdefault((LABELS.get(split, split), term), {})[row["step"]] = value
    return {key: dict(sorted(points.items())) for key, points in lines.items()}


def _cloud(panel: Axes, points: np.ndarray, colour: str) -> None:
    if points.shape[1] == 1:
        panel.hist(points[:, 0], bins=40, density=True, color=colour)
        return
    panel.scatter(points[:, 0], points[:, 1], s=6, alpha=0.5, linewidths=0, color=colour)


def _around(values: Float[Tensor, " d"], normal: float) -> tuple[float, float]:
    """An axis with all values and what is normal, with some air."""
    low, high = min(float(values.min()), normal), max(float(values.max()), normal)
    air = 0.1 * (high - low) or 0.5
    return low - air, high + air


def _beside_normal(panel: Axes, values: np.ndarray) -> None:
    """A histogram, and the density of N(0, 1) where both are."""
    panel.hist(values, bins=40, density=True, color=COLOUR)
    grid = np.linspace(min(-3.0, values.min()), max(3.0, values.max()), 1000)
    panel.plot(grid, np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi), color=GREY, label="N(0, 1)")
    panel.legend()


def _share(scales: Float[Tensor, " d"], index: int) -> str:
    total = scales.square().sum()
    return f"{float(scales[index].square() / total):.0%}" if total > 0 else "0%"
