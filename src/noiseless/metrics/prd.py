r"""Precision and recall for distributions (PRD), summarised as F8 and F1/8.

Both samples are pooled and clustered; :math:`P` and :math:`Q` are the shares of the real and the generated data in the
clusters. For the slopes :math:`\lambda = \tan \theta` of 1001 angles in :math:`(0, \pi/2)`,

.. math:: \alpha(\lambda) = \sum_c \min(\lambda P_c, Q_c), \qquad \beta(\lambda) = \alpha(\lambda) / \lambda

are a precision and a recall that :math:`Q` attains together. The curve is averaged over 10 clusterings into 20
clusters, and

.. math:: F_b = \max_\lambda \; (1 + b^2) \frac{\alpha \beta}{b^2 \alpha + \beta}

emphasises recall for :math:`b = 8` and precision for :math:`b = 1/8`; both lie in [0, 1], larger is better. The
original code requires equally many examples on both sides, because the larger one would dominate the clustering; here
that is left to the caller, and a caution is issued if the sizes differ.

Reference: Sajjadi, Bachem, Lucic, Bousquet and Gelly, "Assessing Generative Models via Precision and Recall", NeurIPS
2018, https://arxiv.org/abs/1806.00035.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from noiseless.errors import InputError
from noiseless.metrics.sample import Sample

__all__ = ["cautions", "curve", "f_score", "histograms", "measure", "prd"]

CLUSTERS, ANGLES, RUNS = 20, 1001, 10
EPSILON = 1e-10


def prd(real: Sample, fake: Sample, seed: int, clusters: int = CLUSTERS, runs: int = RUNS) -> tuple[float, float]:
    r"""F8 and F1/8.

    Arguments:
        real, fake: each with more examples than there are clusters.
        seed: seeds the clusterings.
        clusters: number of clusters.
        runs: number of clusterings that the curve is averaged over.

    Raises:
        InputError: a side has too few examples.
    """
    if min(real.n, fake.n) <= clusters:
        raise InputError(
            f"PRD with {clusters} clusters needs more examples than clusters on either side, not {min(real.n, fake.n)}"
        )
    pooled = torch.cat([real.features, fake.features]).double()
    joint = (pooled - pooled.mean(0)).float().numpy()  # far from the origin, distances drown in float32
    seeds = np.random.SeedSequence(seed).generate_state(runs)
    curves = [curve(*histograms(_labels(joint, clusters, int(s)), real.n)) for s in seeds]
    precision, recall = torch.stack([torch.stack(pair) for pair in curves]).mean(0)
    return f_score(precision, recall, 8.0), f_score(precision, recall, 1 / 8)


def histograms(labels: Tensor, n_real: int) -> tuple[Float64[Tensor, " c"], Float64[Tensor, " c"]]:
    """The shares of the first ``n_real`` examples and of the others in every cluster."""
    bins = int(labels.max()) + 1
    real, fake = labels[:n_real], labels[n_real:]
    return real.bincount(minlength=bins).double() / len(real), fake.bincount(minlength=bins).double() / len(fake)


def curve(
    real: Float64[Tensor, " c"], fake: Float64[Tensor, " c"], angles: int = ANGLES
) -> tuple[Float64[Tensor, " a"], Float64[Tensor, " a"]]:
    r"""The curves :math:`\alpha(\lambda)` and :math:`\beta(\lambda)` of two histograms.

    >>> precision, recall = curve(torch.tensor([0.5, 0.5]).double(), torch.tensor([1.0, 0.0]).double(), 3)
    >>> [round(float(v[1]), 6) for v in (precision, recall)]
    [0.5, 0.5]
    """
    slopes = torch.linspace(EPSILON, math.pi / 2 - EPSILON, angles, dtype=torch.float64).tan()
    precision = torch.minimum(slopes[:, None] * real, fake).sum(1)
    return precision.clamp(0, 1), (precision / slopes).clamp(0, 1)


def f_score(precision: Float64[Tensor, " a"], recall: Float64[Tensor, " a"], b: float) -> float:
    r"""The largest :math:`F_b` on the curve; 0 where precision and recall are both 0."""
    scores = (1 + b**2) * precision * recall / (b**2 * precision + recall).clamp_min(EPSILON)
    return float(scores.max())


KEYS = {
    "f8": "PRD with the weight on recall, 0 to 1: is all of the data covered? higher is better",
    "f1/8": "PRD with the weight on precision, 0 to 1: does all that is made look like data? higher is better",
}
"""What the columns mean, in a line each."""


def measure(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:
    """Columns ``f8`` and ``f1/8``, blank if a side has too few examples."""
    if min(real.n, fake.n) <= CLUSTERS:
        return {"f8": None, "f1/8": None}
    f8, f1_8 = prd(real, fake, seed)
    return {"f8": f8, "f1/8": f1_8}


def cautions(real: Sample, fake: Sample) -> list[str]:
    """Says why the columns are blank, or that the sides differ in size."""
    if min(real.n, fake.n) <= CLUSTERS:
        return [f"f8 and f1/8 are left out: they need more than {CLUSTERS} examples, not {min(real.n, fake.n)}"]
    if real.n != fake.n:
        return [f"f8 and f1/8 expect equally many examples on both sides, not {real.n} real and {fake.n} generated"]
    return []


def _labels(x: np.ndarray, clusters: int, seed: int) -> Tensor:
    """The labels of one clustering; fewer distinct points than clusters are accepted without a warning."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = MiniBatchKMeans(clusters, init=_spread, n_init=10, random_state=seed).fit(x).labels_
    return torch.from_numpy(labels).long()


def _spread(x: np.ndarray, clusters: int, random_state: np.random.RandomState) -> np.ndarray:
    """k-means++: each further centre is drawn in proportion to its squared distance from the nearest one so far.

    It replaces scikit-learn's, which tries five candidates per centre in float64 and took 90% of the total time.
    """
    rows = torch.from_numpy(x)
    norms = rows.square().sum(1)
    nearest = torch.full_like(norms, torch.inf)
    chosen = [random_state.randint(len(x))]
    while len(chosen) < clusters:
        last = chosen[-1]
        nearest = torch.minimum(nearest, (norms - 2 * (rows @ rows[last]) + norms[last]).clamp_min(0))
        mass = nearest.double().cumsum(0)
        drawn = torch.searchsorted(mass, mass[-1] * random_state.uniform(), right=True)
        chosen.append(min(int(drawn), len(x) - 1))
    return x[chosen]
