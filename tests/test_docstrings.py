"""Docstrings render: reStructuredText with Google-style sections, naming the parameters that the signature has."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import roles

import noiseless

ROOT = Path(noiseless.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

SHARED = {"spec", "networks", "optimiser"}
"""The parameters that every recipe has; `noiseless.recipes.method` documents them once."""

SPHINX_ROLES = ("attr", "class", "data", "func", "meth", "mod")
SECTION = re.compile(r"(Arguments|Attributes|Raises|Returns|Yields):")
WARNING = 2
SETTINGS = {"report_level": WARNING, "halt_level": 5, "warning_stream": "", "file_insertion_enabled": False}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

for name in SPHINX_ROLES:
    roles.register_generic_role(name, nodes.literal)


def is_public(name: str) -> bool:
    return not name.startswith("_")


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """The public classes, functions and methods, with their dotted names."""
    for node in body:
        if isinstance(node, Definition) and is_public(node.name):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{prefix}{node.name}.")


def attribute_docstrings(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """The strings that stand below an assignment of a public name."""
    for node, text in pairwise(body):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if is_text and isinstance(target, ast.Name) and is_public(target.id):
            yield target.id, str(text.value.value)


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield "module", ast.get_docstring(tree) or ""
    yield from attribute_docstrings(tree.body)
    for name, node in definitions(tree.body):
        yield name, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            yield from ((f"{name}.{attribute}", text) for attribute, text in attribute_docstrings(node.body))


def sections(text: str) -> Iterator[tuple[str | None, list[str]]]:
    """The parts of a docstring: what is outside any section (None), and each section's dedented lines."""
    title: str | None = None
    lines: list[str] = []
    for line in text.splitlines():
        heading = SECTION.fullmatch(line)
        if heading or (title and line and not line.startswith(" ")):
            yield title, lines
            title, lines = (heading[1], []) if heading else (None, [line])
        else:
            lines.append(line)
    yield title, lines


def items(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The names and texts of a section, one per line of the smallest indent."""
    for item in re.split(r"\n(?=\S)", textwrap.dedent("\n".join(lines)).strip()):
        name, _, text = item.partition(":")
        yield name, text


def as_rest(text: str) -> str:
    """The docstring as napoleon hands it on: sections become field lists."""
    parts = []
    for title, lines in sections(text):
        if title in (None, "Returns", "Yields"):
            parts.append(textwrap.dedent("\n".join(lines)))
        else:
            parts.append("\n".join(f":{title} {name}:{body}" for name, body in items(lines)))
    return "\n\n".join(parts)


def faults_of(text: str) -> list[str]:
    """The warnings and errors of docutils, and the literals in single backticks."""
    document = publish_doctree(as_rest(text), settings_overrides=SETTINGS)
    warnings = [fault.astext() for fault in document.findall(nodes.system_message) if fault["level"] >= WARNING]
    single = [f"`{fault.astext()}`" for fault in document.findall(nodes.title_reference)]
    return warnings + [f"{text} in single backticks; literals take two, and cross references a role" for text in single]


def parameters(node: Definition) -> set[str] | None:
    """What the signature of a function, of a class's constructor or of a dataclass names; None if it is inherited."""
    if isinstance(node, ast.ClassDef):
        made = [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]
        if not made and not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            return None
        if not made:
            fields = [inner for inner in node.body if isinstance(inner, ast.AnnAssign)]
            fields = [inner for inner in fields if not ast.unparse(inner.annotation).startswith("ClassVar")]
            names = [ast.unparse(inner.target) for inner in fields if "init=False" not in ast.unparse(inner)]
            return {name for name in names if is_public(name)}
        node = made[0]
    spec = node.args
    all_of_them = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    return {argument.arg for argument in all_of_them if argument is not None} - {"self", "cls"}


def documented(text: str) -> set[str] | None:
    """What the section of arguments names; None where there is no such section."""
    found: set[str] | None = None
    for title, lines in sections(text):
        if title == "Arguments":
            found = {name.strip().lstrip("*") for names, _ in items(lines) for name in names.split(",")}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_render(name: str) -> None:
    faults = []
    for owner, text in docstrings(ast.parse((ROOT / name).read_text())):
        faults += [f"{owner}: {fault}" for fault in faults_of(text)]
    assert faults == []


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_those_of_the_signature(name: str) -> None:
    faults = []
    for owner, node in definitions(ast.parse((ROOT / name).read_text()).body):
        found = documented(ast.get_docstring(node) or "")
        expected = parameters(node)
        if found is None or expected is None:
            continue
        if name.startswith("recipes/") and not found & SHARED:
            expected -= SHARED
        if found != expected:
            faults.append(f"{owner}: the section names {sorted(found)}, the signature {sorted(expected)}")
    assert faults == []


BROKEN = {
    "an unknown role": ":thing:`x`",
    "a Markdown table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "a block without a blank line": "A list:\n* one\n  two",
    "single backticks": "Maps `x`.",
    "an open role": "The mean :math:`x",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_docstrings_are_found(text: str) -> None:
    assert faults_of(text) != []


def test_sections_are_read() -> None:
    arguments = "Arguments:\n    x, y: numbers,\n        finite.\n    *more: others."
    text = f"Adds.\n\n{arguments}\n\nRaises:\n    ValueError: never."
    assert documented(text) == {"x", "y", "more"}
    assert ":Raises ValueError: never." in as_rest(text)
    assert documented("Adds.") is None
