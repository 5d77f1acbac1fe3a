"""The arrows between modules, and what no module may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import noiseless

ROOT = Path(noiseless.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# part -> the parts that it may import; what these may import, it may too
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "values": set(),
    "figures": {"errors", "files"},  # pure functions of tensors
    "files": {"errors"},
    "tables": {"files"},
    "named": {"errors"},
    "nn": {"errors", "values"},
    "strings": {"errors", "values"},
    "data": {"errors", "values", "files", "named", "strings"},
    "metrics": {"errors", "values", "files", "named", "nn", "entropy"},
    "bottlenecks": {"nn", "values"},
    "autoencoder": {"named", "bottlenecks"},
    "entropy": {"errors"},
    "penalties": {"autoencoder", "entropy"},
    "patterns": {"errors"},
    "clusters": {"errors"},
    "reconstruction": {"autoencoder", "strings", "data"},  # data: where weights lie and how they are downloaded
    "objectives": {"penalties", "reconstruction", "metrics", "patterns", "clusters"},
    "training": {"objectives", "data"},
    "densities": {"training"},
    "interpolation": set(),
    "recipes": {"training", "densities"},
    "model": {"autoencoder", "densities", "interpolation", "strings"},
    "scores": {"errors", "named"},
    "drawings": {"scores", "strings", "values"},
    "texts": {"model", "figures", "data", "drawings"},
    "gallery": {"texts"},
    "journal": {"gallery", "objectives"},
    "record": {"training"},
    "own": {"recipes"},
    "runs": {"journal", "record", "own"},
    "results": {"errors", "files"},
    "evaluate": {"runs", "metrics", "results"},
    "evaluate_strings": {"evaluate"},
    "prune": {"runs"},
    "compare": {"evaluate_strings"},
    "optimise": {"journal", "scores", "tables"},
    "reproduce": {"evaluate_strings", "optimise"},
    "cli": {"compare", "reproduce", "optimise", "prune"},
    "__init__": {"runs"},
}

CATCH_ALLS = {
    "runs.py:train": "binds them to the recipe's signature, so that a misspelt one fails",
    "cli/train.py:command": "its signature is made from the recipe's",
}


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def allowed(name: str) -> set[str]:
    below = ARROWS[name]
    return below.union(*(allowed(other) for other in below))


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
    return {name for name in found if name in ARROWS or (ROOT / name).exists() or (ROOT / f"{name}.py").exists()}


def test_every_part_has_an_arrow_and_the_arrows_have_no_ring() -> None:
    assert {part(path) for path in FILES} == ARROWS.keys()
    for name in ARROWS:
        assert name not in allowed(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    wrong = imported(path) - allowed(part(path)) - {part(path)}
    assert not wrong, f"{part(path)} may not import {', '.join(sorted(wrong))}"


def test_the_check_of_arrows_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_architecture.ROOT", tmp_path)
    path = tmp_path / "values.py"
    path.write_text("def f():\n    from noiseless import runs\n    import noiseless.cli.app\n")
    assert imported(path) == {"runs", "cli"}
    assert imported(path) - allowed("values")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_functions_are_short_but_for_the_loop() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and body_lines(node) > 45
    ]
    assert set(long) <= {"training/core.py:fit"}


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


def test_the_core_imports_no_extra() -> None:
    check = (
        "import sys, noiseless, noiseless.cli, noiseless.runs, noiseless.cli.train, noiseless.cli.optimise; "
        "heavy = {'torchvision', 'torch_fidelity', 'tensorboard', 'wandb', 'mlflow', 'gradio', 'rdkit', 'zuko'}; "
        "heavy |= {'botorch', 'gpytorch', 'lark', 'networkx'}; "
        "found = heavy & set(sys.modules); sys.exit(', '.join(sorted(found)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
