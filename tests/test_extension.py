"""Parts that are not in the package: as objects, as MODULE:NAME, by entry points; trained, sampled and evaluated."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from noiseless import densities, registry
from noiseless import metrics as nm
from noiseless.autoencoder import Networks
from noiseless.autoencoder.networks import NET
from noiseless.cli import run as command
from noiseless.data import load as load_data
from noiseless.densities import DENSITY
from noiseless.errors import InputError, RunError
from noiseless.evaluation.distances import evaluate
from noiseless.model import Model
from noiseless.objectives.regularised import Regularised, Term
from noiseless.optimisation.problem import build as build_search
from noiseless.optimisation.scores import build as build_score
from noiseless.recipes.method import METHOD
from noiseless.reproduction import find as find_study
from noiseless.runs import Run, load, train
from noiseless.runs.pictures import draw
from noiseless.runs.user_code import UserCode
from noiseless.training import Training

TOYS = '''
import dataclasses

import numpy as np
import torch
from torch import nn

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks import Bottleneck
from noiseless.data import Raw
from noiseless.densities import LatentDensity
from noiseless.optimisation.problem import Proposal, Round
from noiseless.optimisation.scores import Score
from noiseless.recipes.method import Method, names
from noiseless.reproduction import Report
from noiseless.reproduction.images import ImageRequest
from noiseless.values import Dirac, Spec


def method(spec: Spec, networks: Networks = Networks(), *, beta: float = 0.5) -> Method:
    """A toy method."""
    return names()["rae"](spec, networks, beta=beta)


def boxed(spec: Spec, networks: Networks = Networks()) -> Method:
    """A toy method with a density that is an object."""
    return dataclasses.replace(names()["ae"](spec, networks), densities=(Box, "normal"))


def otherwise(spec: Spec, *, penalty: float = 1.0, networks: str = "", optimiser: str = "adam") -> Method:
    """A toy method whose arguments are called as ours are, and are others."""
    return names()["rae"](spec, Networks(latent_dim=2, width=1), beta=penalty)


class Box(LatentDensity):
    """Uniform on the bounding box of the codes, enlarged by a factor."""

    def __init__(self, dim: int, factor: float = 1.0) -> None:
        super().__init__(dim)
        self.factor = factor
        self.register_buffer("low", torch.zeros(dim))
        self.register_buffer("high", torch.ones(dim))

    def fit(self, z, generator):
        self.low.copy_(z.amin(0) * self.factor)
        self.high.copy_(z.amax(0) * self.factor)
        self.n.fill_(len(z))
        return self

    def sample(self, n, generator):
        return self.low + (self.high - self.low) * torch.rand(n, self.dim, generator=generator)

    def log_prob(self, z):
        return -(self.high - self.low).log().sum().double().expand(len(z))


def metric(real, fake, seed):
    return {"gap": (real.features.mean() - fake.features.mean()).abs().item()}


class Careful:
    def measure(self, real, fake, seed):
        return {"careful gap": 1.0}

    def cautions(self, real, fake):
        return ["take care"]


def failing(real, fake, seed):
    return 1 / 0


def taken(real, fake, seed):
    return {"fd": 1.0}


def brightness(x):
    return torch.stack([x.flatten(1).mean(1), x.flatten(1).std(1)], dim=1)


class Coarse(nn.Module):
    def __init__(self, side: int = 2) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(side)

    def forward(self, x):
        return self.pool(x).flatten(1)


def points(count: int = 120):
    """Points in three dimensions."""
    return Raw("points", np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32))


def with_request(request, count: int = 120):
    return points(count if request.size is None else 0)


def absolute(y, x):
    return (y - x).abs().sum() / len(x)


class Huber:
    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def __call__(self, y, x):
        return nn.functional.huber_loss(y, x, reduction="sum", delta=self.delta) / len(x)


class Simplex(Bottleneck):
    """Codes of positive coordinates that sum to 1, sampled by default from a box around them."""

    maximum_entropy = Box

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = self.inputs_of = latent_dim

    @property
    def inputs(self):
        return self.inputs_of

    def forward(self, h):
        return Dirac(h.softmax(1))


def cross_entropy(logits, x):
    return nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


cross_entropy.on_logits = cross_entropy.in_nats = True


def pairwise(y, x):
    return (y - x).square()


def sparsity(trace, autoencoder):
    return trace.z.abs().mean()


class Linear:
    def __init__(self, bias: bool = True) -> None:
        self.bias = bias

    def encoder(self, shape, outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape).numel(), outputs, self.bias))

    def decoder(self, latent_dim, shape):
        size = torch.Size(shape).numel()
        return nn.Sequential(nn.Linear(latent_dim, size, self.bias), nn.Unflatten(1, shape))


def length(text):
    return float(len(text))


longest = Score(length, "maximise")


def relative(training) -> Score:
    return Score(lambda text: len(text) / max(map(len, training)), "maximise")


def corner(round_: Round, share: float = 0.5) -> Proposal:
    low, high = round_.box
    return Proposal((low + share * (high - low)).expand(round_.size, -1))


def study(request: ImageRequest) -> Report:
    """A toy table."""
    return Report(f"# {request.data}\\n", {"command": "noiseless reproduce toys:study"})
'''
ENTRY_POINTS = """
[noiseless.methods]
toy = toys:method
[noiseless.densities]
toy-box = toys:Box
gmm = toys:Box
[noiseless.metrics]
toy-metric = toys:metric
[noiseless.features]
toy-features = toys:brightness
[noiseless.data]
toy-points = toys:points
[noiseless.reconstructions]
toy-absolute = toys:absolute
[noiseless.bottlenecks]
toy-simplex = toys:Simplex
[noiseless.penalties]
toy-sparsity = toys:sparsity
[noiseless.networks]
toy-linear = toys:Linear
[noiseless.scores]
toy-length = toys:length
[noiseless.searches]
toy-corner = toys:corner
[noiseless.studies]
toy-study = toys:study
"""
HOW = ("object", "name", "entry point")
FAST = "--width 1 --latent-dim 2 --steps 2 --batch 20 --threads 1 --device cpu --out r".split()  # noqa: SIM905
MLP = ("--net", "mlp")
NETWORKS = Networks(latent_dim=2, net="mlp", width=1)
TRAINING = Training(steps=2, batch=20, threads=1, device="cpu")


def distribution(place: Path, name: str, entry_points: str) -> None:
    """What pip writes beside an installed package."""
    folder = place / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(entry_points)


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """The module `toys`, in the current folder and on the path, of a package that is installed."""
    (tmp_path / "toys.py").write_text(TOYS)
    distribution(tmp_path, "toybox", ENTRY_POINTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda: importlib.import_module("toys")
    sys.modules.pop("toys", None)


def ok(*words: str) -> None:
    assert command(list(words)) == 0, words


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert command(list(words)) == 2, words
    return capsys.readouterr().err


def rows(place: str = "r") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(place, "results.json").read_text("utf-8"))
    return found


def trained(recipe: Any = "rae", data: Any = "digits", **arguments: Any) -> Run:
    given = {"networks": NETWORKS} | arguments
    return train(recipe, data, "r", training=TRAINING, show=False, draw=False, **given)


def used(run: Run, *chosen: Any, **given: Any) -> list[dict[str, Any]]:
    """Samples and evaluates a run in Python."""
    data, model = run.data(), run.model()
    assert model.sample(3, "gaussian").isfinite().all()
    features = given.pop("features", _pixels(data))
    found = evaluate(model, data, chosen or ("gaussian",), features, n=15, show=False, **given)
    return [row.to_json() for row in found]


def _pixels(data: Any) -> nm.Features:
    return nm.build("pixels" if data.spec.is_image else "identity", data.spec)


def refused(named: str) -> None:
    """Opening the run imports nothing, and the error says what to name again."""
    sys.modules.pop("toys", None)
    message = rf"{named}, which is not part of noiseless; name it again with own=UserCode\("
    with pytest.raises(InputError, match=message):
        load("r").sample(1, "normal")
    assert "toys" not in sys.modules


# the six --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_a_method(how: str, toys: Callable[[], Any]) -> None:
    if how == "object":
        assert len(used(trained(toys().method, beta=0.25))) > 2
        again: Any = {"recipe": toys().method}
    else:
        name = "toys:method" if how == "name" else "toy"
        ok("train", name, "--data", "digits", "--beta", "0.25", *FAST, *MLP)
        ok("sample", "r", "--recipe", name, "--density", "normal", "-n", "4")
        if how == "name":
            ok("evaluate", "r", "--recipe", name, "--density", "normal", "--features", "pixels", "-n", "15")
        again = {"recipe": name}
    assert Run(Path("r")).record["recipe"] == "toys:method"
    refused("toys:method")
    opened = Run(Path("r"), UserCode(**again)).method().objective
    assert isinstance(opened, Regularised)
    assert opened.terms["code"].weight == 0.25


@pytest.mark.parametrize("how", HOW)
def test_a_reconstruction(how: str, toys: Callable[[], Any]) -> None:
    if how == "object":
        run = trained("rae", reconstruction=toys().absolute)
        assert len(used(run)) > 2
        recorded: str = "toys:absolute"
        again: Any = toys().absolute
    else:
        recorded = again = "toys:absolute" if how == "name" else "toy-absolute"
        ok("train", "rae", "--data", "digits", "--reconstruction", recorded, *FAST, *MLP)
        ok("sample", "r", "--reconstruction", recorded, "--density", "normal", "-n", "4")
        if how == "name":
            ok("evaluate", "r", "--reconstruction", recorded, "--density", "normal", "--features", "pixels", "-n", "15")
    assert Run(Path("r")).record["arguments"]["reconstruction"] == recorded
    refused(recorded)
    opened = load("r", own=UserCode(reconstruction=again))
    assert opened.latent_dim == 2


@pytest.mark.parametrize("how", HOW)
def test_a_normalisation(how: str, toys: Callable[[], Any]) -> None:
    if how == "object":
        trained("eae", normalisation=toys().Simplex)
        recorded: str = "toys:Simplex"
        again: Any = toys().Simplex
    else:
        recorded = again = "toys:Simplex" if how == "name" else "toy-simplex"
        ok("train", "eae", "--data", "digits", "--normalisation", recorded, *FAST, *MLP)
        ok("sample", "r", "--normalisation", recorded, "--density", "normal", "-n", "4")
    assert Run(Path("r")).record["arguments"]["normalisation"] == recorded
    refused(recorded)
    opened = load("r", own=UserCode(normalisation=again))
    codes = opened.encode(load_data("digits").test.some(5))
    torch.testing.assert_close(codes.sum(1), torch.ones(5))
    assert DENSITY.find(Run(Path("r"), UserCode(normalisation=again)).method().densities[0]).name == "toys:Box"


@pytest.mark.parametrize("how", HOW)
def test_a_data_set(how: str, toys: Callable[[], Any]) -> None:
    if how == "object":
        assert len(used(trained("rae", toys().points))) > 2
        recorded, again = "toys:points", toys().points
    else:
        recorded = again = "toys:points:130" if how == "name" else "toy-points:count=130"
        ok("train", "rae", "--data", recorded, *FAST, *MLP)
        ok("sample", "r", "--density", "gaussian", "-n", "4", "--source", recorded)
        ok("evaluate", "r", "--density", "gaussian", "-n", "12", "--source", recorded)
        ok("encode", "r", recorded, "--out", "codes.npy")
    assert Run(Path("r")).record["data"]["source"] == recorded
    sys.modules.pop("toys", None)
    with pytest.raises(
        InputError, match=rf"{recorded}, which is not part of noiseless; name it again with own=UserCode\(source="
    ):
        Run(Path("r")).data()
    assert "toys" not in sys.modules
    assert Run(Path("r"), UserCode(source=again)).data().spec.shape == (3,)


@pytest.mark.parametrize("how", HOW)
def test_a_density(how: str, toys: Callable[[], Any]) -> None:
    run = trained()
    if how == "object":
        chosen: Any = toys().Box
        assert [row["density"] for row in used(run, chosen) if row["row"] == "samples"] == ["toys:Box"]
        name = "toys:Box"
        assert run.model().draw(5, toys().Box).shape == (5, 2)
    else:
        chosen = name = "toys:Box:1.5" if how == "name" else "toy-box:factor=1.5"
        ok("sample", "r", "--density", name, "-n", "4", "--out", "four.npy")
        ok("evaluate", "r", "--density", name, "gaussian", "--features", "pixels", "-n", "15")
        ok("interpolate", "r", "--density", name, "-n", "2", "--out", "paths.npy")
        assert {row["density"] for row in rows()} == {name, "gaussian", None}
    (file,) = [path for path in Path("r/densities").iterdir() if "gaussian" not in path.name]
    assert densities.describe(file)["name"] == name
    sys.modules.pop("toys", None)
    with pytest.raises(InputError, match=r"the density toy.*, which is not part of noiseless; name it again as own"):
        densities.load(file)
    assert "toys" not in sys.modules
    assert densities.load(file, own=chosen).dim == 2


def test_a_method_with_a_density_that_is_an_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("noiseless.runs.pictures.draw", draw)
    ok("train", "toys:boxed", "--data", "digits", *FAST, *MLP)
    assert Path("r/pictures/samples-toys-Box.png").is_file()
    assert "noiseless sample r --density toys:Box" in capsys.readouterr().out
    ok("sample", "r", "--recipe", "toys:boxed", "-n", "4")
    assert Path("r/pictures/samples-toys-Box-4-0.png").is_file()


@pytest.mark.parametrize("how", HOW)
def test_a_feature_network(how: str, toys: Callable[[], Any]) -> None:
    run = trained()
    if how == "object":
        for chosen, name in ((toys().brightness, "toys:brightness"), (toys().Coarse(3), "toys:Coarse")):
            made = nm.build(chosen, run.spec)
            assert {row["features"] for row in used(run, features=made)} == {name}
    else:
        for name in ("toys:brightness", "toys:Coarse:3") if how == "name" else ("toy-features",):
            ok("evaluate", "r", "--density", "normal", "--features", name, "-n", "15")
            assert name in {row["features"] for row in rows()}


@pytest.mark.parametrize("how", HOW)
def test_a_metric(how: str, toys: Callable[[], Any], capsys: pytest.CaptureFixture[str]) -> None:
    run = trained()
    if how == "object":
        more = [nm.build_metric(toys().metric), nm.build_metric(toys().Careful())]
        found = used(run, more=more)
        assert all(row["metrics"] == ["toys:metric", "toys:Careful"] for row in found)
        assert all("take care" in row["warnings"] and row["careful gap"] == 1 for row in found)
    else:
        name = "toys:metric" if how == "name" else "toy-metric"
        ok("evaluate", "r", "--density", "normal", "--features", "pixels", "-n", "15", "--metric", name)
        assert "gap" in capsys.readouterr().out
        found = rows()
        assert all(row["metrics"] == [name] for row in found)
    assert all(row["gap"] >= 0 for row in found)


# the others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_a_penalty(how: str, toys: Callable[[], Any]) -> None:
    if how == "object":
        trained("ae", penalty=(Term(0.5, toys().sparsity), "code-norm@0.1"))
        recorded: Any = [{"weight": 0.5, "penalty": "toys:sparsity"}, "code-norm@0.1"]
        again: Any = toys().sparsity
    else:
        again = "toys:sparsity" if how == "name" else "toy-sparsity"
        recorded = [f"{again}@0.5", "code-norm@0.1"]
        ok("train", "ae", "--data", "digits", "--penalty", *recorded, *FAST, *MLP)
        ok("sample", "r", "--penalty", again, "--density", "normal", "-n", "4")
    assert Run(Path("r")).record["arguments"]["penalty"] == recorded
    refused(again if isinstance(again, str) else "toys:sparsity")
    opened = Run(Path("r"), UserCode(penalty=(again,))).method().objective
    assert isinstance(opened, Regularised)
    assert {name: term.weight for name, term in opened.terms.items() if name == "code-norm"} == {"code-norm": 0.1}
    assert [term.weight for name, term in opened.terms.items() if name.endswith("sparsity")] == [0.5]


@pytest.mark.parametrize("how", HOW)
def test_a_net(how: str, toys: Callable[[], Any]) -> None:
    if how == "object":
        trained(networks=Networks(latent_dim=2, net=toys().Linear(bias=False)))
        recorded, again = "toys:Linear", toys().Linear(bias=False)
    else:
        recorded = again = "toys:Linear:false" if how == "name" else "toy-linear:bias=false"
        ok("train", "rae", "--data", "digits", *FAST, "--net", recorded)
        ok("sample", "r", "--net", recorded, "--density", "normal", "-n", "4")
    assert Run(Path("r")).record["arguments"]["networks"]["net"] == recorded
    refused(recorded)
    assert not [name for name in load("r", own=UserCode(net=again)).autoencoder.state_dict() if "bias" in name]


@pytest.mark.parametrize("how", HOW)
def test_scores_searches_and_studies(how: str, toys: Callable[[], Any]) -> None:
    score = {"object": toys().length, "name": "toys:length", "entry point": "toy-length"}[how]
    assert build_score(score, ["ab"], "minimise")("abc") == 3
    with pytest.raises(InputError, match="needs a goal"):
        build_score(score, ["ab"])
    search = {"object": toys().corner, "name": "toys:corner:0.25", "entry point": "toy-corner:share=0.25"}[how]
    assert callable(build_search(search))
    study = {"object": toys().study, "name": "toys:study", "entry point": "toy-study"}[how]
    assert find_study(study) is toys().study
    if isinstance(study, str):
        ok("reproduce", study, "--data", "digits", "--out", "page")
        assert Path("page.md").read_text("utf-8") == "# digits\n"


def test_scores_that_say_their_goal(toys: Callable[[], Any]) -> None:
    assert build_score("toys:longest", ["ab"]).goal == "maximise"
    assert build_score("toys:relative", ["abcd"])("ab") == 0.5
    with pytest.raises(InputError, match="defines its own; leave it out"):
        build_score(toys().longest, ["ab"], "minimise")


# the rules ------------------------------------------------------------------------------------------------------------


def test_a_built_in_name_is_not_taken_by_an_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert type(densities.build("gmm", 2)).__name__ == "Mixture"
    ok("list", "densities")
    out = capsys.readouterr().out
    assert "from toys:Box of toybox 1.0" in out
    assert "the built-in density has this name" in out
    assert "toys" not in sys.modules


def test_two_packages_with_one_name_are_both_named(tmp_path: Path) -> None:
    distribution(tmp_path, "toychest", "[noiseless.densities]\ntoy-box = chest:Box\n")
    with pytest.raises(InputError, match=r"several .*'toy-box': .*(toybox 1.0.*toychest 1.0|toychest 1.0.*toybox 1.0)"):
        densities.build("toy-box", 2)


def test_an_unknown_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"unknown density 'toy-bax:2' .did you mean 'toy-box'.*MODULE:NAME"):
        densities.build("toy-bax:2", 2)
    with pytest.raises(InputError, match=r"'gmn' cannot be imported.*or did you mean the density 'gmm'"):
        densities.build("gmn:full", 2)
    assert "did you mean 'toy-linear'" in fails(capsys, "train", "rae", "--data", "digits", *FAST, "--net", "toy-liner")


def test_a_broken_package_is_named(tmp_path: Path) -> None:
    distribution(tmp_path, "toywreck", "[noiseless.densities]\nwreck = wreck:Box\n")
    with pytest.raises(InputError, match=r"'wreck' \(wreck:Box of toywreck 1.0\) cannot be imported"):
        densities.build("wreck", 2)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("toys:Bax", "unknown name in the module toys 'Bax' .did you mean 'Box'"),
        ("toys:Box:wide", "option 'factor' of density 'toys:Box' must be float, not 'wide'"),
        ("toys:Box:1,2", "density 'toys:Box' takes 1 options"),
        ("toys:absolute", r"the density toys:absolute cannot be made from \(2,\) .TypeError"),
        ("toys:Linear", "the density toys:Linear gave a Linear; expected a LatentDensity of dimension 2"),
    ],
)
def test_what_is_no_density_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        densities.build(name, 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--reconstruction", "toys:pairwise"],
            "toys:pairwise returned a tensor (2, 1, 8, 8)",
        ),
        (["--reconstruction", "toys:sparsity"], "toys:sparsity cannot be computed for an output (2, 1, 8, 8)"),
        (["--reconstruction", "toys:absolute:3"], "takes no options"),
        (["--penalty", "code-norm@many"], "the weight of the penalty code-norm is 'many'"),
        (["--penalty", "code-norm@1", "code-norm@2"], "two terms called 'code-norm'"),
        (["--net", "toys:absolute"], "the net toys:absolute is a function"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in fails(
        capsys, "train", "ae", "--data", "digits", *FAST, *(MLP if "--net" not in options else ()), *options
    )
    assert not Path("r").exists()


def test_a_reconstruction_on_logits_makes_the_decoder_give_them(toys: Callable[[], Any]) -> None:
    objective = (
        METHOD.find("vae").value(load_data("digits").spec, NETWORKS, reconstruction="toys:cross_entropy").objective
    )
    assert objective.autoencoder.logits
    assert objective.terms["kl"].weight == 1  # in nats


def test_a_reconstruction_that_is_a_module_is_no_part_of_the_objective() -> None:
    spec = load_data("digits").spec
    recipe = METHOD.find("ae").value
    plain, own = recipe(spec, NETWORKS).objective, recipe(spec, NETWORKS, reconstruction=torch.nn.L1Loss()).objective
    assert plain.state_dict().keys() == own.state_dict().keys()
    assert own.distance is not None


def test_metrics_that_fail_or_clash_are_named(toys: Callable[[], Any]) -> None:
    run = trained()
    for metric, error, sentence in (
        (toys().failing, RunError, "toys:failing failed.*ZeroDivisionError"),
        (toys().taken, InputError, "toys:taken has the column 'fd', which another metric has"),
    ):
        with pytest.raises(error, match=sentence):
            used(run, more=[nm.build_metric(metric)])
    with pytest.raises(InputError, match="always measured"):
        nm.build_metric("frechet")


def test_a_density_is_fitted_anew_when_its_source_has_changed(tmp_path: Path, toys: Callable[[], Any]) -> None:
    model = trained().model()
    first = model.draw(4, "toys:Box")
    assert torch.equal(model.draw(4, "toys:Box"), first)
    (tmp_path / "toys.py").write_text(TOYS.replace("factor: float = 1.0", "factor: float = 7.0"))
    sys.modules.pop("toys")
    importlib.invalidate_caches()
    assert not torch.equal(model.draw(4, "toys:Box"), first)


def test_a_density_without_a_name_of_its_own_is_not_kept(toys: Callable[[], Any]) -> None:
    run = trained()
    model: Model = run.model()
    wide = model.draw(200, lambda dim: toys().Box(dim, 9.0))
    assert wide.std() > 3 * model.draw(200, lambda dim: toys().Box(dim, 1.0)).std()
    assert not list(Path("r").glob("densities/*ambda*"))
    fitted = toys().Box(2).fit(torch.randn(10, 2), torch.Generator())
    assert model.sample(3, fitted).shape == (3, 1, 8, 8)
    with pytest.raises(InputError, match="has not been fitted"):
        model.sample(3, toys().Box(2))


def test_what_a_run_names_is_never_a_reason_to_import(toys: Callable[[], Any]) -> None:
    """Whatever part a run.json is made to name, opening it imports nothing."""
    trained()
    sys.modules.pop("toys", None)
    path = Path("r/run.json")
    record = json.loads(path.read_text("utf-8"))
    for changed in (
        {"recipe": "toys:method"},
        {"recipe": "toy"},
        {"arguments": {"reconstruction": "toys:absolute"}},
        {"arguments": {"reconstruction": "toy-absolute"}},
        {"arguments": {"networks": {"net": "toys:Linear"}}},
        {"arguments": {"networks": {"net": "toy-linear:true"}}},
        {"arguments": {"networks": {"encoder": "toys:Linear"}}},
        {"recipe": "ae", "arguments": {"penalty": ["toys:sparsity@1"]}},
        {"recipe": "ae", "arguments": {"penalty": [{"penalty": "toy-sparsity", "weight": 1.0}]}},
    ):
        path.write_text(json.dumps(record | changed))
        with pytest.raises(InputError, match=r"name it again with own=UserCode\("):
            Run(Path("r")).method()
        assert "toys" not in sys.modules, changed


def test_arguments_of_a_method_of_ones_own_may_be_called_as_ours() -> None:
    ok("train", "toys:otherwise", "--data", "digits", "--penalty", "0.5", "--networks", "none", *FAST[4:])
    opened = Run(Path("r"), UserCode(recipe="toys:otherwise")).method().objective
    assert isinstance(opened, Regularised)
    assert opened.terms["code"].weight == 0.5


def test_data_functions_may_take_what_the_user_asked(toys: Callable[[], Any]) -> None:
    assert len(load_data("toys:with_request:50").train) == 41
    assert load_data(toys().points).source == "toys:points"
    with pytest.raises(InputError, match=r"returned a Linear; expected a noiseless.data.Raw"):
        load_data("toys:Linear")


def test_names_of_objects() -> None:
    assert DENSITY.find(DENSITY.find("gaussian").value).name == "gaussian"
    assert registry.name_of(lambda: 0).endswith("<lambda>")
    assert registry.is_named("a.b:c:d=1,e")
    assert not registry.is_named("gmm:32")
    assert set(NET.installed()) == {"toy-linear"}
