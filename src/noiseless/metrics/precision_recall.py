r"""Improved precision and recall: what share of each sample lies in the other's estimated support.

The support of a set :math:`\Phi` is estimated by balls around its elements, whose radius :math:`r_k(\phi)` is the
distance to the :math:`k`-th nearest neighbour in :math:`\Phi` other than the element itself, :math:`k = 3`:

.. math::

    \text{precision} = \tfrac{1}{|Y|} \textstyle\sum_{y \in Y} \mathbb{1}[\exists x \in X: \|y - x\| \le r_k(x)], \\
    \text{recall} = \tfrac{1}{|X|} \textstyle\sum_{x \in X} \mathbb{1}[\exists y \in Y: \|x - y\| \le r_k(y)].

Duplicates count as neighbours, so the ball of a point that occurs more than :math:`k` times has radius 0 and contains
only its copies.

Distances are first computed in float32 by one matrix product per block of rows, after subtracting the mean of the
support. This suffers from cancellation: a copy could miss its original. The product is therefore used only to select
candidates: for the nearest (or the most deeply containing) candidates of every row, the distance is recomputed in
float64 as :math:`\sum_l (a_l - b_l)^2`, for which equal points have distance 0 and ties are exact. These distances
decide.

Reference: Kynkäänniemi, Karras, Laine, Lehtinen and Aila, "Improved Precision and Recall Metric for Assessing
Generative Models", NeurIPS 2019, https://arxiv.org/abs/1904.06991.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from noiseless.errors import InputError
from noiseless.metrics.sample import Sample

__all__ = ["cautions", "covered", "measure", "precision_recall", "radii"]

NEIGHBOURS = 3
BLOCK = 1000
NEAR_ZERO = 0.05
SPARE = 5  # extra candidates, in case float32 rounding changed the order


def precision_recall(real: Sample, fake: Sample, k: int = NEIGHBOURS) -> tuple[float, float]:
    r"""Precision and recall, both in [0, 1].

    Arguments:
        real, fake: more than ``k`` examples each.
        k: the neighbour whose distance is the radius, at least 1.

    Raises:
        InputError: a side has ``k`` examples or fewer.
    """
    precision = covered(fake, real, k).double().mean()
    recall = covered(real, fake, k).double().mean()
    return float(precision), float(recall)


def radii(sample: Sample, k: int = NEIGHBOURS) -> Float64[Tensor, " n"]:
    r"""Squared distance of every example to its :math:`k`-th nearest neighbour other than itself.

    >>> radii(Sample(torch.tensor([[0.0], [1.0], [3.0]])), k=1).tolist()
    [1.0, 1.0, 4.0]
    """
    if sample.n <= k:
        raise InputError(f"a distance to the {k}-th neighbour needs more than {k} examples, not {sample.n}")
    x = sample.features
    centred = x - x.mean(0)
    most = min(sample.n, k + 1 + SPARE)
    blocks = []
    for rows in torch.arange(sample.n).split(BLOCK):
        near = _squared(centred[rows], centred).topk(most, largest=False, sorted=False).indices
        blocks.append(_exactly(x[rows], x, near).sort(dim=1).values[:, k])
    return torch.cat(blocks)


def covered(points: Sample, support: Sample, k: int = NEIGHBOURS) -> Bool[Tensor, " n"]:
    """Which points lie in a ball of the support."""
    squared_radii = support.once(radii, k)
    mean = support.features.mean(0)
    centres = support.features - mean
    most = min(support.n, 1 + SPARE)
    blocks = []
    for x in points.features.split(BLOCK):
        margins = squared_radii.float() - _squared(x - mean, centres)
        likely = margins.topk(most, sorted=False).indices
        inside = _exactly(x, support.features, likely) <= squared_radii[likely]
        blocks.append(inside.any(dim=1))
    return torch.cat(blocks)


KEYS = {
    "precision": "share of what is made that lies among the data, 0 to 1; says little where recall is near 0",
    "recall": "share of the data that lie among what is made, 0 to 1; higher is better",
}
"""What the columns mean, in a line each."""


def measure(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:  # noqa: ARG001
    """Columns ``precision`` and ``recall``, blank if a side has too few examples."""
    if min(real.n, fake.n) <= NEIGHBOURS:
        return {"precision": None, "recall": None}
    precision, recall = fake.once(_both, real)
    return {"precision": precision, "recall": recall}


def _both(fake: Sample, real: Sample) -> tuple[float, float]:
    return precision_recall(real, fake)


def cautions(real: Sample, fake: Sample) -> list[str]:
    """Says why the columns are blank, or why precision says little."""
    n = min(real.n, fake.n)
    if n <= NEIGHBOURS:
        return [f"precision and recall are left out: they need more than {NEIGHBOURS} examples, not {n}"]
    if fake.once(_both, real)[1] >= NEAR_ZERO:
        return []
    return [
        f"precision says little with recall below {NEAR_ZERO}: samples that are all alike, or wrong, count as real "
        "if they lie within the wide gaps between real examples; compare by fd or kid"
    ]


def _squared(x: Float[Tensor, "b f"], y: Float[Tensor, "n f"]) -> Float[Tensor, "b n"]:
    """Squared distances by one matrix product, up to float32 rounding."""
    return torch.addmm(y.square().sum(1), x, y.T, alpha=-2.0).add_(x.square().sum(1, keepdim=True))


def _exactly(x: Float[Tensor, "b f"], y: Float[Tensor, "n f"], index: Int[Tensor, "b c"]) -> Float64[Tensor, "b c"]:
    """Squared distances from every row of ``x`` to the rows of ``y`` with these indices, by differences in float64."""
    columns = [(x.double() - y[rows].double()).square_().sum(1) for rows in index.T]
    return torch.stack(columns, dim=1)
