from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noiseless import densities
from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.model import Model
from noiseless.runs import verbs
from tiny import images, method, vectors


def model(data: Data, batch: int = 500) -> Model:
    made = method("rae", data.spec).objective.autoencoder

    def density(name: str) -> densities.LatentDensity:
        generator = torch.Generator().manual_seed(0)
        return densities.build(name, 3).fit(torch.randn(60, 3, generator=generator), generator)

    return Model(made, data.spec, density, batch)


@pytest.mark.parametrize("data", [images(), vectors()], ids=["images", "vectors"])
def test_shapes_and_units(data: Data) -> None:
    used = model(data)
    raw = data.test.take(np.arange(6))
    z = used.encode(raw)
    assert z.shape == (6, 3)
    torch.testing.assert_close(used.reconstruct(raw), used.decode(z), rtol=0, atol=0)
    assert used.decode(z).shape == raw.shape
    assert used.sample(4, "gaussian").shape == (4, *data.spec.shape)
    assert torch.equal(used.sample(4, "gaussian", seed=1), used.sample(4, "gaussian", seed=1))
    assert not torch.equal(used.sample(4, "gaussian", seed=1), used.sample(4, "gaussian", seed=2))


def test_codes_and_data_that_float32_cannot_hold_are_refused() -> None:
    used, raw = model(vectors()), vectors().test.take(np.arange(4)).astype(np.float64)
    with pytest.raises(InputError, match="1 of 2 codes have numbers that are too large for float32"):
        used.decode(np.array([[0.0, 0.0, 0.0], [1e300, 0.0, 0.0]]))
    steep = model(images())
    for parameter in steep.autoencoder.parameters():
        parameter.data.mul_(100)
    with pytest.raises(InputError, match=r"2 of 2 codes decode to numbers that are not finite; codes reach 3e\+38"):
        steep.decode(np.full((2, 3), 3e38))
    raw[0, 0] = 1e300
    with pytest.raises(InputError, match="1 of 4 data are too large for float32"):
        used.encode(raw)


def test_batches_do_not_matter_and_tensors_serve() -> None:
    data = images()
    raw = data.test.take(np.arange(10))
    torch.testing.assert_close(
        model(data, 3).encode(raw), model(data).encode(torch.from_numpy(raw)), rtol=1e-5, atol=1e-6
    )


def test_vectors_come_back_in_their_units() -> None:
    data = vectors()
    used = model(data)
    z = torch.zeros(1, 3)
    x = used.autoencoder.decode(z)
    expected = x * torch.tensor(data.spec.scale) + torch.tensor(data.spec.shift)
    torch.testing.assert_close(used.decode(z), expected.detach())


def test_uint8_floats_and_layouts_of_an_image_mean_the_same() -> None:
    grey, colour = images(), images(shape=(3, 8, 8))
    raw = grey.test.take(np.arange(5))
    expected = model(grey).encode(raw)
    for other in (raw[:, 0], np.moveaxis(raw, 1, 3), (raw / 255).astype(np.float32), raw / 255):
        torch.testing.assert_close(model(grey).encode(other), expected, rtol=1e-5, atol=1e-6)
    raw = colour.test.take(np.arange(5))
    last = np.moveaxis(raw, 1, 3)
    torch.testing.assert_close(model(colour).encode(last), model(colour).encode(raw), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data", [images(), vectors()], ids=["images", "vectors"])
@pytest.mark.parametrize("kind", [">f4", ">f8", "f2", "longdouble", ">i4", "u2", ">u2", "u4", "u8", "i8"])
def test_every_type_and_layout_of_numbers_means_the_same(data: Data, kind: str) -> None:
    used, given = model(data), np.abs(data.test.take(np.arange(6))).round().astype(np.float64)
    white = 1 if np.dtype(kind).kind == "f" else 65535 if kind.endswith("u2") else 255
    given, plain = (given / 255 * white, given / 255) if data.spec.is_image else (given, given)
    turned = given[::-1].astype(kind)[::-1]
    exact = 1e-2 if kind == "f2" else 1e-5
    torch.testing.assert_close(used.encode(turned), used.encode(plain), rtol=exact, atol=exact)


def test_booleans_are_black_and_white_and_rounding_is_clipped() -> None:
    used = model(images())
    black = np.random.default_rng(0).random((5, 1, 8, 8)) < 0.5
    for other in (black, torch.from_numpy(black), black * np.float32(1 + 1e-7) - np.float32(1e-7)):
        torch.testing.assert_close(used.encode(other), used.encode(black.astype(np.float32)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_interpolation_ends_at_its_ends(path: str) -> None:
    data = images()
    used = model(data)
    a, b = data.test.take(np.arange(4)), data.test.take(np.arange(4, 8))
    drawn = used.interpolate(a, b, 5, path)
    assert drawn.shape == (4, 5, 1, 8, 8)
    torch.testing.assert_close(drawn[:, 0], used.reconstruct(a), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(drawn[:, -1], used.reconstruct(b), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_data_is_refused() -> None:
    used, flat = model(images()), model(vectors())
    nan, wide = np.full((3, 1, 8, 8), np.nan), np.full((3, 1, 8, 8), 2.0)
    for given, message in (
        (np.zeros((2, 1, 9, 9)), r"\(2, 1, 9, 9\); this model takes \(N, 1, 8, 8\)"),
        (np.zeros((0, 1, 8, 8)), "this model takes"),
        (nan, "NaN, infinite or too large numbers, first in row 0"),
        (wide, r"from 2 to 2; expected uint8, or floats from 0 to 1"),
        (wide - 3, r"give \(x \+ 1\) / 2"),
        (np.ones((3, 1, 8, 8), np.uint8), "whole numbers up to 1, which is almost black"),
        (torch.ones((3, 8, 8), dtype=torch.int64), "whole numbers up to 1, which is almost black"),
        (torch.zeros((3, 8, 8), dtype=torch.complex64), "expected real numbers"),
        (np.ma.masked_less(wide, 3), "masked values"),
    ):
        with pytest.raises(InputError, match=message):
            used.encode(given)
    with pytest.raises(InputError, match="infinite"):
        flat.encode(np.full((2, 5), np.inf, dtype=np.float32))


def test_what_cannot_be_codes_is_refused() -> None:
    used = model(images())
    with pytest.raises(InputError, match=r"expected floats of shape \(N, 3\)"):
        used.decode(torch.zeros(2, 4))
    with pytest.raises(InputError, match=r"expected floats"):
        used.decode(np.zeros((2, 3), dtype=np.int64))
    with pytest.raises(InputError, match="1 of 2 codes are not finite"):
        used.decode(np.array([[0.0, 0, 0], [np.nan, 0, 0]]))
    for empty in (np.zeros((0, 3)), np.zeros((3, 0)), np.array([["a"]]), np.zeros((2, 3), np.uint16)):
        with pytest.raises(InputError, match=r"expected (floats|numbers)"):
            used.decode(empty)
    z = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for other in (z.astype(">f4"), z[::-1].astype("longdouble")[::-1], z.astype(">f8")):
        torch.testing.assert_close(used.decode(other), used.decode(z))
    with pytest.raises(InputError, match="0 samples"):
        used.sample(0)
    with pytest.raises(InputError, match="4 starts, 3 ends"):
        used.interpolate(np.zeros((4, 1, 8, 8)), np.zeros((3, 1, 8, 8)))


def folder(place: Path, *shape: int) -> str:
    place.mkdir()
    for k in range(4):
        pixels = np.random.default_rng(k).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{k}.png")
    return str(place)


@pytest.mark.parametrize("size", [None, 8])
def test_grey_pictures_serve_a_model_of_colour_with_a_note(tmp_path: Path, size: int | None) -> None:
    used, grey = model(images(shape=(3, 8, 8))), folder(tmp_path / "grey", *((8, 8) if size is None else (9, 12)))
    notes: list[str] = []
    rows = used.rows(grey, size=size, notes=notes)
    assert rows.shape == (4, 3, 8, 8)
    assert (rows == rows[:, :1]).all()
    assert notes == [
        "grey has grey images, and this model has images in colour: they are taken as RGB with equal channels"
    ]
    torch.testing.assert_close(used.encode(rows), used.encode(rows.copy()))
    assert used.encode([Image.new("L", (8, 8), 9)]).shape == (1, 3)


def test_colour_pictures_are_refused_by_a_model_of_grey(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has images in colour, and this model has grey ones; convert them to grey"):
        model(images()).encode(folder(tmp_path / "colour", 8, 8, 3))


def test_a_dark_image_is_encoded_whatever_the_batch() -> None:
    data = images()
    raw = torch.from_numpy(data.test.take(np.arange(6))).to(torch.uint8) * 0 + 200
    raw[3] = 0
    raw[3, 0, 0, 0] = 1
    whole = verbs.encode(model(data), raw, show=False)
    for batch in (1, 2, 5):
        torch.testing.assert_close(verbs.encode(model(data, batch), raw, show=False), whole, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match="whole numbers up to 1, which is almost black"):
        model(data).encode(raw[3:4])
