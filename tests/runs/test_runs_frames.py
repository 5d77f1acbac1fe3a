"""Frames: their columns are known by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import noiseless as nl
from noiseless.errors import InputError
from tiny import FAST, NETWORKS

TABLE = np.random.default_rng(0).normal(size=(120, 3)) * [1, 100, 1e4]
NAMES = ["age", "height", "income"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_are_taken_by_name(library: str, tmp_path: Path) -> None:
    frame = pytest.importorskip(library).DataFrame(dict(zip(NAMES, TABLE.T, strict=True)))
    training = nl.Training(**FAST, steps=3)
    run = nl.train("rae", frame, tmp_path / "r", training=training, networks=NETWORKS, show=False, draw=False)
    assert run.record["data"]["columns"] == NAMES
    model, other = run.model(), frame[NAMES[::-1]]
    torch.testing.assert_close(model.encode(other), model.encode(frame), rtol=0, atol=0)
    one, two = (nl.evaluate(run, data=data, density="normal", n=12, out=tmp_path / "o") for data in (frame, other))
    assert [row.values for row in one] == [row.values for row in two]
    assert run.data().fingerprint == nl.data.load(other, like=run.spec).fingerprint
    torch.testing.assert_close(model.encode(TABLE), model.encode(frame), rtol=1e-6, atol=1e-6)
    other = frame[NAMES[:2]]
    with pytest.raises(InputError, match="it lacks 'income'; give the same"):
        model.encode(other)
    with pytest.raises(InputError, match="frame has other columns than the data of the run"):
        nl.evaluate(run, data=other, density="normal")
