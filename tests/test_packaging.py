"""What is published: dependencies that are imported and imports that are declared, pins, typing, citation, release notes."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import noiseless

ROOT = Path(__file__).parents[1]
SOURCE = Path(noiseless.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {
    extra: [Requirement(line) for line in lines] for extra, lines in PROJECT["optional-dependencies"].items()
}
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
    text = "import os, PIL.Image\nfrom noiseless import data\ndef f():\n    from sklearn.svm import SVC\n    import a_b.c as d"
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
