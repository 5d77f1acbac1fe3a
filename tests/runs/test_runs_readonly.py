"""What can be done with a run that may only be read, and what is found out before the work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_runs_loss import held

from noiseless import cli, compare, evaluate
from noiseless.data import Data, Split
from noiseless.errors import InputError, RunError
from noiseless.files import refuse_unwritable
from noiseless.runs import Run
from tiny import images, method, run, vectors

Sealed = Callable[[], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Sealed]]:
    """A disk, and what makes it one that may only be read."""
    place, mount = tmp_path / "disk", shutil.which("mount")
    place.mkdir()
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    command = [mount, "-t", "tmpfs", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place, lambda: subprocess.run([mount, "-o", "remount,ro", str(place)], check=True) and None
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.pictures
def test_a_run_that_may_only_be_read_is_evaluated_elsewhere(
    disk: tuple[Path, Sealed], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, seal = disk
    np.save(place / "data.npy", vectors().train.raw)
    run_ = cli.run(["train", "ae", "--data", str(place / "data.npy"), "--out", str(place / "run"), *SMALL])
    assert run_ == 0
    shutil.rmtree(place / "run" / "densities")
    seal()
    before = held(place)
    line = ["evaluate", str(place / "run"), "-n", "10", "--density", "gaussian", "--threads", "1"]
    assert cli.run([*line, "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"results.json", "latent.json", "pictures"}
    assert {"samples-gaussian.png", "latent.png"} <= {path.name for path in (tmp_path / "out" / "pictures").iterdir()}
    assert held(place) == before
    capsys.readouterr()
    assert cli.run(line) == 1
    assert "run: " in capsys.readouterr().err  # before anything is measured
    with pytest.raises(RunError, match="may not be written to"):
        evaluate(place / "run", n=10)


SMALL = ["--steps", "2", "--batch", "20", "--width", "4", "--latent-dim", "2", "--threads", "1"]


def test_a_run_that_may_only_be_read_is_sampled_under_a_new_density(
    disk: tuple[Path, Sealed], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, seal = disk
    np.save(place / "data.npy", vectors().train.raw)
    assert cli.run(["train", "ae", "--data", str(place / "data.npy"), "--out", str(place / "run"), *SMALL]) == 0
    seal()
    capsys.readouterr()
    fits: list[int] = []
    codes = Run.codes
    monkeypatch.setattr(Run, "codes", lambda *given: fits.append(1) or codes(*given))
    line = ["sample", str(place / "run"), "-n", "3", "--density", "gmm:2", "--threads", "1"]
    assert cli.run([*line, "--out", str(tmp_path / "drawn.npy")]) == 0
    assert np.load(tmp_path / "drawn.npy").shape == (3, 5)
    assert "the density is not kept, because" in capsys.readouterr().err
    assert len(fits) == 1
    assert not (place / "run" / "densities" / "gmm-2.safetensors").exists()
    monkeypatch.setattr("noiseless.runs.verbs.sample", None)  # nothing is drawn that could not be written
    assert cli.run(line) == 1
    assert "may not be written to; choose another place" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refuse_unwritable(tmp_path / "new" / "below")
    assert not (tmp_path / "new").exists()
    with pytest.raises(RunError, match=rf"cannot write into {tmp_path}/file/below: {tmp_path}/file is no folder"):
        refuse_unwritable(tmp_path / "file" / "below")


def few(n: int) -> Data:
    """Vectors, n of them for training."""
    raw = vectors().train.raw
    parts = [Split(raw, np.arange(a, b)) for a, b in ((0, n), (n, n + 2), (n + 2, n + 4))]
    return Data(vectors().spec, *parts, fingerprint=f"few{n}", source="few")


@pytest.mark.parametrize(
    ("n", "density", "least"), [(1, "gmm:1", 2), (9, "gmm", 10), (9, "gmm-bayes", 10), (1, "gaussian", 2)]
)
def test_too_few_data_for_a_density_are_refused_before_training(
    n: int, density: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = method("ae", vectors().spec)
    monkeypatch.setattr("noiseless.runs.creation.call", lambda *_: type(made)(made.objective, densities=(density,)))
    said = f"the density {density} is fitted to .* training part: it needs at least {least}, and there are {n};"
    with pytest.raises(InputError, match=said):
        run("ae", few(n), tmp_path / "run", steps=2, batch=1)
    assert os.listdir(tmp_path) == []
    run("ae", few(n), tmp_path / "run", steps=2, batch=1, draw=False)


def test_a_comparison_refuses_a_density_of_too_many_components_before_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the density gmm:81 .* needs at least 81, and there are 80"):
        compare(["ae"], vectors(), tmp_path / "out", density="gmm:81")
    assert os.listdir(tmp_path) == []


@pytest.mark.pictures
def test_few_held_out_data_are_no_obstacle_to_pictures(tmp_path: Path) -> None:
    raw = vectors().train.raw
    parts = [Split(raw, np.arange(a, b)) for a, b in ((0, 20), (20, 21), (21, 22))]
    made = run("ae", Data(vectors().spec, *parts, fingerprint="one", source="one"), tmp_path / "run", steps=1)
    assert (made.directory / "pictures" / "samples-gmm.png").is_file()


@pytest.mark.parametrize("given", [{"shift_epochs": 2}, {"shift_lr": 0.1}])
def test_shifts_that_are_not_made_have_no_settings(given: dict[str, Any]) -> None:
    said = rf"{next(iter(given))} is .*, and nothing is shifted"
    with pytest.raises(InputError, match=f"{said}; leave it out, or give --shift both"):
        method("deciphering", vectors().spec, **given)
    noted = method("deciphering", images().spec, shift="none", **given)  # as studies of shifts have it
    assert [note for note in noted.notes if re.fullmatch(said, note)]
    for some in ({"shift": "both", **given}, {"shift": "none"}, {"shift_epochs": 0}):
        assert not any("shifted" in note for note in method("deciphering", images().spec, **some).notes)


def test_results_are_recorded_before_they_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "data.npy", vectors().train.raw)
    out = tmp_path / "run"
    assert cli.run(["train", "ae", "--data", str(tmp_path / "data.npy"), "--out", str(out), *SMALL]) == 0

    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("noiseless.cli.judge.show", closed)
    monkeypatch.setattr("noiseless.cli.judge.wrote", closed)
    with pytest.raises(BrokenPipeError):
        cli.run(["evaluate", str(out), "-n", "10", "--density", "gaussian", "--threads", "1"])
    rows = json.loads((out / "results.json").read_text())
    assert {row["row"] for row in rows} >= {"training data", "reconstruction", "samples"}
    assert {row["row"] for row in json.loads((out / "latent.json").read_text())} == {"codes", "N(0, I)"}
    line = ["compare", "ae", "--data", str(tmp_path / "data.npy"), "--out", str(tmp_path / "c"), "-n", "10", *SMALL]
    with pytest.raises(BrokenPipeError):
        cli.run([*line, "--density", "gaussian"])
    assert (tmp_path / "c" / "table.md").is_file()
