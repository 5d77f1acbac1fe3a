"""The tables of deciphering autoencoders as commands, on tiny data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from noiseless.cli import run
from noiseless.evaluate import Row
from noiseless.metrics import Sample
from noiseless.metrics.frechet import frechet_distance
from noiseless.reproduce import Request, find
from noiseless.reproduce.deciphering import COLUMNS

TERMS = "--data tiny.npy --width 4 --steps 2 -n 30 --features pixels --threads 1 --seeds 0"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("tiny.npy", np.random.default_rng(0).integers(0, 256, (330, 8, 8), dtype=np.uint8))


def distance(real: Sample, fake: Sample, seed: int) -> Row:
    return {"fd": frechet_distance(real, fake), "warnings": []}


def test_table_1_has_its_laws_in_one_run_and_the_mean_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.evaluate.score", distance)  # other metrics stand in no column
    rows = ["fresh patterns", "fresh patterns, moments of the batch", "training patterns"]
    assert run([*f"reproduce deciphering-table-1 {TERMS}".split(), "--rows", *rows]) == 0
    content = json.loads(Path("docs/results/deciphering-table-1-tiny-small.json").read_text())
    assert [row["row"] for row in content["rows"]] == rows
    assert len(content["runs"]) == 1
    found = {row["row"]: {k: v["mean"] for k, v in row["columns"].items()} for row in content["rows"]}
    assert all(found[row].keys() == COLUMNS.keys() for row in rows)
    assert found["fresh patterns"]["train"] == pytest.approx(found["fresh patterns"]["train, pixels"])
    assert len({found[row]["train"] for row in rows}) == 3
    assert found["fresh patterns"]["train"] != found["fresh patterns"]["test"]
    pixels = np.load("tiny.npy").reshape(330, -1) / 255
    assert content["mean image"]["train"] == pytest.approx(pixels.var(0).sum(), rel=0.15)
    page = Path("docs/results/deciphering-table-1-tiny-small.md").read_text()
    assert "The mean image of the training data, repeated, is at these distances: train " in page


@pytest.mark.parametrize("name", ["deciphering-table-1", "deciphering-table-2", "deciphering-ablations"])
def test_constants_have_no_meaning(name: str) -> None:
    with pytest.raises(ValueError, match="has no meaning for deciphering"):
        find(name)(Request("tiny.npy", constants="mnist"))
