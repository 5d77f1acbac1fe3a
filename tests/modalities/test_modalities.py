"""The kinds of data: what each owns, and that a further one is one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from noiseless import modalities, registry
from noiseless.autoencoder import Networks, build
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.data import Data, describe, modality
from noiseless.data.modality import DataKind
from noiseless.errors import InputError
from noiseless.evaluation import evaluation
from noiseless.modalities.modality import Modality
from noiseless.model import decoding
from noiseless.recipes.constants import sizes_of
from noiseless.registry import discovery
from noiseless.runs import pictures
from noiseless.show import export
from noiseless.values import Spec

KINDS = {
    "images": Spec("faces", (3, 64, 64)),
    "vectors": Spec("points", (5,), (0.0,) * 5, (1.0,) * 5),
    "strings": tiny.derivations().spec,
}

TABLES = """
from noiseless.modalities.modality import Modality
from noiseless.modalities.vectors import Vectors

Tables = type("Tables", (Modality,), {name: vars(Vectors)[name] for name in Modality.__abstractmethods__})
Tables.unit, Tables.example, Tables.ending = "rows", "penguins", "npy"
Tables.features, Tables.pixels, Tables.discrete, Tables.published = ("identity",), False, False, False
Tables.nets, Tables.inputs = ("mlp",), "tables"
MODALITIES = {"tables": Tables()}
"""


class Table(Spec):
    @property
    def modality(self) -> str:
        return "tables"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spec]:
    """A fourth kind of data, for the time of a test."""
    (tmp_path / "tables.py").write_text(TABLES)
    monkeypatch.setattr(modalities, "__path__", [*modalities.__path__, str(tmp_path)])
    discovery._modalities.cache_clear()
    yield Table("table", (4,))
    discovery._modalities.cache_clear()


@pytest.mark.parametrize("name", KINDS)
def test_a_spec_has_one_object_that_every_room_finds(name: str) -> None:
    spec = KINDS[name]
    assert spec.modality == name
    found = modality.of(spec)
    assert isinstance(found, Modality)
    assert found.__class__.__final__
    for room in (export, pictures, decoding, evaluation):
        assert room.of(spec) is found
    assert sizes_of(spec) is found


@pytest.mark.parametrize(
    ("name", "net", "features", "ending", "nearest", "words"),
    [
        ("images", "conv-large", "efficientnet", "png", "celeba", "images of 3x64x64"),
        ("vectors", "mlp", "identity", "npy", "mnist", "vectors of 5"),
        ("strings", "gru-small", None, "txt", "mnist", "strings of up to 9 rules of 12 kinds"),
    ],
)
def test_what_a_kind_of_data_decides(
    name: str, net: str, features: str | None, ending: str, nearest: str, words: str
) -> None:
    spec, kind = KINDS[name], registry.modality(name)
    assert kind.default_net(spec) == net
    assert net in kind.nets
    assert next(iter(kind.features), None) == features
    assert kind.ending == ending
    assert kind.nearest(spec) == nearest
    assert kind.described(spec) == words


def test_networks_of_another_kind_are_refused() -> None:
    for name, net, said in (
        ("images", "gru-small", "not for images, which faces are; take conv-large"),
        ("vectors", "conv-small", "not for vectors, which points are; take mlp"),
        ("strings", "mlp", "not for token sequences, which expressions are; take gru-small"),
    ):
        with pytest.raises(InputError, match=said):
            build(KINDS[name], Networks(net=net), Deterministic(2))  # type: ignore[arg-type]


def test_only_a_model_of_strings_reads_text(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("x+1\nsin(x)\n")
    found = modality.of(KINDS["strings"]).read(str(tmp_path / "some.txt"), KINDS["strings"])
    assert found is not None
    assert found.shape == (2, 9)
    assert modality.of(KINDS["strings"]).read(str(tmp_path / "none.txt"), KINDS["strings"]) is None
    assert modality.of(KINDS["vectors"]).read(str(tmp_path / "some.txt"), KINDS["vectors"]) is None


def test_a_further_kind_of_data_is_one_file(tables: Spec) -> None:
    found = modality.of(tables)
    assert (found.unit, type(found).__name__) == ("rows", "Tables")
    assert all(room.of(tables) is found for room in (export, pictures, decoding, evaluation))
    autoencoder = build(tables, Networks(width=2), Deterministic(2))
    assert autoencoder.decode(torch.zeros(3, 2)).shape == (3, 4)
    with pytest.raises(InputError, match="not for tables, which table are; take mlp"):
        build(tables, Networks(net="gru-small"), Deterministic(2))
    raw = np.zeros((60, 4), dtype=np.float32)
    data = tiny.data(raw, tables)
    assert isinstance(data, Data)
    assert "vectors of 4" in describe(data)


def test_an_unknown_kind_of_data_is_named() -> None:
    class Strange(Spec):
        @property
        def modality(self) -> str:
            return "vector"

    with pytest.raises(InputError, match=r"unknown kind of data 'vector' .did you mean 'vectors'"):
        modality.of(Strange("strange", (2,)))


def test_a_kind_of_data_without_a_method_cannot_be_made() -> None:
    class Half(Modality):
        def described(self, spec: Spec) -> str:
            return "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]
    assert {"factories", "rows", "draw", "save", "nearest", "decoded"} <= Modality.__abstractmethods__
    assert issubclass(Modality, DataKind)
