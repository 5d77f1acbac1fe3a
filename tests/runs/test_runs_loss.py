"""What a run has made is not replaced by less, and not mixed with what another made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_runs_prune import masked

from noiseless.errors import InputError
from noiseless.runs import Run
from noiseless.runs.prune import prune
from tiny import images, run, vectors


def held(directory: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path in it."""
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def edit(directory: Path, **changes: object) -> None:
    path = directory / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def forget(directory: Path, *names: str) -> None:
    """Makes run.json one of an older version, which does not have these fields."""
    path = directory / "run.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k not in names}))


# a training is not begun anew over an earlier one ---------------------------------------------------------------------


def test_a_run_says_whether_it_had_a_checkpoint_and_what_it_started_from(tmp_path: Path) -> None:
    first = run("ae", vectors(), tmp_path / "first", steps=2)
    assert (first.record["saved"], first.record["init_from"]) == (True, None)
    second = run("ae", vectors(), tmp_path / "second", steps=2, arguments={"init_from": tmp_path / "first"})
    assert second.record["init_from"] == str(tmp_path / "first")


@pytest.mark.parametrize("older", [False, True])
def test_a_run_without_its_checkpoint_is_not_begun_anew(older: bool, tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=4, validate_every=2)
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    if older:
        forget(tmp_path / "run", "saved", "init_from")
    before = held(tmp_path / "run")
    said = r"checkpoint\.safetensors is missing: resuming it would begin anew over best\.safetensors and log\.jsonl"
    with pytest.raises(InputError, match=said):
        Run(made.directory).resume(vectors(), show=False)
    assert held(tmp_path / "run") == before


@pytest.mark.parametrize("left", ["best.safetensors", "log.jsonl", "results.json"])
def test_each_file_that_an_older_training_leaves_is_enough(left: str, tmp_path: Path) -> None:
    run("ae", vectors(), tmp_path / "run", steps=2)
    (tmp_path / "run" / "results.json").write_text("[]")
    forget(tmp_path / "run", "saved")
    for name in {"checkpoint.safetensors", "best.safetensors", "log.jsonl", "results.json"} - {left}:
        (tmp_path / "run" / name).unlink()
    with pytest.raises(InputError, match=f"begin anew over {left}"):
        Run(tmp_path / "run").resume(vectors(), show=False)


def test_a_pruned_run_without_its_checkpoint_is_not_trained_from_random_weights(tmp_path: Path) -> None:
    new = prune(masked(tmp_path / "old"), tmp_path / "new").run
    (new.directory / "checkpoint.safetensors").unlink()
    before = held(new.directory)
    with pytest.raises(InputError, match=r"begin anew over best\.safetensors"):
        new.resume(images(), show=False)
    assert held(new.directory) == before


def test_a_run_without_the_weights_that_it_starts_from_is_not_trained_from_others(tmp_path: Path) -> None:
    run("ae", vectors(), tmp_path / "first", steps=2)
    made = run("ae", vectors(), tmp_path / "run", steps=2, arguments={"init_from": tmp_path / "first"})
    for name in ("checkpoint.safetensors", "best.safetensors", "initial.safetensors", "log.jsonl"):
        (made.directory / name).unlink()
    edit(made.directory, saved=False)
    with pytest.raises(InputError, match=rf"starts from the weights of {tmp_path}/first, and its initial\.safetensors"):
        Run(made.directory).resume(vectors(), show=False)


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    run("ae", vectors(), tmp_path / "run", steps=4, log_every=1, until=2)
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    edit(tmp_path / "run", saved=False)  # as it is until there is a checkpoint
    Run(tmp_path / "run").resume(vectors(), show=False)
    assert Run(tmp_path / "run").steps == (4, 4)
