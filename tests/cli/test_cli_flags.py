"""Messages name Python's parameters in Python, and options on the command line."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import noiseless as nl
from noiseless.cli import run
from noiseless.cli.flags import options, spelled

ROOT = Path(nl.__file__).parent
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
TYPED = {
    "__init__.py": {"--help"},
    "data/moses.py": {"--no-deps"},
    "reproduction/command.py": {"--scale", "--seeds", "--rows", "--threads"},
    "reproduction/images.py": {"--data"},
    "reproduction/studies/grammar.py": {"--objects", "--objective", "--search"},
}
"""Flags of commands that are to be typed, or that a report quotes, by file."""

SENTENCES = {
    "give batch=20 or less": "give --batch 20 or less",
    "resize them with size=, or leave it out": "resize them with --size, or leave it out",
    "lower the rate (lr=) or clip the gradients (clip=)": "lower the rate (--lr) or clip the gradients (--clip)",
    "set polarising_start= to about 60% of steps=": "set --polarising-start to about 60% of --steps",
    "replace it (overwrite=True)": "replace it (--overwrite)",
    "give shift=none and mirrored=False": "give --shift none and --no-mirrored",
    "try device='cpu'": "try --device cpu",
    "take density=gmm:32.": "take --density gmm:32.",
    "give n=64": "give -n 64",
    "lr_factor is 0.0, but must lie between 0 and 1": "--lr-factor is 0.0, but must lie between 0 and 1",
    "name it again with own=UserCode(recipe=...)": "name it again with --recipe",
    "out=runs/a.jpg cannot be written": "--out runs/a.jpg cannot be written",
}
KEPT = (
    "gmm:components=3",
    "pattern:even=false",
    "a file my_size=3.png",
    "the option nonsense=3 is no option",
    "synthetic:size=50,seed=1",
    "where lr == 3 and size==4",
    "own=... is for densities",
    "x=3, y=4",
    "the column 'data_dir' of training.lr_patience in a/latent_dim and sample_name",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_parameters_become_options(sentence: str) -> None:
    assert spelled(sentence) == SENTENCES[sentence]


@pytest.mark.parametrize("sentence", KEPT)
def test_what_is_no_parameter_is_kept(sentence: str) -> None:
    assert spelled(sentence) == sentence


def test_the_options_of_all_commands_are_known() -> None:
    assert {"batch", "latent_dim", "lr", "density", "out", "clusters", "goal", "runs", "rows", "recipe"} <= options()
    assert options().isdisjoint({"spec", "run", "shape", "language", "arguments"})


def test_the_library_names_no_flags() -> None:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("cli/"):
            continue
        texts = (node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant))
        flags = {flag for text in texts if isinstance(text, str) for flag in FLAG.findall(text)}
        if flags - TYPED.get(name, set()):
            found[name] = flags - TYPED.get(name, set())
    assert found == {}


SMALL: dict[str, Any] = {"show": False, "networks": nl.Networks(width=2), "training": nl.Training(steps=2)}
MISTAKES: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "a batch that is too large": (
        lambda out: nl.train("ae", "digits", out, **SMALL | {"training": nl.Training(steps=2, batch=2000)}),
        "train ae --data digits --width 2 --steps 2 --batch 2000 --out {}",
        "give batch=1457 or less",
        "give --batch 1457 or less",
    ),
    "a batch that is too small": (
        lambda out: nl.train("wae-mmd", "digits", out, **SMALL | {"training": nl.Training(steps=2, batch=1)}),
        "train wae-mmd --data digits --width 2 --steps 2 --batch 1 --out {}",
        "give batch=2 or more",
        "give --batch 2 or more",
    ),
    "a size for what is not resized": (
        lambda out: nl.train("ae", "digits", out, size=16, **SMALL),
        "train ae --data digits --size 16 --out {}",
        "leave out size=",
        "leave out --size",
    ),
    "a folder that exists": (
        lambda out: nl.train("ae", "digits", out.with_name("r-full"), **SMALL),
        "train ae --data digits --width 2 --steps 2 --out {}-full",
        "choose another folder (out=), or replace it (overwrite=True)",
        "choose another folder (--out), or replace it (--overwrite)",
    ),
    "a device that is not there": (
        lambda out: nl.train("ae", "digits", out, **SMALL | {"training": nl.Training(device="cuda:99")}),
        "train ae --data digits --device cuda:99 --out {}",
        "try device=cpu",
        "try --device cpu",
    ),
    "networks of a method that has its own": (
        lambda out: nl.train("deciphering", "digits", out, **SMALL | {"networks": nl.Networks(depth=3)}),
        "train deciphering --data digits --depth 3 --out {}",
        "leave out encoder=, decoder= and depth=",
        "leave out --encoder, --decoder and --depth",
    ),
    "data that are nowhere": (
        lambda _: nl.train("ae", "mnist", "r", data_dir=Path("nowhere")),
        "train ae --data mnist --data-dir nowhere --out {}",
        "with data_dir=",
        "with --data-dir",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_is_told_in_two_ways(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r-full").mkdir()
    (tmp_path / "r-full" / "file").write_text("x")
    call, line, in_python, on_the_command_line = MISTAKES[mistake]
    with pytest.raises(nl.InputError) as error:
        call(tmp_path / "r")
    assert in_python in str(error.value)
    assert "--" not in str(error.value)
    capsys.readouterr()
    assert run(line.format(tmp_path / "r").split()) == 2
    said = capsys.readouterr().err
    assert on_the_command_line in said
    assert in_python not in said


def test_a_note_names_options_too(capsys: pytest.CaptureFixture[str]) -> None:
    from noiseless.cli.console import note

    note(["3 of 4 strings are empty: train longer, or try decoding=sampled"])
    assert capsys.readouterr().err == "note: 3 of 4 strings are empty: train longer, or try --decoding sampled\n"


ESCAPES = "\x1b]0;owned\x07\x1b[31mred\u202etxt\r\nnote: forged"


def test_text_of_a_file_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from noiseless.cli import console
    from noiseless.show.tables import table

    shown = r"\x1b]0;owned\x07\x1b[31mred\u202etxt\r"
    console.tell(ESCAPES)
    console.note([ESCAPES])
    console.complain(ESCAPES)
    console.show(table([{"row": ESCAPES, "\x1b[2J": "\x1b[2J"}]))
    out, err = capsys.readouterr()
    assert out.startswith(f"{shown}\nnote: forged\n")
    assert f"note: {shown} note: forged\n" in err
    assert f"noiseless: {shown}\nnote: forged\n" in err
    assert r"\x1b[2J" in out
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(out + err)


def test_notes_of_a_downloaded_run_are_shown_without_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nl.train("ae", "digits", tmp_path / "r", draw=False, **SMALL)
    record = json.loads((tmp_path / "r/run.json").read_text("utf-8"))
    (tmp_path / "r/run.json").write_text(json.dumps(record | {"notes": [ESCAPES]}))
    capsys.readouterr()
    assert run(["sample", str(tmp_path / "r"), "--density", "normal", "-n", "4"]) == 0
    assert r"note: \x1b]0;owned\x07\x1b[31mred" in (said := capsys.readouterr().err)
    assert "\x1b" not in said
