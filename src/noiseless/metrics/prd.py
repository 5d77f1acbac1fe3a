r"""Precision and recall for distributions (PRD), summarised as F8 and F1/8.

Both samples are joined and clustered; :math:`P` and :math:`Q` are the shares of the real and the fake data in the
clusters. Over the slopes :math:`\lambda = \tan \theta` of 1001 angles in :math:`(0, \pi/2)`,

.. math:: \alpha(\lambda) = \sum_c \min(\lambda P_c, Q_c), \qquad \beta(\lambda) = \alpha(\lambda) / \lambda

are the precision and the recall that :math:`Q` can have together. The curve is averaged over 10 clusterings into 20
clusters, and

.. math:: F_b = \max_\lambda \; (1 + b^2) \frac{\alpha \beta}{b^2 \alpha + \beta}

weighs recall at :math:`b = 8` and precision at :math:`b = 1/8`; both lie in [0, 1], larger is better. The original
code insists on equally many data on both sides, lest the larger one rule the clustering; here this is the caller's
affair, and a caution where it is not so.

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
        real, fake: more data each than there are clusters.
        seed: decides the clusterings.
        clusters: how many cells the feature space is cut into.
        runs: how many clusterings the curve is averaged over.

    Raises:
        InputError: a side has too few data.
    """
    if min(real.n, fake.n) <= clusters:
        raise InputError(f"PRD needs more data than its {clusters} clusters on either side, not {min(real.n, fake.n)}")
    joint = torch.cat([real.features, fake.features]).numpy()
    seeds = np.random.SeedSequence(seed).generate_state(runs)
    curves = [curve(*histograms(_labels(joint, clusters, int(s)), real.n)) for s in seeds]
    precision, recall = torch.stack([torch.stack(pair) for pair in curves]).mean(0)
    return f_score(precision, recall, 8.0), f_score(precision, recall, 1 / 8)


def histograms(labels: Tensor, n_real: int) -> tuple[Float64[Tensor, " c"], Float64[Tensor, " c"]]:
    """The shares of the first ``n_real`` data and of the others in every cluster."""
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
    r"""The largest :math:`F_b` on the curve; where both are 0 it is 0."""
    scores = (1 + b**2) * precision * recall / (b**2 * precision + recall).clamp_min(EPSILON)
    return float(scores.max())


def measure(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:
    """Columns ``f8`` and ``f1/8``, blank where a side has too few data."""
    if min(real.n, fake.n) <= CLUSTERS:
        return {"f8": None, "f1/8": None}
    f8, f1_8 = prd(real, fake, seed)
    return {"f8": f8, "f1/8": f1_8}


def cautions(real: Sample, fake: Sample) -> list[str]:
    """Says why the columns are blank, or that the sides are not equally large."""
    if min(real.n, fake.n) <= CLUSTERS:
        return [f"f8 and f1/8 are left out: {min(real.n, fake.n)} data are not more than their {CLUSTERS} clusters"]
    if real.n != fake.n:
        return [f"f8 and f1/8 expect equally many data on both sides, not {real.n} real and {fake.n} others"]
    return []


def _labels(x: np.ndarray, clusters: int, seed: int) -> Tensor:
    """One clustering; fewer distinct points than clusters are no fault of the data's."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = MiniBatchKMeans(clusters, init=_spread, n_init=10, random_state=seed).fit(x).labels_
    return torch.from_numpy(labels).long()


def _spread(x: np.ndarray, clusters: int, random_state: np.random.RandomState) -> np.ndarray:
    """k-means++: each further centre is drawn in proportion to its squared distance from the nearest one so far.

    It stands in for scikit-learn's, which tries five draws a centre in float64 and took nine tenths of all the time.
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
