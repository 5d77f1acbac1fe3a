from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import noiseless.data as nd
from noiseless.data import archive
from noiseless.errors import InputError


def saved(folder: Path, array: np.ndarray) -> str:
    np.save(folder / "x.npy", array)
    return str(folder / "x.npy")


def zipped(folder: Path, arrays: dict[str, np.ndarray]) -> str:
    np.savez(folder / "x.npz", **arrays)
    return str(folder / "x.npz")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((10, 8, 8), (1, 8, 8)),
        ((10, 3, 8, 8), (3, 8, 8)),
        ((10, 8, 8, 3), (3, 8, 8)),
        ((10, 8, 9, 1), (1, 8, 9)),
        ((10, 2, 8, 8), (2, 8, 8)),
    ],
)
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "int64"])
def test_images(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...], kind: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape)
    array = values / 255 if kind.startswith("float") else values
    data = nd.load(saved(tmp_path, array.astype(kind)))
    assert data.spec.shape == expected
    assert data.spec.name == "x"
    assert data.train.raw.dtype == (np.float32 if kind.startswith("float") else np.uint8)
    first = array[data.train.indices[0]]
    last = first.transpose(2, 0, 1) if array.ndim == 4 and shape[1] > 4 else first.reshape(expected)
    np.testing.assert_allclose(data.train.take([0])[0], last, rtol=1e-6)


@pytest.mark.parametrize("order", "<>")
def test_booleans_are_black_and_white_and_uint16_is_read_as_pictures_of_16_bits_are(order: str) -> None:
    black = np.random.default_rng(0).random((20, 8, 8)) < 0.5
    data = nd.load(black)
    np.testing.assert_array_equal(data.train.raw[:, 0], np.where(black, 255, 0))
    deep = np.random.default_rng(1).integers(0, 65536, (20, 8, 8)).astype(f"{order}u2")
    np.testing.assert_array_equal(nd.load(deep).train.raw[:, 0], np.rint(deep / 257).astype(np.uint8))


def test_rounding_beyond_zero_and_one_is_clipped() -> None:
    x = np.linspace(-1e-7, 1 + 1e-6, 20 * 64, dtype=np.float32).reshape(20, 8, 8)
    np.testing.assert_array_equal(nd.load(x).train.raw[:, 0], x.clip(0, 1))
    with pytest.raises(InputError, match=r"from -1e-07 to 1\.0001"):
        nd.load(np.where(x > 1, 1.0001, x))


@pytest.mark.parametrize("size", [(20, 8, 8), (20, 5)])
@pytest.mark.parametrize("kind", [">f4", ">f8", "<f2", "longdouble"])
def test_every_type_and_layout_of_floats_is_the_same_data(size: tuple[int, ...], kind: str) -> None:
    x = (np.random.default_rng(0).integers(0, 256, size) / 256).astype(np.float32)
    turned = x[::-1].astype(kind)[::-1]
    assert turned.strides[0] < 0
    assert nd.load(turned).fingerprint == nd.load(x).fingerprint


@pytest.mark.parametrize("array", [np.zeros((0, 8, 8), np.uint8), np.zeros((0, 4)), np.zeros((5, 0)), np.zeros(0)])
def test_empty_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match="without empty axes"):
        nd.load(array)


def test_npy_is_mapped_and_torch_takes_it_without_a_warning(tmp_path: Path) -> None:
    import torch

    data = nd.load(saved(tmp_path, np.zeros((10, 8, 8), np.uint8)))
    assert isinstance(data.train.raw, np.memmap)
    assert torch.from_numpy(data.train.raw).shape == (10, 1, 8, 8)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5), r"has the shape \(5,\); expected vectors"),
        (np.zeros((0, 3)), r"has the shape \(0, 3\)"),
        (np.zeros((2, 3, 8, 8, 8)), "expected vectors"),
        (np.zeros((9, 8, 8, 8)), "neither of the second and the last axis"),
        (np.zeros((9, 3, 8, 3)), "both of the second and the last axis"),
        (
            np.full((9, 8, 8), 2.0),
            "from 2 to 2; expected uint8, or floats from 0 to 1: divide them by 255",
        ),
        (np.full((9, 8, 8), -0.5), "from -0.5 to -0.5"),
        (np.full((9, 8, 8), 300), "images in int64 from 300 to 300"),
        (np.full((9, 8, 8), -1), "from -1 to -1"),
        (np.full((9, 8, 8), 1e5), "from 100000 to 100000; .*: scale them"),
        (np.full((9, 8, 8), 4095), "from 4095 to 4095; .*: convert 16-bit numbers to uint16"),
        (np.linspace(-1, 1, 9 * 64).reshape(9, 8, 8), r"from -1 to 1; .*give \(x \+ 1\) / 2"),
        (np.eye(9, 64).reshape(9, 8, 8).astype(np.uint8), "whole numbers up to 1, which is almost black"),
        (np.eye(9, 64).reshape(9, 8, 8).astype(np.int64), "multiply them by 255, or convert an array to bool"),
        (np.full((9, 8, 8), 255, np.uint16), "read as 16-bit numbers, up to 255 of 65535"),
        (np.zeros((9, 2), complex), "has the type complex128"),
        (np.full((9, 2), "a"), "has the type <U1"),
        (np.full((9, 2), 1e300), "first in row 0"),
    ],
)
def test_refusals(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nd.load(saved(tmp_path, array))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(9, 4), (9, 8, 8)])
def test_not_finite_names_the_first_row(tmp_path: Path, bad: float, shape: tuple[int, ...]) -> None:
    array = np.full(shape, 0.5)
    array[6:].reshape(3, -1)[:, 1] = bad
    with pytest.raises(InputError, match=r"x.npy has NaN, infinite or too large numbers, first in row 6"):
        nd.load(saved(tmp_path, array))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_damaged_files(tmp_path: Path, suffix: str, content: bytes | None) -> None:
    source = (saved if suffix == "npy" else lambda f, a: zipped(f, {"x": a}))(tmp_path, np.ones((90, 50)))
    path = Path(source)
    path.write_bytes(path.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(InputError, match=rf"x.{suffix} is damaged"):
        nd.load(source)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_nothing_is_unpickled(tmp_path: Path, suffix: str) -> None:
    objects = np.array([{}, []], dtype=object)
    path = tmp_path / f"x.{suffix}"
    np.save(path, objects) if suffix == "npy" else np.savez(path, x=objects)
    with pytest.raises(InputError, match=r"holds Python objects; save it again"):
        nd.load(str(path))


def test_suffix_and_content_disagree(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(Path(saved(tmp_path, np.zeros((4, 2)))).read_bytes())
    with pytest.raises(InputError, match=r"single array; name it .npy"):
        nd.load(str(tmp_path / "a.npz"))
    (tmp_path / "b.npy").write_bytes(Path(zipped(tmp_path, {"x": np.zeros((4, 2))})).read_bytes())
    with pytest.raises(InputError, match=r"b.npy is damaged"):
        nd.load(str(tmp_path / "b.npy"))


X, Y = np.zeros((20, 8, 8), np.uint8), np.arange(20)


@pytest.mark.parametrize("key", ["x", "images", "data", "anything"])
@pytest.mark.parametrize("label", ["y", "labels"])
def test_keys_of_the_whole(tmp_path: Path, key: str, label: str) -> None:
    data = nd.load(zipped(tmp_path, {key: X, label: Y[:, None]}))
    assert (len(data.train), len(data.validation), len(data.test)) == (17, 1, 2)
    np.testing.assert_array_equal(data.train.labels, data.train.indices)


@pytest.mark.parametrize("form", ["x_{}", "{}_images", "{}"])
def test_keys_of_parts(tmp_path: Path, form: str) -> None:
    arrays = {form.format(part): X[:count] for part, count in (("train", 9), ("val", 3), ("test", 4))}
    data = nd.load(zipped(tmp_path, arrays | {"y_train": Y[:9], "test_labels": Y[:4]}))
    assert (len(data.train), len(data.validation), len(data.test)) == (9, 3, 4)
    assert data.train.labels is not None
    assert data.validation.labels is None
    assert data.test.labels is not None


@pytest.mark.parametrize(("key", "test"), [("x", "x_test"), ("images", "test_images"), ("data", "test")])
def test_a_test_part_beside_the_whole_stays_the_test_part(tmp_path: Path, key: str, test: str) -> None:
    data = nd.load(zipped(tmp_path, {key: X, test: X[:7] + 2, "y": Y, "y_test": Y[:7]}))
    assert (len(data.train), len(data.test)) == (18, 7)
    assert (data.test.take(range(7)) == 2).all()
    assert not data.train.take(range(18)).any()
    assert len(nd.load(zipped(tmp_path, {"x": X, "x_val": X[:3]})).validation) == 3


def test_arrays_that_are_not_used_are_named(tmp_path: Path) -> None:
    assert (
        nd.load(zipped(tmp_path, {"x": X, "y": Y, "names": Y, "more": Y})).notes[-1].endswith("not used: names, more")
    )
    assert nd.load(zipped(tmp_path, {"x": X, "y": Y})).notes == ()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X, "data": X}, "has both x and data; keep one"),
        ({"a": X, "b": X}, "has the arrays a, b; expected x"),
        ({}, "has the arrays none"),
        ({"x": X, "y": Y[:5]}, r"labels of shape \(5,\) in int64 for 20 examples"),
        ({"x": X, "y": Y / 2}, "in float64 for 20 examples"),
        ({"x_train": X, "x_test": X[:, :4]}, "the splits differ"),
        ({"x_train": X, "x_test": X / 255}, "the splits differ"),
    ],
)
def test_refused_archives(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nd.load(zipped(tmp_path, arrays))


def test_columns_that_float32_cannot_hold_are_named() -> None:
    rng = np.random.default_rng(0)
    held = rng.normal(size=(200, 3)) * [1.0, 30.0, 1.0] + [0.0, 1e5, 1e4]
    loaded = nd.load(held)
    assert loaded.spec.scale == pytest.approx(held[loaded.train.indices].std(0), rel=1e-3)
    lost = np.column_stack([held, 1.7e9 + 30 * rng.normal(size=200), np.full(200, 1.7e9)])
    with pytest.raises(InputError, match=r"told apart in float32: 3; subtract an offset"):
        nd.load(lost)
    stamps = (1.7e9 + 30 * rng.normal(size=(200, 1))).astype(np.int64)
    with pytest.raises(InputError, match=r"told apart in float32: 0; subtract an offset"):
        nd.load(stamps)


def test_archives_that_grow_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "GIB", 1 << 20)
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((1000, 3000), np.uint8))
    with pytest.raises(InputError, match=r"x.npz has [\d,]+ bytes and unpacks to 3,000,128 or more, over 200 times"):
        nd.load(str(tmp_path / "x.npz"))
    np.savez_compressed(tmp_path / "y.npz", x=np.random.default_rng(0).integers(0, 9, (1000, 3000), dtype=np.uint8))
    assert len(nd.load(str(tmp_path / "y.npz")).train.raw) == 1000
