r"""Classifier score: the Inception score's formula on the features' own classes.

.. math:: \exp \mathbb{E}_x \operatorname{KL}\big(p(c \mid x) \,\|\, p(c)\big), \qquad p(c) = \mathbb{E}_x\, p(c \mid x)

lies between 1 (every image gets the same prediction) and the number of classes (certain predictions, all classes
equally often). As in the original code, the data are cut into 10 splits in the order in which they come and the mean
over the splits is reported; :math:`p(c)` is that of the split. At least 10 data are needed, and a split of :math:`n /
10` data cannot score above :math:`n / 10`: a caution says so while that is less than the number of classes. The real
set plays no part.

Reference: Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, https://arxiv.org/abs/1606.03498.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.errors import InputError
from noiseless.metrics.sample import Sample

__all__ = ["cautions", "classifier_score", "measure"]

SPLITS = 10


def classifier_score(logits: Float[Tensor, "n k"], splits: int = SPLITS) -> float:
    r"""The mean score over splits.

    >>> round(classifier_score(torch.zeros(20, 4)), 6)
    1.0

    Arguments:
        logits: unnormalised log probabilities, at least ``splits`` rows, in random order.
        splits: into how many parts the rows are cut.

    Raises:
        InputError: there are fewer rows than splits.
    """
    if len(logits) < splits:
        raise InputError(f"the classifier score cuts its data into {splits} splits and was given {len(logits)}")
    return sum(_score(part) for part in logits.double().tensor_split(splits)) / splits


def measure(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:  # noqa: ARG001
    """Column ``score``, blank without classes or with too few data."""
    if fake.logits is None or fake.n < SPLITS:
        return {"score": None}
    return {"score": classifier_score(fake.logits)}


def cautions(real: Sample, fake: Sample) -> list[str]:  # noqa: ARG001
    """Says why the column is blank though there are classes, or that there are few data for so many classes."""
    if fake.logits is None:
        return []
    if fake.n < SPLITS:
        return [f"score is left out: {fake.n} data cannot be cut into {SPLITS} splits"]
    classes = fake.logits.shape[1]
    if fake.n >= SPLITS * classes:
        return []
    return [
        f"score cannot exceed {-(-fake.n // SPLITS)} with {SPLITS} splits of {fake.n} data; there are {classes} classes"
    ]


def _score(logits: Tensor) -> float:
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    marginal = p.mean(0)
    # An impossible class has p log p = 0, which xlogy gives without the 0 * inf of the plain product.
    divergence = (torch.xlogy(p, p) - torch.xlogy(p, marginal)).sum(1)
    return float(divergence.mean().exp())
