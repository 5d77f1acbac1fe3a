"""MaskAAE's studies end to end on tiny data, resumed, and their findings by hand."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noiseless import data as datasets
from noiseless import metrics
from noiseless.cli import run
from noiseless.evaluation.heldout import reference
from noiseless.metrics.frechet import frechet_distance
from noiseless.reproduction import ImageRequest
from noiseless.reproduction.cells import Cell
from noiseless.reproduction.studies import maskaae, maskaae_capacity
from noiseless.reproduction.studies.maskaae import _findings_of_figure, _findings_of_table, _true
from noiseless.reproduction.studies.maskaae_capacity import Reading
from noiseless.reproduction.table import Doubtful
from noiseless.training import Stopped

SYNTHETIC = "synthetic:n=2,width=8,size=300,test=200"
TERMS = f"--data {SYNTHETIC} --width 1 --steps 16 --threads 1 --seeds 0"
ROWS = ["MaskAAE, m = 2", "MaskAAE, m = 4", "WAE-WGAN, m = 4"]
LINE = ["reproduce", "maskaae-figure-4", *TERMS.split(), "-n", "150", "--rows", *ROWS, "--out", "f"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("this was done already")

    monkeypatch.setattr(maskaae_capacity, "trained", forbidden)


def test_the_figure_end_to_end_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(LINE) == 0
    text, content = Path("f.md").read_text(), json.loads(Path("f.json").read_text())
    assert [row["row"] for row in content["rows"]] == ROWS
    for row in content["rows"]:
        assert row["features"] == "raw"
        assert row["n"] == 150
        assert 0 < row["floor"] < row["fd"]
        assert 1 <= row["active"] <= int(row["row"].rpartition(" ")[2])
        assert row["reconstruction"] > 0
    stages = [list(map(int, row["stages"])) for row in content["rows"]]
    assert stages == [[16], list(range(2, 17, 2)), list(range(2, 17, 2))]  # m = 4 is shown
    assert len(content["rows"][1]["mask"]) == 4
    assert content["rows"][2]["mask"] is None
    for kind in ("capacity", "mask", "covariance", "training", "samples"):
        assert Path(f"f-{kind}.png").is_file()
        assert f"](f-{kind}.png)" in text
    assert "could not be recovered" in text
    assert "active: masks of at least 0.1; of WAE-WGAN, which has none, code variances" in text
    assert "noiseless reproduce maskaae-figure-4" in text
    forbid(monkeypatch)
    assert run(LINE) == 0
    assert Path("f.md").read_text() == text


def test_a_study_that_was_stopped_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise Stopped(signal.SIGINT, 2)

    line = ["reproduce", "maskaae-table-2", *TERMS.split(), "-n", "150", "--rows", "WAE-WGAN, m = 32", "--out", "t"]
    with monkeypatch.context() as patch:
        patch.setattr(maskaae_capacity, "reference", stopped)
        assert run(line) == 130
    assert not Path("t.md").exists()
    folder = Path("runs/maskaae-table-2-synthetic-n-2-width-8-size-300-test-200-small/wae-wgan-32-0")
    first = (folder / "best.safetensors").stat().st_mtime_ns
    assert run(line) == 0
    assert (folder / "best.safetensors").stat().st_mtime_ns == first
    content = json.loads(Path("t.json").read_text())
    assert 0 < content["rows"][0]["nac"] < 1
    assert "NAC" in Path("t.md").read_text()


def test_a_row_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    really = maskaae_capacity.trained

    def broken(cell: Cell, part: float = 1.0) -> Any:
        if cell.line.recipe == "wae-wgan":
            raise RuntimeError("the term 'distance' of phase 'critic' became nan in step 3")
        return really(cell, part)

    monkeypatch.setattr(maskaae_capacity, "trained", broken)
    assert run(LINE) == 0
    assert "not measured: WAE-WGAN, m = 4, seed 0: the term 'distance'" in Path("f.md").read_text()
    assert [row["row"] for row in json.loads(Path("f.json").read_text())["rows"]] == ROWS[:2]


def test_a_report_is_replaced_only_by_one_that_measured_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("f.md").write_text("finished")
    assert run([*LINE, "--features", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
    assert not Path("runs").exists()

    def broken(*_: object) -> None:
        raise RuntimeError("the term 'distance' became nan")

    monkeypatch.setattr(maskaae_capacity, "trained", broken)
    assert run(LINE) == 1
    assert "no run could be measured: MaskAAE, m = 2, seed 0: the term" in capsys.readouterr().err
    assert Path("f.md").read_text() == "finished"


def test_n_is_that_of_the_smaller_part_and_lost_stages_are_said() -> None:
    line = ["reproduce", "maskaae-figure-4", *TERMS.split(), "--rows", "WAE-WGAN, m = 4", "--out", "f"]
    assert run([*line, "-n", "250"]) == 0
    first = json.loads(Path("f.json").read_text())["rows"][0]
    assert (first["n"], len(first["stages"])) == (200, 8)
    data = datasets.load(SYNTHETIC)
    features = metrics.build("raw", data.spec)
    test, train = (reference(data, part, 200, features, 0) for part in ("test", "train"))
    assert first["floor"] == frechet_distance(test, train)
    assert run([*line, "-n", "100", "--overwrite"]) == 0
    again = json.loads(Path("f.json").read_text())["rows"][0]
    assert (again["n"], list(again["stages"])) == (100, ["16"])
    assert "seed 0: the run is past steps 2, 4, 6, 8, 10, 12, 14, where it was not measured" in Path("f.md").read_text()


def test_where_no_single_run_is_drawn_that_is_said() -> None:
    line = ["reproduce", "maskaae-figure-4", *TERMS.split(), "-n", "150", "--rows", "WAE-WGAN, m = 2", "--out", "f"]
    assert run(line) == 0
    assert {path.name for path in Path().glob("f-*.png")} == {"f-capacity.png"}
    assert "pictures of single runs are of m = 4, seed 0; there is no such run here" in Path("f.md").read_text()


def test_table_1_marks_what_is_inferred() -> None:
    np.save("tiny.npy", np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8))
    given = "--data tiny.npy --width 2 --steps 3 -n 20 --features pixels --threads 1 --constants mnist --seeds 0"
    line = ["reproduce", "maskaae-table-1", *given.split(), "--rows", "VAE + flow", "MaskAAE", "--out", "t"]
    assert run(line) == 0
    text, content = Path("t.md").read_text(), json.loads(Path("t.json").read_text())
    flow, masked = (row["columns"]["samples"] for row in content["rows"])
    assert (flow["published"], flow["published_in_doubt"], masked["published"]) == (54.8, True, None)
    assert flow["mean"] > 0
    assert masked["mean"] > 0
    assert content["rank_correlation"]["samples"] is None
    assert "(54.80)" in text
    assert "is inferred, not read" in text
    assert content["runs"][1]["steps"] == maskaae.LONGER * 3
    assert all(isinstance(row[0], Doubtful) for table in maskaae.PUBLISHED.values() for row in table.values())


def reading(method: str, m: int, fd: float | None, active: int = 0, floor: float = 1.0, nac: float = 0.1) -> Reading:
    """A reading of a run; without a distance, of one that failed."""
    request = ImageRequest(SYNTHETIC)
    lines = {line.label: line for line in maskaae_capacity.lines(maskaae_capacity.sized(request), (m,))}
    cell = Cell(lines[f"{method}, m = {m}"], frozenset(), 0, Path("nowhere"), request, "")
    numbers = {} if fd is None else {"fd": fd, "floor": floor, "active": active, "nac": nac}
    return Reading(cell, numbers)


def test_the_findings_are_those_of_the_question() -> None:
    found = [reading("MaskAAE", m, fd, a) for m, fd, a in ((4, 9, 4), (8, 3, 8), (12, 3.4, 10), (16, 3.2, 11))]
    found += [reading("WAE-WGAN", m, fd, m) for m, fd in ((4, 7), (8, 3), (12, 5), (16, 6))]
    said = _findings_of_figure(found, 8)
    assert said["active"] == "with m > 8, 1 of 2 runs of MaskAAE end within 2 of 8 active dimensions"
    assert said["flat"].endswith("above the floor is largest at m = 12: 1.20 times its least")
    assert "least at m = 8; at m = 4 and m = 16 it is 2.33 and 2.00 times its least;" in said["arms"]
    assert said["arms"].endswith("above the floor: 3.00 and 2.50 times its least")


def test_a_run_that_failed_has_not_found_the_dimensions() -> None:
    failed = [reading("MaskAAE", m, None) for m in (12, 16)]
    found = [reading("MaskAAE", 8, 3, 8), reading("MaskAAE", 12, 4, 8), *failed]
    said = _findings_of_figure(found, 8)
    assert said["active"].startswith("with m > 8, 1 of 3 runs")
    assert said["active"].endswith("; 2 of 3 runs failed")
    assert said["flat"].endswith("1.50 times its least; 2 of 4 runs failed")


def test_a_distance_within_the_floor_has_no_ratio() -> None:
    found = [reading("WAE-WGAN", m, fd, floor=3.0) for m, fd in ((4, 6), (8, 2.5), (12, 5))]
    assert _findings_of_figure(found, 8)["arms"].endswith(
        "2.40 and 2.00 times its least; above the floor: its least is within the floor"
    )


def test_table_2_says_what_it_is_for() -> None:
    found = [reading("MaskAAE", m, fd, a, nac=0.05) for m, fd, a in ((32, 20, 9), (64, 23, 10), (64, 23, 13))]
    found += [reading("WAE-WGAN", m, 30, nac=nac) for m, nac in ((32, 0.04), (64, 0.2))]
    said = _findings_of_table([*found, reading("WAE-WGAN", 64, None)])
    assert said["active"] == "MaskAAE's mean numbers of active dimensions at m = 32 and 64 differ by 2.5"
    assert said["distance"] == "MaskAAE's mean distances there differ by 15% of the lesser"
    assert said["nac"] == (
        "MaskAAE's NAC is below WAE-WGAN's at 1 of 2 latent sizes: 0.050 against 0.040 at m = 32, 0.050 against 0.200 "
        "at m = 64; 1 of 6 runs failed"
    )


def test_the_dimensions_of_synthetic_data_are_read_from_their_name() -> None:
    assert [_true(d) for d in ("synthetic", "synthetic:16", "synthetic:n=4,width=9", "mnist")] == [8, 16, 4, None]


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_scales_compress_the_schedule_or_take_the_paper_s(scale: Any) -> None:
    asked = maskaae_capacity.sized(ImageRequest(SYNTHETIC, scale=scale))
    masked, plain = maskaae_capacity.lines(asked, (16,))
    if scale == "paper":
        assert plain.arguments == {"form": "paper"}
        assert (asked.steps, asked.width, masked.arguments) == (500_000, 128, {"form": "paper"})
    else:
        assert masked.arguments == plain.arguments == {"critic_depth": 2}
