"""`optimise` on the command line, on a run whose codes stand for numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import noiseless.optimisation.verbs as verb
from noiseless.cli import run

OWN = """
def near(string):
    return abs(float(string) - 0.25)

def far(string):
    return -near(string)

def broken(string):
    return 1 / 0
"""


def decode(codes: Tensor, generator: torch.Generator) -> list[str | None]:
    return [f"{value:.2f}" for value in codes[:, 0].tolist()]


def strings(opened: object, model: object, *places: object) -> verb.Strings:
    codes = torch.linspace(0.5, 1.0, 40)[:, None]
    return verb.Strings(decode(codes, torch.Generator()), codes, decode)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained") / "r"
    line = "train ae --data digits --steps 2 --width 2 --precision float32 --out"
    assert run([*line.split(), str(place)]) == 0
    return place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verb, "strings", strings)
    sys.modules.pop("own_of_optimise", None)
    (tmp_path / "own_of_optimise.py").write_text(OWN)
    return tmp_path


def command(trained: Path, line: str, code: int = 0) -> None:
    assert run(["optimise", str(trained), "--search", "random", "--batch", "4", *line.split()]) == code


def test_a_score_of_ones_own(trained: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "--objective own_of_optimise:near --goal minimise --rounds 2 --votes 1 --seeds 0 1 --out o"
    command(trained, line)
    shown = capsys.readouterr()
    for word in (
        "standard error",
        "best new",
        "to minimise",
        "40, average",
        "best not in training: ",
        "wrote o/report",
    ):
        assert word in shown.out
    assert "trial 1: 2 of 2 rounds" in shown.err
    content = json.loads((place / "o/report.json").read_text())
    assert [row["trial"] for row in content["rows"]] == ["0", "1", "mean", "standard error"]
    assert content["training"]["best"] == pytest.approx(0.25)
    assert (content["votes"], content["weights"], content["data"]) == (1, "best", "digits")
    before = (place / "o/trial-0.safetensors").read_bytes()
    command(trained, line)
    assert (place / "o/trial-0.safetensors").read_bytes() == before
    command(trained, line.replace("--rounds 2", "--rounds 3"))
    assert len(json.loads((place / "o/report.json").read_text())["rounds"]["0"]) == 3


def test_results_stand_in_the_run(trained: Path, place: Path) -> None:
    command(trained, "--objective own_of_optimise:far --goal maximise --rounds 1 --votes 1")
    folder = trained / "optimise/own_of_optimise-far-random"
    names = {"best-so-far.png", "report.json", "table.md", "trial-0.safetensors"}
    assert {path.name for path in folder.iterdir()} == names
    assert (trained / "optimise/own_of_optimise-far.safetensors").is_file()
    content = json.loads((folder / "report.json").read_text())
    assert content["training"]["best"] == pytest.approx(-0.25)


def test_a_score_that_changed_is_another_problem(
    trained: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "--objective own_of_optimise:near --goal minimise --rounds 1 --votes 1 --out o"
    command(trained, line)
    (place / "own_of_optimise.py").write_text(OWN.replace("0.25", "0.35"))
    sys.modules.pop("own_of_optimise")
    capsys.readouterr()
    command(trained, line, code=2)
    assert "with problem" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_another_goal_is_another_problem(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "--objective own_of_optimise:near --rounds 1 --votes 1 --out o --goal"
    command(trained, f"{line} minimise")
    capsys.readouterr()
    command(trained, f"{line} maximise", code=2)
    assert "with problem" in capsys.readouterr().err


SENTENCES = {
    "--objective expresion": "did you mean 'expression'",
    "--objective expression:python": "did you mean 'python2'",
    "--objective expression --goal minimise": "defines its own; leave it out",
    "--objective own_of_optimise:near": "--goal minimise or --goal maximise",
    "--objective own_of_optimise:nearr --goal minimise": "did you mean 'near'",
    "--objective no_such_module:near --goal minimise": "no_such_module",
    "--objective expression --search papr": "did you mean 'paper'",
    "--objective expression --search paper:epochs=few": "must be int",
    "--objective expression --rounds 0": "rounds is 0",
    "--objective expression --batch 0": "batch is 0",
    "--objective expression --votes 0": "votes is 0",
    "--objective expression --seeds -1": "seed is -1",
    "--objective expression --seeds 1 1": "different seeds",
    "": "--objective",
}


@pytest.mark.parametrize("line", SENTENCES)
def test_input_gets_a_sentence(
    line: str, trained: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = torch.zeros(12, 1)
    monkeypatch.setattr(verb, "strings", lambda *_: verb.Strings(["x"] * 12, codes, decode))
    capsys.readouterr()
    assert run(["optimise", str(trained), *line.split(), "--out", "o"]) == 2
    said = [text for text in capsys.readouterr().err.splitlines() if text.startswith("noiseless: ")]
    assert len(said) == 1
    assert SENTENCES[line] in said[0]
    assert not Path("o").exists()


def test_a_score_that_fails_says_where(trained: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(trained, "--objective own_of_optimise:broken --goal minimise --out o", code=1)
    assert "own_of_optimise:broken failed on '0.50' (ZeroDivisionError" in capsys.readouterr().err


def test_a_run_on_other_data_has_no_strings(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command(trained, "--objective expression", code=2)
    assert "digits are images, not strings" in capsys.readouterr().err


def test_help_and_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["optimise", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "best new" in said
    assert "[default: 0]" in said
    for what, name in (("scores", "logp"), ("searches", "turbo")):
        assert run(["list", what]) == 0
        assert name in capsys.readouterr().out
