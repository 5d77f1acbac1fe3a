from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import noiseless.data as nd
from noiseless.data import dataset
from noiseless.errors import InputError


def all_indices(data: nd.Data) -> np.ndarray:
    return np.concatenate([data.train.indices, data.validation.indices, data.test.indices])


def test_digits() -> None:
    data = nd.load("digits")
    assert data.spec.name == "digits"
    assert data.spec.shape == (1, 8, 8)
    assert (len(data.train), len(data.validation), len(data.test)) == (1457, 161, 179)
    assert data.train.raw.dtype == np.uint8
    assert data.train.raw.max() == 255
    assert data.train.labels is not None
    assert data.train.labels.dtype == np.int64
    assert set(np.unique(data.train.labels)) == set(range(10))


def test_parts_are_a_partition_drawn_by_the_seed() -> None:
    first, again, other = nd.load("digits", seed=1), nd.load("digits", seed=1), nd.load("digits", seed=2)
    assert sorted(all_indices(first)) == list(range(1797))
    np.testing.assert_array_equal(all_indices(first), all_indices(again))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_take_counts_within_the_part() -> None:
    data = nd.load("digits")
    taken = data.test.take([2, 0])
    np.testing.assert_array_equal(taken, data.test.raw[data.test.indices[[2, 0]]])
    assert taken.flags.c_contiguous
    assert float(data.spec.normalise(torch.from_numpy(taken)).max()) <= 1


def test_names_are_discovered_and_described() -> None:
    assert {"celeba", "cifar10", "digits", "fashion-mnist", "mnist"} <= set(nd.names())
    assert all(nd.names().values())


def test_describe() -> None:
    text = nd.describe(nd.load("digits"))
    assert text.startswith("digits: 1,457 train, 161 validation, 179 test images of 1x8x8, 10 classes, fingerprint ")


def test_unknown_name_says_the_nearest_and_that_no_file_exists() -> None:
    with pytest.raises(InputError, match=r"unknown data set 'mnits' \(did you mean 'mnist'\?\).*no.* file or folder"):
        nd.load("mnits")


def test_named_sets_are_not_resized() -> None:
    with pytest.raises(InputError, match=r"digits has images of 1x8x8 and is not resized; leave out size="):
        nd.load("digits", size=32)
    assert nd.load("digits", size=8).spec.shape == (1, 8, 8)


@pytest.mark.parametrize("size", [0, -3])
def test_no_size_below_one(size: int) -> None:
    with pytest.raises(InputError, match=f"the size {size} "):
        nd.load("digits", size=size)


def raw_of(count: int, parts: list[int] | None = None, held_out: int | None = None) -> nd.Raw:
    column = None if parts is None else np.array(parts)
    return nd.Raw("some", np.zeros((count, 1, 8, 8), np.uint8), parts=column, held_out=held_out)


@pytest.mark.parametrize(("count", "sizes"), [(3, (1, 1, 1)), (10, (8, 1, 1)), (100, (81, 9, 10))])
def test_a_tenth_each_and_at_least_one(count: int, sizes: tuple[int, ...]) -> None:
    assert tuple(map(len, dataset._split(raw_of(count), 0))) == sizes


def test_given_parts_are_kept() -> None:
    train, validation, test = dataset._split(raw_of(6, [0, 2, 1, 0, 2, 0]), 0)
    assert train.indices.tolist() == [0, 3, 5]
    assert validation.indices.tolist() == [2]
    assert test.indices.tolist() == [1, 4]


def test_no_other_parts() -> None:
    with pytest.raises(InputError, match=r"some has the parts \[0, 3\]; expected 0, 1, 2"):
        dataset._split(raw_of(3, [0, 3, 0]), 0)


def test_only_the_missing_part_is_drawn() -> None:
    train, validation, test = dataset._split(raw_of(40, [2] * 10 + [0] * 30, held_out=5), 0)
    assert test.indices.tolist() == list(range(10))
    assert (len(train), len(validation)) == (25, 5)


@pytest.mark.parametrize(("count", "parts"), [(1, None), (2, None), (2, [0, 2]), (2, [1, 2])])
def test_too_few_data(count: int, parts: list[int] | None) -> None:
    with pytest.raises(InputError, match=rf"some has too few examples to divide \({count}\)"):
        dataset._split(raw_of(count, parts), 0)


def test_vectors_are_standardised_on_the_training_part(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal([3.0, -2.0, 0.1], [5.0, 0.01, 0.0], (200, 3)).astype(np.float32)
    np.save(tmp_path / "v.npy", x)
    data = nd.load(str(tmp_path / "v.npy"))
    inputs = data.spec.normalise(torch.from_numpy(data.train.take(np.arange(len(data.train)))))
    assert data.spec.shape == (3,)
    assert data.spec.scale[2] == 1.0
    torch.testing.assert_close(inputs.mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(inputs.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-3, rtol=0)
    restored = data.spec.restore(inputs).numpy()
    np.testing.assert_allclose(restored, data.train.take(np.arange(len(data.train))), atol=1e-5)
    assert "vectors of 3, no classes" in nd.describe(data)


def test_a_name_that_is_too_long_for_a_path() -> None:
    with pytest.raises(InputError):
        nd.load("x" * 5000)


OWN = """
import numpy as np
from noiseless.data import Raw

def faces():
    return Raw("faces", np.linspace(0, 1, 10 * 8 * 8).reshape(10, 8, 8), labels=np.arange(10))

def wrong():
    return 3
"""


def test_a_function_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_faces.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    data = nd.load("own_faces:faces")
    assert data.spec.shape == (1, 8, 8)
    assert data.train.raw.dtype == np.float32
    assert data.spec.name == "faces"
    with pytest.raises(InputError, match=r"'face' \(did you mean 'faces'\?\)"):
        nd.load("own_faces:face")
    with pytest.raises(InputError, match=r"own_faces:wrong returned a int; expected a noiseless.data.Raw"):
        nd.load("own_faces:wrong")


def test_a_module_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_broken.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'own_broken' cannot be imported .ZeroDivisionError"):
        nd.load("own_broken:faces")
    with pytest.raises(InputError, match=r"'own_missing' cannot be imported .ModuleNotFoundError"):
        nd.load("own_missing:faces")


def test_labels_that_are_not_one_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_uneven.py").write_text(OWN.replace("np.arange(10)", "np.arange(9)"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"faces has 10 data and labels of shape \(9,\)"):
        nd.load("own_uneven:faces")
