r"""Classifier score: the formula of the Inception score, with the classes of the chosen feature network.

.. math:: \exp \mathbb{E}_x \operatorname{KL}\big(p(c \mid x) \,\|\, p(c)\big), \qquad p(c) = \mathbb{E}_x\, p(c \mid x)

lies between 1 (the same prediction for every image) and the number of classes (certain predictions, all classes equally
frequent). As in the original code, the data are divided into 10 splits in their given order, :math:`p(c)` is computed
per split, and the mean over the splits is reported. At least 10 examples are needed. A split of :math:`n / 10` examples
cannot score above :math:`n / 10`; a caution is issued if that is less than the number of classes. The real set is not
used.

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
        splits: number of parts that the rows are divided into.

    Raises:
        InputError: there are fewer rows than splits.
    """
    if len(logits) < splits:
        raise InputError(f"the classifier score needs at least {splits} examples for its splits, not {len(logits)}")
    return sum(_score(part) for part in logits.double().tensor_split(splits)) / splits


KEYS = {
    "score": "classifier score, from 1: clear and varied to the classifier behind the features? higher is better",
}
"""What the columns mean, in a line each."""


def measure(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:  # noqa: ARG001
    """Column ``score``, blank without classes or with too few examples."""
    if fake.logits is None or fake.n < SPLITS:
        return {"score": None}
    return {"score": classifier_score(fake.logits)}


def cautions(real: Sample, fake: Sample) -> list[str]:  # noqa: ARG001
    """Says why the column is blank although there are classes, or that there are too few examples for the classes."""
    if fake.logits is None:
        return []
    if fake.n < SPLITS:
        return [f"score is left out: {fake.n} examples cannot be divided into {SPLITS} splits"]
    classes = fake.logits.shape[1]
    if fake.n >= SPLITS * classes:
        return []
    return [
        f"score cannot exceed {-(-fake.n // SPLITS)} with {SPLITS} splits of {fake.n} examples, "
        f"but there are {classes} classes"
    ]


def _score(logits: Tensor) -> float:
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    marginal = p.mean(0)
    # A class of probability 0 has p log p = 0, which xlogy returns; the plain product would be 0 * inf.
    divergence = (torch.xlogy(p, p) - torch.xlogy(p, marginal)).sum(1)
    return float(divergence.mean().exp())
