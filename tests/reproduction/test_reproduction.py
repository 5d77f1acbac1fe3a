"""Tables as commands: end to end on tiny data, resumed, from runs trained beforehand, beside published numbers."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.mixture import GaussianMixture

import tiny
from noiseless.cli import run
from noiseless.data import sources
from noiseless.errors import InputError
from noiseless.evaluation.results import Protocol, Result
from noiseless.reproduction import ImageRequest, cells, find, names
from noiseless.reproduction.cells import Judged, Measured
from noiseless.reproduction.command import refuse_loss
from noiseless.reproduction.images import SCALES
from noiseless.reproduction.request import Line, Source
from noiseless.reproduction.studies.eae import eae_lines
from noiseless.reproduction.table import Doubtful, Table, agreement, ranks
from noiseless.runs import reuse, train
from noiseless.training import Stopped
from tiny import failing

TERMS = "--data tiny.npy --width 2 --steps 3 -n 20 --features pixels --threads 1 --constants mnist"
LINE = f"reproduce eae-table {TERMS} --rows AE RAE EAE --seeds 0"
OUT = Path("docs/results/eae-table-tiny-small")
RUNS = Path("runs/eae-table-tiny-small")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("tiny.npy", np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8))


def made() -> tuple[str, dict[str, Any]]:
    return OUT.with_name(f"{OUT.name}.md").read_text(), json.loads(OUT.with_name(f"{OUT.name}.json").read_text())


PLACES = {
    "train": "runs.reuse.train",
    "evaluate": "evaluation.distances.evaluate",
    "record": "evaluation.measured.record",
}


def forbid(monkeypatch: pytest.MonkeyPatch, *functions: str) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("this was done already")

    for name in functions:
        monkeypatch.setattr(f"noiseless.{PLACES[name]}", forbidden)


def numbers(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["row"]: row["columns"] for row in content["rows"]}


def test_a_table_end_to_end_and_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*LINE.split(), "1"]) == 0
    text, content = made()
    assert capsys.readouterr().err.count("cell ") == 6
    table = numbers(content)
    for columns in table.values():
        for number in columns.values():
            values = list(number["values"].values())
            assert len(values) == 2
            assert number["mean"] == pytest.approx(np.mean(values))
            assert number["std"] == pytest.approx(np.std(values, ddof=1))
    assert sorted(number["isotropic"]["rank"] for number in table.values()) == [1, 2, 3]
    best = min(table, key=lambda label: table[label]["GMM"]["mean"])
    assert f"{table[best]['GMM']['mean']:.4g}"[:4] in next(
        row for row in text.splitlines() if row.startswith(f"| {best}")
    )
    assert text.count("**") == 2 * 4
    assert "noiseless reproduce eae-table --data tiny.npy" in text
    assert len(content["fingerprints"]) == 2
    assert {row["density"] for row in content["runs"][0]["rows"]["1"]} == {None, "normal", "gaussian", "gmm"}
    forbid(monkeypatch, "train", "evaluate", "record")
    assert run([*LINE.split(), "1"]) == 0
    assert made() == (text, content)


def test_a_run_trained_beforehand_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    train = "train rae --data tiny.npy --width 2 --steps 3 --seed 0 --threads 1 --constants mnist --precision float32"
    train += " --lr 5e-4 --schedule exponential --lr-factor 0.5 --validate-every 1"
    assert run([*train.split(), "--out", str(RUNS / "rae-0")]) == 0
    before = (RUNS / "rae-0/best.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        forbid(patch, "train")
        assert run(f"reproduce eae-table {TERMS} --rows rae --seeds 0".split()) == 0
    assert (RUNS / "rae-0/best.safetensors").read_bytes() == before
    assert numbers(made()[1])["RAE"]["MVG"]["mean"] > 0


def test_rows_of_a_run_that_is_not_done_are_made_again() -> None:
    assert run(LINE.split()) == 0
    early = numbers(made()[1])["RAE"]["MVG"]["mean"]
    (RUNS / "terms.json").unlink()
    for path in RUNS.glob("*/run.json"):  # three steps of thirty, and judged there
        text = path.read_text().replace('"steps": 3', '"steps": 30')
        path.write_text(text.replace('"validate_every": 1,', '"validate_every": 12,'))
    assert run([*LINE.replace("--steps 3", "--steps 30").split(), "--overwrite"]) == 0
    rows = json.loads((RUNS / "rae-0/results.json").read_text())
    late = numbers(made()[1])["RAE"]["MVG"]["mean"]
    assert late != early
    assert late in [row["fd"] for row in rows if row["density"] == "gaussian"]


def test_a_report_is_not_lost_to_a_smaller_one(capsys: pytest.CaptureFixture[str]) -> None:
    line = f"reproduce eae-table {TERMS}"
    assert run(f"{line} --seeds 0 1 --rows AE RAE".split()) == 0
    kept = made()
    less = ("--seeds 0 1 --rows AE", "--seeds 0 --rows AE RAE", "--seeds 0 1 --rows AE RAE --size 8 --runs apart")
    for other in less:
        assert run(f"{line} {other}".split()) == 2
        assert "has what another command made (noiseless reproduce eae-table --data tiny.npy" in capsys.readouterr().err
        assert made() == kept
        assert not Path("apart").exists(), "it is refused before anything is trained"
    assert run(f"{line} --seeds 0 1 --rows AE RAE EAE".split()) == 0
    assert numbers(made()[1]).keys() == {"AE", "RAE", "EAE"}
    assert run(f"{line} {less[0]} --overwrite".split()) == 0
    assert numbers(made()[1]).keys() == {"AE"}


@pytest.mark.parametrize("name", names())
def test_a_report_in_the_way_is_seen_before_training(name: str) -> None:
    kind = get_type_hints(find(name))["request"]
    request = ImageRequest("tiny.npy") if kind is ImageRequest else kind()
    there = request.place(name)
    there.parent.mkdir(parents=True)
    there.with_name(f"{there.name}.json").write_text(json.dumps({"command": f"noiseless reproduce {name} --steps 7"}))
    with pytest.raises(InputError, match="has what another command made"):
        find(name)(request)
    assert not Path("runs").exists()


def test_options_left_out_are_their_defaults_and_order_does_not_matter(tmp_path: Path) -> None:
    path, made = tmp_path / "a.json", "noiseless reproduce rae-structured --objects molecules"
    path.write_text(json.dumps({"command": f"{made} --lr 0.003 --rows GRAE --threads 1"}))
    refuse_loss(tmp_path / "a", f"{made} --scale small --seeds 0 1 2 3 --rows grae cvae --lr 0.003")
    for other in ("--lr 0.003 --scale paper", "--lr 0.001", "--lr 0.003 --seeds 0", "--lr 0.003 --rows CVAE"):
        with pytest.raises(InputError, match="has what another command made"):
            refuse_loss(tmp_path / "a", f"{made} {other}")


def test_a_run_of_other_defaults_is_refused() -> None:
    line = f"reproduce eae-table {TERMS} --rows RAE --seeds 0".split()
    assert run(line) == 0
    record = json.loads((RUNS / "rae-0/run.json").read_text())
    record["defaults"] |= {"reconstruction": "bernoulli"}  # as if the default had been another one
    (RUNS / "rae-0/run.json").write_text(json.dumps(record))
    assert run(line) == 0
    assert f"RAE, seed 0: {RUNS}/rae-0 is another run: its arguments" in made()[0]
    del record["defaults"]["reconstruction"]
    record["constants"]["code"] = 0.1  # as if the paper's weight had been converted otherwise
    (RUNS / "rae-0/run.json").write_text(json.dumps(record))
    assert run(line) == 0
    assert f"RAE, seed 0: {RUNS}/rae-0 is another run: its code is 0.1, and this row's is" in made()[0]


@pytest.mark.parametrize(
    ("other", "what"),
    [("--steps 4", "steps"), ("--width 3", "arguments"), ("--beta 0.3", "arguments"), ("--seed 1", "data")],
)
def test_a_run_of_another_kind_is_refused_by_name(other: str, what: str) -> None:
    train = {"--width": "2", "--steps": "3", "--seed": "0"} | dict([other.split()])
    given = [word for pair in train.items() for word in pair]
    given += [
        "--constants",
        "mnist",
        "--lr",
        "5e-4",
        "--schedule",
        "exponential",
        "--lr-factor",
        "0.5",
        "--validate-every",
        "500",
    ]
    line = ["train", "rae", "--data", "tiny.npy", *given, "--out", str(RUNS / "rae-0")]
    assert run(line) == 0
    assert run(f"reproduce eae-table {TERMS} --rows RAE AE --seeds 0".split()) == 0
    text, content = made()
    assert f"RAE, seed 0: {RUNS}/rae-0 is another run: its {what}" in text
    assert numbers(content)["RAE"]["isotropic"]["mean"] is None
    assert numbers(content)["AE"]["isotropic"]["mean"] > 0
    assert "not measured" in next(row for row in text.splitlines() if row.startswith("| RAE "))


def test_other_terms_and_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"reproduce eae-table {TERMS} --rows AE --seeds 0".split()) == 0
    refused = {
        f"{LINE} --out other".replace("--steps 3", "--steps 4"): "under other terms: steps was 3",
        LINE.replace("EAE", "EEA"): "did you mean",
        LINE.replace("tiny.npy", "tinny.npy"): "unknown data set",
        LINE.replace("eae-table", "eae-tabel"): "did you mean 'eae-table'",
        f"{LINE} 0": "seeds",
        f"{LINE} --threads 0": "threads",
        f"{LINE} --out other".replace("pixels", "pixles"): "did you mean 'pixels'",
        f"{LINE} --out .": "names no file",
    }
    for line, said in refused.items():
        capsys.readouterr()
        assert run(line.split()) == 2
        assert said in capsys.readouterr().err


def test_data_that_are_not_at_hand_leave_a_table_of_published_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SYSTEM", Path("nowhere"))
    assert run(["reproduce", "rae-table", "--data", "celeba", "--seeds", "0", "--out", "celeba"]) == 0
    content = json.loads(Path("celeba.json").read_text())
    assert numbers(content)["RAE-SN"]["GMM"]["published"] == 40.95
    assert all(number["mean"] is None for columns in numbers(content).values() for number in columns.values())
    text = Path("celeba.md").read_text()
    assert text.count("* not measured: ") == 1
    assert "looked in" not in text


def test_a_row_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "train", failing(reuse.train, "rae", RuntimeError("the matrix is singular")))
    assert run(LINE.split()) == 0
    text, content = made()
    assert "* not measured: RAE, seed 0: the matrix is singular" in text
    assert [number["isotropic"]["mean"] is None for number in numbers(content).values()] == [True, False, False]


def test_a_stopped_table_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise Stopped(signal.SIGINT, 2)

    with monkeypatch.context() as patch:
        patch.setattr("noiseless.evaluation.distances.evaluate", stopped)
        assert run(LINE.split()) == 130
    assert "go on with the same command" in capsys.readouterr().err
    assert not OUT.with_name(f"{OUT.name}.md").exists()
    first = (RUNS / "rae-0/best.safetensors").stat().st_mtime_ns
    assert run(LINE.split()) == 0
    assert (RUNS / "rae-0/best.safetensors").stat().st_mtime_ns == first


def test_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = ({str(k): float(v) for k, v in enumerate(rng.normal(size=9))} for _ in range(2))
    assert agreement(a, b) == pytest.approx(spearmanr(list(a.values()), list(b.values())).statistic)
    assert agreement(a, {"0": 1.0, "1": 2.0}) is None
    assert agreement(a, dict.fromkeys(a, 1.0)) is None
    assert ranks({"x": 2.0, "y": 1.0}) == {"x": 2.0, "y": 1.0}


def test_published_stands_beside_measured_and_doubt_is_not_compared() -> None:
    request = ImageRequest("mnist", seeds=(0,))
    lines = [Line(label, label, {"a": Source("samples", "normal")}) for label in "pqrs"]
    protocol = Protocol("samples", 1, "normal", reference="test", features="f", fingerprint="0", weights="best")
    rows = [Judged(Result(protocol, {"fd": float(fd)})) for fd in range(4)]
    found = [
        Measured(cells.Cell(line, frozenset(), 0, Path(line.label), request, ""), {1.0: [row]})
        for line, row in zip(lines, rows, strict=True)
    ]
    published = {"mnist": {"p": (1.5,), "q": (2.5,), "r": (3.5,), "s": (Doubtful(0.5),)}}
    report = Table("eae-table", "title", request, lines, ["a"], found, published).report()
    assert report.content["rank_correlation"] == {"a": 1.0}
    assert "(0.50)" in report.text
    assert "1.50" in report.text
    assert "in the reference (test data)" in report.text
    other = replace(request, constants="celeba")
    published["celeba"] = {"p": (9.25,)}
    report = Table("eae-table", "title", other, lines, ["a"], found, published, judged=50_000).report()
    assert "9.25" in report.text
    assert "1.50" not in report.text
    assert "* published numbers are those of celeba, and the data are others" in report.text
    assert "at n = 50,000" in report.text


def test_the_published_tables_hold_together() -> None:
    table = {line.label: line for line in eae_lines("second-stage")}
    for name in ("rae-table", "eae-table"):
        assert find(name) is names()[name]
    from noiseless.reproduction.studies.eae import _published
    from noiseless.reproduction.studies.rae import PUBLISHED

    assert all(rows.keys() <= table.keys() for rows in _published().values())
    mnist, cifar10 = (_published()[data] for data in ("mnist", "cifar10"))
    assert mnist["VAE"] == (19.21, None, 17.66, 18.26)
    assert mnist["AE"] == (None, 58.73, 10.66, 12.95)
    assert cifar10["2sVAE"] == (109.77, None, None, 62.54)
    assert cifar10["EAE"] == (85.26, 80.07, 73.12, 29.77)
    assert cifar10["CV-VAE"] == (94.75, 94.75, 86.64, 37.74)
    assert [isinstance(value, Doubtful) for value in cifar10["CV-VAE"]] == [True, False, False, False]
    sums = {data: [sum(row[k] or 0 for row in rows.values()) for k in range(4)] for data, rows in PUBLISHED.items()}
    assert sums == {
        "mnist": pytest.approx([128.59, 238.98, 97.36, 152.82]),
        "cifar10": pytest.approx([380.13, 1092.52, 737.89, 639.36]),
        "celeba": pytest.approx([401.31, 934.87, 410.3, 405.04]),
    }


def test_what_fails_takes_nothing_else_along(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = GaussianMixture.fit

    def broken(self: GaussianMixture, *given: Any) -> Any:
        raise RuntimeError("no mixture today")

    with monkeypatch.context() as patch:
        patch.setattr(GaussianMixture, "fit", broken)
        assert run(f"reproduce eae-table {TERMS} --rows AE --seeds 0".split()) == 0
    text, content = made()
    assert "* not measured: AE, seed 0: gmm: no mixture today" in text
    found = {column: number["mean"] is not None for column, number in numbers(content)["AE"].items()}
    assert found == {"isotropic": True, "MVG": True, "GMM": False, "reconstruction": True}
    assert GaussianMixture.fit is fit
    assert run(f"reproduce eae-table {TERMS} --rows AE --seeds 0".split()) == 0
    assert numbers(made()[1])["AE"]["GMM"]["mean"] > 0


def test_a_second_stage_is_a_column_and_tables_may_share_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCALES, "small", replace(SCALES["small"], second_stage="second-stage:width=8,steps=5"))
    assert run(f"reproduce eae-table {TERMS} --rows 2sVAE --seeds 0".split()) == 0
    assert numbers(made()[1])["2sVAE"]["isotropic"]["mean"] > 0
    assert (RUNS / "vae-0/densities/second-stage-width-8-steps-5.safetensors").exists()
    assert not (RUNS / "vae-0/pictures").exists()
    forbid(monkeypatch, "train", "evaluate")
    assert run(f"reproduce rae-table {TERMS} --rows 2sVAE --seeds 0 --runs {RUNS} --out shared".split()) == 0
    assert numbers(json.loads(Path("shared.json").read_text()))["2sVAE"]["N"]["mean"] > 0


def test_studies_are_listed_and_explain_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "tables"]) == 0
    assert "eae-table" in capsys.readouterr().out
    for name in names():
        assert run(["reproduce", name, "--help"]) == 0
        assert f"Example: noiseless reproduce {name}" in capsys.readouterr().out


def test_ablations_are_measured_early_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    line = ["reproduce", "eae-ablations", *TERMS.replace("--steps 3", "--steps 4").split(), "--seeds", "0"]
    line += ["--rows", "base", "weight 0.05", "batch 500", "weight 0, depth 2", "--out", "a"]
    assert run(line) == 0
    content = json.loads(Path("a.json").read_text())
    table = numbers(content)
    assert table["batch 500"]["isotropic"]["mean"] is None
    for label in ("base", "weight 0.05", "weight 0, depth 2"):
        for column in ("isotropic, 1/4", "isotropic, 1/2", "isotropic"):
            assert table[label][column]["mean"] > 0
    base = Path("runs/eae-ablations-tiny-small/base-0")
    for place, drawn in (("at-1", {None, "normal"}), ("at-2", {None, "normal"}), ("", {None, *cells.ALWAYS})):
        assert {row["density"] for row in json.loads((base / place / "results.json").read_text())} == drawn
    assert set(content["early"]) == {"isotropic, 1/4", "isotropic, 1/2"}
    assert "Rank correlation over rows of early" in Path("a.md").read_text()
    forbid(monkeypatch, "train", "evaluate")
    assert run(line) == 0
    assert numbers(json.loads(Path("a.json").read_text())) == table
    shutil.rmtree(base / "at-1")
    assert run(line) == 0
    assert "base, seed 0: the run is past step 1" in Path("a.md").read_text()
    assert numbers(json.loads(Path("a.json").read_text()))["base"]["isotropic"] == table["base"]["isotropic"]


def test_all_rows_of_the_small_scale_see_as_many_data(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(
        "noiseless.reproduction.studies.rae.measure", lambda *study: found.extend(cells.cells(*study)) or []
    )
    find("rae-table")(ImageRequest("tiny.npy", constants="celeba", width=2, seeds=(0,)))
    assert len(found) == 9  # VAE's is 2sVAE's
    assert {cell.settled.batch for cell in found} == {100}  # the published VAE of CelebA has 1,000


@pytest.mark.parametrize(("steps", "stages"), [(8, (2, 4)), (10, (2, 4)), (11, (2, 6))])
def test_stages_end_where_one_go_does(steps: int, stages: tuple[int, int]) -> None:
    given = f"--constants mnist --width 2 --steps {steps} --threads 1 --lr 5e-4 --schedule exponential"
    halved = round(500 * steps / 1200)  # as fast as in the tables: twice by the end, and a bit
    given += f" --validate-every 2 --lr-factor {0.5 ** (2 / halved)!r}"
    assert run(f"train eae --data tiny.npy {given} --out one".split()) == 0
    terms = TERMS.replace("--steps 3", f"--steps {steps}").split()
    assert run(["reproduce", "eae-ablations", *terms, "--seeds", "0", "--rows", "base", "--out", "a"]) == 0
    places = (Path("one"), Path("runs/eae-ablations-tiny-small/base-0"))
    assert {path.name for path in places[1].glob("at-*")} == {f"at-{step}" for step in stages}
    (at_once, best), (staged, other) = (tiny.weights(place).values() for place in places)
    tiny.assert_same(at_once, staged)
    tiny.assert_same(best, other)


def test_a_stage_stops_a_run_and_keeps_its_plan() -> None:
    """Where the rate depends on the planned end, and a line counts epochs."""
    given = {"epochs": 8, "batch": 90, "schedule": "cooldown", "lr_cooldown": 0.9, "validate_every": 3}
    sources = {f"{part}": Source("samples", "normal", part) for part in (0.5, 1.0)}
    request = ImageRequest("tiny.npy", scale="paper", constants="mnist", width=2, seeds=(0,), threads=1)
    (cell,) = cells.cells(request, "eae-table", [Line("AE", "ae", sources, training=given, name="ae")])
    at_once = train("ae", cell.loaded, "one", training=cell.training, draw=False, show=False, **cell.arguments)
    total = at_once.steps[1]
    half = cell.steps(0.5)
    assert 0 < half < total == cell.steps()
    assert cells.trained(cell, 0.5).steps == (half, total)
    assert cells.trained(cell).steps == (total, total)
    for one, other in zip(*(tiny.weights(place).values() for place in (Path("one"), cell.folder)), strict=True):
        tiny.assert_same(one, other)


def test_narrow_bottlenecks_are_drawn() -> None:
    rows = [f"batch norm, depth {depth}, latent {d}" for depth, d in ((1, 2), (2, 4))]
    rows += ["neither, depth 1, latent 2", "EAE, depth 2"]
    assert run(["reproduce", "eae-bottlenecks", *TERMS.split(), "--seeds", "0", "--rows", *rows, "--out", "b"]) == 0
    assert Path("b-distances.png").is_file()
    assert "](b-distances.png)" in Path("b.md").read_text()
    table = numbers(json.loads(Path("b.json").read_text()))
    for label, name in zip(rows, ("batch-norm-depth-1-latent-2", "batch-norm-depth-2-latent-4"), strict=False):
        folder = Path(f"runs/eae-bottlenecks-tiny-small/{name}-0")
        found = json.loads((folder / "latent.json").read_text())
        assert [row["row"] for row in found] == ["codes", "N(0, I)"]
        assert table[label]["energy"]["mean"] == pytest.approx(found[0]["energy"])
        assert json.loads((folder / "run.json").read_text())["arguments"]["weight"] == 0


def test_figures_take_the_runs_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(f"reproduce eae-table {TERMS} --seeds 0 --rows AE EAE".split()) == 0
    forbid(monkeypatch, "train")
    figures = LINE.replace("eae-table", "eae-figures").replace("AE RAE EAE", "AE EAE")
    assert run([*figures.split(), "--out", "f"]) == 0
    content = json.loads(Path("f.json").read_text())
    assert content["rows"]["reconstructions"] == ["data", "AE", "EAE"]
    for kind in ("reconstructions", "isotropic", "gmm", "interpolations"):
        assert Path(f"f-{kind}.png").is_file()
        assert f"](f-{kind}.png)" in Path("f.md").read_text()
