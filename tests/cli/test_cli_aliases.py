"""Spellings that are taken beside those that help shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import noiseless
from noiseless.cli import aliases, run

LINE = (
    "train eae --data digits --net mlp --width 1 --latent 3 --learning-rate 1e-3 --batch-size=20 --optimizer adamw "
    "--normalization=l1 --steps 2 --threads 1 --device cpu --out r"
)
OWN = '''
from noiseless.autoencoder import Networks
from noiseless.recipes.method import Method, names
from noiseless.values import Spec


def american(spec: Spec, networks: Networks = Networks(), *, normalize: float = 1.0) -> Method:
    """A method with a spelling of its own."""
    return names()["rae"](spec, networks, beta=normalize)
'''


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_american_and_common_options_are_taken() -> None:
    assert run(LINE.split()) == 0
    record = json.loads(Path("r/run.json").read_text("utf-8"))
    assert record["arguments"]["networks"]["latent_dim"] == 3
    assert record["arguments"]["optimiser"] == {"optimiser": "adamw", "lr": 1e-3}
    assert record["arguments"]["normalisation"] == "l1"
    assert record["training"]["batch"] == 20


def test_help_shows_ours_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "eae", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--latent-dim" in shown
    for other in ("--latent ", "--optimizer", "--learning-rate", "--batch-size", "--normalization"):
        assert other not in shown
    assert run(["optimize", "--help"]) == 0


def test_an_option_of_a_method_of_ones_own_keeps_its_spelling() -> None:
    Path("american_of_aliases.py").write_text(OWN)
    line = "train american_of_aliases:american --data digits --normalize 0.5 --steps 1 --net mlp --width 1 --out r"
    assert run(line.split()) == 0
    assert json.loads(Path("r/run.json").read_text("utf-8"))["arguments"]["normalize"] == 0.5


def test_what_is_neither_is_still_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "ae", "--data", "digits", "--latnet", "3"]) == 2
    assert "--latnet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("--learning-rate", "--lr"),
        ("--batch-size", "--batch"),
        ("--latent-size", "--latent-dim"),
        ("--z-dim", "--latent-dim"),
        ("--num-epochs", "--epochs"),
        ("--max-steps", "--steps"),
        ("--output-dir", "--out"),
        ("--random-state", "--seed"),
    ],
)
def test_names_of_other_programs_are_taken(given: str, ours: str) -> None:
    assert aliases.accepted([given, "3", f"{given}=4"], [ours]) == [ours, "3", f"{ours}=4"]
    assert aliases.accepted([given], [ours, given]) == [given]


def test_values_are_rewritten_where_they_are_spelled_in_two_ways() -> None:
    assert aliases.accepted(["--goal", "maximize", "--out", "maximize"], ["--goal", "--out"]) == [
        "--goal",
        "maximise",
        "--out",
        "maximize",
    ]
    assert aliases.accepted(["--reconstruction=gaussian-learned"], ["--reconstruction"]) == [
        "--reconstruction=gaussian-learnt"
    ]


def test_the_optimiser_has_both_names_in_python() -> None:
    assert noiseless.Optimizer is noiseless.Optimiser
