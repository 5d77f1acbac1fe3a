"""Two processes do not train in one folder, and none loses what another writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_runs_prune import masked

from noiseless import files
from noiseless.errors import RunError
from noiseless.evaluation.results import Protocol, Result, record
from noiseless.files import locked
from noiseless.runs import Run
from noiseless.runs.prune import prune
from tiny import run, vectors

HOLDER = """
import sys, time
from pathlib import Path
from noiseless.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder run."""
    command = [sys.executable, "-c", HOLDER, tmp_path / "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


SAID = r"run is being trained or replaced by another process; wait until that ends, or stop it"


def test_a_folder_is_held_by_one_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    made = run("ae", vectors(), tmp_path / "other", steps=2)
    made.directory.rename(tmp_path / "run")
    log = (tmp_path / "run" / "log.jsonl").read_bytes()
    with pytest.raises(RunError, match=SAID):
        Run(tmp_path / "run").resume(vectors(), steps=2, show=False)
    with pytest.raises(RunError, match=SAID):
        run("ae", vectors(), tmp_path / "run", steps=2, arguments={"overwrite": True})
    with pytest.raises(RunError, match=SAID):
        prune(masked(tmp_path / "masked"), tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == log
    assert Run(tmp_path / "run").steps == (2, 2)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".run.lock").exists()
    Run(tmp_path / "run").resume(vectors(), steps=2, show=False)  # a killed process holds nothing
    assert Run(tmp_path / "run").steps == (4, 4)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "masked"}


def test_a_folder_that_is_not_there_yet_is_held(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(RunError, match=SAID):
        run("ae", vectors(), tmp_path / "run", steps=2)
    assert holder.poll() is None
    assert not (tmp_path / "run").exists()


def test_two_writers_of_rows_keep_all(tmp_path: Path) -> None:
    def add(seed: int) -> None:
        for n in range(40):
            record(tmp_path / "new", [Result(Protocol("samples", n, seed=seed))])

    threads = [threading.Thread(target=add, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads((tmp_path / "new" / "results.json").read_text())) == 80
    assert os.listdir(tmp_path / "new") == ["results.json"]


def test_the_next_waits_for_a_lock_that_is_removed_when_it_is_free(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path / "a"):
            order.append("second")

    with locked(tmp_path / "a"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("missing", ["module", "folder", "locks"])
def test_where_there_are_no_locks_nothing_is_locked(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    if missing == "module":
        monkeypatch.setattr(files, "fcntl", None)
    else:
        monkeypatch.setattr(*((os, "open") if missing == "folder" else (files.fcntl, "flock")), refused)
    with locked(tmp_path / "a", "held"), locked(tmp_path / "a", "held"):
        pass
