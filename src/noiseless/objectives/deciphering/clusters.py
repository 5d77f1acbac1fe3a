r"""Clusters of the training data: k-means on the principal components that explain 95% of the standardised variance.

.. math:: \min_{\mu, c} \sum_i \|W^\top \tilde x_i - \mu_{c_i}\|^2, \qquad
    \tilde x_{ij} = (x_{ij} - \bar x_j) / s_j

with the principal axes W of :math:`\tilde x`. For more than 20,000 examples, mini-batch k-means is used.

Source: Generative autoencoding of dropout patterns (Maeda, 2023), https://arxiv.org/abs/2310.01712, and its code.
"""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Float, Int
from torch import Tensor

from noiseless.errors import InputError

__all__ = ["check_clusters", "clusters"]

KEPT = 0.95
LARGE = 20_000


def check_clusters(count: int, k: int) -> None:
    """Refuses more clusters than examples, or fewer than 1."""
    if not 1 <= k <= count:
        raise InputError(f"{k} clusters of {count} examples were requested; expected 1 to {count}")


def clusters(x: Float[Tensor, "n d"], k: int, seed: int) -> Int[Tensor, " n"]:
    """The cluster of each example, from 0 to k - 1.

    Arguments:
        x: the examples as vectors.
        k: number of clusters, from 1 to n.
        seed: seeds the initial centres.

    Raises:
        InputError: there are more clusters than examples, or fewer than 1.
    """
    check_clusters(len(x), k)
    if k == 1:
        return torch.zeros(len(x), dtype=torch.int64)
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    data = x.detach().cpu().float()
    scale = torch.where(data.std(0) > 0, data.std(0), 1)
    white = ((data - data.mean(0)) / scale).numpy()
    seed %= 2**32
    # one thread, so that the clusters do not depend on the number of cores
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct examples than clusters
        parts = PCA(KEPT, svd_solver="full" if len(data) < data.shape[1] else "covariance_eigh").fit_transform(white)
        if len(data) > LARGE:
            means = MiniBatchKMeans(k, random_state=seed, n_init=3, batch_size=4096)
        else:
            means = KMeans(k, random_state=seed, n_init=3)
        return torch.from_numpy(means.fit_predict(parts)).long()
