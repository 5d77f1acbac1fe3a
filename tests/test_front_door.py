"""What a user of the package finds: its names, and everything that the command line does, as functions."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import noiseless as nl
from noiseless.cli.app import VERBS
from noiseless.runs.record import folder_of
from tiny import FAST, NETWORKS, images, run, vectors

ROWS = vectors().train.raw
FEW = {"training": nl.Training(**FAST, steps=2), "networks": NETWORKS, "show": False}


# names ----------------------------------------------------------------------------------------------------------------


def test_dir_shows_the_public_names_and_nothing_else() -> None:
    assert dir(nl) == sorted(nl.__all__)
    assert set(nl.PLACES) | set(nl.PACKAGES) <= set(nl.__all__)
    for name in nl.__all__:
        assert getattr(nl, name) is not None
        assert inspect.getdoc(getattr(nl, name)), name
    assert nl.__version__
    with pytest.raises(AttributeError, match="module 'noiseless' has no attribute 'trian'"):
        _ = nl.trian


def test_the_names_of_packages_are_packages() -> None:
    for name in (
        "data",
        "densities",
        "metrics",
        "nn",
        "objectives",
        "penalties",
        "reconstruction",
        "bottlenecks",
        "show",
    ):
        package = getattr(nl, name)
        assert inspect.ismodule(package)
        assert set(package.__all__) <= set(dir(package)), name
        for inner in package.__all__:
            assert getattr(package, inner) is not None, (name, inner)


def test_names_cost_no_torch_before_they_are_used() -> None:
    code = "import sys, noiseless as nl; dir(nl); nl.__version__; nl.InputError; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_method_is_composed_of_public_names() -> None:
    spec = nl.Spec("vectors", (5,))
    autoencoder = nl.autoencoder.build(spec, nl.Networks(width=2), nl.bottlenecks.Deterministic(3))
    terms = {"code": nl.objectives.Term(0.1, nl.penalties.code_norm)}
    objective = nl.objectives.Regularised(autoencoder, nl.reconstruction.squared_error, terms)
    assert list(objective(torch.rand(4, 5))) == ["reconstruction", "code"]
    assert isinstance(nl.densities.Gaussian(3), nl.densities.LatentDensity)


def test_what_there_is_to_choose_from() -> None:
    assert "rae-l2" in nl.catalogue("methods")
    assert nl.catalogue("densities")["gaussian"] == "A Gaussian with the codes' mean and full covariance."
    with pytest.raises(nl.InputError, match=r"unknown list 'desities' \(did you mean 'densities'\?\)"):
        nl.catalogue("desities")


# everything that the command line does --------------------------------------------------------------------------------


def test_every_verb_is_a_function() -> None:
    for verb in VERBS:
        assert inspect.isfunction(getattr(nl, "catalogue" if verb == "list" else verb)), verb


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained") / "run"
    nl.train("rae", nl.data.load(ROWS, labels=np.arange(len(ROWS)) % 3), place, **FEW)
    return place


def test_a_model_in_use(trained: Path) -> None:
    opened = nl.Run(trained)
    z = nl.encode(trained, ROWS[:6])
    assert torch.equal(z, nl.encode(opened, torch.from_numpy(ROWS[:6])))
    assert torch.equal(nl.decode(trained, z), nl.reconstruct(nl.load(trained), ROWS[:6]))
    assert nl.sample(trained, 5, density="normal").shape == (5, 5)
    assert torch.equal(nl.sample(trained, 5, density="normal"), nl.sample(nl.load(trained), 5, density="normal"))
    assert nl.interpolate(trained, ROWS, n=2, steps=3).shape == (2, 3, 5)
    assert nl.interpolate(trained, density="normal", n=2, steps=4).shape == (2, 4, 5)
    with pytest.raises(nl.InputError, match="either data to interpolate between, or a density"):
        nl.interpolate(trained)
    with pytest.raises(nl.InputError, match="61 pairs were asked for, and there are 120 data: ask for 1 to 60"):
        nl.interpolate(trained, ROWS, n=61)
    with pytest.raises(nl.InputError, match="a model does not have its training data"):
        nl.encode(nl.load(trained))


def test_models_take_what_training_takes(trained: Path) -> None:
    model = nl.load(trained)
    expected = model.encode(ROWS[:6])
    for given in (ROWS[:6].astype(">f4"), ROWS[5::-1][::-1], list(ROWS[:6]), TensorDataset(torch.from_numpy(ROWS[:6]))):
        assert torch.equal(model.encode(given), expected)
    frozen = ROWS[:6].copy()
    frozen.setflags(write=False)
    assert torch.equal(model.encode(frozen), expected)
    with pytest.raises(nl.InputError, match=r"shape \(6, 5\) in complex64; expected numbers"):
        model.encode(ROWS[:6].astype(np.complex64))
    polars = pytest.importorskip("polars")
    assert torch.equal(model.encode(polars.DataFrame(ROWS[:6])), expected)


def test_images_given_as_whole_numbers_are_bytes(tmp_path: Path) -> None:
    model = run("ae", images(), tmp_path / "run", steps=1, draw=False).model()
    raw = images().train.raw[:4]
    assert torch.equal(model.encode(raw.astype(np.int64)), model.encode(raw))


# what is nearly right -------------------------------------------------------------------------------------------------


def test_settings_may_be_mappings(tmp_path: Path) -> None:
    given = {"networks": {"latent_dim": 3, "width": 4}, "optimiser": {"lr": 0.01}, "training": {**FAST, "steps": 2}}
    opened = nl.train("rae", ROWS, tmp_path / "run", **given, show=False, draw=False)
    assert opened.record["arguments"]["networks"] == {"latent_dim": 3, "width": 4}
    assert opened.model().latent_dim == 3
    assert opened.training.steps == 2
    found = nl.compare("rae", ROWS, tmp_path / "out", **given, n=10, density="gaussian", show=False)
    assert list(found) == ["rae"]


NEARLY: dict[str, tuple[dict[str, Any], str]] = {
    "a setting of the networks": (
        {"latent": 8},
        r"rae takes no latent \(did you mean networks=Networks\(latent_dim=...\)",
    ),
    "one of training": ({"batch_size": 8}, r"did you mean training=Training\(batch=...\)\?"),
    "one of the optimiser": ({"learning_rate": 1e-3}, r"did you mean optimiser=Optimiser\(lr=...\)\?"),
    "a misspelt argument": ({"betta": 1.0}, r"rae takes no betta \(did you mean beta=\?\); it takes networks, "),
    "a misspelt setting": ({"networks": {"widht": 8}}, "unknown setting of networks 'widht'.*did you mean 'width'"),
    "another name of a setting": ({"networks": {"z_dim": 8}}, r"'z_dim' \(did you mean 'latent_dim'\?\)"),
    "no networks": ({"networks": 8}, r"networks is 8; expected settings such as Networks\(latent_dim=...\)"),
    "no optimiser": ({"optimiser": "adam"}, "optimiser is 'adam'; expected settings such as Optimiser"),
}


@pytest.mark.parametrize("case", NEARLY)
def test_what_is_nearly_an_argument_gets_a_hint(case: str, tmp_path: Path) -> None:
    given, message = NEARLY[case]
    with pytest.raises(nl.InputError, match=message):
        nl.train("rae", ROWS, tmp_path / "run", **FEW | given)
    assert not (tmp_path / "run").exists()


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(nl.InputError, match="a int is not a run; expected its folder, a Run or a Model"):
        folder_of(3)


def test_an_open_run_is_loaded(trained: Path) -> None:
    opened = nl.load(nl.Run(trained))
    assert nl.load(opened) is opened
    assert torch.equal(opened.encode(ROWS), nl.load(trained).encode(ROWS))


@pytest.mark.parametrize("name", ["rae", "vae-flow", "maskaae", "deciphering"])
def test_a_model_is_pickled_and_copied(name: str, tmp_path: Path) -> None:
    model = run(name, vectors(), tmp_path / "run", steps=2, draw=False).model(data=vectors())
    expected = model.sample(3, "gaussian")
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert torch.equal(copied.sample(3, "gaussian"), expected)


def test_a_single_image_goes_into_a_list(tmp_path: Path) -> None:
    model = run("ae", images(), tmp_path / "run", steps=1, draw=False).model()
    image = Image.fromarray(images().train.raw[0, 0])
    with pytest.raises(nl.InputError, match="a PIL Image: put a single image into a list"):
        model.encode(image)
    assert model.encode([image]).shape == (1, 3)


# data at hand ---------------------------------------------------------------------------------------------------------


def test_a_run_on_data_at_hand_says_so_and_needs_them_again(tmp_path: Path) -> None:
    opened = nl.train("rae", ROWS, tmp_path / "run", **FEW)
    about = opened.record["data"]
    assert about["source"] == "a NumPy array of shape (120, 5) in float32"
    assert about["in_memory"] is True
    assert opened.model().sample(2, "gaussian").shape == (2, 5)  # still at hand
    again = nl.Run(tmp_path / "run")
    message = r"was trained on a NumPy array of shape \(120, 5\) in float32, which the run does not keep: give it again"
    with pytest.raises(nl.InputError, match=message):
        again.resume(show=False, steps=3)
    with pytest.raises(nl.InputError, match=message):
        nl.encode(again)
    with pytest.raises(nl.InputError, match=r"is not what .*run was trained on, .*; give the same data"):
        nl.resume(again, ROWS[::-1], show=False, steps=3)
    assert nl.resume(again, ROWS, show=False, draw=False, steps=1).steps == (3, 3)
    assert nl.load(tmp_path / "run", data=torch.from_numpy(ROWS)).sample(2, "gaussian").shape == (2, 5)
    np.save(tmp_path / "rows.npy", ROWS)
    saved = nl.Run(tmp_path / "run", nl.UserCode(source=str(tmp_path / "rows.npy")))
    assert saved.data().fingerprint == about["fingerprint"]


def test_resuming_on_data_at_hand_is_bit_identical(tmp_path: Path) -> None:
    for place, until in (("whole", None), ("half", 1)):
        nl.train("vae", ROWS, tmp_path / place, until=until, draw=False, **FEW)
    nl.resume(tmp_path / "half", ROWS, show=False, draw=False)
    whole, half = (nl.Run(tmp_path / place).objective("last").state_dict() for place in ("whole", "half"))
    assert all(torch.equal(whole[name], half[name]) for name in whole)


def test_labels_are_part_of_the_data(trained: Path) -> None:
    with pytest.raises(nl.InputError, match="with the same labels"):
        nl.resume(trained, ROWS, show=False)


# batches and callbacks ------------------------------------------------------------------------------------------------


def loader(rows: np.ndarray = ROWS) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.from_numpy(rows), torch.zeros(len(rows))), batch_size=16, shuffle=True)


def test_a_run_on_batches_of_ones_own(tmp_path: Path) -> None:
    opened = nl.train("rae", ROWS, tmp_path / "run", batches=loader(), until=1, **FEW)
    assert opened.record["data"]["batches"] == "a torch DataLoader, 16 data in its first batch"
    assert any("not bit for bit" in note for note in opened.record["notes"])
    assert opened.training.batch == 16
    with pytest.raises(nl.InputError, match=r"give batches to go on with: resume\(batches=\.\.\.\)"):
        opened.resume(ROWS, show=False)
    assert nl.resume(opened, batches=loader(), show=False).steps == (2, 2)
    assert nl.sample(opened, 3).shape == (3, 5)
    with pytest.raises(nl.InputError, match=r"a batch has shape \(16, 3\); expected \(B, 5\), as the data have"):
        nl.train("rae", ROWS, tmp_path / "other", batches=loader(ROWS[:, :3]), **FEW)


def test_a_run_on_its_own_data_takes_no_batches(trained: Path) -> None:
    with pytest.raises(nl.InputError, match="was trained on its training part; leave out batches"):
        nl.resume(trained, ROWS, batches=loader(), show=False)


def test_a_callback_sees_the_model(tmp_path: Path) -> None:
    seen: list[tuple[int, Mapping[str, float], torch.Size]] = []

    def watch(step: int, terms: Mapping[str, float], model: nl.Model) -> None:
        seen.append((step, terms, model.sample(3, "gaussian").shape))

    settings = nl.Training(**FAST, steps=5)
    places = [tmp_path / name for name in ("watched", "alone")]
    about = {"training": settings, "networks": NETWORKS, "show": False, "draw": False}
    nl.train("vae", ROWS, places[0], callback=watch, every=2, **about)
    nl.train("vae", ROWS, places[1], **about)
    assert [step for step, _, _ in seen] == [2, 4]
    assert all(shape == (3, 5) and "autoencoder/kl" in terms for _, terms, shape in seen)
    watched, alone = (nl.Run(place).objective("last").state_dict() for place in places)
    assert all(torch.equal(watched[name], alone[name]) for name in alone)


def test_a_run_that_a_callback_stopped_is_resumed(tmp_path: Path) -> None:
    def stop(step: int, *_: object) -> None:
        raise KeyError(step)

    with pytest.raises(KeyError):
        nl.train("rae", ROWS, tmp_path / "run", callback=stop, every=1, **FEW)
    assert nl.Run(tmp_path / "run").steps == (1, 2)
    assert nl.resume(tmp_path / "run", ROWS, show=False).steps == (2, 2)


# judgement ------------------------------------------------------------------------------------------------------------


def test_a_run_and_a_model_are_evaluated_alike(tmp_path: Path) -> None:
    opened = nl.train("rae", vectors(), tmp_path / "run", **FEW)
    about = {"density": "gaussian", "n": 10, "show": False, "device": "cpu"}
    rows = nl.evaluate(opened, vectors(), **about)
    assert [row.protocol.row for row in rows][:3] == ["training data", "reconstruction", "samples"]
    recorded = json.loads((tmp_path / "run/results.json").read_text())
    assert [row["row"] for row in recorded] == [row.protocol.row for row in rows]
    of_model = nl.evaluate(opened.model(data=vectors()), vectors(), **about)
    assert [row.values for row in of_model] == [row.values for row in rows]
    assert {row.protocol.weights for row in of_model} == {None}
    with pytest.raises(nl.InputError, match="a model does not have its data; give the run"):
        nl.evaluate(opened.model(), **about)
    codes = nl.evaluate_codes(opened.model(), vectors(), n=10)
    assert [row.protocol.row for row in codes] == ["codes", "N(0, I)"]


def test_arrays_are_judged_as_samples(tmp_path: Path) -> None:
    rows = nl.evaluate_samples(ROWS[:20], vectors(), n=10, device="cpu")
    assert rows[-1].protocol.row == "a NumPy array of shape (20, 5) in float32"
    assert rows[-1].number("fd") is not None


def test_methods_are_compared_on_an_array(tmp_path: Path) -> None:
    found = nl.compare(["ae", "rae"], ROWS, tmp_path / "out", n=10, density="gaussian", **FEW)
    assert list(found) == ["ae", "rae"]
    again = nl.compare(["ae", "rae"], ROWS, tmp_path / "out", n=10, density="gaussian", **FEW)
    assert [row.values for row in again["rae"]] == [row.values for row in found["rae"]]
