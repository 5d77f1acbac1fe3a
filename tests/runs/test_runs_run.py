from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from torch import nn

import noiseless
from noiseless.autoencoder import Networks
from noiseless.cli import run as command
from noiseless.data import Raw
from noiseless.errors import InputError, RunError
from noiseless.recipes.method import Method, names
from noiseless.runs import Run, found, load, train
from noiseless.runs.user_code import UserCode
from noiseless.runs.writer import RunWriter
from noiseless.training import Optimiser, Training
from noiseless.training.state import SETBACK
from noiseless.values import Batch, Spec
from tiny import FAST, NETWORKS, assert_same, images, run, vectors, weights


@pytest.fixture
def array(tmp_path: Path) -> Path:
    """Images in a file, so that a run can find its data again."""
    path = tmp_path / "images.npy"
    np.save(path, images().train.raw)
    return path


def made(out: Path, source: Any = None, **given: Any) -> Run:
    arguments = given.pop("arguments", {})
    settings = Training(**FAST | {"steps": 4} | given)
    return train("rae", source or images(), out, training=settings, show=False, networks=NETWORKS, **arguments)


def edit(directory: Path, **changes: Any) -> None:
    path = directory / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# the folder -----------------------------------------------------------------------------------------------------------


def test_a_run_records_what_it_is(tmp_path: Path, array: Path) -> None:
    made(tmp_path / "run", array, arguments={"beta": 0.5})
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["recipe"] == "rae"
    assert record["arguments"] == {"networks": {"latent_dim": 3, "width": 4}, "beta": 0.5}
    assert record["torch"] == torch.__version__
    about = record["data"]
    assert about["source"] == str(array)
    assert (about["train"], about["validation"], about["test"]) == (98, 10, 12)
    settled = record["training"]
    assert settled["threads"] == 1
    assert settled["precision"] == "float32"
    assert settled["steps"] == 4
    assert all(value is not None for name, value in settled.items() if name in ("batch", "schedule", "device"))
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 4
    assert {"autoencoder/reconstruction", "autoencoder/code", "validation/loss"} <= rows[-1].keys()


def test_a_run_keeps_the_defaults_that_it_was_made_with(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    assert run.record["defaults"] == {"reconstruction": "squared-error"}
    said = "the reconstruction is bernoulli"
    assert not any(said in note for note in run.method().notes)
    edit(run.directory, defaults={"reconstruction": "bernoulli"})  # as if the default had been another one
    assert any(said in note for note in run.method().notes)
    record = json.loads((run.directory / "run.json").read_text())
    del record["defaults"]  # as older runs have it
    (run.directory / "run.json").write_text(json.dumps(record))
    assert not any(said in note for note in run.method().notes)


def test_a_run_does_not_go_on_with_other_weights(tmp_path: Path) -> None:
    run = made(tmp_path / "run", arguments={"beta": 0.5})
    assert run.record["constants"] == {"rate of autoencoder": 5e-4, "code": 0.5}
    run.resume(images(), steps=1, show=False)
    edit(run.directory, constants={"code": 0.25})  # as if the recipe had had another default
    before = weights(run.directory)
    with pytest.raises(InputError, match=r"was trained with code 0\.25, and rae now has 0\.5; train anew"):
        run.resume(images(), steps=1, show=False)
    assert_same(weights(run.directory)["checkpoint"], before["checkpoint"])
    assert load(run.directory, data=images()).sample(2, "gaussian").shape[0] == 2


def test_notes_of_the_method_are_kept(tmp_path: Path) -> None:
    run("rae-gp", images(), tmp_path / "run", steps=1)
    assert "was chosen by this library" in Run(tmp_path / "run").record["notes"][0]


def test_python_s_front_door(tmp_path: Path, array: Path) -> None:
    settings = noiseless.Training(**FAST, steps=2)
    opened = noiseless.train("ae", array, tmp_path / "run", training=settings, networks=noiseless.Networks(3, width=4))
    assert isinstance(opened, noiseless.Run)
    model = noiseless.load(tmp_path / "run")
    raw = np.load(array)[:4]
    assert model.reconstruct(raw).shape == (4, 1, 8, 8)
    assert model.sample(2, "gaussian").shape == (2, 1, 8, 8)


def test_best_last_and_average_weights(tmp_path: Path) -> None:
    opened = made(tmp_path / "run", ema=0.5, validate_every=2)
    kept = weights(tmp_path / "run")
    assert_same(dict(opened.objective("best").state_dict()), kept["best"])
    for name, prefix in (("last", "model/"), ("average", "ema/module.")):
        expected = {k.removeprefix(prefix): v for k, v in kept["checkpoint"].items() if k.startswith(prefix)}
        assert_same(dict(opened.objective(name).state_dict()), expected)
    plain = made(tmp_path / "plain")
    with pytest.raises(InputError, match="has no average weights; train with ema="):
        plain.objective("average")


def test_densities_are_kept_and_follow_the_weights(tmp_path: Path, array: Path) -> None:
    opened = made(tmp_path / "run", array, schedule="constant")
    path = tmp_path / "run" / "densities" / "gaussian.safetensors"
    first = load(tmp_path / "run").sample(3, "gaussian", seed=1)
    before = path.read_bytes()
    assert torch.equal(load(tmp_path / "run").sample(3, "gaussian", seed=1), first)
    opened.resume(steps=20, show=False)
    assert not path.exists()
    load(tmp_path / "run").sample(3, "gaussian")
    assert path.read_bytes() != before


def test_a_density_is_trained_where_the_model_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = run("rae", images(), tmp_path / "run", steps=2, draw=False)
    seen: list[str] = []
    monkeypatch.setattr("noiseless.densities.second_stage.train", lambda *given: seen.append(given[-1]))
    opened.model(data=images()).density("second-stage:width=4,depth=1")
    assert seen == ["cpu"]


@pytest.mark.pictures
def test_training_ends_with_pictures(tmp_path: Path) -> None:
    run("rae", images(), tmp_path / "run", steps=2, pictures_every=1)
    drawn = {path.name for path in (tmp_path / "run" / "pictures").iterdir()}
    assert {"step-0000001.png", "step-0000002.png", "reconstructions.png", "samples-gmm.png", "curves.png"} <= drawn


def test_what_was_measured_before_training_went_on_is_not_taken_for_what_came_of_it(tmp_path: Path) -> None:
    run("rae", images(), tmp_path / "run", steps=2)
    (tmp_path / "run" / "results.json").write_text("[]")
    Run(tmp_path / "run").resume(images(), show=False)  # there is nothing to do
    assert (tmp_path / "run" / "results.json").is_file()
    Run(tmp_path / "run").resume(images(), steps=1, show=False)
    assert not (tmp_path / "run" / "results.json").exists()
    assert (tmp_path / "run" / "results-at-2.json").read_text() == "[]"


def test_a_run_goes_on_with_other_threads_from_now_on(tmp_path: Path) -> None:
    run("rae", images(), tmp_path / "run", steps=2, threads=1)
    Run(tmp_path / "run").resume(images(), steps=1, threads=2, show=False)
    assert (Run(tmp_path / "run").training.threads, Run(tmp_path / "run").steps) == (2, (3, 3))
    for threads in (0, -1):
        with pytest.raises(InputError, match=f"threads is {threads}"):
            Run(tmp_path / "run").resume(images(), threads=threads)
    assert Run(tmp_path / "run").training.threads == 2


@pytest.mark.pictures
def test_a_run_that_is_stopped_on_its_way_has_its_pictures_when_it_ends(tmp_path: Path) -> None:
    run("rae", images(), tmp_path / "run", steps=6, validate_every=4, until=2)  # before it has best weights
    assert Run(tmp_path / "run").steps == (2, 6)
    assert not (tmp_path / "run" / "pictures").exists()
    Run(tmp_path / "run").resume(images(), show=False)
    assert (tmp_path / "run" / "pictures" / "samples-gmm.png").is_file()


# what is refused, with nothing written --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": 81}, "fewer than a batch of 81"),
        ({"track": ("mlflow",)}, r"noiseless\[mlflow\]"),
        ({"device": "cuda:77"}, "try device=cpu"),
        ({"arguments": {"betta": 1}}, "betta"),
        ({"arguments": {"beta": -1.0}}, "weight of a penalty is -1.0"),
        ({"arguments": {"init_from": Path("nowhere")}}, r"nowhere/best\.safetensors does not exist"),
    ],
    ids=str,
)
def test_nothing_is_written_for_what_cannot_run(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        made(tmp_path / "run", **given)
    assert os.listdir(tmp_path) == []


def test_an_existing_folder_is_kept_unless_asked(tmp_path: Path) -> None:
    made(tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    expected = r"exists already; choose another folder \(out=\), or replace it \(overwrite=True\)"
    with pytest.raises(InputError, match=expected):
        made(tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    made(tmp_path / "run", steps=2, arguments={"overwrite": True})
    assert Run(tmp_path / "run").steps == (2, 2)


def test_overwriting_removes_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name in ("home", "file"):
        with pytest.raises(InputError, match="is not a run, and is not replaced"):
            made(tmp_path / name, arguments={"overwrite": True})
    assert (tmp_path / "home" / "thesis.tex").exists()
    assert (tmp_path / "file").is_file()


def test_a_place_that_cannot_be_made_is_an_error_of_running(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"):
        made(tmp_path / "file" / "run")


# resuming -------------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_from_its_folder_alone(tmp_path: Path, array: Path) -> None:
    made(tmp_path / "whole", array, steps=8, validate_every=4)
    half = made(tmp_path / "half", array, steps=4, validate_every=4)
    (tmp_path / "half" / ".best.safetensors.abc.part").mkdir()
    with (tmp_path / "half" / "log.jsonl").open("a") as stream:
        stream.write('{"step": 7, "autoencoder/code": 1.0}\n{"step": 8, "autoenc')
    Run(half.directory).resume(steps=4, show=False)
    for a, b in zip(weights(tmp_path / "whole").values(), weights(tmp_path / "half").values(), strict=True):
        assert_same(a, b)
    steps = [json.loads(line)["step"] for line in (tmp_path / "half" / "log.jsonl").read_text().splitlines()]
    assert steps == [4, 8]
    assert not list((tmp_path / "half").glob(".*"))


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, array: Path) -> None:
    opened = made(tmp_path / "run", array)
    before = weights(tmp_path / "run")
    opened.resume(show=False)
    for a, b in zip(before.values(), weights(tmp_path / "run").values(), strict=True):
        assert_same(a, b)


def test_resume_without_its_data_changes_nothing(tmp_path: Path, array: Path) -> None:
    opened = made(tmp_path / "run", array)
    changed = np.load(array)
    changed[0, 0, 0, 0] ^= 1
    np.save(array, changed)
    with pytest.raises(InputError, match="have changed since"):
        opened.resume(steps=5, show=False)
    changed[0, 0, 0, 0] ^= 1
    np.save(tmp_path / "moved.npy", changed)
    array.unlink()
    with pytest.raises(
        InputError, match=r"cannot be loaded: .*; if they have moved, say where they are with own=UserCode"
    ):
        opened.resume(steps=5, show=False)
    assert opened.steps == (4, 4)
    moved = Run(opened.directory, own=UserCode(source=str(tmp_path / "moved.npy")))
    moved.resume(steps=1, show=False)
    assert moved.steps == (5, 5)


def test_another_run_s_weights_start_a_run_even_if_it_is_killed_before_a_checkpoint(
    tmp_path: Path, array: Path
) -> None:
    made(tmp_path / "first", array, schedule="constant", steps=30)
    source = load_file(tmp_path / "first" / "best.safetensors")
    made(tmp_path / "whole", array, arguments={"init_from": tmp_path / "first"}, seed=0)
    assert_same(load_file(tmp_path / "whole" / "initial.safetensors"), source)
    fresh = made(tmp_path / "fresh", array)
    assert any(
        not torch.equal(v, weights(fresh.directory)["best"][k]) for k, v in weights(tmp_path / "whole")["best"].items()
    )
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    shutil.rmtree(tmp_path / "first")
    for name in ("checkpoint.safetensors", "best.safetensors"):
        (tmp_path / "killed" / name).unlink()
    edit(tmp_path / "killed", saved=False)  # as it is until there is a checkpoint
    Run(tmp_path / "killed").resume(show=False)
    for a, b in zip(weights(tmp_path / "whole").values(), weights(tmp_path / "killed").values(), strict=True):
        assert_same(a, b)


def test_weights_of_other_networks_do_not_start_a_run(tmp_path: Path) -> None:
    made(tmp_path / "first")
    settings = Training(**FAST, steps=2)
    with pytest.raises(InputError, match="do not fit these networks"):
        train("rae", images(), tmp_path / "run", training=settings, networks=Networks(latent_dim=2, width=4),
              init_from=tmp_path / "first", show=False)  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_a_named_data_set_is_not_taken_for_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    opened = made(tmp_path / "run", "digits", steps=1)
    assert opened.record["data"]["source"] == "digits"
    assert len(Run(tmp_path / "run").data().test) == 179


def test_the_place_of_the_data_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Any] = []
    loaded = found.datasets.load

    def watch(source: str, **given: Any) -> Any:
        seen.append(given["data_dir"])
        return loaded(source, **given)

    monkeypatch.setattr("noiseless.runs.found.datasets.load", watch)
    (tmp_path / "there").mkdir()
    opened = made(tmp_path / "run", "digits", steps=1, arguments={"data_dir": Path("there")})
    opened.data()
    opened.data(tmp_path)
    assert seen == [Path("there"), tmp_path / "there", tmp_path]


# folders that are damaged, foreign, or hostile ------------------------------------------------------------------------


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run: it has no run\.json"):
        load(tmp_path)
    (tmp_path / "run.json").write_text("[")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        load(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(InputError, match="format None; this version reads format 1"):
        load(tmp_path)


def test_a_run_of_another_format_is_refused(tmp_path: Path) -> None:
    opened = made(tmp_path / "run")
    edit(tmp_path / "run", format=2)
    for use in (opened.model, opened.resume, opened.data):
        with pytest.raises(InputError, match="is a run of format 2; this version reads format 1"):
            use()


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_damaged_checkpoint_is_named(keep: int, tmp_path: Path) -> None:
    opened = made(tmp_path / "run")
    for name, use in (("checkpoint", lambda: opened.resume(images())), ("best", opened.model)):
        path = tmp_path / "run" / f"{name}.safetensors"
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(InputError, match=rf"{name}\.safetensors is damaged"):
            use()


def test_a_checkpoint_of_another_program_or_network_is_refused(tmp_path: Path) -> None:
    opened = made(tmp_path / "run")
    path = tmp_path / "run" / "best.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="was not written by this program"):
        opened.model()
    save_file({"x": torch.zeros(1)}, path, metadata={"noiseless": "{}"})
    with pytest.raises(InputError, match="do not fit these networks"):
        opened.model()
    path.unlink()
    with pytest.raises(InputError, match="has no best weights yet"):
        opened.model()


def test_a_run_names_no_code(tmp_path: Path, array: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "run", array)
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath('ran').touch()\ndef f(*a, **k): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    edit(tmp_path / "run", recipe="evil:f")
    with pytest.raises(
        InputError, match=r"the recipe evil:f, which is not part of noiseless; name it again with own=UserCode\(recipe="
    ):
        load(tmp_path / "run")
    for part in ("encoder", "decoder"):
        edit(tmp_path / "run", recipe="rae", arguments={"networks": {part: "evil:f"}})
        again = rf"uses the {part} evil:f, which is not part of noiseless; name it again with own=UserCode\({part}="
        with pytest.raises(InputError, match=again):
            load(tmp_path / "run")
    edit(tmp_path / "run", arguments=record["arguments"], data=record["data"] | {"source": "evil:f"})
    with pytest.raises(
        InputError, match=r"data set evil:f, which is not part of noiseless; name it again with own=UserCode\(source="
    ):
        load(tmp_path / "run").sample(1)
    with pytest.raises(InputError, match=r"own=UserCode\(source="):
        Run(tmp_path / "run").resume(show=False)
    assert not (tmp_path / "ran").exists()


def test_arguments_that_the_recipe_does_not_know_are_refused(tmp_path: Path) -> None:
    made(tmp_path / "run")
    edit(tmp_path / "run", arguments={"networks": {"latent_dim": 3, "widht": 4}})
    with pytest.raises(InputError):
        load(tmp_path / "run")


# what is the user's own -----------------------------------------------------------------------------------------------


def own_recipe(spec: Spec, networks: Networks = Networks(), *, power: float = 1.0) -> Method:
    return names()["rae"](spec, networks, beta=power)


def own_encoder(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape).numel(), outputs))


def own_decoder(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(latent_dim, torch.Size(shape).numel()), nn.Unflatten(1, shape))


def test_a_recipe_of_one_s_own_is_named_again(tmp_path: Path) -> None:
    settings = Training(**FAST, steps=2)
    train(own_recipe, images(), tmp_path / "run", training=settings, networks=NETWORKS, power=0.5, show=False)
    assert Run(tmp_path / "run").record["recipe"] == "test_runs_run:own_recipe"
    with pytest.raises(InputError, match=r"own=UserCode\(recipe="):
        load(tmp_path / "run")
    opened = Run(tmp_path / "run", UserCode(recipe=own_recipe))
    assert opened.method().objective.terms["code"].weight == 0.5
    assert opened.model().latent_dim == 3


def test_networks_of_one_s_own_are_named_again(tmp_path: Path) -> None:
    networks = Networks(latent_dim=3, encoder=own_encoder, decoder=own_decoder)
    train("rae", images(), tmp_path / "run", training=Training(**FAST, steps=2), networks=networks, show=False)
    with pytest.raises(InputError, match=r"own=UserCode\(encoder="):
        load(tmp_path / "run")
    with pytest.raises(InputError, match=r"own=UserCode\(decoder="):
        load(tmp_path / "run", own=UserCode(encoder=own_encoder))
    assert load(tmp_path / "run", own=UserCode(encoder=own_encoder, decoder=own_decoder)).latent_dim == 3


def own_data() -> Raw:
    return Raw("own", images().train.raw)


def test_data_of_one_s_own_are_named_again(tmp_path: Path) -> None:
    opened = made(tmp_path / "run", "test_runs_run:own_data", steps=1)
    assert len(opened.data().train) > 80
    with pytest.raises(InputError, match=r"own=UserCode\(source="):
        Run(tmp_path / "run").data()
    again = Run(tmp_path / "run", UserCode(source="test_runs_run:own_data"))
    again.resume(steps=1, show=False)
    assert again.steps == (2, 2)


# disks ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place, mount = tmp_path / "disk", shutil.which("mount")
    place.mkdir()
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_the_run_and_leaves_the_last_checkpoint(disk: Path) -> None:
    settings = {"checkpoint_every": 2, "validate_every": 10**6, "networks": NETWORKS}
    run("ae", vectors(), disk / "run", steps=4, **settings)
    kept = (disk / "run" / "checkpoint.safetensors").read_bytes()
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(bytes(free - len(kept) // 2))
    with pytest.raises(RunError, match=r"cannot write .*: No space left on device; nothing was changed there"):
        Run(disk / "run").resume(vectors(), steps=4, show=False)
    assert (disk / "run" / "checkpoint.safetensors").read_bytes() == kept
    assert not list((disk / "run").glob(".*.part"))
    (disk / "filler").unlink()
    Run(disk / "run").resume(vectors(), show=False)
    assert Run(disk / "run").steps == (8, 8)


def write(journal: RunWriter, name: str) -> None:
    if name == "log.jsonl":
        return journal.log({"step": 3})
    keep = {"checkpoint.safetensors": lambda t: journal.checkpoint(t, {}), "best.safetensors": journal.best}[name]
    return keep({"a": torch.zeros(1)})


@pytest.mark.parametrize("name", ["log.jsonl", "checkpoint.safetensors", "best.safetensors"])
def test_a_disk_that_fills_up_while_writing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "run", steps=2)
    before = (tmp_path / "run" / name).read_bytes()
    really_open, really_write = Path.open, Path.write_bytes

    def full_open(path: Path, mode: str = "r", **given: Any) -> Any:
        if path.name == name and "a" in mode:
            raise OSError(28, "No space left on device")
        return really_open(path, mode, **given)

    def full_write(path: Path, content: bytes) -> int:
        really_write(path, content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full_open)
    monkeypatch.setattr(Path, "write_bytes", full_write)
    with pytest.raises(RunError, match=rf"cannot write .*{name}: No space left on device"):
        write(RunWriter(tmp_path / "run", images()), name)
    monkeypatch.undo()
    assert (tmp_path / "run" / name).read_bytes() == before
    assert not list((tmp_path / "run").glob(".*.part"))


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"step": nonsense}\n')
    with pytest.raises(InputError, match=r"log\.jsonl is damaged"):
        RunWriter(tmp_path, images()).rows()


# an optimiser of one's own --------------------------------------------------------------------------------------------


class Counting(torch.optim.SGD):
    """Plain descent whose rate falls with a number that it keeps of its group, and a number of its parameters."""

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            group["updates"] = group.get("updates", 0) + 1
            group["lr"] = 0.01 / group["updates"]
            for p in group["params"]:
                self.state[p]["seen"] = self.state[p].get("seen", 0) + 1
        super().step()


def slow(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return Counting(parameters, 0.01, momentum=0.5)


def test_a_run_with_an_optimiser_of_ones_own_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    given = {"optimiser": noiseless.Optimiser(slow), "networks": NETWORKS}
    fast = Training(**FAST, steps=6, schedule="constant")
    train("rae", vectors(), tmp_path / "whole", training=fast, show=False, draw=False, **given)
    train("rae", vectors(), tmp_path / "run", training=fast, until=3, show=False, draw=False, **given)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["arguments"]["optimiser"] == {"optimiser": "test_runs_run:slow"}
    assert Run(tmp_path / "run").model("last", data=vectors()).encode(vectors().test.take([0])).shape == (1, 3)
    with pytest.raises(
        InputError, match=r"the optimiser test_runs_run:slow, which is not part of noiseless; name it again"
    ):
        Run(tmp_path / "run").resume(vectors(), show=False)
    Run(tmp_path / "run", UserCode(optimiser=slow)).resume(vectors(), show=False, draw=False)
    assert_same(weights(tmp_path / "run")["checkpoint"], weights(tmp_path / "whole")["checkpoint"])


def test_what_an_optimiser_keeps_and_a_checkpoint_cannot_is_refused(tmp_path: Path) -> None:
    class Hoarding(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            for p in self.param_groups[0]["params"]:
                self.state[p]["past"] = [1.0]

    given = {"optimiser": noiseless.Optimiser(lambda p: Hoarding(p, 0.1)), "networks": NETWORKS}
    with pytest.raises(RunError, match=r"Hoarding keeps a list \(parameter/0/past\)"):
        train("rae", vectors(), tmp_path / "run", training=Training(**FAST, steps=1), show=False, draw=False, **given)


def test_a_resume_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    made = run("rae", vectors(), tmp_path / "run", steps=4, log_every=1, validate_every=2)
    made.model(data=vectors()).sample(2, "gaussian")
    other = run("rae", vectors(), tmp_path / "other", steps=4, networks=Networks(latent_dim=2, width=4))
    (other.directory / "checkpoint.safetensors").replace(made.directory / "checkpoint.safetensors")
    before = {path: path.read_bytes() for path in made.directory.rglob("*") if path.is_file()}
    assert any("densities" in str(path) for path in before)
    for _ in range(2):
        with pytest.raises(InputError, match=r"checkpoint\.safetensors is of another run"):
            Run(made.directory).resume(vectors(), steps=5, show=False)
    assert {path: path.read_bytes() for path in made.directory.rglob("*") if path.is_file()} == before


def test_a_training_that_made_the_loss_worse_says_so_wherever_it_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "training made the loss worse than it was at the start"
    given = {"training": Training(**FAST, steps=30), "networks": NETWORKS, "show": False, "draw": False}
    with pytest.warns(UserWarning, match=said):
        made = train("rae", vectors(), tmp_path / "wild", optimiser=Optimiser(lr=100.0), **given)
    assert [note for note in made.record["notes"] if said in note]
    capsys.readouterr()
    line = f"train rae --data digits --width 2 --steps 30 --lr 100 --precision float32 --out {tmp_path / 'again'}"
    with pytest.warns(UserWarning, match=said):
        assert command(line.split()) == 0
    assert f"note: {said}" in capsys.readouterr().err
    calm = train("rae", vectors(), tmp_path / "calm", **given | {"training": Training(**FAST, steps=100)})
    assert not [note for note in calm.record["notes"] if said in note]


def test_what_was_said_of_an_earlier_end_is_replaced(tmp_path: Path) -> None:
    made = run("rae", vectors(), tmp_path / "r", steps=60, draw=False)
    journal = RunWriter(made.directory, vectors())
    for setback, kept in (("", 0), (f"{SETBACK} (1, 2)", 1), (f"{SETBACK} (1, 3)", 1), ("", 0)):
        journal.remark([setback] * bool(setback))
        notes = Run(made.directory).record["notes"]
        assert [note for note in notes if note.startswith(SETBACK)] == [setback] * kept


def test_fine_tuning_does_not_ruin_first(tmp_path: Path) -> None:
    """From weights trained on digits below 5, those from 5 on are reconstructed better at once, not worse."""
    pixels, labels = load_digits(return_X_y=True)
    low, high = ((pixels[mine] / 16).reshape(-1, 8, 8).astype(np.float32) for mine in (labels < 5, labels >= 5))
    given: dict[str, Any] = {"networks": Networks(width=8), "show": False, "draw": False}
    given["optimiser"] = Optimiser(lr=0.01)
    settings = FAST | {"batch": 50, "validate_every": 5}
    train("rae", low, tmp_path / "first", training=Training(**settings | {"steps": 150}), **given)
    tuned = train(
        "rae", high, tmp_path / "tuned", training=Training(**settings, steps=20), init_from=tmp_path / "first", **given
    )
    rows = [row["validation/reconstruction"] for row in RunWriter(tuned.directory, tuned.data()).rows()]
    data = tuned.data()
    x = data.spec.normalise(torch.from_numpy(data.validation.take(np.arange(len(data.validation)))))
    with torch.no_grad():
        y = load(tmp_path / "first").autoencoder(Batch(x)).y
    before = (y - x).square().flatten(1).sum(1).mean().item()
    assert before > rows[0] > rows[1] > rows[2] > rows[3]


class Unbounded(torch.optim.SGD):
    """An optimiser that keeps an infinity among the numbers of its groups, as some that adapt their rate do."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, 0.01)
        for group in self.param_groups:
            group["growth_rate"] = float("inf")


def test_an_optimiser_may_keep_an_infinity(tmp_path: Path) -> None:
    given: dict[str, Any] = {"optimiser": Optimiser(Unbounded), "networks": NETWORKS, "show": False, "draw": False}
    whole = train("rae", vectors(), tmp_path / "whole", training=Training(**FAST, steps=4), **given)
    part = train("rae", vectors(), tmp_path / "part", training=Training(**FAST, steps=4), until=2, **given)
    again = noiseless.resume(Run(part.directory, UserCode(optimiser=Unbounded)), vectors(), show=False, draw=False)
    assert_same(weights(whole.directory)["checkpoint"], weights(again.directory)["checkpoint"])


def test_resuming_a_finished_run_keeps_its_densities_and_its_notes(tmp_path: Path) -> None:
    given: dict[str, Any] = {"networks": NETWORKS, "show": False, "draw": False, "optimiser": Optimiser(lr=100.0)}
    with pytest.warns(UserWarning, match=SETBACK):
        finished = train("rae", vectors(), tmp_path / "r", training=Training(**FAST, steps=30), **given)
    finished.model(data=vectors()).draw(3, "gaussian")
    before = {path.name: path.read_bytes() for path in (tmp_path / "r" / "densities").iterdir()}
    assert before
    noiseless.resume(finished.directory, vectors(), show=False, draw=False)
    assert {path.name: path.read_bytes() for path in (tmp_path / "r" / "densities").iterdir()} == before
    assert [note for note in Run(finished.directory).record["notes"] if note.startswith(SETBACK)]
