"""The arrows between modules, and what no module may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import noiseless

ROOT = Path(noiseless.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# room -> the rooms that its files import; `python tests/test_architecture.py` prints them anew
ARROWS_DRAWN = """
errors:
values:
files: errors
nn: errors
registry: errors
strings: errors values
autoencoder: errors nn registry values
data: errors files registry strings values
metrics: errors files nn registry values
show: errors files registry strings values
objectives: autoencoder data errors metrics nn registry strings values
training: autoencoder data errors nn objectives registry values
densities: autoencoder data errors files nn objectives registry training values
recipes: autoencoder data errors nn objectives registry training values
model: autoencoder data densities errors nn registry strings values
runs: autoencoder data densities errors files model nn objectives recipes registry show training values
evaluation: autoencoder data densities errors files metrics model recipes registry runs show strings training values
optimisation: densities errors files model registry runs show strings training values
modalities: autoencoder data densities errors evaluation files metrics model nn recipes registry runs show strings
    values
reproduction: autoencoder data errors evaluation files metrics model optimisation recipes registry runs show strings
    training
__init__: autoencoder data densities errors evaluation metrics model nn objectives optimisation recipes registry
    reproduction runs show strings training values
cli: autoencoder data densities errors evaluation files model optimisation recipes registry reproduction runs show
    training values
"""
ARROWS = {
    name: set(below.split())
    for name, _, below in (line.partition(":") for line in re.split(r"\n(?=\w)", ARROWS_DRAWN.strip()))
}

MOST_ROOMS, MOST_FLOORS, MOST_LINES, NINETIETH = 21, 11, 400, 15

CATCH_ALLS = {
    "runs/verbs.py:train": "binds them to the recipe's signature, so that a misspelt one fails",
    "cli/train.py:command": "its signature is made from the recipe's",
}


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def rooms() -> set[str]:
    """Everything at the top of the package but its own `__init__`."""
    return {part(path) for path in FILES} - {"__init__"}


def taken() -> dict[str, set[str]]:
    """The arrows that exist."""
    found: dict[str, set[str]] = {part(path): set() for path in FILES}
    for path in FILES:
        found[part(path)] |= imported(path) - {part(path)}
    return found


def floor(name: str, arrows: dict[str, set[str]], above: tuple[str, ...] = ()) -> int:
    """1 where nothing is imported, else one more than the highest of what is."""
    assert name not in above, f"a circle of imports: {' -> '.join((*above, name))}"
    return 1 + max((floor(other, arrows, (*above, name)) for other in arrows[name]), default=0)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            if module == "noiseless":
                found |= {alias.name for alias in node.names}
            elif module.startswith("noiseless."):
                found.add(module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("noiseless.")}
    return {name for name in found if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()}


def test_the_arrows_are_exactly_those_that_exist() -> None:
    found = taken()
    for name in found.keys() | ARROWS.keys():
        new, gone = found.get(name, set()) - ARROWS.get(name, set()), ARROWS.get(name, set()) - found.get(name, set())
        assert not new, f"{name} imports {', '.join(sorted(new))}, which is no arrow of ARROWS"
        assert not gone, f"{name} no longer imports {', '.join(sorted(gone))}: take the arrow out of ARROWS"


def test_the_house_is_small_and_has_no_circle(capsys: pytest.CaptureFixture[str]) -> None:
    arrows = taken()
    floors = {name: floor(name, arrows) for name in rooms()}
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    bodies = sorted(lines for path in FILES for _, lines in functions(path))
    ninetieth, longest = bodies[int(0.9 * len(bodies))], max(lengths, key=lambda name: lengths[name])
    with capsys.disabled():
        print(
            f"\n{len(floors)} rooms on {max(floors.values())} floors, {sum(map(len, arrows.values()))} arrows; longest "
            f"file {longest} with {lengths[longest]} lines; 90% of functions have at most {ninetieth} lines"
        )
    assert len(floors) <= MOST_ROOMS
    assert max(floors.values()) <= MOST_FLOORS
    assert lengths[longest] <= MOST_LINES
    assert ninetieth <= NINETIETH
    assert not [path for path in FILES if path.name == "core.py"], "a file is called by its noun"


def test_the_checks_of_arrows_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_architecture.ROOT", tmp_path)
    path = tmp_path / "values.py"
    path.write_text("def f():\n    from noiseless import runs\n    import noiseless.cli.app\n")
    (tmp_path / "runs").mkdir()
    (tmp_path / "cli").mkdir()
    assert imported(path) == {"runs", "cli"}
    with pytest.raises(AssertionError, match="a circle of imports: a -> b -> a"):
        floor("a", {"a": {"b"}, "b": {"a"}})


ABOUT_ONE_KIND = re.compile(
    r"values\.py|strings/.*|modalities/.*|nn/sequence\.py|show/drawings\.py|recipes/grammar\.py|reproduction/studies/grammar.*"
)
"""Files that are about one kind of data, or say which there are."""


def test_generic_code_knows_no_kind_of_data() -> None:
    asking = {
        str(path.relative_to(ROOT))
        for path in FILES
        if re.search(r"\.tokens\b|is_image|is_(molecules|expressions)|modality [!=]=", path.read_text(encoding="utf-8"))
    }
    assert not [name for name in asking if not ABOUT_ONE_KIND.fullmatch(name)], "ask the object of noiseless.modalities"
    assert len(asking) > 3


def test_functions_are_short_but_for_the_loop() -> None:
    long = [f"{path.relative_to(ROOT)}:{name}" for path in FILES for name, lines in functions(path) if lines > 45]
    assert set(long) <= {"training/loop.py:fit"}


def functions(path: Path) -> list[tuple[str, int]]:
    """Every function of a file, with the lines of its body without the docstring."""
    found = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]
    return [(node.name, body_lines(node)) for node in found]


def body_lines(node: ast.FunctionDef) -> int:
    """Lines without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_argument_catches_all() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.args.kwarg is not None
    }
    assert found == CATCH_ALLS.keys()


UNPICKLERS = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
RUNNERS = {"eval", "exec", "compile", "os.system", "__import__"}


def runs_code(node: ast.AST) -> bool:
    """Whether a node unpickles, or runs a string. The name of pickle's error is harmless."""
    if isinstance(node, ast.ImportFrom):
        return node.module in UNPICKLERS
    if isinstance(node, ast.Import):
        return any(alias.name in UNPICKLERS - {"pickle"} for alias in node.names)
    if isinstance(node, ast.Attribute):
        return ast.unparse(node.value) == "pickle" and node.attr != "UnpicklingError"
    if not isinstance(node, ast.Call):
        return False
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    called = ast.unparse(node.func)
    if called == "torch.load":
        return given.get("weights_only") != "True"
    if called in ("np.load", "numpy.load"):
        return given.get("allow_pickle") != "False"
    return called in RUNNERS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_can_run_code(path: Path) -> None:
    assert not [f"line {node.lineno}" for node in ast.walk(tree(path)) if runs_code(node)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line", ["pickle.loads(b)", "torch.load(f)", "np.load(f)", "eval(s)", "from pickle import load"]
)
def test_the_check_of_code_can_fail(line: str) -> None:
    assert any(runs_code(node) for node in ast.walk(ast.parse(line)))


def test_the_command_line_alone_knows_cyclopts() -> None:
    using = {
        part(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cyclopts")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "cyclopts" for alias in node.names))
    }
    assert using == {"cli"}


def test_the_core_imports_no_extra() -> None:
    check = (
        "import sys, noiseless, noiseless.cli, noiseless.runs, noiseless.cli.train, noiseless.cli.optimise; "
        "heavy = {'torchvision', 'torch_fidelity', 'tensorboard', 'wandb', 'mlflow', 'gradio', 'rdkit', 'zuko'}; "
        "heavy |= {'botorch', 'gpytorch', 'lark', 'networkx'}; "
        "found = heavy & set(sys.modules); sys.exit(', '.join(sorted(found)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def drawn() -> str:
    """The arrows as they stand above, the lowest floor first."""
    found = taken()
    names = sorted(found, key=lambda name: (floor(name, found), name))
    return "\n".join(
        textwrap.fill(f"{name}: {' '.join(sorted(found[name]))}", 118, subsequent_indent="    ") for name in names
    )


if __name__ == "__main__":
    print(drawn())
