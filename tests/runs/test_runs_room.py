"""What --overwrite replaces, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_runs_loss import held
from test_runs_prune import masked

from noiseless import cli
from noiseless.errors import InputError, RunError
from noiseless.runs import Run, creation
from noiseless.runs.prune import prune
from noiseless.runs.room import sources
from tiny import images, run, vectors

AGAIN = {"overwrite": True}


def test_a_run_appears_with_its_run_json_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("ae", vectors(), tmp_path / "first", steps=1)
    made = run("ae", vectors(), tmp_path / "run", steps=1)
    before = held(made.directory)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(creation, "write_json", killed)
    for given in ({}, {"init_from": tmp_path / "first"}):
        with pytest.raises(KeyboardInterrupt):
            run("ae", vectors(), tmp_path / "new", arguments=given)
        with pytest.raises(KeyboardInterrupt):
            run("ae", vectors(), made.directory, arguments=AGAIN | given)
    assert held(made.directory) == before
    assert {path.name for path in tmp_path.iterdir()} == {"first", "run"}


def test_what_a_kill_left_of_a_run_may_be_overwritten(tmp_path: Path) -> None:
    left = tmp_path / "run"
    (left / ".run.json.ab12.part").mkdir(parents=True)
    (left / "initial.safetensors").touch()
    with pytest.raises(InputError, match=r"exists already; choose another folder \(out=\), or replace it"):
        run("ae", vectors(), left, steps=1)
    run("ae", vectors(), left, steps=1, arguments=AGAIN)
    assert Run(left).steps == (1, 1)
    assert not list(left.glob(".*"))
    assert not (left / "initial.safetensors").exists()


def test_a_run_is_not_replaced_from_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=1)
    before = held(made.directory)
    (made.directory / "below").mkdir()
    for place in (made.directory, made.directory / "below"):
        monkeypatch.chdir(place)
        for out in (Path("."), made.directory):
            if not (out / "run.json").is_file():
                continue
            with pytest.raises(InputError, match="cannot be replaced, because the current folder is in it"):
                run("ae", vectors(), out, arguments=AGAIN)
    assert held(made.directory) == before


def test_a_run_that_holds_its_own_data_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "train ae --steps 1 --batch 20 --width 4 --latent-dim 2 --out run".split()  # noqa: SIM905
    line += ["--overwrite", "--data", "run/data.npy"]
    run("ae", images(), tmp_path / "run", steps=1)
    np.save("run/data.npy", images().train.raw)
    before = held(tmp_path / "run")
    assert cli.run(line) == 2
    assert "run cannot be replaced, because the data run/data.npy is in it" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match=r"cannot be replaced, because init_from=.*run is in it"):
        run("ae", images(), tmp_path / "run", arguments=AGAIN | {"init_from": tmp_path / "run"})
    assert held(tmp_path / "run") == before


def test_a_run_is_not_pruned_into_itself(tmp_path: Path) -> None:
    old = masked(tmp_path / "old")
    before = held(old.directory)
    with pytest.raises(InputError, match=r"cannot be replaced, because the run .*old is in it"):
        prune(old, tmp_path / "old", overwrite=True)
    assert held(old.directory) == before


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    made = run("ae", vectors(), tmp_path / "run", steps=1)
    (tmp_path / "link").symlink_to(made.directory)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for name, target in (("link", "run"), ("nowhere", "gone")):
        with pytest.raises(InputError, match=rf"{name} is a link to .*{target}, and a link is not replaced; name the"):
            run("ae", vectors(), tmp_path / name, arguments=AGAIN)
    assert (tmp_path / "link").is_symlink()
    assert (made.directory / "run.json").is_file()


def test_codes_and_data_are_not_replaced_by_what_is_made_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("ae", images(), tmp_path / "run", steps=1)
    np.save("data.npy", images().train.raw)
    np.save("codes.npy", torch.zeros(2, 3).numpy())
    for line, name in (
        ("encode run data.npy", "data"),
        ("decode run codes.npy", "codes"),
        ("interpolate run data.npy", "data"),
    ):
        before = Path(f"{name}.npy").read_bytes()
        assert cli.run([*line.split(), "--out", f"{name}.npy", "--overwrite"]) == 2
        assert f"{name}.npy cannot be replaced, because the {name} {name}.npy is in it" in capsys.readouterr().err
        assert Path(f"{name}.npy").read_bytes() == before


def test_a_folder_of_pictures_is_not_replaced_from_within(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ae", images(), tmp_path / "run", steps=1)
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path / "pictures")
    np.save("../codes.npy", torch.zeros(2, 3).numpy())
    for out in (".", "../pictures"):
        assert cli.run(["decode", "../run", "../codes.npy", "--out", out, "--overwrite"]) == 2
        assert "because the current folder is in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("a/b.npy", {"a/b.npy"}),
        ("strings:a.txt,grammar=g.lark", {"a.txt", "g.lark"}),
        ("smiles:path=a=b.smi", {"path=a=b.smi"}),
    ],
)
def test_the_files_of_a_source_are_found(source: str, paths: set[str]) -> None:
    assert {Path(path) for path in paths} <= set(sources(source).values())


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*file/run: File exists; choose another place"):
        run("ae", vectors(), tmp_path / "file" / "run")


def test_a_path_that_is_not_utf8_is_refused_before_training(tmp_path: Path) -> None:
    out = tmp_path / "r\udcffun"
    with pytest.raises(InputError, match=r"r\\udcffun' is not UTF-8, and tensors cannot be read there; rename it"):
        run("ae", vectors(), out, steps=1)
    assert not list(tmp_path.iterdir())
    made = run("ae", vectors(), tmp_path / "run", steps=1)
    made.directory.rename(out)
    with pytest.raises(InputError, match="is not UTF-8, and tensors cannot be read there; rename it"):
        Run(out).model()


def test_a_named_data_set_is_no_path_and_its_folder_is_needed(tmp_path: Path) -> None:
    assert sources("digits") == {}
    assert sources("mnist", data_dir=tmp_path) == {f"the data folder {tmp_path}": tmp_path}
