"""What bad input gets: an exit code, one sentence that names what was given, and nothing written over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import noiseless.evaluation.distances
from noiseless.cli import run

TINY = "--steps 2 --precision float32 --width 2 --data digits"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained") / "r"
    assert run(["train", "ae", "--out", str(place), *TINY.split()]) == 0
    return place


@pytest.fixture
def fails(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command in a folder with a run `r`, checks the code and that the message is one, and returns it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "r")
    Path("full").mkdir()
    Path("full/precious.txt").write_text("x")
    Path("file").write_text("x")
    Path("broken_of_cli.py").write_text(BROKEN)

    def command(line: str | list[str], code: int = 2) -> str:
        capsys.readouterr()
        assert run(line.split() if isinstance(line, str) else line) == code
        said = [text for text in capsys.readouterr().err.splitlines() if text.startswith("noiseless: ")]
        assert len(said) == 1
        assert "not foreseen" not in said[0]
        assert Path("full/precious.txt").is_file()
        return said[0]

    return command


BROKEN = """
from torch import nn
from noiseless.recipes.method import Method
from noiseless.values import Spec

def shape(shape, outputs): return nn.Flatten()
def raising(shape, outputs): raise KeyError("boo")
def nothing(): return 3
def number(shape, outputs): return 3
class Late(nn.Linear):
    def forward(self, x): raise TypeError("inner")
def late(shape, outputs): return Late(1, 1)
def no_method(spec: Spec) -> Method: return 3
def untyped(spec, a=3): return 3
def clashing(spec: Spec, *, steps: int = 3) -> Method: return 3
"""

SENTENCES = {
    "trian ae": "did you mean 'train'",
    "train rae-l3 --data digits": "did you mean 'rae-l2'",
    "train ae --data digts": "did you mean 'digits'",
    "train ae --data digits --stepz 3": "--steps",
    "train --data digits ae": "METHOD comes before",
    "train ae": "--data",
    "train ae --data digits --steps 0": "steps is 0",
    "train ae --data digits --steps few": "--steps",
    "train ae --data digits --steps 1 --epochs 1": "give one",
    "train ae --data nowhere": "nowhere",
    "train ae --data full": "holds no images",
    "train ae --data file": "file is not a data set",
    "train ae --data digits --size 16": "leave out --size",
    f"train ae {TINY} --out r": "exists already",
    f"train ae {TINY} --out file": "exists already",
    f"train ae {TINY} --out full --overwrite": "is not a run",
    f"train ae {TINY} --device cuda:99": "cuda:99",
    f"train ae {TINY} --device abacus": "abacus",
    f"train ae {TINY} --device meta": "meta",
    f"train ae {TINY} --threads 0": "threads is 0",
    f"train ae {TINY} --threads 1000000": "threads is 1000000",
    f"train ae {TINY} --seed -1": "seed is -1",
    f"train ae {TINY} --lr nan": "learning rate is nan",
    f"train ae {TINY} --lr inf": "learning rate is inf",
    f"train ae {TINY} --batch 2000": "examples, fewer than a batch of 2000; give --batch 1",
    f"train eae {TINY} --batch 5 --k 5": "a batch of 5 is too small for a term of the loss, which needs 6 examples",
    f"train wae-mmd {TINY} --batch 1": "needs 2 examples",
    f"train ae {TINY} --init-from nowhere": "nowhere",
    f"train ae {TINY} --seed 1.5": "--seed is 1.5; give a whole number",
    f"train ae {TINY} --batch=20.9": "--batch is 20.9; give a whole number",
    "reproduce rae-table --data digits --seeds 0 0.5 --out t": "--seeds is 0.5; give a whole number",
    f"train ae {TINY} --encoder broken_of_cli:shape": "encoder",
    f"train ae {TINY} --encoder broken_of_cli:raising": "KeyError: 'boo'",
    f"train ae {TINY} --encoder broken_of_cli:nothing": "encoder",
    f"train ae {TINY} --encoder broken_of_cli:number": "is a int",
    f"train ae {TINY} --encoder broken_of_cli:late": "TypeError: inner",
    f"train ae {TINY} --encoder broken_of_cli:missing": "missing",
    f"train ae {TINY} --encoder no_such_module:f": "no_such_module",
    f"train ae {TINY} --encoder garbage": "MODULE:NAME",
    "train broken_of_cli:no_method --data digits": "expected a Method",
    "train broken_of_cli:untyped --data digits": "is no recipe",
    "train broken_of_cli:clashing --data digits": "'steps'",
    "train no_such_module:f --data digits": "no_such_module",
    "resume nowhere": "nowhere is not a run",
    "resume r --steps -1": "steps is -1",
    "resume r --threads 0": "threads is 0",
    "sample nowhere": "nowhere is not a run",
    "sample full": "full is not a run",
    "sample r --density gmn": "did you mean 'gmm'",
    "sample r --density gmm:2000 -n 4": "2000 components",
    "sample r --density gmm:many": "'many'",
    "sample r -n 0": "0 samples",
    "sample r -n -3": "-3 samples",
    "sample r --seed -1": "-1",
    "sample r -n 1000000 --out big.png": "too many for one picture",
    "sample r --out a.jpg": "a.jpg",
    "sample r --out full": "exists already",
    "sample r --out full --overwrite": "folder of other things",
    "sample r --out r --overwrite": "folder of other things",
    "sample r --weights average": "no average weights",
    "sample r --threads 0": "threads is 0",
    "prune r --out p --threads 0": "threads is 0",
    "encode r digits --out codes.txt": "codes.txt",
    "encode r digits --out full": "exists already",
    "encode r nowhere --out c.npy": "nowhere",
    "decode r file --out d": "file cannot be read as an array of codes; expected a .npy file",
    "decode r nowhere.npy --out d": "nowhere.npy cannot be read as an array of codes (No such file or directory)",
    "interpolate r digits -n 0": "0 pairs",
    "interpolate r digits -n 900": "900 pairs",
    "interpolate r digits --steps 1": "2 steps",
    "interpolate r digits --path curved": "curved",
    "interpolate r digits --out folder": ".npy or .png",
    "evaluate": "give a run",
    "evaluate r -n 1 --features pixels": "at least 2",
    "evaluate r -n 0 --features pixels": "at least 2",
    "evaluate r -n -5 --features pixels": "at least 2",
    "evaluate r --features pixel": "did you mean 'pixels'",
    "evaluate r --features identity": "are not for images",
    "evaluate r -n 9 --features broken_of_cli:missing": "missing",
    "evaluate r -n 9 --features broken_of_cli:nothing": "custom features",
    "evaluate r --reference tst": "tst",
    "evaluate r --resize 100": "multiple of 32",
    "evaluate r -n 9 --features pixels --density gmm gmn": "did you mean 'gmm'",
    "evaluate --samples nowhere --data digits --features pixels": "nowhere",
    "compare --data digits": "name the methods",
    "compare rae-l3 --data digits": "did you mean 'rae-l2'",
    "compare ae --data digits --out full": "is no comparison",
    "list": "WHAT",
    "list method": "methods",
}


@pytest.mark.parametrize("line", SENTENCES)
def test_input_gets_a_sentence(line: str, fails: Callable[..., str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path("r").rglob("*")}
    assert SENTENCES[line] in fails(line)
    assert {path: path.stat().st_mtime_ns for path in Path("r").rglob("*")} == before


def test_empty_arguments(fails: Callable[..., str]) -> None:
    for line in (["train", "ae", "--data", ""], ["sample", ""], ["sample", "r", "--out", ""]):
        assert "is empty" in fails(line)


def test_places_that_cannot_be_written(fails: Callable[..., str]) -> None:
    for place in ("/proc/nowhere/x", "file/x"):
        assert place in fails(f"train ae {TINY} --out {place}", 1)
        for ending in (".png", ".npy", ""):
            assert place in fails(f"sample r -n 4 --density normal --out {place}{ending}", 1)
        assert place in fails(f"evaluate r -n 9 --features pixels --density normal --out {place}", 1)


def test_nothing_is_left_of_a_full_disk(fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert "No space left" in fails("encode r digits --out codes.npy", 1)
    assert not list(Path().glob("*codes*"))


def test_a_loss_that_is_not_finite(fails: Callable[..., str]) -> None:
    said = fails(f"train ae {TINY} --lr 1e30 --out n", 1)
    assert "step" in said
    assert "checkpoint" in said


def test_interrupts(fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(noiseless.evaluation.distances, "reference", interrupted)
    assert "interrupted" in fails("evaluate r -n 9 --features pixels", 130)


CODES = {
    "nan": np.full((3, 16), np.nan),
    "shape": np.ones((3, 4)),
    "whole": np.ones((3, 16), dtype=np.int64),
    "none": np.ones((0, 16)),
    "line": np.ones(16),
}


@pytest.mark.parametrize("kind", CODES)
def test_codes(kind: str, fails: Callable[..., str]) -> None:
    np.save("codes.npy", CODES[kind])
    assert "codes" in fails("decode r codes.npy --out d")
    assert not Path("d").exists()


def test_codes_of_another_width_name_their_file(fails: Callable[..., str]) -> None:
    np.save("narrow.npy", np.ones((4, 7)))
    assert "narrow.npy has shape (4, 7); r takes (N, 16)" in fails("decode r narrow.npy --out d")


def _without(key: str) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({k: v for k, v in json.loads(content).items() if k != key}).encode()


def _with(**changes: object) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps(json.loads(content) | changes).encode()


DAMAGE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("run.json", lambda _: b"{", "sample r -n 4"),
    ("run.json", lambda _: b"[]", "sample r -n 4"),
    ("run.json", lambda _: b"\xff", "sample r -n 4"),
    ("run.json", _with(format=99), "sample r -n 4"),
    ("run.json", _without("arguments"), "sample r -n 4"),
    ("run.json", _without("notes"), "sample r -n 4"),
    ("run.json", _with(data=3), "sample r -n 4"),
    ("run.json", _with(recipe="os:system"), "sample r -n 4"),
    ("run.json", _with(arguments={"nonsense": 1}), "sample r -n 4"),
    ("run.json", _with(training={}), "resume r --steps 1"),
    ("best.safetensors", lambda content: content[:300], "sample r -n 4"),
    ("best.safetensors", lambda _: b"", "sample r -n 4"),
    ("checkpoint.safetensors", lambda content: content[:-40], "resume r --steps 1"),
    ("densities/gmm.safetensors", lambda content: content[:100], "sample r -n 4"),
    ("results.json", lambda _: b"{", "evaluate r -n 9 --features pixels --density normal"),
    ("results.json", lambda _: b"{}", "evaluate r -n 9 --features pixels --density normal"),
]


@pytest.mark.parametrize(("name", "damage", "line"), DAMAGE)
def test_damaged_runs(name: str, damage: Callable[[bytes], bytes], line: str, fails: Callable[..., str]) -> None:
    path = Path("r", name)
    path.write_bytes(damage(path.read_bytes() if path.exists() else b""))
    said = fails(line)
    assert said.startswith("noiseless: ")
    assert "; " in said  # what to do


def test_a_folder_named_like_a_data_set(fails: Callable[..., str]) -> None:
    Path("digits").mkdir()
    assert run(["encode", "r", "digits", "--out", "codes.npy"]) == 0
    assert "holds no images" in fails("encode r ./digits --out others.npy")


def test_a_run_without_best_weights_says_which_there_are(fails: Callable[..., str]) -> None:
    Path("r/best.safetensors").unlink()
    assert "r has no best weights yet" in (said := fails("sample r -n 4"))
    assert "take --weights last" in said
    assert run(["sample", "r", "-n", "4", "--weights", "last"]) == 0


def test_tables_of_images_refuse_strings_before_training(fails: Callable[..., str]) -> None:
    said = fails("reproduce eae-table --data expressions:size=50 --steps 2 --rows EAE")
    assert "are strings, whose table is noiseless reproduce rae-structured" in said
    assert not Path("runs").exists()
