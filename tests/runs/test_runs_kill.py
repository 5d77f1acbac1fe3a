"""A real process that is killed goes on bit for bit; `benchmarks/kill_resume.py` kills ten times."""

from __future__ import annotations

import importlib.util
import json
import random
import signal
import subprocess
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from noiseless import Run
from tiny import run, vectors

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_resume.py"


@pytest.fixture(scope="module")
def kill() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kill_resume", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(600)
def test_a_killed_run_goes_on_as_if_it_never_was(kill: ModuleType, tmp_path: Path) -> None:
    random.seed(0)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = kill.training(killed, 120, 8, "bfloat16")
    for moment in (kill.at_random, kill.while_writing):
        assert kill.interrupt(command, killed, partial(moment, 0.5), signal.SIGKILL) == -signal.SIGKILL
        command = kill.resuming(killed)
    assert Run(killed).steps[0] < 120
    (killed / ".best.safetensors.left.part").mkdir()
    kill.finish(command)
    kill.finish(kill.training(whole, 120, 8, "bfloat16"))
    assert kill.differences(whole, killed) == []
    assert not list(killed.glob(".*"))
    steps = [json.loads(line)["step"] for line in (killed / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == 120


def test_the_comparison_can_fail(kill: ModuleType, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run("ae", vectors(), tmp_path / name, steps=2, seed=seed)
    assert kill.differences(tmp_path / "a", tmp_path / "b") == []
    assert kill.differences(tmp_path / "a", tmp_path / "c")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(signum: int, code: int, kill: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [*kill.training(out, 100_000, 4, "float32"), "--log-every", "5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not ((out / "log.jsonl").is_file() and (out / "log.jsonl").stat().st_size):
        pass
    process.send_signal(signum)
    _, errors = process.communicate()
    done, planned = Run(out).steps
    assert process.returncode == code, errors
    assert planned == 100_000
    assert 0 < done < planned
    assert f"noiseless resume {out}" in errors
    assert f"stopped by {signal.Signals(signum).name} at step {done}" in errors
    assert "Traceback" not in errors
