r"""Measured beside published: means over seeds, ranks, and how far the two orders agree.

Published distances are under Inception and ours by default are not, so the numbers of the two cannot be compared, but
their orders can: ranks within a column, and Spearman's correlation of the ranks,

.. math:: \rho = \operatorname{corr}(\operatorname{rank}(m_i), \operatorname{rank}(p_i)),

over the rows that have both a measured mean :math:`m_i` and a published :math:`p_i` that is beyond doubt.
"""

from __future__ import annotations

import platform
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from math import floor, log10
from pathlib import Path
from typing import Any

import torch
from scipy.stats import rankdata, spearmanr

from noiseless.reproduction.cells import Measured
from noiseless.reproduction.command import command
from noiseless.reproduction.images import ImageRequest
from noiseless.reproduction.request import Line, Report
from noiseless.runs.record import plain
from noiseless.show.tables import markdown

__all__ = ["Doubtful", "PublishedNumbers", "Table", "agreement", "machine", "ranks", "spread"]

FORMAT = 1
NOTHING = "not measured"


class Doubtful(float):
    """A published number that does not measure what its column says, or is unverified: shown, and never compared."""


PublishedNumbers = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Data set -> row's label -> a number for each column, None where nothing is published."""


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """The rank of each value, 1 the lowest, ties shared.

    >>> ranks({"a": 3.0, "b": 1.0, "c": 3.0})
    {'a': 2.5, 'b': 1.0, 'c': 2.5}
    """
    return dict(zip(values, map(float, rankdata(list(values.values()))), strict=True))


def agreement(measured: Mapping[str, float], published: Mapping[str, float]) -> float | None:
    """Spearman's rank correlation over the rows that both have; None for fewer than three, or where one is constant.

    >>> agreement({"a": 1.0, "b": 2.0, "c": 3.0, "d": 9.0}, {"a": 10.0, "b": 30.0, "c": 20.0})
    0.5
    """
    both = [label for label in measured if label in published]
    pairs = [[side[label] for label in both] for side in (measured, published)]
    if len(both) < 3 or any(len(set(side)) < 2 for side in pairs):
        return None
    return round(float(spearmanr(*pairs).statistic), 12)


@dataclass(frozen=True)
class Table:
    """The table of a study.

    Arguments:
        study, title: its name, and what stands above it.
        request: the request.
        lines, columns: its rows and columns.
        measured: the cells.
        published: the numbers of the papers, in the order of the columns.
        remarks: caveats about the measured numbers.
        origins: where the published ones come from, and what else has to be known of them, for when they are shown.
        judged: of how many data the published distances are.
    """

    study: str
    title: str
    request: ImageRequest
    lines: Sequence[Line]
    columns: Sequence[str]
    measured: Sequence[Measured]
    published: PublishedNumbers = field(default_factory=dict)
    remarks: Sequence[str] = ()
    origins: Sequence[str] = ()
    judged: int = 10_000

    def values(self, line: Line, column: str) -> dict[int, float]:
        """The measured distances of a cell by seed."""
        if column not in line.sources:
            return {}
        mine = [m for m in self.measured if line.folder == m.cell.line.folder]
        found = {m.cell.seed: m.value(line.sources[column]) for m in mine}
        return {seed: value for seed, value in found.items() if value is not None}

    def means(self, column: str) -> dict[str, float]:
        """The mean over seeds of every line that was measured."""
        found = {line.label: list(self.values(line, column).values()) for line in self.lines}
        return {label: statistics.fmean(values) for label, values in found.items() if values}

    @property
    def like(self) -> str:
        """The data set whose published numbers are shown: that of the constants asked for, or the data's own."""
        return self.request.constants or self.request.data

    def said(self, line: Line, column: str) -> float | None:
        """What is published for a cell."""
        row = self.published.get(self.like, {}).get(line.label)
        return row[list(self.columns).index(column)] if row is not None else None

    def certain(self, column: str) -> dict[str, float]:
        """What is published for a column and beyond doubt, by label."""
        found = {line.label: self.said(line, column) for line in self.lines}
        return {k: v for k, v in found.items() if v is not None and not isinstance(v, Doubtful)}

    @property
    def compared(self) -> bool:
        """Whether anything is published for these data."""
        return any(self.said(line, column) is not None for line in self.lines for column in self.columns)

    @cached_property
    def notes(self) -> list[str]:
        """What belongs beside the numbers, each sentence once."""
        of_rows = once(text for m in self.measured for row in m.results for text in (*row.notes, *row.warnings))
        other = [f"published numbers are those of {self.like}, and the data are others"]
        borrowed = other if self.compared and self.like != self.request.data else []
        reasons = [f"{NOTHING}: {reason}" for m in self.measured for reason in m.reasons]
        origins = self.origins if self.compared else ()
        return list(dict.fromkeys([*self.remarks, *origins, *borrowed, *reasons, *of_rows]))

    def report(
        self,
        *sections: str,
        content: Mapping[str, Any] | None = None,
        pictures: Mapping[str, Callable[[Path], object]] | None = None,
    ) -> Report:
        """The page and its JSON.

        Arguments:
            sections: further Markdown, after the table.
            content: further entries of the JSON.
            pictures: as a :class:`~noiseless.reproduction.request.Report` has them.
        """
        notes = "\n".join(f"* {note}" for note in self.notes)
        head = [f"# {self.title}: {self.request.data_name}, scale {self.request.scale}", self._command(), self._grid()]
        order = [self._order()] if self.compared else []
        parts = [*head, *order, *sections, self._protocol(), "Notes:", notes]
        return Report(
            "\n\n".join(part for part in parts if part) + "\n", self._content() | dict(content or {}), pictures or {}
        )

    def _command(self) -> str:
        return f"```sh\n{command(self.study, self.request)}\n```"

    def _grid(self) -> str:
        rows = []
        for line in self.lines:
            row: dict[str, Any] = {"method": line.label}
            for column in self.columns:
                row[column] = self._cell(line, column)
                if self.compared:
                    row[f"{column}, published"] = _published(self.said(line, column))
            rows.append(row)
        return "Fréchet distances, mean ± standard deviation over seeds; lower is better.\n\n" + markdown(rows)

    def _cell(self, line: Line, column: str) -> str:
        if column not in line.sources:
            return ""
        values = list(self.values(line, column).values())
        if not values:
            return NOTHING
        text = spread(values)
        missing = "" if len(values) == len(self.request.seeds) else f" (of {len(values)})"
        best = min(self.means(column).values())
        return (f"**{text}**" if statistics.fmean(values) == best else text) + missing

    def _order(self) -> str:
        """Ranks of both sides among the rows that have both, and their correlation."""
        rows: dict[str, dict[str, Any]] = {line.label: {"method": line.label} for line in self.lines}
        last: dict[str, Any] = {"method": "rank correlation"}
        for column in self.columns:
            measured, published = self._both(column)
            for label, rank in ranks(measured).items():
                rows[label][column] = f"{rank:g} / {ranks(published)[label]:g}"
            rho = agreement(measured, published)
            last[column] = f"{rho:.2f}" if rho is not None else "–"
        ranked = [row for row in rows.values() if len(row) > 1]
        if not ranked:
            return ""
        head = "Ranks, measured / published, among the rows that have both, and Spearman's correlation of the two:"
        return f"{head}\n\n{markdown([*ranked, last], ['method', *self.columns])}"

    def _both(self, column: str) -> tuple[dict[str, float], dict[str, float]]:
        measured, published = self.means(column), self.certain(column)
        labels = [label for label in measured if label in published]
        return {k: measured[k] for k in labels}, {k: published[k] for k in labels}

    def _protocol(self) -> str:
        about = self._content()
        setting, seconds = about["setting"], sum(m.about.get("seconds", 0) for m in self.measured)
        steps = f"{setting['steps']:,} steps" if setting["steps"] else "the papers' epochs"
        finished = sum(bool(m.about) for m in self.measured)
        kinds = ("features", "n", "references", "seeds", "fingerprints")
        features, n, references, seeds, prints = (", ".join(map(str, about[kind])) or "–" for kind in kinds)
        lines = [
            f"Features: {features}; n = {n} in every row and in the reference ({references} data); seeds {seeds}; "
            f"width {setting['width']}, {steps}; data fingerprint {prints}.",
            f"Machine of this command: {about['machine']}; noiseless {about['noiseless']}, torch {about['torch']}. "
            f"Training the {finished} runs took {seconds / 60:,.0f} minutes in all.",
        ]
        if self.compared:
            lines.append(
                f"Published distances are under Inception's features at n = {self.judged:,}: where others are under "
                "others, only orders within a column can be compared, not the numbers."
            )
        return "\n\n".join(lines)

    def _content(self) -> dict[str, Any]:
        protocols = [row.protocol for m in self.measured for row in m.results]
        return {
            "format": FORMAT,
            "study": self.study,
            "command": command(self.study, self.request),
            "data": self.request.data_name,
            "scale": self.request.scale,
            "constants": self.request.constants,
            "setting": asdict(self.request.setting),
            "seeds": list(self.request.seeds),
            "features": _each(protocol.features for protocol in protocols),
            "n": _each(protocol.n for protocol in protocols),
            "references": _each(protocol.reference for protocol in protocols),
            "fingerprints": _each(protocol.fingerprint for protocol in protocols),
            "machine": machine(),
            "noiseless": version("noiseless"),
            "torch": torch.__version__,
            "columns": list(self.columns),
            "published_for": self.like if self.compared else None,
            "rows": [self._row(line) for line in self.lines],
            "rank_correlation": {column: agreement(*self._both(column)) for column in self.columns},
            "runs": [_run(m) for m in self.measured],
            "notes": self.notes,
        }

    def _row(self, line: Line) -> dict[str, Any]:
        about = {"row": line.label, "recipe": line.recipe, "arguments": plain(line.arguments)}
        about |= {"networks": dict(line.networks), "training": dict(line.training)}
        return about | {"columns": {column: self.number(line, column) for column in self.columns}}

    def number(self, line: Line, column: str) -> dict[str, Any]:
        """All that is known of a cell of the table."""
        values, said = self.values(line, column), self.said(line, column)
        known = list(values.values())
        return {
            "source": line.sources[column].to_json() if column in line.sources else None,
            "values": {str(seed): value for seed, value in values.items()},
            "mean": statistics.fmean(known) if known else None,
            "std": statistics.stdev(known) if len(known) > 1 else None,
            "rank": ranks(self.means(column)).get(line.label),
            "published": said,
            "published_in_doubt": isinstance(said, Doubtful),
        }


def once(sentences: Iterable[str]) -> list[str]:
    """Each sentence once, where those that differ in numbers alone count as the same.

    >>> once(["8 of 10 are flat", "9 of 10 are flat", "no convergence"])
    ['8 of 10 are flat (likewise elsewhere, with other numbers)', 'no convergence']
    """
    kinds: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for sentence in sentences:
        kind = re.sub(r"[\d.,]+", "#", sentence)
        first.setdefault(kind, sentence)
        kinds.setdefault(kind, set()).add(sentence)
    return [first[k] + (" (likewise elsewhere, with other numbers)" if len(kinds[k]) > 1 else "") for k in first]


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation, to four digits of the mean.

    >>> spread([180.0, 190.0]), spread([3.14159])
    ('185.0 ± 7.1', '3.142')
    """
    mean = statistics.fmean(values)
    digits = max(0, 3 - floor(log10(abs(mean)))) if mean else 3
    return f"{mean:.{digits}f}" + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def machine() -> str:
    """The kind of this machine."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = f"{max(1, len(names))} CPU cores, {next(iter(names), platform.machine())}"
    return f"{torch.cuda.get_device_name()}; {cpu}" if torch.cuda.is_available() else cpu


def _published(value: float | None) -> str:
    if value is None:
        return ""
    return f"({value:.2f})" if isinstance(value, Doubtful) else f"{value:.2f}"


def _each(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _run(measured: Measured) -> dict[str, Any]:
    cell = measured.cell
    rows = {f"{part:g}": [row.to_json() for row in found] for part, found in measured.rows.items()}
    about = {"run": cell.folder.name, "seed": cell.seed, **measured.about}
    return about | {"rows": rows, "reasons": list(measured.reasons)}
