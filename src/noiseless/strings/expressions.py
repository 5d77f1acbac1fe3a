"""Expressions in x: parsed with the usual operator precedence, and evaluated at points."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from noiseless.errors import InputError

__all__ = [
    "FUNCTIONS",
    "LONGEST",
    "OPERATORS",
    "WORDS",
    "Division",
    "Value",
    "X",
    "evaluate",
    "is_expression",
    "parse",
    "refused",
]

Division = Literal["true", "python2"]


Value = np.ndarray | np.floating | float | int


X = np.linspace(-10.0, 10.0, 1000)


LONGEST = 300
"""Maximal number of characters. A tree is at most half as deep, which Python's stack can handle."""


WORDS = re.compile(r"(?:sin\(|exp\(|[x123+*/()])+")


FUNCTIONS: dict[str, Callable[[Value], Value]] = {"sin": np.sin, "exp": np.exp}


OPERATORS: dict[type[ast.operator], Callable[[Value, Value], Value]] = {ast.Add: operator.add, ast.Mult: operator.mul}


def is_expression(string: str) -> bool:
    """Whether :func:`parse` accepts the string."""
    try:
        parse(string)
    except InputError:
        return False
    return True


def parse(string: str) -> ast.expr:
    """The syntax tree of an expression, which contains only nodes of the language.

    Raises:
        InputError: the string is not an expression of the language, or longer than :data:`LONGEST` characters.
    """
    if len(string) > LONGEST:
        raise InputError(f"an expression of {len(string)} characters is too long; the maximum is {LONGEST}")
    if not string:
        raise refused(string, "it is empty")
    if WORDS.fullmatch(string) is None:
        raise refused(string, "it contains symbols other than x 1 2 3 + * / ( ) sin( exp(")
    try:
        tree = ast.parse(string, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise refused(string, str(error)) from None
    for node in ast.walk(tree):
        if not _is_known(node):
            raise refused(string, f"it contains a {type(node).__name__}")
    return tree


def evaluate(tree: ast.expr, x: np.ndarray, division: Division = "true") -> Value:
    """The values of a tree from :func:`parse`; integers stay integers until combined with floating-point numbers.

    Raises:
        ZeroDivisionError: integers are divided by zero; floating-point numbers become infinite or NaN instead.
        OverflowError: integers overflow; floating-point numbers become infinite instead.
    """
    if isinstance(tree, ast.BinOp):
        left, right = evaluate(tree.left, x, division), evaluate(tree.right, x, division)
        return OPERATORS.get(type(tree.op), partial(_divide, division))(left, right)
    if isinstance(tree, ast.Call):
        return FUNCTIONS[tree.func.id](np.float64(evaluate(tree.args[0], x, division)))  # type: ignore[attr-defined]
    return x if isinstance(tree, ast.Name) else tree.value  # type: ignore[attr-defined]


def _divide(division: Division, left: Value, right: Value) -> Value:
    if division == "python2" and isinstance(left, int) and isinstance(right, int):
        return left // right
    return left / right


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords
        return plain and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred)
    if isinstance(node, ast.Name):
        return node.id in {"x", *FUNCTIONS}
    if isinstance(node, ast.Constant):
        return type(node.value) is int and node.value in (1, 2, 3)
    return isinstance(node, ast.BinOp | ast.Add | ast.Mult | ast.Div | ast.Load)


def refused(string: str, why: str) -> InputError:
    """The error for a string that is not an expression."""
    return InputError(f"{string!r} is not an expression in x, 1, 2, 3, +, *, /, sin(), exp() and brackets: {why}")
