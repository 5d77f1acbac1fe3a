"""Rows of an evaluation: what stands beside every number, counts, the cache of the reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from noiseless import data as datasets
from noiseless import metrics
from noiseless.autoencoder import Networks
from noiseless.data import Data
from noiseless.data.dataset import choice
from noiseless.errors import InputError
from noiseless.evaluation import distances as evaluation
from noiseless.evaluation import heldout, latent
from noiseless.metrics import Features
from noiseless.metrics.frechet import frechet_distance
from noiseless.metrics.latent import nac
from noiseless.model import Model
from noiseless.runs import train
from noiseless.training import Training


@pytest.fixture(scope="module")
def digits() -> Data:
    return datasets.load("digits")


@pytest.fixture(scope="module")
def model(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Model:
    training = Training(steps=3, precision="float32")
    place = tmp_path_factory.mktemp("evaluate") / "r"
    return train("ae", digits, place, training=training, networks=Networks(width=2), show=False).model(data=digits)


@pytest.fixture
def pixels(digits: Data) -> Features:
    return metrics.build("pixels", digits.spec)


def test_rows_and_what_stands_beside_them(model: Model, digits: Data, pixels: Features) -> None:
    rows = evaluation.evaluate(model, digits, ["gmm", "normal"], pixels, n=70)
    kinds = [(row.protocol.row, row.protocol.density) for row in rows]
    assert kinds == [
        ("training data", None),
        ("reconstruction", None),
        ("samples", "gmm"),
        ("samples", "normal"),
        ("interpolation, spherical", None),
        ("interpolation, linear", None),
    ]
    for row in rows:
        about = row.protocol
        assert (about.n, about.n_reference, about.reference) == (70, 70, "test")
        assert (about.features, about.seed, about.data) == ("pixels", 0, "digits")
        assert about.fingerprint == digits.fingerprint
        low = (row.values["recall"] or 0) < 0.05
        assert any(caution.startswith("precision says little") for caution in row.warnings) == low
        noted = [caution.partition(":")[0] for caution in row.warnings if not caution.startswith("precision")]
        assert noted == (["gmm"] if about.density == "gmm" else [])  # three steps leave codes flat
    json.dumps([row.to_json() for row in rows], allow_nan=False)


def test_rows_are_as_large_as_the_reference(model: Model, digits: Data, pixels: Features) -> None:
    rows = evaluation.evaluate(model, digits, ["normal"], pixels, n=5000)
    assert {row.protocol.n for row in rows} == {len(digits.test)}
    assert any("fewer than the 5,000 asked for" in caution for caution in rows[0].warnings)


def test_few_data_carry_a_warning_and_one_is_refused(model: Model, digits: Data, pixels: Features) -> None:
    rows = evaluation.evaluate(model, digits, ["normal"], pixels, n=20)
    assert all("singular" in row.warnings[0] for row in rows)
    for n in (1, 0, -1):
        with pytest.raises(InputError, match="at least 2"):
            evaluation.evaluate(model, digits, ["normal"], pixels, n=n)


def test_training_data_are_nearest(model: Model, digits: Data, pixels: Features) -> None:
    rows = evaluation.evaluate(model, digits, ["normal"], pixels, n=150)
    assert min(rows, key=lambda row: row.values["fd"]).protocol.row == "training data"
    train = evaluation.evaluate(model, digits, ["normal"], pixels, n=150, part="train")
    assert train[0].protocol.reference == "train"
    assert train[0].protocol.row == "test data"  # the same data on both sides would be at distance 0
    assert train[0].values["fd"] > 0.01


def test_the_seed_decides(model: Model, digits: Data, pixels: Features) -> None:
    first, again, other = (
        evaluation.evaluate(model, digits, ["gaussian"], pixels, n=30, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again
    assert first[2].values["fd"] != other[2].values["fd"]


def test_the_reference_is_cached_and_a_damaged_cache_is_made_again(
    digits: Data, pixels: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path))
    first = heldout.reference(digits, "test", 40, pixels, 0)
    (entry,) = (tmp_path / "features").iterdir()
    content = entry.read_bytes()
    flipped = content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]
    for damaged in (content[:50], b"", flipped, content):
        entry.write_bytes(damaged)
        again = heldout.reference(digits, "test", 40, pixels, 0)
        assert torch.equal(first.features, again.features)
    assert entry.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_done_without(
    digits: Data, pixels: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path / "file"))
    assert heldout.reference(digits, "test", 40, pixels, 0).n == 40


def test_data_that_we_did_not_make(digits: Data, pixels: Features) -> None:
    (row,) = evaluation.evaluate_samples(digits.test.take(np.arange(60)), digits, pixels, source="theirs", n=50)
    assert (row.protocol.row, row.protocol.n) == ("theirs", 50)
    with pytest.raises(InputError, match="theirs has data of shape"):
        evaluation.evaluate_samples(np.zeros((5, 1, 9, 9), np.uint8), digits, pixels, source="theirs")
    with pytest.raises(InputError, match="at least 2"):
        evaluation.evaluate_samples(digits.test.take([0]), digits, pixels, source="theirs")


def test_codes_stand_beside_as_many_draws(model: Model, digits: Data, tmp_path: Path) -> None:
    codes, normal = latent.latent(model, digits, n=70, seed=3, picture=tmp_path / "latent.png")
    assert (codes.protocol.row, normal.protocol.row) == ("codes", "N(0, I)")
    for row in (codes, normal):
        about = row.protocol
        assert (about.n, about.asked, row.values["dimensions"], about.part, about.seed) == (
            70,
            70,
            model.latent_dim,
            "test",
            3,
        )
        assert about.fingerprint == digits.fingerprint
        assert len(row.values["mean"]) == len(row.values["variance"]) == model.latent_dim
    assert codes.values["entropy"] < normal.values["entropy"]  # three steps leave codes flat
    assert abs(normal.values["energy"]) < 0.1 < codes.values["energy"]
    assert (tmp_path / "latent.png").is_file()
    json.dumps([codes.to_json(), normal.to_json()], allow_nan=False)
    assert latent.latent(model, digits, n=70, seed=3) == [codes, normal]


def test_codes_are_of_held_out_data(model: Model, digits: Data) -> None:
    (codes, _) = latent.latent(model, digits, part="train")
    assert (codes.protocol.part, codes.protocol.n) == ("test", len(digits.test))
    z = model.encode(digits.test.take(np.arange(len(digits.test))))
    assert codes.values["mean"] == pytest.approx(z.double().mean(0).tolist(), abs=1e-6)
    with pytest.raises(InputError, match="at least 2"):
        latent.latent(model, digits, n=1)


@pytest.mark.parametrize("kind", ["images", "vectors"])
def test_one_latent_dimension_has_no_covariance_with_another(kind: str, tmp_path: Path) -> None:
    data = tiny.KINDS[kind]()
    opened = tiny.run("ae", data, tmp_path / "r", Networks(latent_dim=1, width=2), steps=2).model(data=data)
    codes, normal = latent.latent(opened, data, picture=tmp_path / "latent.png")
    assert codes.values["nac"] is normal.values["nac"] is None
    assert codes.values["dimensions"] == 1


def test_codes_behind_a_mask_are_those_of_its_active_dimensions(tmp_path: Path) -> None:
    data = tiny.vectors()
    opened = tiny.run("maskaae", data, tmp_path / "r", Networks(latent_dim=4, width=2), steps=1).model(data=data)
    mask = opened.autoencoder.decoder.mask
    mask.m.data.copy_(torch.tensor([0.0, 3.0, 0.0, 3.0]))
    codes, normal = latent.latent(opened, data)
    z = opened.encode(data.test.take(np.arange(len(data.test))))[:, [1, 3]]
    assert (codes.values["dimensions"], codes.values["active"], normal.values["active"]) == (2, 2, 2)
    assert codes.values["mean"] == pytest.approx(z.double().mean(0).tolist(), abs=1e-6)
    assert codes.values["nac"] == pytest.approx(nac(z, 0.0), abs=1e-9)


def test_vectors_are_compared_without_their_units(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(300, 3))
    for name, scale in (("plain", 1.0), ("scaled", np.array([1e-3, 1.0, 1e4]))):
        np.save(tmp_path / f"{name}.npy", x * scale)
    rows = []
    for name in ("plain", "scaled"):
        data = datasets.load(str(tmp_path / f"{name}.npy"))
        features = metrics.build("identity", data.spec)
        rows += evaluation.evaluate_samples(data.train.take(np.arange(30)), data, features, source=name)
    assert rows[0].values["fd"] == pytest.approx(rows[1].values["fd"], rel=1e-3)


def test_a_part_of_sorted_data_is_drawn_from_all_classes(digits: Data, pixels: Features) -> None:
    order = np.argsort(digits.train.labels, kind="stable")
    by_class = digits.train.take(order)
    assert set(np.asarray(digits.train.labels)[order][:90]) == {0}
    (row,) = evaluation.evaluate_samples(by_class, digits, pixels, source="x", n=90)
    first = frechet_distance(
        heldout.reference(digits, "test", 90, pixels, 0), pixels.over([torch.from_numpy(by_class[:90] / 255).float()])
    )
    assert row.number("fd") < 0.3 * first


def test_the_order_of_data_does_not_matter_to_splits(digits: Data) -> None:
    for n in (5, 10, 20):
        chosen = choice(10, n, 0)
        assert sorted(chosen) != list(chosen)
        assert len(set(chosen)) == min(n, 10)
    assert np.array_equal(digits.test.some(10**6, 0), digits.test.take(choice(len(digits.test), 10**6, 0)))
