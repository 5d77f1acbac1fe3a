"""What is published: dependencies, pins, type marker, citation, changelog, and the scripts that check a release."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

import noiseless

ROOT = Path(__file__).parents[1]
SOURCE = Path(noiseless.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {extra: [Requirement(line) for line in lines] for extra, lines in PROJECT["optional-dependencies"].items()}
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}  # import names that differ from the distribution's name


def distribution(module: str) -> str:
    """The distribution that a top-level module comes from."""
    return DISTRIBUTIONS.get(module, module.replace("_", "-"))


def third_party(text: str) -> set[str]:
    """The distributions that a source file imports, at the top or inside a function."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.add((node.module or "").partition(".")[0])
    return {distribution(name) for name in modules - sys.stdlib_module_names - {"noiseless"}}


def names(requirements: list[Requirement]) -> set[str]:
    return {requirement.name for requirement in requirements}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


IMPORTED = {
    str(path.relative_to(SOURCE)): third_party(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))
}


def test_every_import_is_declared() -> None:
    extras = set().union(*(names(lines) for extra, lines in EXTRAS.items() if extra != "dev"))
    declared = names(CORE) | extras
    undeclared = {path: found - declared for path, found in IMPORTED.items() if found - declared}
    assert not undeclared


def test_every_core_dependency_is_imported() -> None:
    assert names(CORE) <= set().union(*IMPORTED.values())


def test_the_check_of_imports_sees_all_forms() -> None:
    text = "import os, PIL.Image\nfrom noiseless import data\n"
    text += "def f():\n    from sklearn.svm import SVC\n    import a_b.c as d\n"
    assert third_party(text) == {"pillow", "scikit-learn", "a-b"}


def test_every_dependency_has_a_lower_bound_or_a_pin() -> None:
    requirements = [*CORE, *(requirement for lines in EXTRAS.values() for requirement in lines)]
    unbounded = [
        str(requirement)
        for requirement in requirements
        if requirement.name != "noiseless" and not any(s.operator in (">=", "==") for s in requirement.specifier)
    ]
    assert not unbounded


def test_the_constraints_pin_what_is_declared_and_allowed() -> None:
    pinned = pins()
    for requirement in (*CORE, *EXTRAS["dev"], *EXTRAS["flow"], *EXTRAS["molecules"], *EXTRAS["optimise"]):
        if requirement.name == "noiseless" or str(requirement.specifier).startswith("=="):
            continue
        assert requirement.name in pinned, requirement
        assert pinned[requirement.name] in requirement.specifier, requirement


def test_the_classifiers_name_the_pythons_that_are_tested() -> None:
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert PROJECT["requires-python"] == f">={supported[0]}"
    tested = re.search(r"^PYTHONS \?= (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert tested
    assert tested[1].split() == [f"python{version}" for version in supported]


def test_the_package_is_marked_as_typed() -> None:
    assert (SOURCE / "py.typed").is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]


@pytest.mark.parametrize("paper", ["1903.12436", "2002.10631", "1912.04564", "2310.01712"])
def test_the_citation_names_the_papers(paper: str) -> None:
    assert paper in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_citation_is_of_this_version() -> None:
    assert f'\nversion: "{PROJECT["version"]}"\n' in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_changelog_has_the_unreleased_changes_first() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def script(name: str) -> ModuleType:
    """A script of release/, as a module."""
    spec = spec_from_file_location(name, ROOT / f"release/{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_wheel_is_checked_for_what_is_missing_and_what_does_not_belong(tmp_path: Path) -> None:
    wheel = tmp_path / "noiseless-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("noiseless/__init__.py", "tests/test_x.py", "noiseless-0.dist-info/METADATA"):
            archive.writestr(name, "")
    faults = script("contents").faults_of_wheel(wheel, {"noiseless/__init__.py", "noiseless/py.typed"})
    assert faults == [f"{wheel.name} lacks noiseless/py.typed", f"{wheel.name} should not hold tests/test_x.py"]


def test_an_sdist_is_checked_for_what_is_missing(tmp_path: Path) -> None:
    sdist = tmp_path / "noiseless-0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(ROOT / "LICENSE", "noiseless-0/LICENSE")
    assert script("contents").faults_of_sdist(sdist, {"LICENSE", "README.md"}) == [f"{sdist.name} lacks README.md"]


def test_a_python_is_taken_if_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(path: Path, line: str) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        path.chmod(0o755)
        return str(path)

    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    interpreter = script("matrix").interpreter
    assert interpreter("python3.98") is None
    put(tmp_path / "python3.98", "exit 127")  # pyenv's shim of a version that is installed and not chosen
    assert interpreter("python3.98") is None
    for patch in (9, 10):
        newest = put(tmp_path / f"pyenv/versions/3.98.{patch}/bin/python3.98", "exit 0")
    assert interpreter("python3.98") == newest
    assert interpreter("python3.98") != put(tmp_path / "python3.98", "exit 0")


def test_no_python_is_a_failure(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    command = [sys.executable, ROOT / "release/matrix.py", "oldest", "python3.98"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "oldest dependencies, python3.98: skipped: not found\n"
