"""A model of strings in use: the command line from training to tables, text files, pictures, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ImageFont

import noiseless as nl
from noiseless.cli import run
from noiseless.data import load as load_data
from noiseless.errors import InputError, RunError
from noiseless.evaluation.strings import evaluate_strings, identity_of
from noiseless.model import Model
from noiseless.optimisation.scores.expression import distance
from noiseless.optimisation.verbs import strings as searched_strings
from noiseless.reproduction import find
from noiseless.reproduction.studies.grammar import StringRequest, page
from noiseless.runs import Run, reuse
from noiseless.show import drawings, texts
from noiseless.strings import parser, shipped
from noiseless.values import Spec
from tiny import failing

pytestmark = pytest.mark.pictures

DATA = "expressions:size=150"
FAST = ["--width", "4", "--latent-dim", "3", "--batch", "20", "--threads", "1", "--device", "cpu"]
SEARCHED = "--objective expression --search random --rounds 1 --batch 4 --votes 3 --threads 1 --device cpu"
SMILES = Spec("zinc", (60,), (), (), 76, shipped("smiles").text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("strings") / "run"
    assert run(["train", "grae", "--data", DATA, "--steps", "8", "--out", str(place), *FAST]) == 0
    return place


def words(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_a_run_has_text_files_and_pictures_and_its_language(trained: Path) -> None:
    made = {path.name for path in (trained / "pictures").iterdir()}
    assert {"samples-gmm.txt", "samples-gmm.png", "reconstructions.txt", "interpolation-linear.png"} <= made
    about = json.loads((trained / "run.json").read_text())["data"]
    assert (about["tokens"], about["alphabet"], about["language"]) == (12, "", shipped("expressions").text)
    accepts = parser(shipped("expressions")).accepts
    assert all(accepts(word) for word in words(trained / "pictures" / "samples-gmm.txt") if word)
    assert all(len(line.split("\t")) == 8 for line in words(trained / "pictures" / "interpolation-spherical.txt"))
    originals = [line.split("\t")[0] for line in words(trained / "pictures" / "reconstructions.txt")]
    assert len(originals) == 15
    assert all(map(accepts, originals))


def test_votes_are_drawn_from_what_the_decoder_said_once(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Run(trained).model()
    model.batch = 50
    codes = model.draw(7, "normal").repeat_interleave(20, dim=0)
    given: list[int] = []
    decode = model.autoencoder.decode
    monkeypatch.setattr(model.autoencoder, "decode", lambda z: given.append(len(z)) or decode(z))
    drawn = model.strings(codes, torch.Generator().manual_seed(0))
    assert given == [3, 3, 2]  # of 50, 50 and 40 votes
    monkeypatch.setattr("noiseless.model.model.uses_batch_statistics", lambda _: True)
    assert model.strings(codes, torch.Generator().manual_seed(0)) == drawn
    assert given[3:] == [50, 50, 40]
    assert len(set(drawn)) > 7


def test_strings_in_and_out(trained: Path, tmp_path: Path) -> None:
    at = str(trained)
    for decoding in ("best", "sampled"):
        out = tmp_path / f"{decoding}.txt"
        assert run(["sample", at, "-n", "30", "--decoding", decoding, "--out", str(out), "--device", "cpu"]) == 0
        assert len(words(out)) == 30
    assert run(["sample", at, "-n", "6", "--out", str(tmp_path / "s.png"), "--device", "cpu"]) == 0
    assert run(["encode", at, DATA, "--out", str(tmp_path / "z.npy"), "--device", "cpu"]) == 0
    assert np.load(tmp_path / "z.npy").shape == (150, 3)
    assert run(["decode", at, str(tmp_path / "z.npy"), "--out", str(tmp_path / "d.txt"), "--device", "cpu"]) == 0
    model = Run(trained).model()
    z = model.encode(["x+x+(x)", "1/3+(x)+3"])
    assert words(tmp_path / "d.txt") == [s or "" for s in model.strings(np.load(tmp_path / "z.npy"))]
    assert z.shape == (2, 3)
    assert model.decode(z).shape == (2, 15, 12)
    assert run(["interpolate", at, DATA, "-n", "2", "--steps", "3", "--out", str(tmp_path / "i.txt")]) == 0
    assert [len(line.split("\t")) for line in words(tmp_path / "i.txt")] == [3, 3]


def test_strings_that_did_not_end_are_told(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", np.zeros((4, 3), dtype=np.float32))
    told = "of 4 strings are empty: their derivation did not end within 15 rules"
    for made, said in ((["x", None, "1", None], f"2 {told}"), (["x"] * 4, "")):
        monkeypatch.setattr(Model, "strings", lambda *_, made=made: made)
        for line in (
            "sample RUN -n 4",
            "decode RUN z.npy --out d.txt --overwrite",
            f"interpolate RUN {DATA} -n 1 --steps 4",
        ):
            assert run([*line.replace("RUN", str(trained)).split(), "--device", "cpu"]) == 0
            err = capsys.readouterr().err
            assert said in err
            assert ("are empty" in err) == bool(said)


def test_strings_from_elsewhere_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.txt").write_text("x\nx\n\nsin(x)+\nexp(x*x*x*x)\n")  # twice the same, none, a broken one, a right one
    assert run(["evaluate", "--samples", "s.txt", "--data", "expressions:size=200", "-n", "9", "--out", "judged"]) == 0
    real, given = json.loads(Path("judged/results.json").read_text())
    assert (real["row"], real["n"], real["valid"]) == ("test data", 9, 1)
    assert (given["row"], given["n"], given["valid"], given["in language"]) == ("s.txt", 5, 0.6, 0.6)
    assert given["unique"] == pytest.approx(2 / 3)
    Path("s.txt").write_text("x\n")
    assert run(["evaluate", "--samples", "s.txt", "--data", "expressions:size=200", "-n", "9"]) == 2


def test_strings_are_judged_however_they_are_given(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["x", "x+1", "sin(x)", "x*x", "exp(x)", "x/3"] * 3
    Path("s.txt").write_text("\n".join(lines))
    Path("s.csv").write_text("\n".join(lines))
    Path("own.txt").write_text(shipped("expressions").text)
    run_of = Run(trained)
    tokens = run_of.model().codec.encode(lines)
    judged = []
    for given in ("s.txt", "s.csv", "strings:s.txt,grammar=own.txt", "strings:s.txt,codec=characters", tokens, lines):
        found = nl.evaluate_samples(given, run_of.data(), n=12)
        judged.append(found[-1].values)
    assert all(values == judged[0] for values in judged)
    assert judged[0]["valid"] == 1
    assert run(["evaluate", str(trained), "--samples", "expressions:size=60", "-n", "9", "--out", str(tmp_path)]) == 0
    with pytest.raises(InputError, match="digits are no strings, which expressions are; give a text file"):
        nl.evaluate_samples("digits", run_of.data(), n=12)


def test_decoding_is_as_drawn_by_the_generator_in_any_batches(trained: Path) -> None:
    model = Run(trained).model()
    z = model.draw(40, "gmm")
    assert model.strings(z) == model.codec.decode(model.decode(z))
    first, again, other = (model.strings(z, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sample RUN --out s.npy", "written as .txt or .png"),
        ("sample RUN --out folder", "written as .txt or .png"),
        ("evaluate RUN --features pixels", "judged as such; leave out --features"),
        ("evaluate RUN --samples s.txt --features pixels", "judged as such; leave out --features"),
        ("evaluate RUN --samples nowhere.txt", "nowhere.txt cannot be read"),
        ("optimise RUN --objective expresion", "known: expression, logp, or MODULE:NAME"),
        ("compare grae --data expressions:size=50 --features pixels", "judged as such"),
        ("train gvae --data expressions:codec=characters,size=50", "train character-vae"),
        ("train rae --data expressions:size=50 --reconstruction bernoulli", "is for numbers"),
        ("train grae --data digits", "digits are images; train rae-l2"),
        ("reproduce rae-structured --rows GRAEE", "did you mean 'GRAE'"),
    ],
)
def test_what_makes_no_sense_for_strings_is_refused(
    line: str, sentence: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line.replace("RUN", str(trained)).split()) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


OTHERS = {
    "strings:words.txt,grammar=turned.txt,length=15": "here S -> S '*' T, there S -> S '+' T",
    "strings:words.txt,codec=characters,length=15": "here tokens are characters, there tokens are rules",
    "expressions:size=40,length=16": "the data have up to 16 rules, but RUN takes 15; add length=15",
    "digits": "the data are numbers, but RUN was trained on strings",
}


@pytest.mark.parametrize("data", OTHERS)
@pytest.mark.parametrize("verb", ["encode RUN DATA --out z.npy", "interpolate RUN DATA", "evaluate RUN --data DATA"])
def test_data_in_another_language_are_refused(
    verb: str, data: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    rules = shipped("expressions").text.splitlines()
    (tmp_path / "turned.txt").write_text("\n".join([rules[1], rules[0], *rules[2:]]))
    (tmp_path / "words.txt").write_text("x\nx+x\nx*2\nx+x+1\n")
    monkeypatch.chdir(tmp_path)
    assert run([word.replace("RUN", str(trained)).replace("DATA", data) for word in verb.split()]) == 2
    assert OTHERS[data].replace("RUN", str(trained)) in " ".join(capsys.readouterr().err.split())
    assert not Path("z.npy").exists()


def test_strings_are_no_vectors_to_a_run_on_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("v.npy", np.random.default_rng(0).standard_normal((60, 15)).astype(np.float32))
    assert run(["train", "ae", "--data", "v.npy", "--steps", "2", "--out", "v", *FAST]) == 0
    assert run(["encode", "v", DATA, "--out", "z.npy"]) == 2
    assert "the data are strings, but v was trained on numbers" in capsys.readouterr().err


def test_strangers_are_named(trained: Path) -> None:
    model = Run(trained).model()
    with pytest.raises(InputError, match=r"'x\+y' is not in the language: 'y' at position 2"):
        model.encode(["x", "x+y"])
    with pytest.raises(InputError, match="uint8 below 12"):
        model.encode(np.full((2, 15), 12, dtype=np.uint8))


def test_shares_of_a_run(trained: Path, capsys) -> None:
    assert run(["evaluate", str(trained), "--density", "gmm", "-n", "15", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "in language" in out
    rows = json.loads((trained / "results.json").read_text())
    kinds = [(row["row"], row["density"], row.get("decoding")) for row in rows]
    assert kinds == [
        ("test data", None, None),
        ("reconstruction", None, "best"),
        ("reconstruction", None, "sampled"),
        ("samples", "gmm", "best"),
        ("samples", "gmm", "sampled"),
        ("interpolation, spherical", None, "best"),
        ("interpolation, spherical", None, "sampled"),
        ("interpolation, linear", None, "best"),
        ("interpolation, linear", None, "sampled"),
    ]
    assert rows[0]["valid"] == rows[0]["novel"] == 1.0
    model, data = Run(trained).model(), Run(trained).data()
    again = evaluate_strings(model, data, ["gmm"], n=15)
    assert [row.values["valid"] for row in again] == [row["valid"] for row in rows]
    z = model.encode(data.test.take(np.arange(15)))
    original = model.codec.read(data.test.take(np.arange(15)))
    share = np.mean([a == b for a, b in zip(model.strings(z), original, strict=True)])
    assert rows[1]["exact"] == pytest.approx(float(share))
    with pytest.raises(InputError, match="n is 1"):
        evaluate_strings(model, data, [], n=1)


def test_codes_are_searched_for_better_strings(trained: Path, tmp_path: Path) -> None:
    opened, model = Run(trained), Run(trained).model()
    kept = searched_strings(opened, model)
    assert len(kept.strings) == len(kept.codes) == json.loads((trained / "run.json").read_text())["data"]["train"]
    assert all(map(parser(shipped("expressions")).accepts, kept.strings))
    torch.testing.assert_close(kept.codes, model.encode(kept.strings))
    assert run(["optimise", str(trained), *SEARCHED.split(), "--out", str(tmp_path / "o")]) == 0
    content = json.loads((tmp_path / "o" / "report.json").read_text())
    assert content["training"]["best"] == pytest.approx(min(map(distance, kept.strings)))
    assert all(row["score"] == pytest.approx(distance(row["string"])) for row in content["best"])
    assert all((row["string"] in kept.strings) == row["training"] for row in content["best"])


def test_methods_of_strings_are_compared(tmp_path: Path) -> None:
    line = ["compare", "rae", "grae", "--data", DATA, "--density", "gaussian", "-n", "12", "--steps", "3", *FAST]
    assert run([*line, "--out", str(tmp_path / "c")]) == 0
    assert {"grae", "rae", "results.json", "table.md", "samples.png"} <= {p.name for p in (tmp_path / "c").iterdir()}
    assert "| method" in (tmp_path / "c" / "table.md").read_text()
    shutil.rmtree(tmp_path / "c" / "grae" / "pictures")
    assert run([*line, "--out", str(tmp_path / "c")]) == 0  # nothing is done again
    assert not (tmp_path / "c" / "grae" / "pictures").exists()


def test_a_run_needs_no_file_of_its_grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words.txt").write_text("".join(f"{'(' * (k % 5)}{'ab'[k % 2]}{')' * (k % 5)}\n" for k in range(60)))
    (tmp_path / "own.txt").write_text("S -> '(' S ')' | 'a' | 'b'")
    monkeypatch.chdir(tmp_path)
    data = "strings:words.txt,grammar=own.txt"
    given = ["--reconstruction", "categorical", "--steps", "3", "--out", "own", *FAST]
    assert run(["train", "rae", "--data", data, *given]) == 0
    assert not list((tmp_path / "own" / "pictures").glob("samples*.png"))
    (tmp_path / "own.txt").unlink()
    assert run(["sample", "own", "-n", "5", "--out", "s.txt", "--device", "cpu"]) == 0
    assert all(set(word) <= set("()ab") for word in words(tmp_path / "s.txt"))
    assert run(["sample", "own", "-n", "5", "--out", "s.png", "--device", "cpu"]) == 2


def test_the_log_of_training_calls_data_what_they_are(tmp_path: Path, capsys) -> None:
    for method, data, unit in (("grae", DATA, "strings/s"), ("ae", "digits", "images/s")):
        assert run(["train", method, "--data", data, "--steps", "2", "--out", str(tmp_path / method), *FAST]) == 0
        assert f" {unit}  " in capsys.readouterr().err


def test_a_text_file_is_read_in_the_language_of_the_run(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.txt").write_text("x+1\n\n1/3+(x)+3\n")
    assert run(["encode", str(trained), "new.txt", "--out", "z.npy", "--device", "cpu"]) == 0
    np.testing.assert_allclose(np.load("z.npy"), Run(trained).model().encode(["x+1", "1/3+(x)+3"]), rtol=1e-6)
    assert run(["interpolate", str(trained), "new.txt", "-n", "1", "--out", "i.txt", "--device", "cpu"]) == 0
    Path("bad.txt").write_text("x\n\nx+y\n")
    assert run(["encode", str(trained), "bad.txt", "--out", "y.npy"]) == 2
    assert "line 3 of bad.txt: 'x+y' is not in the language" in " ".join(capsys.readouterr().err.split())
    assert run(["train", "grae", "--data", "bad.txt"]) == 2
    assert "strings are given as strings:bad.txt,grammar=FILE" in " ".join(capsys.readouterr().err.split())


def test_a_run_knows_that_its_strings_are_molecules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.smi").write_text("".join(f"{'C' * (k % 5)}[Si]\n" for k in range(40)))
    (tmp_path / "own.txt").write_text("S -> 'C' S | '[Si]'")
    monkeypatch.chdir(tmp_path)
    data = "smiles:mine.smi,grammar=own.txt,length=10"
    assert run(["train", "grae", "--data", data, "--steps", "2", "--out", "own", *FAST]) == 0
    assert Run(tmp_path / "own").spec.kind == "molecules"
    record = json.loads((tmp_path / "own" / "run.json").read_text())
    del record["data"]["kind"], record["training"]["lr_floor"]  # as older runs have it
    (tmp_path / "own" / "run.json").write_text(json.dumps(record))
    assert Run(tmp_path / "own").spec.kind == ""
    assert Run(tmp_path / "own").training.lr_floor is None


def test_the_table_of_structured_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = "reproduce rae-structured --objects expressions --data expressions:size=1200 --seeds 0 --rows GRAE CVAE"
    line += " --steps 2 --width 4 --batch 50 --lr 0.002 -n 10 --threads 1 --device cpu --out table"
    assert run(line.split()) == 0
    content = json.loads(Path("table.json").read_text())
    assert [row["row"] for row in content["rows"]] == ["GRAE", "CVAE"]
    assert content["rows"][0]["published"]["valid"] == "1.00 ± 0.00"
    assert content["rows"][0]["columns"]["valid, gmm"]["mean"] is not None
    page = Path("table.md").read_text()
    assert "3.22 ± 0.03" in page
    assert "blank: not measured" in page
    assert "noiseless optimise RUN --objective expression" in page
    assert "width 4, 2 steps of 50 at a rate of 0.002;" in page
    place = Path("runs/rae-structured-expressions-small/grae-0")
    made = Run(place)
    assert (made.training.batch, made.record["arguments"]["optimiser"]["lr"]) == (50, 0.002)
    assert run(["optimise", str(place), *SEARCHED.split(), "--seeds", "0", "1"]) == 0
    monkeypatch.setattr("noiseless.runs.reuse.train", lambda *_, **__: pytest.fail("trained again"))
    monkeypatch.setattr("noiseless.evaluation.strings.evaluate_strings", lambda *_: pytest.fail("again"))
    assert run([*line.split(), "--search", "random", "--overwrite"]) == 0
    grae, cvae = json.loads(Path("table.json").read_text())["rows"]
    report = json.loads((place / "optimise/expression-random/report.json").read_text())
    assert (place / "optimise/expression-random/best-new.png").is_file()
    assert grae["optimised"]["0"]["trials"] == report["rows"][:2]
    assert grae["optimised"]["0"]["best new"] == report["best new"][:3]
    assert cvae["optimised"] == {}
    page = Path("table.md").read_text()
    assert "1 x 4 codes, 3 votes each; mean ± standard deviation over trials. Trials: 2; runs: 1." in page
    assert f"{report['best new'][0]['score']:.2f} `{report['best new'][0]['string']}`" in page
    (place / "optimise/expression-random/report.json").write_text("{}")
    assert run([*line.split(), "--search", "random"]) == 2
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run(line.replace("--width 4", "--width 8").split()) == 2


def test_a_table_of_other_objects_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.smi").write_text("CCO\nCC(C)O\nc1ccccc1\nCCN\n" * 10)
    line = "reproduce rae-structured --seeds 0 --steps 2 --width 4 -n 10 --threads 1 --rows GRAE"
    assert run([*line.split(), "--data", "smiles:few.smi"]) == 2
    assert run([*line.split(), "--objects", "molecules", "--data", "expressions:size=50"]) == 2
    with pytest.raises(InputError, match="leave codec= out"):
        StringRequest(data="expressions:codec=characters")
    assert not list(tmp_path.glob("**/run.json"))


def test_rows_of_unequal_data_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rdkit")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.smi").write_text("CCO\nCC(C)O\nc1ccccc1\nCCN\n" * 30 + "C(((C\n" * 30)  # characters take these
    line = "reproduce rae-structured --objects molecules --data smiles:few.smi,bad=skip,length=40 --seeds 0 --steps 2"
    line += " --width 4 --batch 20 -n 10 --threads 1 --rows GRAE CVAE --out table.md"
    assert run(line.split()) == 0
    assert "training strings: GRAE 98, CVAE 122" in Path("table.md").read_text()
    assert {path.name for path in tmp_path.glob("table*")} == {"table.md", "table.json"}


def test_a_row_of_structured_objects_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "reproduce rae-structured --data expressions:size=1200 --seeds 0 --steps 2 --width 4 -n 10 --threads 1"
    broken = failing(reuse.train, "character-vae", RunError("the loss became nan"))
    monkeypatch.setattr(reuse, "train", broken)
    assert run(f"{line} --rows GRAE CVAE --out table".split()) == 0
    assert "* not measured: CVAE, seed 0: the loss became nan" in Path("table.md").read_text()
    assert run(f"{line} --rows CVAE --out none".split()) == 1
    assert not Path("none.md").exists()
    record = Path("runs/rae-structured-expressions-small/grae-0/run.json")
    record.write_text(record.read_text().replace('"arguments": {', '"arguments": {"beta": 0.5,'))
    assert run(f"{line} --rows GRAE --out other".split()) == 2


def test_a_molecule_that_is_written_in_two_ways_is_one_of_the_best_three() -> None:
    pytest.importorskip("rdkit")
    terms = {"search": "random", "objective": "logp", "goal": "maximise", "rounds": 1, "batch": 4, "votes": 1}
    found = [
        terms | {"trials": [], "best new": [], "best": [{"string": smiles, "score": score}, *rest]}
        for smiles, score, rest in (("OCC", 3.0, [{"string": "CCN", "score": 1.0}]), ("CCO", 3.0, []))
    ]
    searches = {("GRAE", seed): one for seed, one in enumerate(found)}
    assert "| 3.00 1.00 " in page(StringRequest(objects="molecules", rows=("GRAE",)), [], searches)


def test_the_character_model_of_the_table_reads_characters() -> None:
    molecules = StringRequest(objects="molecules")
    assert molecules.source("grae") == "moses:size=20000,length=200"
    assert molecules.source("character-vae") == "moses:size=20000,codec=characters"
    assert StringRequest(objects="molecules", scale="paper").source("grae") == "moses:size=250000"
    assert StringRequest().source("character-vae") == "expressions:codec=characters"
    own = StringRequest(objects="molecules", data="smiles:a.smi,bad=skip")
    assert own.source("character-vae") == "smiles:a.smi,bad=skip,codec=characters"
    assert find("rae-structured").__name__ == "rae_structured"
    assert StringRequest(steps=5).setting.steps == 5


def test_pictures_of_expressions() -> None:
    spec = load_data("expressions:size=30").spec
    tiles = drawings.tiles(["x", "1/(1+2)", "exp(x*x)", None, "x/(x/x)", "x+"], spec)
    assert tiles is not None
    assert tiles.shape[:2] == (6, 3)
    assert tiles.min() >= 0
    assert tiles.max() <= 1
    line = drawings._values("1/3+x+sin(x*x)")
    assert line is not None
    np.testing.assert_allclose(line, 1 / 3 + drawings.X + np.sin(drawings.X**2), rtol=1e-12)
    np.testing.assert_allclose(drawings._values("x+1*2"), drawings.X + 2)  # the string's precedence, not the grammar's
    assert drawings._values("__import__('os')") is None
    assert drawings._values("x.real") is None
    assert drawings._values("*".join("3" * 60)) is not None  # more than 64 bits
    assert not torch.equal(tiles[0], tiles[1])
    assert torch.equal(tiles[3], tiles[5])
    font = ImageFont.load_default(drawings.LETTER)
    missing = font.getmask("\ufffe").getbbox(), bytes(font.getmask("\ufffe"))
    assert all((font.getmask(c).getbbox(), bytes(font.getmask(c))) != missing for c in drawings.NOTHING)


def test_pictures_of_molecules() -> None:
    pytest.importorskip("rdkit")
    assert drawings.has_pictures(SMILES)
    tiles = drawings.tiles(["CCO", "c1ccccc1", "C1CC", None], SMILES)
    assert tiles is not None
    assert torch.equal(tiles[2], tiles[3])
    assert not torch.equal(tiles[0], tiles[1])
    assert identity_of(SMILES)("OCC") == "CCO"


def test_without_rdkit_molecules_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.show.drawings.find_spec", lambda _: None)
    assert not drawings.has_pictures(SMILES)
    with pytest.raises(InputError, match=r"noiseless\[molecules\]"):
        texts.save(["CCO"], SMILES, tmp_path / "m.png")
    assert texts.save(["CCO", None], SMILES, tmp_path / "m.txt").read_text() == "CCO\n\n"
    with pytest.raises(InputError, match="exists already"):
        texts.save(["CCO"], SMILES, tmp_path / "m.txt")


def test_other_languages_have_no_pictures() -> None:
    assert drawings.tiles(["a"], Spec("own", (4,), (), (), 3, "S -> 'a' | 'b'")) is None
