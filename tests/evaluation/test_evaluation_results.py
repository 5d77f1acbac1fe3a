"""Rows of results on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from noiseless.cli.judge import LATENT, METRICS, OF_STRINGS, UNSEEN
from noiseless.errors import InputError
from noiseless.evaluation.results import Protocol, Result, key, known, record
from noiseless.metrics import Sample
from noiseless.metrics.measure import measure_all


def test_results_are_replaced_under_one_protocol_and_kept_under_another(tmp_path: Path) -> None:
    row = {"row": "samples", "density": "gmm", "n": 10, "seed": 0, "fd": 1.0}
    record(tmp_path, [Result.from_json(row)])
    record(tmp_path, [Result.from_json(row | {"fd": 2.0})])
    record(tmp_path, [Result.from_json(row | {"seed": 1})])
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [(r["fd"], r["seed"]) for r in rows] == [(2.0, 0), (1.0, 1)]


ROWS = [
    {"row": "training data", "density": None, "n": 10, "fd": 1.0, "kid": None, "warnings": ["few data"]}
    | {"reference": "test", "n_reference": 10, "features": "pixels", "seed": 0, "data": "digits", "fingerprint": "ab"}
    | {"asked": 20, "weights": "best", "notes": []},
    {"row": "samples", "density": "gmm", "decoding": "sampled", "n": 10, "asked": 20, "reference": "test"}
    | {"n_reference": 10, "features": "strings", "seed": 0, "data": "expressions", "fingerprint": "ab"}
    | {"valid": 0.5, "in language": None, "warnings": [], "weights": "best", "notes": ["a note"]},
    {"row": "codes", "n": 10, "asked": 20, "dimensions": 2, "part": "test", "seed": 0, "data": "digits"}
    | {"fingerprint": "ab", "mean": [0.5, -0.5], "nac": None, "weights": "best", "notes": []},
    {"row": "theirs.npy", "density": None, "n": 10, "fd": 1.0, "warnings": [], "reference": "test"}
    | {"n_reference": 10, "features": "pixels", "seed": 0, "data": "digits", "fingerprint": "ab", "asked": 20},
]
"""A row of distances, of strings, of codes, and of data that a run did not make, as the earlier version wrote them."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["row"])
def test_a_row_is_read_and_written_as_before(row: dict[str, object]) -> None:
    assert Result.from_json(row).to_json() == row


def test_a_row_says_what_its_numbers_depend_on() -> None:
    row = Result.from_json(ROWS[0])
    assert row.protocol == Protocol(
        "training data", 10, reference="test", n_reference=10, features="pixels", seed=0, data="digits",
        fingerprint="ab", weights="best", asked=5,
    )  # fewer than asked for: the same protocol  # fmt: skip
    assert (row.number("fd"), row.number("kid"), row.number("valid")) == (1.0, None, None)
    assert row.warnings == ("few data",)


def test_rows_are_known_where_all_densities_are_there(tmp_path: Path) -> None:
    record(tmp_path, [Result.from_json(row) for row in (ROWS[0], ROWS[0] | {"row": "samples", "density": "gmm"})])
    terms = {"n": 20, "seed": 0}
    assert len(known(tmp_path, "ab", "pixels", ["gmm"], **terms)) == 2
    assert known(tmp_path, "ab", "pixels", ["gmm", "normal"], **terms) == []
    assert known(tmp_path, "ab", "pixels", ["gmm"], n=10, seed=0) == []


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"density": "gmm"}]'])
def test_a_file_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match="of results"):
        record(tmp_path, [])


def test_every_column_of_a_table_has_a_line_on_what_it_means() -> None:
    for columns in (LATENT, METRICS, OF_STRINGS):
        assert [line.partition(": ")[0] for line in key(columns)] == list(columns)
    assert key(["method", "my metric"]) == []
    rng = torch.Generator().manual_seed(0)
    sample = Sample(torch.randn(120, 4, generator=rng), torch.randn(120, 10, generator=rng))
    assert set(measure_all(sample, sample, 0)) - set(UNSEEN) == set(METRICS)
