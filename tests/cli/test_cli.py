"""The command line as a new user meets it: every verb, every example of the help, code of one's own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_wine

from noiseless import metrics
from noiseless.cli import app, run, use
from noiseless.cli.app import VERBS
from noiseless.files import slug

TINY = ["--steps", "4", "--precision", "float32", "--width", "2"]
OWN = '''
from torch import nn
from noiseless.autoencoder import Networks
from noiseless.recipes.method import Method
from noiseless.recipes.rae import rae
from noiseless.values import Spec

def method(spec: Spec, *, beta: float = 0.1) -> Method:
    """A method of my own.

    Arguments:
        beta: Weight of the code norm.
    """
    return rae(spec, Networks(net="mlp", width=1), beta=beta)

def encoder(shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], outputs))

def features(x):
    return x.flatten(1)[:, :5]
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ok(line: str | list[str]) -> None:
    assert run(line.split() if isinstance(line, str) else line) == 0


def example(verb: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    ok(f"{verb} --help")
    shown = capsys.readouterr().out
    assert VERBS[verb][1].rstrip(".") in shown.replace("\n", " ")
    found = re.search(r"Example: noiseless ((?:.+\n)+)", shown)
    assert found is not None, shown
    return found[1].split()


@pytest.mark.pictures
def test_every_verb_has_an_example_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (
        "train", "resume", "sample", "encode", "decode", "interpolate", "evaluate", "compare", "optimise", "list",
    ):  # fmt: skip
        words = example(verb, capsys)
        if verb == "optimise":
            ok(["train", "grae", "--data", "expressions:size=60", "--out", "runs/expressions", "--batch", "20", *TINY])
            words[words.index("paper:epochs=5")] = "paper:epochs=1,inducing=5,candidates=20"
            words += ["--rounds", "1", "--batch", "2", "--votes", "2"]
        if verb in ("train", "compare"):
            words += ["--precision", "float32"]
            words[words.index("400")] = "4"
            words[words.index("16")] = "2"
        if verb in ("evaluate", "compare"):
            words += ["--features", "pixels"]
        ok(words)
        assert capsys.readouterr().out
    for made in ("samples.png", "codes.npy", "images/000000.png", "runs/digits/results.json", "runs/compared/table.md"):
        assert Path(made).is_file(), made
    assert list(Path("runs/expressions/optimise").glob("*/report.json"))


def test_help_shows_defaults_choices_and_where_a_method_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    ok("train rae-gp --help")
    text = capsys.readouterr().out
    for expected in ("Ghosh", "arxiv.org", "[default: paper]", "--gradient", "[default: 128]", "Default: the paper's"):
        assert expected in text


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from noiseless.cli import run; run(['--help']); run(['--version']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    known = {"methods": "rae-l2", "data": "digits", "densities": "gmm", "features": "efficientnet"}
    known |= {"reconstructions": "bernoulli", "bottlenecks": "sphere", "tables": "eae-table"}
    for what, name in known.items():
        ok(f"list {what}")
        assert re.search(rf"^{name} +\S", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.pictures
def test_vectors_in_three_commands(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("wine.npy", load_wine().data)
    ok(["train", "rae-l2", "--data", "wine.npy", "--out", "w", "--batch", "50", *TINY])
    ok("sample w --density gaussian -n 30 --out new.npy")
    assert np.load("new.npy").shape == (30, 13)
    ok("evaluate w --density gaussian normal -n 17")
    rows = json.loads(Path("w/results.json").read_text())
    assert [row["density"] for row in rows if row["row"] == "samples"] == ["gaussian", "normal"]
    assert {row["features"] for row in rows} == {"identity"}
    out = capsys.readouterr().out
    assert "wrote new.npy" in out
    assert "wrote w/results.json" in out
    assert Path("w/pictures/samples-gaussian.png").is_file()


@pytest.mark.parametrize("kind", ["array", "folder", "zip"])
def test_images_in_three_commands(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 10, 12, 3), dtype=np.uint8)
    Path("faces").mkdir()
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(f"faces/{k}.png")
    np.save("faces.npy", pixels)
    with zipfile.ZipFile("faces.zip", "w") as archive:
        for path in sorted(Path("faces").iterdir()):
            archive.write(path)
    source = {"array": ["faces.npy"], "folder": ["faces", "--size", "9"], "zip": ["faces.zip", "--size", "9"]}[kind]
    ok(["train", "ae", "--data", *source, "--out", "f", "--batch", "10", "--latent-dim", "3", *TINY])
    ok("sample f --density gaussian -n 5 --out new")
    assert len(list(Path("new").iterdir())) == 5
    ok("evaluate f --density gaussian -n 6 --features pixels")
    ok(["encode", "f", source[0], "--out", "codes.npy"])  # resized as in training, without being told
    assert np.load("codes.npy").shape == (60, 3)


@pytest.mark.pictures
def test_a_method_s_own_density_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    for method, density in (("ae", "gmm"), ("maskaae", "normal")):
        ok(["train", method, "--data", "digits", "--net", "mlp", "--out", method, *TINY])
        steps = f"next: noiseless evaluate {method}, noiseless sample {method} --density {density}"
        pruned = ", noiseless prune maskaae --out maskaae-pruned" if method == "maskaae" else ""
        assert steps + pruned + "\n" in capsys.readouterr().out
    ok("sample maskaae -n 4")
    assert Path("maskaae/pictures/samples-normal-4-0.png").is_file()


@pytest.mark.pictures
def test_pictures_in_a_run_do_not_take_each_other_s_place() -> None:
    ok(["train", "ae", "--data", "digits", "--net", "mlp", "--out", "a", *TINY])
    before = set(Path("a/pictures").iterdir())
    for ends in (
        "digits",
        "--density normal",
        "--density gmm:2",
        "--density normal --steps 5",
        "--density normal --weights last",
    ):
        ok(f"interpolate a {ends} -n 2")
    ok("sample a --density gmm:2 -n 4")
    assert {p.name for p in set(Path("a/pictures").iterdir()) - before} == {
        "interpolation-spherical-digits-2x8-0.png",
        "interpolation-spherical-normal-2x8-0.png",
        "interpolation-spherical-gmm-2-2x8-0.png",
        "interpolation-spherical-normal-2x5-0.png",
        "interpolation-spherical-normal-2x8-0-last.png",
        "samples-gmm-2-4-0.png",
    }


def test_pictures_of_what_is_spelled_alike_are_told_apart() -> None:
    names = [use._density(name) for name in ("gmm", "gmm:2", "box:Box:-1", "box:Box:1", "box:Box: 1")]
    assert names[:2] == ["gmm", "gmm:2"]
    assert len(set(map(slug, names))) == 5
    sources = ("digits", "./digits", "normal", "a/faces.zip", "b/faces.zip", "faces.npz")
    shown = [use._data(source, None) for source in sources] + [use._data("digits", 16), use._density("normal")]
    assert shown[0] == "digits"
    assert shown[3].startswith("faces-")
    assert len(set(map(slug, shown))) == 8


def test_moments_of_few_data_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    ok(["train", "ae", "--data", "digits", "--out", "c", *TINY])
    for n, said in ((2, True), (100, False)):
        ok(f"sample c --density normal -n {n} --moments batch --out c/{n}.npy")
        assert (f"moments of these {n} data alone; take a hundred or more" in capsys.readouterr().err) == said
    ok("sample c --density normal -n 2 --out c/running.npy")
    assert "moments of these" not in capsys.readouterr().err


def test_what_a_search_costs_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        "noiseless.autoencoder.autoencoder.DecoderInversion", torch.nn.Module
    )  # every encoder passes for a slow one
    np.save("few.npy", load_digits().images[:60].astype(np.uint8))
    ok(["train", "ae", "--data", "few.npy", "--batch", "20", "--net", "mlp", "--out", "c", *TINY])
    ok("evaluate c --density normal --features pixels -n 6")
    assert "no row reconstruction: held-out data would be encoded by search" in capsys.readouterr().err
    ok("encode c few.npy --out searched.npy")
    assert "60 data are encoded by search, which is slow; for the codes" in capsys.readouterr().err
    ok("encode c --out known.npy")
    assert "search" not in capsys.readouterr().err
    assert len(np.load("searched.npy")) == 60 > len(np.load("known.npy"))


def test_decoding_inverts_nothing_but_the_shape() -> None:
    ok(["train", "ae", "--data", "digits", "--out", "r", *TINY])
    ok("encode r digits --out codes.npy")
    for place in ("images.npy", "images.png"):
        ok(f"decode r codes.npy --out {place}")
    assert np.load("images.npy").shape == (1797, 1, 8, 8)
    ok("interpolate r digits -n 3 --steps 5 --path linear --out paths.npy")
    assert np.load("paths.npy").shape == (3, 5, 1, 8, 8)


def test_the_seed_makes_samples_and_results() -> None:
    ok(["train", "ae", "--data", "digits", "--out", "r", *TINY])
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ok(f"sample r -n 4 --density gaussian --seed {seed} --out {name}.npy")
    assert (np.load("a.npy") == np.load("b.npy")).all()
    assert (np.load("a.npy") != np.load("c.npy")).any()
    ok("evaluate r -n 40 --features pixels --density gaussian --out one")
    ok("evaluate r -n 40 --features pixels --density gaussian --out two")
    assert Path("one/results.json").read_bytes() == Path("two/results.json").read_bytes()


def test_codes_are_shown_written_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    ok(["train", "ae", "--data", "digits", "--out", "r", *TINY])
    for seed in (0, 1, 1):
        ok(f"evaluate r -n 40 --features pixels --density gaussian --seed {seed}")
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("codes", "N(0, I)", "entropy", "nac", "wrote r/latent.json"))
    rows = json.loads(Path("r/latent.json").read_text())
    assert [(row["row"], row["seed"]) for row in rows] == [(r, s) for s in (0, 1) for r in ("codes", "N(0, I)")]
    assert {(row["n"], row["part"], row["weights"]) for row in rows} == {(40, "test", "best")}
    assert Path("r/pictures/latent.png").is_file()


def test_a_method_of_ones_own_through_every_verb(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "my_method_of_cli.py").write_text(OWN)
    ok("train my_method_of_cli:method --help")
    assert "Weight of the code norm" in capsys.readouterr().out
    ok("train my_method_of_cli:method --data digits --steps 3 --beta 0.2 --out own")
    assert run(["sample", "own", "-n", "4"]) == 2
    assert "--recipe" in capsys.readouterr().err
    for verb in ("resume own --steps 2", "sample own -n 4 --density normal", "encode own digits --out c.npy"):
        ok(f"{verb} --recipe my_method_of_cli:method")
    for verb in ("decode own c.npy --out d", "interpolate own digits", "evaluate own -n 9 --features pixels"):
        ok(f"{verb} --recipe my_method_of_cli:method")
    ok("evaluate own -n 9 --features my_method_of_cli:features --recipe my_method_of_cli:method")
    ok("compare my_method_of_cli:method --data digits --steps 2 -n 9 --features pixels --density normal --out c")


def test_networks_of_ones_own_are_named_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "my_nets_of_cli.py").write_text(OWN)
    ok(["train", "ae", "--data", "digits", "--encoder", "my_nets_of_cli:encoder", "--out", "own", *TINY])
    assert run(["sample", "own"]) == 2
    assert "--encoder" in capsys.readouterr().err
    ok("sample own -n 4 --density normal --encoder my_nets_of_cli:encoder")


def test_notes_of_method_and_density_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    ok(["train", "rae-gp", "--data", "digits", "--out", "r", *TINY])
    assert "note: the weight of the gradient penalty was chosen by this library" in capsys.readouterr().err
    ok("evaluate r -n 50 --features pixels --density normal")
    assert "note: the weight of the gradient penalty was chosen by this library" in capsys.readouterr().err


def test_what_others_made_is_scored(capsys: pytest.CaptureFixture[str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    np.save("theirs.npy", images)
    Path("theirs").mkdir()
    for k, image in enumerate(images):
        Image.fromarray(image).save(f"theirs/{k:02}.png")
    for source, out in (("theirs.npy", "a"), ("theirs", "b")):
        ok(f"evaluate --samples {source} --data digits -n 12 --features pixels --out {out}")
    a, b = (json.loads(Path(out, "results.json").read_text())[0] for out in "ab")
    assert (a["fd"], a["n"]) == (b["fd"], 12)
    assert "singular" in capsys.readouterr().err


def test_a_new_metric_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.random.default_rng(0).normal(size=(60, 3)))
    kept = metrics.measure._metrics()
    new = SimpleNamespace(measure=lambda real, fake, seed: {"novelty": 0.125}, cautions=lambda real, fake: [])
    monkeypatch.setattr("noiseless.metrics.measure._metrics", lambda: kept | {"novelty": new})
    assert run(["evaluate", "--samples", "x.npy", "--data", "x.npy", "-n", "60", "--out", "."]) == 0
    assert json.loads(Path("results.json").read_text())[0]["kid std"] > 0
    shown = capsys.readouterr().out
    assert "novelty" in shown
    assert "0.125" in shown
    assert "kid std" not in shown


def test_as_a_process_nothing_leaks_to_the_terminal() -> None:
    code = [sys.executable, "-m", "noiseless.cli"]
    line = ["train", "ae", "--data", "digits", "--out", "r", "--threads", "1", *TINY]
    done = subprocess.run([*code, *line], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    failed = subprocess.run([*code, *line], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert failed.returncode == 2
    assert "exists already" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("list data | true", 141),
        ("list data >&-", 0),
        ("list methodz 2>&-", 2),
        ("train ae --help >&- 2>&- <&-", 0),
        ("sample nowhere >&- 2>&-", 2),
    ],
)
def test_an_output_that_is_closed_ends_the_command_quietly(line: str, code: int) -> None:
    shell = f"set -o pipefail; {sys.executable} -m noiseless.cli {line}"
    found = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}, check=False
    )
    assert found.returncode == code
    assert found.stderr == ""


def test_files_do_not_take_the_place_of_closed_outputs() -> None:
    """What is written to the standard error, by libraries too, must not get into a file of the run."""
    line = "train ae --data digits --net mlp --width 1 --steps 2 --threads 1 --out r >&- 2>&- <&-"
    found = subprocess.run(["bash", "-c", f"{sys.executable} -m noiseless.cli {line}"], check=False)
    assert found.returncode == 0
    rows = [json.loads(row) for row in Path("r/log.jsonl").read_text("utf-8").splitlines()]
    assert rows[-1]["step"] == 2
    code = "import os; from noiseless.cli import app; app._open_streams(); print(os.open('x', os.O_CREAT) > 2)"
    shell = f'{sys.executable} -c "{code}" 2>&- <&-'
    opened = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert opened.stdout == "True\n"


def test_a_signal_while_an_error_is_told_does_not_lose_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A launcher stops all processes when one has failed, at a time when another may still have to say why."""

    def disturbed(text: str) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return text

    monkeypatch.setattr(app, "spelled", disturbed)
    before = signal.signal(signal.SIGTERM, app._terminate)
    try:
        assert run(["sample", "nowhere"]) == 2
        assert signal.getsignal(signal.SIGTERM) is app._terminate
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "noiseless: nowhere" in capsys.readouterr().err
