"""What the entropic autoencoder owes to what (Ghose, Rashwan, Poupart, UAI 2020), https://arxiv.org/abs/2002.10631.

The base is `eae` at its defaults, and every other row changes one argument of it: the weight of the entropy (0 is batch
norm alone; 0.05 and 1 are the weights that the paper names), the normalisation (none is entropy alone, which has no
minimum), the neighbour k, the size of a batch, of a code and of the networks. The depth of the convolutional networks
is the paper's own, so that depth is varied on a perceptron, whose rows are to be read against each other. A second
stage on the base's codes is what the paper names as future work.

Rows are trained in three stages, each of which ends with a validation, where isotropic samples are measured: whether
early samples tell the final distance is the rank correlation over rows below the table. A run that was trained
beforehand has no early numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from noiseless.reproduce.cells import measure
from noiseless.reproduce.request import Line, Report, Request, Scale, Source, chosen
from noiseless.reproduce.studies.eae import by_density
from noiseless.reproduce.table import Table, agreement

__all__ = ["eae_ablations"]

EARLY = {"isotropic, 1/4": 0.25, "isotropic, 1/2": 0.5}
"""Columns of isotropic samples after a part of the steps."""
SOURCES = by_density() | {column: Source("samples", "normal", part) for column, part in EARLY.items()}
COLUMNS = tuple(SOURCES)
REMARKS = (
    "every other row differs from base in the one argument that it names; the perceptrons differ from base in their "
    "kind of network, and from each other in depth",
    "isotropic is N(0, I), in a row `base, second stage` such a one on the codes of base",
    "batches of other sizes see as many data as base only where the scale counts epochs and not steps",
)


def eae_ablations(request: Request) -> Report:
    """EAE with one argument changed at a time, and whether early samples predict the final distance."""
    setting = request.setting
    lines = chosen([_staged(line, setting) for line in _lines(setting.width, setting.second_stage)], request)
    measured = measure(request, "eae-ablations", lines)
    title = "What EAE owes to what"
    table = Table("eae-ablations", title, request, lines, COLUMNS, measured, remarks=REMARKS)
    final = table.means("isotropic")
    found = {column: agreement(table.means(column), final) for column in EARLY}
    said = [f"{column}: {rho:.2f}" for column, rho in found.items() if rho is not None]
    text = f"Rank correlation over rows of early with final isotropic distances: {'; '.join(said)}." if said else ""
    return table.report(text, content={"early": found})


def _lines(width: int, second_stage: str) -> list[Line]:
    half = max(1, width // 2)
    return [
        Line("base", "eae", SOURCES, name="base"),
        Line("weight 0 (batch norm alone)", "eae", SOURCES, arguments={"weight": 0.0}, name="weight-0"),
        Line("weight 0.05", "eae", SOURCES, arguments={"weight": 0.05}, name="weight-0.05"),
        Line("weight 0.2", "eae", SOURCES, arguments={"weight": 0.2}, name="weight-0.2"),
        Line("weight 5", "eae", SOURCES, arguments={"weight": 5.0}, name="weight-5"),
        Line("no batch norm (entropy alone)", "eae", SOURCES, arguments={"normalisation": "none"}, name="no-norm"),
        *(Line(f"k = {k}", "eae", SOURCES, arguments={"k": k}, name=f"k-{k}") for k in (3, 10)),
        *(Line(f"batch {b}", "eae", SOURCES, training={"batch": b}, name=f"batch-{b}") for b in (20, 500)),
        *(Line(f"latent {d}", "eae", SOURCES, {"latent_dim": d}, name=f"latent-{d}") for d in (4, 8, 32)),
        *(Line(f"width {w}", "eae", SOURCES, {"width": w}, name=f"width-{w}") for w in (half, 2 * width)),
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
    return Line(f"perceptron, depth {depth}", "eae", SOURCES, {"net": "mlp", "depth": depth}, name=f"mlp-{depth}")
