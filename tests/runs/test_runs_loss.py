"""What a run has made is not replaced by less, and not mixed with what another made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_runs_prune import masked

from noiseless import densities
from noiseless.errors import InputError
from noiseless.evaluation.measured import Conditions, measured
from noiseless.evaluation.results import Result, known, record
from noiseless.files import hash_of, read_header, write_tensors
from noiseless.metrics import build
from noiseless.runs import Run
from noiseless.runs.prune import prune
from noiseless.runs.writer import RunWriter
from tiny import images, run, vectors

BEST = "best.safetensors"


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


# what was made with other weights -------------------------------------------------------------------------------------


def test_a_density_of_other_weights_is_fitted_again(tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=2, draw=False)
    path = made.directory / "densities" / "gaussian.safetensors"
    old = made.model(data=vectors())  # opened before the run goes on
    made.resume(vectors(), steps=20, show=False, draw=False)
    old.density("gaussian")
    stale = path.read_bytes()
    fresh = made.model(data=vectors()).density("gaussian")
    assert path.read_bytes() != stale
    assert densities.describe(path)["weights"] == made.weights_hash() == hash_of(load_file(made.directory / BEST))
    expected = densities.build("gaussian", 3).fit(made.codes(made.ready(), vectors()), torch.Generator())
    torch.testing.assert_close(fresh.mean, expected.mean)


def test_a_density_that_does_not_say_its_weights_is_taken(tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=2, draw=False)
    path = made.directory / "densities" / "gaussian.safetensors"
    density = made.model(data=vectors()).density("gaussian")
    density.mean.fill_(7.0)
    densities.save(density, path, name="gaussian", codes="mean")  # as an older version does
    assert (made.model(data=vectors()).density("gaussian").mean == 7).all()


def test_results_of_other_weights_are_measured_again(tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=2, draw=False)
    conditions = Conditions(build("identity", vectors().spec), 20)
    old, _ = measured(made, vectors(), ["gaussian"], conditions, show=False)
    (made.directory / "results.json").rename(tmp_path / "old.json")
    made.resume(vectors(), steps=40, show=False, draw=False)
    (tmp_path / "old.json").rename(made.directory / "results.json")  # an evaluation that ended late
    fresh, _ = measured(made, vectors(), ["gaussian"], conditions, show=False)
    assert {row.protocol.weights_hash for row in fresh} == {made.weights_hash()}
    assert [row.number("fd") for row in fresh if row.protocol.density] != [
        row.number("fd") for row in old if row.protocol.density
    ]
    kept = [Result.from_json(row) for row in json.loads((made.directory / "results.json").read_text())]
    assert kept == [*old, *fresh]
    assert measured(made, vectors(), ["gaussian"], conditions, show=False)[0] == fresh


def test_rows_that_do_not_say_their_weights_are_taken_and_replaced(tmp_path: Path) -> None:
    about = {"row": "samples", "density": "gmm", "n": 10, "seed": 0, "reference": "test", "features": "pixels"}
    about |= {"fingerprint": "ab", "asked": 10, "weights": "best"}
    record(tmp_path, [Result.from_json(about | {"fd": 1.0})])
    terms = {"n": 10, "weights_hash": "b"}
    assert [row.number("fd") for row in known(tmp_path, "ab", "pixels", ["gmm"], **terms)] == [1.0]
    record(tmp_path, [Result.from_json(about | {"fd": 2.0, "weights_hash": "a"})])
    assert known(tmp_path, "ab", "pixels", ["gmm"], **terms) == []
    record(tmp_path, [Result.from_json(about | {"fd": 3.0, "weights_hash": "b"})])
    assert [row["fd"] for row in json.loads((tmp_path / "results.json").read_text())] == [2.0, 3.0]


def test_results_that_are_put_aside_replace_no_others(tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=2)
    for text in ("[1]", "[2]", "[3]"):
        (made.directory / "results.json").write_text(text)
        RunWriter(made.directory, vectors()).best({"a": torch.zeros(1)})
    names = ("results-at-2.json", "results-at-2-2.json", "results-at-2-3.json")
    assert [(made.directory / name).read_text() for name in names] == ["[1]", "[2]", "[3]"]


def test_a_hash_is_of_names_types_shapes_and_numbers() -> None:
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 2.0]])
    assert hash_of({"a": a, "b": b}) == hash_of({"b": b.clone(), "a": a.clone()})
    others = [{"a": a}, {"b": a}, {"a": b}, {"a": a + 1}, {"a": a.to(torch.bfloat16)}, {"a": a.int()}, {}]
    assert len({hash_of(one) for one in others}) == len(others)


# what another run made ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["checkpoint.safetensors", BEST, "initial.safetensors"])
def test_a_file_of_another_run_is_refused(name: str, tmp_path: Path) -> None:
    run("ae", vectors(), tmp_path / "first", steps=1)
    ours, theirs = (
        run("ae", vectors(), tmp_path / str(seed), steps=2, seed=seed, arguments={"init_from": tmp_path / "first"})
        for seed in (0, 1)
    )
    assert ours.record["id"] != theirs.record["id"]
    (theirs.directory / name).replace(ours.directory / name)
    if name == "initial.safetensors":
        (ours.directory / "checkpoint.safetensors").unlink()
        edit(ours.directory, saved=False)
    before = held(ours.directory)
    with pytest.raises(InputError, match=rf"{name} is of another run \({theirs.record['id']}\) than {ours.directory}"):
        ours.model() if name == BEST else ours.resume(vectors(), steps=1, show=False)
    if name == BEST:
        with pytest.raises(InputError, match="is of another run"):
            run("ae", vectors(), tmp_path / "third", arguments={"init_from": ours.directory})
    assert held(ours.directory) == before


def test_a_pruned_run_is_one_of_its_own(tmp_path: Path) -> None:
    old = masked(tmp_path / "old")
    new = prune(old, tmp_path / "new").run
    assert new.record["id"] != old.record["id"]
    assert new.steps == old.steps
    (old.directory / BEST).replace(new.directory / BEST)
    with pytest.raises(InputError, match="is of another run"):
        new.model()


def test_files_and_runs_of_older_versions_have_no_identity_and_are_taken(tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=2)
    for name in ("checkpoint.safetensors", BEST):
        scalars = {k: v for k, v in read_header(made.directory / name).items() if k != "run"}
        write_tensors(made.directory / name, load_file(made.directory / name), scalars)
    made.resume(vectors(), steps=1, show=False)
    assert read_header(made.directory / "checkpoint.safetensors")["run"] == made.record["id"]
    older = run("ae", vectors(), tmp_path / "older", steps=2)
    forget(older.directory, "id")
    for name in ("checkpoint.safetensors", BEST):
        scalars = {k: v for k, v in read_header(older.directory / name).items() if k != "run"}
        write_tensors(older.directory / name, load_file(older.directory / name), scalars)
    older.resume(vectors(), steps=1, show=False)
    assert "run" not in read_header(older.directory / "checkpoint.safetensors")
