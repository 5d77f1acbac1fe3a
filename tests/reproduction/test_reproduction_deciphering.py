"""The tables of deciphering autoencoders as commands, on tiny data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from noiseless.cli import run
from noiseless.metrics import Sample
from noiseless.metrics.frechet import frechet_distance
from noiseless.objectives.deciphering.objective import Deciphering
from noiseless.objectives.objective import TrainingInfo
from noiseless.recipes.method import find as named
from noiseless.reproduction import ImageRequest, find
from noiseless.reproduction.cells import Cell, cells
from noiseless.reproduction.studies.deciphering import COLUMNS
from noiseless.training import resolve

STUDIES = ["deciphering-table-1", "deciphering-table-2", "deciphering-ablations"]
TERMS = "--data tiny.npy --width 4 --steps 2 -n 30 --features pixels --threads 1 --seeds 0"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("tiny.npy", np.random.default_rng(0).integers(0, 256, (330, 8, 8), dtype=np.uint8))


def distance(real: Sample, fake: Sample, seed: int, more: object) -> tuple[dict[str, float], list[str]]:
    return {"fd": frechet_distance(real, fake)}, []


def asked(name: str, monkeypatch: pytest.MonkeyPatch, **terms: Any) -> list[Cell]:
    """The cells of a study, which are not measured."""
    found: list[Any] = []
    monkeypatch.setattr(
        "noiseless.reproduction.studies.deciphering.measure", lambda *study: found.extend(cells(*study)) or []
    )
    find(name)(ImageRequest("tiny.npy", seeds=(0,), threads=1, **terms))
    return found


def test_table_1_has_its_laws_in_one_run_and_the_mean_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.evaluation.distances.score", distance)  # other metrics stand in no column
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


@pytest.mark.parametrize("scale", ["small", "paper"])
@pytest.mark.parametrize("name", STUDIES)
def test_every_row_can_be_trained(name: str, scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for cell in asked(name, monkeypatch, scale=scale):
        method = named(cell.line.recipe)(cell.loaded.spec, **cell.arguments)
        objective, training = method.objective, cell.training.with_defaults(method.training)
        assert isinstance(objective, Deciphering)
        batch = cast(int, resolve(training, objective, cell.loaded).batch)
        rows = torch.from_numpy(cell.loaded.train.take(np.arange(len(cell.loaded.train)))).flatten(1)
        objective.setup(TrainingInfo(len(rows), batch, 0), lambda rows=rows: rows / 255)
        assert len(objective.patterns) == len(rows)
        if objective.patterns.kind == "dropout":
            group = objective.patterns.layout.channels[0] / objective.plan.clusters
            assert group > objective.patterns.layout.active[0], "nothing is left to choose in the first stage"


def test_only_a_second_part_is_trained_beyond_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def epochs(name: str, **terms: Any) -> dict[str, int | None]:
        return {cell.folder.name: cell.settled.steps for cell in asked(name, monkeypatch, width=8, **terms)}

    rows = ("no clusters", "base", "no shift", "second part without shift")
    clusters, more = {"rows": rows[:1]}, {"rows": rows[1:]}
    paper: dict[str, Any] = {"scale": "paper"}  # an epoch of these data is a step
    assert epochs("deciphering-table-1", **paper) == {"deciphering-0": 3000}
    assert epochs("deciphering-table-2", **paper, **clusters) == {"clusters-1-0": 1000}
    found = {"base-0": 1000, "no-shift-0": 1000, "second-part-without-shift-0": 3000}
    assert epochs("deciphering-ablations", **paper, **more) == found
    longer = {"base-0": 8, "no-shift-0": 8, "second-part-without-shift-0": 16}
    assert epochs("deciphering-ablations", **more, steps=8) == longer
    assert epochs("deciphering-ablations", **paper, **more, steps=8) == longer


def test_a_short_run_at_the_scale_of_the_paper_has_the_paper_s_proportions(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ("base", "second part without shift")
    for steps, growing in ((20, 8), (None, None)):
        for cell in asked("deciphering-ablations", monkeypatch, scale="paper", width=8, rows=rows, steps=steps):
            assert cell.settled.ema_form == "ramped"  # an epoch of these data is a step
            assert cell.arguments.get("decay_epochs") == growing


def test_runs_are_judged_by_their_last_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for cell in asked("deciphering-ablations", monkeypatch, width=8, steps=1000, rows=("base",)):
        assert cast(int, cell.settled.validate_every) > cast(int, cell.settled.steps)


def test_other_laws_are_of_the_same_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ("base", "base, training patterns", "base, moments of the batch")
    (cell,) = asked("deciphering-ablations", monkeypatch, width=8, rows=rows)
    assert {(s.density, s.moments) for s in cell.sources} == {
        ("pattern", "running"),
        ("pattern", "batch"),
        ("empirical", "running"),
    }


def test_clusters_are_judged_evenly_and_by_their_shares_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ("no clusters", "4 clusters", "4 clusters, as often as the data")
    without, with_ = asked("deciphering-table-2", monkeypatch, width=8, rows=rows)
    assert {s.density for s in without.sources} == {"pattern"}
    assert {s.density for s in with_.sources} == {"pattern", "pattern:even=false"}


def test_the_second_part_begins_where_the_first_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    np.save("tiny.npy", np.random.default_rng(0).integers(0, 256, (700, 8, 8), dtype=np.uint8))
    (cell,) = asked("deciphering-ablations", monkeypatch, steps=10, rows=("second part without shift",))
    per_epoch = len(cell.loaded.train) // 100
    assert per_epoch == 5
    assert (cell.arguments["shift_epochs"] * per_epoch, cell.settled.steps) == (10, 20)
    (odd,) = asked("deciphering-ablations", monkeypatch, steps=12, rows=("second part without shift",))
    assert (odd.arguments["shift_epochs"] * per_epoch, odd.settled.steps) == (10, 22)


@pytest.mark.parametrize("name", STUDIES)
def test_constants_have_no_meaning(name: str) -> None:
    with pytest.raises(ValueError, match="has no meaning for deciphering"):
        find(name)(ImageRequest("tiny.npy", constants="mnist"))
