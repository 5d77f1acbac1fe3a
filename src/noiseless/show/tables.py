"""Tables of numbers, as Markdown and for the terminal.

Numbers have four significant digits and what is missing is blank. In a column with fractions (counts and seeds are
whole numbers) the best value is bold: the lowest of a distance or a loss, the highest of anything else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from noiseless.errors import printable
from noiseless.files import atomic_write

__all__ = ["markdown", "table"]

LOWER_IS_BETTER = {"fd", "fid", "kid", "loss", "ms", "mb", "gb", "seconds"}


def markdown(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    path: Path | None = None,
    within: str | None = None,
    key: Sequence[str] = (),
) -> str:
    """A table as Markdown; see the module for digits, blanks and what is bold.

    Arguments:
        rows: values by column.
        columns: which to show, in order; by default all.
        path: where to write it as well, if anywhere.
        within: a column whose equal values make the groups in which a value is the best; by default one group.
        key: lines below the table, each a ``column: meaning``.

    >>> print(markdown([{"density": "gmm", "fd": 18.25}, {"density": "normal", "fd": 30.0}, {"density": "none"}]))
    | density |        fd |
    | :------ | --------: |
    | gmm     | **18.25** |
    | normal  |     30.00 |
    | none    |           |
    """
    columns = _columns(rows, columns)
    best = {column: _best(rows, column, within) for column in columns}
    head = [_plain(column) for column in columns]
    body = [[_bold(_plain(row.get(c)), index in best[c]) for c in columns] for index, row in enumerate(rows)]
    widths = [max(3, *map(len, cells)) for cells in zip(head, *body, strict=True)]
    right = [_is_numeric(rows, column) for column in columns]
    rule = [f"{'-' * (w - 1)}:" if r else f":{'-' * (w - 1)}" for w, r in zip(widths, right, strict=True)]
    lines = [map(_justify, line, widths, right) for line in (head, rule, *body)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    text += "\n" * bool(key) + "".join(f"\n* {line}" for line in key)
    if path is not None:
        with atomic_write(path) as part:
            part.write_text(text + "\n", encoding="utf-8")
    return text


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    within: str | None = None,
    compact: bool = False,
) -> Table:
    """The same table for the terminal.

    Arguments:
        rows, columns, within: as in :func:`markdown`.
        compact: three digits and no frame, for a terminal of 80 columns.
    """
    columns = _columns(rows, columns)
    best = {column: _best(rows, column, within) for column in columns}
    digits = 3 if compact else 4
    result = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False) if compact else Table()
    for column in columns:
        numeric = _is_numeric(rows, column)
        result.add_column(Text(printable(column)), justify="right" if numeric else "left", no_wrap=numeric)
    for index, row in enumerate(rows):
        cells = (Text(_text(row.get(c), digits), style="bold" if index in best[c] else "") for c in columns)
        result.add_row(*cells)
    return result


def _columns(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None) -> list[str]:
    return list(columns) if columns is not None else list(dict.fromkeys(key for row in rows for key in row))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numeric(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    given = [row[column] for row in rows if row.get(column) is not None]
    return bool(given) and all(map(_is_number, given))


def _best(rows: Sequence[Mapping[str, Any]], column: str, within: str | None) -> set[int]:
    """The rows that show the best value of a column of fractions in their group; none where all show the same."""
    if not _is_numeric(rows, column):
        return set()
    best: Callable[..., float] = min if LOWER_IS_BETTER & set(re.split(r"[\W_]+", column.lower())) else max
    groups: dict[Any, dict[int, float]] = {}
    for index, row in enumerate(rows):
        if row.get(column) is not None and math.isfinite(row[column]):
            groups.setdefault(row.get(within) if within else None, {})[index] = row[column]
    rivals = [group for group in groups.values() if len(set(map(_text, group.values()))) > 1]
    fractions = [group for group in rivals if any(isinstance(value, float) for value in group.values())]
    return {i for group in fractions for i, v in group.items() if _text(v) == _text(best(group.values()))}


def _text(value: Any, digits: int = 4) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if 1e3 <= abs(value) < 1e9 else f"{value:#.{digits}g}"
    return printable(str(value))


def _plain(value: Any) -> str:
    return _text(value).replace("|", r"\|").replace("\n", " ")


def _bold(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text


def _justify(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
