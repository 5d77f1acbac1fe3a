r"""Data of known intrinsic dimension: normally distributed codes, mapped by a fixed random network.

.. math:: y = \phi(W_2\, \phi(W_1 z)) \in \mathbb R^{128}, \qquad z \sim N(0, I_n), \qquad
    \phi(a) = \max(a, 0.2\, a), \qquad W_k \sim N(0, 2 / 1.04 f_k)

where :math:`f_k` is the number of inputs of a layer, so that a layer preserves the mean square of its inputs. With at
least n hidden units the data lie on a piecewise linear surface of n dimensions. An autoencoder whose codes follow
N(0, I) can be optimal with n latent dimensions; with fewer its bottleneck is too narrow, and with more its codes cannot
fill N(0, I).

The network and the samples are functions of the seed. Values are rounded to multiples of :math:`2^{-16}`, so that
differences in the rounding of matrix products between machines change neither the data nor their fingerprint.

Source: MaskAAE (Mondal et al., UAI 2020), section 9.1, https://arxiv.org/abs/1912.04564: isotropic codes, two layers of
leaky ReLU, 128 values. The paper's n and hidden width are not recoverable; slope, weights and numbers of examples are
ours.
"""

from __future__ import annotations

import numpy as np

from noiseless.data.raw import TEST, TRAIN, VALIDATION, LoadOptions, Raw
from noiseless.errors import InputError

__all__ = ["DATASETS", "synthetic"]

OUTPUTS = 128
SLOPE = 0.2
GRID = 2.0**16
ROWS = 5000


def synthetic(
    request: LoadOptions,  # noqa: ARG001
    n: int = 8,
    width: int = 512,
    size: int = 50_000,
    test: int = 50_000,
    seed: int = 0,
) -> Raw:
    """128-dimensional vectors on a surface of n dimensions, synthetic:n=8,width=512,size=50000,test=50000,seed=0.

    Arguments:
        request: the load options of the user; not used.
        n: intrinsic dimension of the data.
        width: units of the hidden layer.
        size: number of training examples; a tenth as many are generated for validation.
        test: number of test examples.
        seed: the seed of the network and the samples.

    Raises:
        InputError: a number is below 1, or the seed is below 0.
    """
    for name, value in {"n": n, "width": width, "size": size, "test": test}.items():
        if value < 1:
            raise InputError(f"the option {name!r} of data set 'synthetic' is {value}, but must be 1 or more")
    if seed < 0:
        raise InputError(f"the option 'seed' of data set 'synthetic' is {seed}, but must be 0 or more")
    weights, draws = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    layers = [_layer(weights, n, width), _layer(weights, width, OUTPUTS)]
    counts = {TRAIN: size, VALIDATION: max(1, size // 10), TEST: test}
    total = sum(counts.values())
    y = np.empty((total, OUTPUTS), dtype=np.float32)
    for start in range(0, total, ROWS):
        y[start : start + ROWS] = _decoded(draws.standard_normal((min(ROWS, total - start), n)), layers)
    parts = np.repeat(np.array(list(counts), dtype=np.int8), list(counts.values()))
    return Raw("synthetic", y, parts=parts)


def _layer(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    return rng.normal(0, np.sqrt(2 / ((1 + SLOPE**2) * inputs)), (inputs, outputs))


def _decoded(h: np.ndarray, layers: list[np.ndarray]) -> np.ndarray:
    for weight in layers:
        h = h @ weight
        h = np.maximum(h, SLOPE * h)
    return np.rint(h * GRID) / GRID


DATASETS = {"synthetic": synthetic}
