"""Pictures of MaskAAE's study of capacities: distances, active dimensions, correlations and training."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from noiseless.reproduction.studies.maskaae_capacity import METHODS, Reading
from noiseless.show.plots import panelled
from noiseless.show.png import own_style, written

__all__ = ["against_capacity", "along_training", "correlations"]


@own_style()
def against_capacity(readings: Sequence[Reading], true: int | None, path: Path) -> Path:
    """Distance and active dimensions against the latent size, mean and deviation over seeds (the paper's Figure 4).

    Arguments:
        readings: of both methods.
        true: the dimensions of the data, if they are known.
        path: the PNG file.
    """
    figure, (left, right) = panelled(2)
    sizes = sorted({reading.m for reading in readings})
    for label in METHODS:
        mine = [reading for reading in readings if reading.method == label]
        _curve(left, mine, "fd", label)
        _curve(right, mine, "active", label)
    left.axhline(
        statistics.fmean(r.numbers["floor"] for r in readings), color="0.55", ls="--", label="two real samples"
    )
    left.set(title="Fréchet distance of samples", yscale="log")
    right.set(title="active dimensions")
    right.plot(sizes, sizes, color="0.8", lw=1, zorder=0)
    if true is not None:
        right.axhline(true, color="0.55", ls="--", label=f"the data's: {true}")
    for panel in (left, right):
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, map(str, sizes))
        panel.set_xlabel("latent size m")
        panel.legend()
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    return written(figure, path)


def _curve(panel: Axes, readings: Sequence[Reading], key: str, label: str) -> None:
    groups = {m: [r.numbers[key] for r in readings if r.m == m] for m in sorted({r.m for r in readings})}
    means = [statistics.fmean(values) for values in groups.values()]
    errors = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in groups.values()]
    panel.errorbar(list(groups), means, errors, marker=".", capsize=2, label=label)


@own_style()
def correlations(codes: Mapping[str, Float[Tensor, "n d"]], path: Path) -> Path:
    """The normalised absolute covariance of codes, a panel a method (the paper's Figures 10 to 13); constants are 0."""
    figure, panels = panelled(len(codes))
    for panel, (label, z) in zip(panels, codes.items(), strict=True):
        r = torch.atleast_2d(torch.corrcoef(z.double().T)).abs().nan_to_num()
        panel.grid(visible=False)
        image = panel.imshow(r.numpy(), vmin=0, vmax=1, cmap="magma")
        panel.set(title=label, xlabel="dimension", ylabel="dimension")
        figure.colorbar(image, ax=panel)
    return written(figure, path)


@own_style()
def along_training(logs: Mapping[str, Sequence[Mapping[str, Any]]], readings: Sequence[Reading], path: Path) -> Path:
    """Reconstruction error, the critic's distance and the Fréchet distance against the step (the paper's Figure 8).

    Arguments:
        logs: rows of training by label.
        readings: of the same runs, with their stages.
        path: the PNG file.
    """
    figure, (error, distance, samples) = panelled(3)
    for label, rows in logs.items():
        _row(error, rows, "autoencoder/reconstruction", 1, label)
        _row(distance, rows, "critic/distance", -1, label)
    for reading in readings:
        samples.plot(list(reading.stages), list(reading.stages.values()), ".-", label=reading.method)
    error.set(title="reconstruction error", yscale="log")
    distance.set(title="Wasserstein distance, estimated")
    samples.set(title="Fréchet distance of samples", yscale="log")
    for panel in (error, distance, samples):
        panel.set_xlabel("step")
        panel.legend()
    return written(figure, path)


def _row(panel: Axes, rows: Sequence[Mapping[str, Any]], key: str, sign: int, label: str) -> None:
    points = {row["step"]: sign * row[key] for row in rows if key in row}
    panel.plot(list(points), list(points.values()), label=label)
