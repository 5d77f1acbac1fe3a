"""What the repository shows to users runs: examples, the README's program, the listings and commands of docs/."""

import dataclasses
import inspect
import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from noiseless import Networks, Optimiser, Training, load, train
from noiseless.cli import run

ROOT = Path(__file__).parents[1]
EXTEND = (ROOT / "docs/extend.md").read_text("utf-8")
LISTINGS = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", EXTEND, re.DOTALL)
COMMANDS = dict(re.findall(r"```python\n# (\w+)\.py\n(?:(?!```).)*```\n\n```sh\n(.*?)```", EXTEND, re.DOTALL))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    for name in (*COMMANDS, "own_method", "own_data", "own_density", "box"):
        sys.modules.pop(name, None)


def command(line: str, **shorter: str) -> None:
    """Runs a line of the documentation, with some options' values replaced to make it fast."""
    words = shlex.split(line)
    assert words[0] == "noiseless"
    for option, value in shorter.items():
        flag = f"--{option}"
        if flag in words:
            words[words.index(flag) + 1] = value
    assert run(words[1:]) == 0, line


def docstring_commands(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").split('"""')[1].splitlines() if line.startswith("noiseless ")]


def test_quickstart(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quickstart.py", "2"])
    runpy.run_path(str(ROOT / "examples/quickstart.py"), run_name="__main__")
    assert Path("runs/quickstart/samples.png").is_file()
    assert "squared error" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["own_method", "own_data", "own_density"])
def test_code_of_ones_own(name):
    path = ROOT / f"examples/{name}.py"
    Path(path.name).write_text(path.read_text("utf-8"), "utf-8")
    commands = docstring_commands(path)
    assert commands
    for line in commands:
        command(f"{line} --steps 2 --threads 1" if " train " in line else line)


PROGRAMS = {
    "own_loop": ("'decoder': ", None),
    "own_fit": ("squared error", "own-fit.png"),
    "frame": ("code 1", "wine-codes.csv"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, monkeypatch, capsys):
    said, written = PROGRAMS[name]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "2"])
    runpy.run_path(str(ROOT / f"examples/{name}.py"), run_name="__main__")
    assert said in capsys.readouterr().out
    assert written is None or Path(written).is_file()


def test_the_readme_shows_the_quickstart():
    programs = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    quickstart = (ROOT / "examples/quickstart.py").read_text("utf-8")
    assert programs[0] == quickstart
    assert len(quickstart.splitlines()) <= 25


@pytest.mark.parametrize(("name", "source"), LISTINGS, ids=[name for name, _ in LISTINGS])
def test_listings(name, source):
    Path(f"{name}.py").write_text(source, "utf-8")
    runpy.run_path(f"{name}.py", run_name="__main__")
    for line in COMMANDS.get(name, "").splitlines():
        command(line, steps="2")


def test_a_density_that_is_added_to_the_package(monkeypatch):
    from noiseless import densities
    from noiseless.densities import density

    Path("box.py").write_text(dict(LISTINGS)["box"], "utf-8")
    found = {**density._catalogue(), "box": runpy.run_path("box.py")["Box"]}
    monkeypatch.setattr(density, "_catalogue", lambda: found)
    assert densities.build("box", 2).dim == 2


def test_readme_commands_exist():
    """Every verb and option that the README's and docs' command lines use is one that the command line has."""
    np.save("codes.npy", np.zeros((2, 2), dtype=np.float32))
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    verbs = {
        words[1]
        for page in pages
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for words in map(str.split, block.splitlines())
        if words[:1] == ["noiseless"]
    }
    assert verbs >= {"train", "sample", "evaluate"}
    for verb in verbs:
        command(f"noiseless {verb} --help")


def test_the_page_on_training_places_every_option() -> None:
    """In the dataclass or the function that the page names."""
    text = (ROOT / "docs/training.md").read_text("utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    shown = {flag[2:].replace("-", "_") for flag in re.findall(r"`(--[a-z-]+)", table)}
    other = {"init_from", "weights"}
    held = {kind: {field.name for field in dataclasses.fields(kind)} for kind in (Training, Optimiser, Networks)}
    for kind in (Optimiser, Networks):
        sentence = re.search(
            rf"(`--[^.;]*?) are fields\s+of\s+`{kind.__name__}`", text.split("```")[0].replace("\n", " ")
        )
        assert sentence is not None
        named = {flag[2:].replace("-", "_") for flag in re.findall(r"`(--[a-z-]+)`", sentence[1])}
        assert named == held[kind], kind
    assert shown - other - held[Optimiser] - held[Networks] <= held[Training]
    assert "init_from" in inspect.signature(train).parameters
    assert "weights" in inspect.signature(load).parameters
