"""Rows of results on disk."""

from __future__ import annotations

import json
from pathlib import Path

from noiseless.evaluate.results import record


def test_results_are_replaced_under_one_protocol_and_kept_under_another(tmp_path: Path) -> None:
    row = {"row": "samples", "density": "gmm", "n": 10, "seed": 0, "fd": 1.0}
    record(tmp_path, [row])
    record(tmp_path, [row | {"fd": 2.0}])
    record(tmp_path, [row | {"seed": 1}])
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [(r["fd"], r["seed"]) for r in rows] == [(2.0, 0), (1.0, 1)]
