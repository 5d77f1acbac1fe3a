"""Comparisons: one table and one picture, resumed where they stopped, refused under other terms."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

import noiseless as nl
from noiseless.cli import run
from noiseless.errors import RunError
from noiseless.evaluation import distances
from noiseless.metrics import Sample
from noiseless.runs import reuse
from tiny import FAST, NETWORKS, vectors

COMMAND = "compare ae rae --data digits --width 2 --steps 3 --precision float32 -n 20 --features pixels --out c"
LINE = COMMAND.split()
GAUSSIAN = ["--density", "gaussian"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_two_methods_give_a_table_and_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*LINE, *GAUSSIAN]) == 0
    rows = json.loads(Path("c/results.json").read_text())
    assert {row["method"] for row in rows} == {"ae", "rae"}
    assert len(rows) == 2 * 5
    out, err = capsys.readouterr()
    for name in ("table.md", "samples.png", "results.json"):
        assert f"wrote c/{name}" in out
        assert Path("c", name).is_file()
    assert [line for line in err.splitlines() if line.startswith("method")] == [
        "method 1 of 2: ae",
        "method 2 of 2: rae",
    ]
    assert err.index("method 1") < err.index("step 3 of 3") < err.index("method 2")
    meaning = "fd: Fréchet distance of the features' Gaussians, from 0; lower is better"
    assert f"\n{meaning}\n" in out
    assert f"\n* {meaning}\n" in Path("c/table.md").read_text("utf-8")
    assert "score:" not in out  # pixels have no classes, and so no such column


def test_what_is_done_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([*LINE, *GAUSSIAN]) == 0
    first = Path("c/results.json").read_bytes()
    monkeypatch.setattr(reuse, "train", None)
    monkeypatch.setattr(distances, "evaluate", None)
    assert run([*LINE, *GAUSSIAN]) == 0
    assert Path("c/results.json").read_bytes() == first


def test_a_stopped_comparison_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([*LINE[:2], *LINE[3:], *GAUSSIAN]) == 0  # ae alone
    Path("c/ae/results.json").unlink()
    Path("c/results.json").unlink()

    def stopped(*_: object, **__: object) -> None:
        raise RunError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(reuse, "train", stopped)
        assert run([*LINE, *GAUSSIAN]) == 1
    assert Path("c/ae/results.json").is_file()
    assert run([*LINE, *GAUSSIAN]) == 0
    assert {row["method"] for row in json.loads(Path("c/results.json").read_text())} == {"ae", "rae"}


def test_a_flattered_method_is_compared_by_other_features_too_and_so_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.evaluation.distances.score", lambda *_: ({"fd": 1.0}, []))
    np.save("images.npy", np.random.default_rng(0).integers(0, 256, (120, 16, 16), dtype=np.uint8))
    line = "--data images.npy --width 2 --steps 2 --batch 20 --precision float32 -n 10 --density gaussian --out p"
    alone, both = (["compare", *methods, *line.split()] for methods in (["ae"], ["deciphering", "ae"]))
    assert run(alone) == 0
    assert len({row["features"] for row in json.loads(Path("p/results.json").read_text())}) == 1
    assert run(both) == 0
    rows = json.loads(Path("p/results.json").read_text())
    found = {(row["method"], row["features"].partition("-")[0]) for row in rows if row["row"] == "samples"}
    assert found == {(method, kind) for method in ("deciphering", "ae") for kind in ("efficientnet", "pixels")}
    assert "| method      | features " in Path("p/table.md").read_text()


@pytest.mark.parametrize("other", [["--steps", "4"], ["--width", "3"], ["--seed", "1"], ["--lr", "0.1"]])
def test_other_terms_are_refused(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*LINE, *GAUSSIAN]) == 0
    line = list(LINE)
    if other[0] in line:
        at = line.index(other[0])
        del line[at : at + 2]
    assert run([*line, *GAUSSIAN, *other]) == 2
    said = capsys.readouterr().err
    assert "under other terms" in said
    assert "choose another folder (--out)" in said


def test_a_recipe_that_cannot_take_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare_of_compare.py").write_text(
        "from noiseless.recipes.method import Method\nfrom noiseless.recipes.rae import rae\n"
        "from noiseless.autoencoder import Networks\nfrom noiseless.values import Spec\n"
        "def bare(spec: Spec) -> Method:\n    return rae(spec, Networks(net='mlp', width=1))\n"
    )
    line = "compare bare_of_compare:bare --data digits --steps 2 -n 20 --features pixels --density normal --out b"
    assert run([*line.split(), "--width", "2"]) == 2
    assert "takes no networks" in capsys.readouterr().err
    assert run(line.split()) == 0


def test_a_method_that_data_are_not_for_is_refused_before_any_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    line = "compare grae character-vae --data expressions:size=60 --width 4 --steps 2 --batch 10 -n 10 --out c"
    assert run(line.split()) == 2
    assert "character-vae is for characters" in capsys.readouterr().err
    assert not Path("c").exists()


def test_further_metrics_are_measured_of_every_method_and_not_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def spread(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:
        asked.append(seed)
        return {"spread": float(fake.features.std())}

    about: Any = {"n": 20, "density": "normal", "networks": NETWORKS, "show": False}
    about["training"] = nl.Training(**FAST, steps=2)
    for metric in ((), (spread,), (spread,)):
        found = nl.compare(["ae", "rae"], vectors().train.raw, tmp_path / "c", metric=metric, **about)
        assert all(("spread" in row.values) == bool(metric) for rows in found.values() for row in rows)
    rows = sum(map(len, found.values()))
    assert len(asked) == rows


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Torch's and the libraries' threads are put back, and are three until then."""
    before = torch.get_num_threads()
    with threadpool_limits(3):
        torch.set_num_threads(3)
        yield
        torch.set_num_threads(before)


def pools() -> set[int]:
    """The numbers of threads that torch and the libraries loaded use."""
    return {torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}


@pytest.mark.usefixtures("three_threads")
def test_the_threads_of_training_are_those_of_evaluation(tmp_path: Path) -> None:
    seen: list[set[int]] = []

    def spread(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:
        seen.append(pools())
        return {"spread": float(fake.features.std())}

    training = nl.Training(**FAST | {"steps": 2, "threads": 2})
    about: Any = {"n": 20, "density": "normal", "networks": NETWORKS, "show": False, "training": training}
    nl.compare(["ae"], vectors().train.raw, tmp_path / "c", metric=spread, **about)
    assert seen
    assert all(found == {2} for found in seen)
    assert pools() == {3}


@pytest.mark.usefixtures("three_threads")
def test_a_command_keeps_to_the_threads_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr("noiseless.cli.judge.note", lambda _: seen.append(pools()))
    assert run([*LINE, *GAUSSIAN, "--threads", "1"]) == 0
    assert seen
    assert all(found == {1} for found in seen)
    assert os.environ["OMP_NUM_THREADS"] == "1"  # for libraries that are loaded later
    assert pools() == {1}


def test_python_evaluates_into_another_folder_too(tmp_path: Path) -> None:
    training = nl.Training(**FAST, steps=2)
    run_of = nl.train("ae", vectors(), tmp_path / "r", networks=NETWORKS, training=training, show=False, draw=False)
    rows = nl.evaluate(run_of, vectors(), n=20, density="normal", out=tmp_path / "elsewhere", show=False)
    assert [row["fd"] for row in json.loads((tmp_path / "elsewhere/results.json").read_text())] == [
        row.values["fd"] for row in rows
    ]
    assert not (tmp_path / "r/results.json").exists()
