"""The structured methods: published constants in our units, what they refuse, and the losses of the papers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.gaussian import ConstantVariance, Variational
from noiseless.errors import InputError
from noiseless.recipes.method import Method, names
from noiseless.strings import of, shipped
from noiseless.values import Batch, Dirac, Noise, Spec
from tiny import derivations, spelled

EXPRESSIONS = Spec("expressions", (15,), (), (), 12, shipped("expressions").text)
SPELLED = Spec("expressions", (19,), (), (), 15, shipped("expressions").text, "x+()123*/sinep ")
MOLECULES = Spec("zinc", (277,), (), (), 76, shipped("smiles").text)
LETTERS = "C()c12o=ON3F[@H]n-#Sl+sBr/4\\567IP8 "
SPELLED_MOLECULES = Spec("zinc", (120,), (), (), 35, shipped("smiles").text, LETTERS)
SMALL = Networks(width=4)


def build(name: str, spec: Spec, **arguments: Any) -> Method:
    return names()[name](spec, arguments.pop("networks", SMALL), **arguments)


@pytest.mark.parametrize(
    ("name", "spec", "weight", "latent_dim", "epochs", "batch", "patience"),
    [
        ("gvae", EXPRESSIONS, 0.48, 25, 50, 600, 1),
        ("gcv-vae", EXPRESSIONS, 0.48, 25, 50, 600, 1),
        ("grae", EXPRESSIONS, 0.48, 25, 50, 600, 1),
        ("character-vae", SPELLED, 0.60, 25, 50, 600, 1),
        ("gvae", MOLECULES, 76 / 56, 56, 100, 500, 3),
        ("character-vae", SPELLED_MOLECULES, 0.625, 56, 100, 500, 3),
    ],
)
def test_defaults_are_the_published_ones_in_sums(
    name: str, spec: Spec, weight: float, latent_dim: int, epochs: int, batch: int, patience: int
) -> None:
    made = build(name, spec)
    terms = made.objective.terms
    assert terms.get("kl", terms.get("code")).weight == pytest.approx(weight)
    assert made.objective.autoencoder.latent_dim == latent_dim
    assert (made.training.epochs, made.training.batch, made.training.schedule) == (epochs, batch, "plateau")
    assert (made.training.lr_factor, made.training.lr_patience, made.training.lr_floor) == (0.2, patience, 1e-4)
    (phase,) = made.objective.phases()
    assert phase.optimiser(phase.parameters).param_groups[0]["lr"] == 1e-3
    assert any("published" in note for note in made.notes)


def test_the_loss_of_gvae_is_the_published_one_times_d() -> None:
    made = build("gvae", EXPRESSIONS, networks=Networks())
    objective, codec = made.objective, of(EXPRESSIONS)
    x = torch.from_numpy(codec.encode(["x+1", "1/3+(x)+sin(x*x)", "exp(2)"])).float()
    objective.eval()
    trace = objective.autoencoder(Batch(x, torch.arange(3), 0, Noise(0)))
    e = trace.y.exp() * codec.alternatives()[x.long()]
    p = (e / e.sum(2, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    true = torch.nn.functional.one_hot(x.long(), 12).float()
    log_variance = 2 * trace.q.log_std
    divergence = -0.5 * (1 + log_variance - trace.q.mean.square() - log_variance.exp()).mean()
    theirs = 15 * torch.nn.functional.binary_cross_entropy(p, true) + divergence
    ours = sum(objective.loss(Batch(x, torch.arange(3), 0, Noise(0))).values())
    torch.testing.assert_close(ours, 12 * theirs, rtol=1e-4, atol=1e-3)


def test_noise_has_the_published_scale_or_all_of_it() -> None:
    torch.manual_seed(0)
    q = Variational(3, 0.01)(torch.zeros(20_000, 6))
    assert q.sample(Noise(0)).std().item() == pytest.approx(0.01, rel=0.02)
    assert Variational(3)(torch.zeros(20_000, 6)).sample(Noise(0)).std().item() == pytest.approx(1, rel=0.02)
    assert torch.equal(q.log_std, torch.zeros(20_000, 3))  # the divergence is that of the deviation itself
    assert build("gvae", EXPRESSIONS, noise_scale=1.0).objective.autoencoder.bottleneck.noise_scale == 1.0
    assert build("gvae", EXPRESSIONS).notes != build("gvae", EXPRESSIONS, noise_scale=1.0).notes
    for wrong in (0.0, -1.0, math.inf):
        with pytest.raises(InputError, match="scale of the codes' noise"):
            Variational(3, wrong)


def test_the_methods_are_what_the_papers_say() -> None:
    grae = build("grae", EXPRESSIONS).objective
    assert set(grae.terms) == {"code", "decoder"}
    assert isinstance(grae.autoencoder.encode(torch.zeros(2, 15)), Dirac)
    assert build("gcv-vae", EXPRESSIONS).objective.autoencoder.bottleneck.sigma == 0.1
    constant = build("gcv-vae", EXPRESSIONS, sigma=0.3).objective.autoencoder.bottleneck
    assert isinstance(constant, ConstantVariance)
    assert constant.sigma == 0.3


@pytest.mark.parametrize(
    "name", ["rae", "rae-sn", "ae", "eae", "vae", "wae-mmd", "swae", "gmm-ae", "aae", "wae-wgan", "maskaae"]
)
def test_other_methods_take_strings_as_they_are(name: str) -> None:
    for data in (derivations(), spelled()):
        made = build(name, data.spec, networks=Networks(latent_dim=3, width=4), reconstruction="categorical")
        x = data.spec.normalise(torch.from_numpy(data.train.take(range(8))))
        for phase in made.objective.phases():
            losses = phase.loss(Batch(x, torch.arange(8), 0, Noise(0)))
            assert all(value.isfinite() for value in losses.values())
        assert any("none are published for strings" in note for note in made.notes)


@pytest.mark.parametrize(
    ("name", "spec", "sentence"),
    [
        ("gvae", SPELLED, "expressions are characters; train character-vae"),
        ("character-vae", EXPRESSIONS, "expressions:codec=characters"),
        ("grae", Spec("digits", (1, 8, 8)), "digits are images; train rae-l2"),
        ("gcv-vae", Spec("moons", (2,)), "moons are vectors"),
    ],
)
def test_data_of_another_kind_are_refused(name: str, spec: Spec, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build(name, spec)


def test_short_molecules_have_the_networks_of_molecules() -> None:
    short = replace(SPELLED_MOLECULES, shape=(57,), kind="molecules")
    made = build("character-vae", short, networks=Networks(width=4))
    assert made.objective.autoencoder.latent_dim == 56
    assert made.training.epochs == 100
    other = build("character-vae", replace(short, kind=""), networks=Networks(width=4))
    assert other.objective.autoencoder.latent_dim == 25


@pytest.mark.parametrize(
    ("net", "spec", "sentence"),
    [
        ("mlp", EXPRESSIONS, "mlp is not for token sequences, which expressions are; take gru-small"),
        ("conv-small", MOLECULES, "take gru-large"),
        ("gru-small", Spec("digits", (1, 8, 8)), "not for images, which digits are; take conv-small"),
        ("gru-large", Spec("moons", (2,)), "not for vectors, which moons are; take mlp"),
    ],
)
def test_nets_are_for_their_data(net: str, spec: Spec, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build("rae", spec, networks=Networks(latent_dim=3, net=net, width=4))
