"""Runs that an earlier version left half-way, in made_before/: they open, sample, evaluate and resume.

That version called the latent size `latent`. expected.json has the mean of what it drew from each run, and the
validation loss that it reached by resuming.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest

from noiseless.data import modality
from noiseless.evaluation import evaluation
from noiseless.metrics import build
from noiseless.objectives.deciphering import objective
from noiseless.objectives.deciphering.objective import BATCH, CALIBRATION
from noiseless.runs import Run
from noiseless.runs.user_code import UserCode
from noiseless.training.state import UNFADED

BEFORE = Path(__file__).parent / "made_before"
EXPECTED = json.loads((BEFORE / "expected.json").read_text("utf-8"))


@pytest.fixture(params=sorted(EXPECTED))
def old(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.syspath_prepend(str(BEFORE))
    shutil.copytree(BEFORE / request.param, tmp_path / request.param)
    own = UserCode(source="few_digits:few_digits") if request.param == "deciphering" else UserCode()
    return Run(tmp_path / request.param, own)


def expected(run: Run) -> dict[str, float | str]:
    found: dict[str, float | str] = EXPECTED[run.directory.name]
    return found


def test_it_opens_and_samples_what_it_did(old: Run) -> None:
    model = old.model()
    assert model.latent_dim == (2 if old.directory.name == "pruned" else 3)
    drawn = model.sample(3, str(expected(old)["density"]))
    assert float(drawn.double().mean()) == pytest.approx(expected(old)["sample mean"], rel=1e-4)


def test_it_is_evaluated(old: Run) -> None:
    data, model = old.data(), old.model()
    usual = modality.of(data.spec).features
    features = build("pixels" if "pixels" in usual else usual[0], data.spec) if usual else None
    rows = evaluation.of(data.spec).rows(model, data, old.method().densities[:1], features, n=10)
    assert "samples" in {row.protocol.row for row in rows}


def test_it_resumes_as_it_did(old: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective, "CALIBRATION", CALIBRATION)  # conftest.py makes them smaller
    monkeypatch.setattr(objective, "BATCH", BATCH)
    assert old.steps == (2, 4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", UNFADED)  # of 4 steps, with the average that was the default then
        old.resume(show=False, draw=False)
    assert old.steps == (4, 4)
    rows = [json.loads(line) for line in (old.directory / "log.jsonl").read_text("utf-8").splitlines()]
    losses = [row["validation/loss"] for row in rows if "validation/loss" in row]
    assert losses[-1] == pytest.approx(expected(old)["validation loss"], rel=1e-4)


def test_it_knows_no_path_of_the_machine_it_was_made_on() -> None:
    for path in BEFORE.glob("*/run.json"):
        record = json.loads(path.read_text("utf-8"))
        assert record["data"]["data_dir"] is None
        assert not record["data"]["source"].startswith(("/", "~"))
