"""Synthetic data: reproducible, of the stated distribution, and with options in the name."""

from __future__ import annotations

import numpy as np
import pytest

import noiseless.data as nd
from noiseless.data.raw import LoadOptions
from noiseless.data.synthetic import synthetic
from noiseless.errors import InputError

SMALL = "synthetic:n=3,width=16,size=400,test=300"


def test_the_parts_are_those_asked_for() -> None:
    data = nd.load(SMALL)
    assert (len(data.train), len(data.validation), len(data.test)) == (400, 40, 300)
    assert (data.spec.name, data.spec.shape) == ("synthetic", (128,))
    assert data.source == SMALL
    assert data.train.raw.dtype == np.float32


def test_the_same_options_give_the_same_data_and_others_give_others() -> None:
    data = nd.load(SMALL)
    assert nd.load(SMALL, seed=5).fingerprint == data.fingerprint
    assert nd.load("synthetic:3,16,400,300").fingerprint == data.fingerprint
    others = ["synthetic:n=4,width=16,size=400,test=300", f"{SMALL},seed=1", "synthetic:n=3,width=17,size=400,test=300"]
    assert len({nd.load(other).fingerprint for other in [SMALL, *others]}) == 4


def test_the_numbers_do_not_depend_on_the_order_of_sums() -> None:
    y = synthetic(LoadOptions(), n=3, width=16, size=20, test=20).array
    weights = np.random.default_rng([0, 0])
    h = np.random.default_rng([0, 1]).standard_normal((len(y), 3))
    for inputs, outputs in ((3, 16), (16, 128)):
        w = weights.normal(0, np.sqrt(2 / (1.04 * inputs)), (inputs, outputs))
        a = np.einsum("ni,io->no", h[:, ::-1], w[::-1])
        h = np.maximum(a, 0.2 * a)
    assert not np.array_equal(h, y)
    assert np.array_equal((np.rint(h * 2**16) / 2**16).astype(np.float32), y)


def test_the_law_is_a_normal_code_through_two_leaky_layers() -> None:
    n, width, size = 2, 64, 40
    rng = np.random.default_rng([7, 0])
    w1 = rng.normal(0, np.sqrt(2 / (1.04 * n)), (n, width))
    w2 = rng.normal(0, np.sqrt(2 / (1.04 * width)), (width, 128))
    z = np.random.default_rng([7, 1]).standard_normal((size + 4 + 10, n))
    h = np.where(z @ w1 > 0, z @ w1, 0.2 * (z @ w1))
    y = np.where(h @ w2 > 0, h @ w2, 0.2 * (h @ w2))
    raw = synthetic(LoadOptions(), n=n, width=width, size=size, test=10, seed=7)
    np.testing.assert_allclose(raw.array, y, rtol=0, atol=2**-17 + 1e-6)


def test_the_mean_square_is_that_of_the_code() -> None:
    y = synthetic(LoadOptions(), n=8, size=5000, test=10).array
    assert np.mean(np.square(y)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_surface_has_n_dimensions(n: int) -> None:
    raw = synthetic(LoadOptions(), n=n, width=64, size=20_000, test=1).array.astype(np.float64)
    near = raw[np.argsort(np.linalg.norm(raw - raw[0], axis=1))[1 : 4 * n]] - raw[0]
    scales = np.linalg.svd(near, compute_uv=False)
    assert scales[n - 1] > 3 * scales[n]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("synthetic:n=0", "'n' of data set 'synthetic' is 0"),
        ("synthetic:seed=-1", "'seed'.* is -1"),
        ("synthetic:m=3", "unknown option of data set synthetic 'm'"),
        ("synthetic:n=many", "option 'n' of data set 'synthetic' must be int"),
        ("synthetic:1,2,3,4,5,6", "takes 5 options"),
        ("digits:3", "data set 'digits' takes no options"),
        ("digit:3", "unknown data set 'digit:3'"),
    ],
)
def test_options_that_do_not_exist_are_refused(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nd.load(source)
