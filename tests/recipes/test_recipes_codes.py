"""Defaults of the methods that shape the distribution of the codes, in the units of the papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.gaussian import ConstantVariance, Variational
from noiseless.autoencoder.bottlenecks.normalised import BatchNormed, L1Normed
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.recipes.method import Method, names
from noiseless.values import Spec

SPECS = {
    "mnist": Spec("mnist", (1, 32, 32)),
    "cifar10": Spec("cifar10", (3, 32, 32)),
    "celeba": Spec("celeba", (3, 64, 64)),
}

# method: term, weights beside a squared error that is a sum over pixels, learning rates; mnist, cifar10, celeba
TABLE: dict[str, tuple[str, tuple[float, float, float], tuple[float, float, float]]] = {
    "vae": ("kl", (0.312, 0.072, 0.27072), (1e-4, 1e-4, 1e-4)),
    "two-stage-vae": ("kl", (0.312, 0.072, 0.27072), (1e-4, 1e-4, 1e-4)),
    "cv-vae": ("kl", (0.039, 0.0027, 0.03), (1e-4, 1e-4, 1e-4)),
    "wae-mmd": ("mmd", (30.72, 18.432, 2000.0), (1e-3, 1e-3, 1e-3)),
    "eae": ("entropy", (1.0, 1.0, 1.0), (5e-4, 5e-4, 1e-3)),
}


def build(name: str, data: str = "mnist", **arguments: Any) -> Method:
    return names()[name](SPECS[data], Networks(width=1), **arguments)


@pytest.mark.parametrize("data", SPECS)
@pytest.mark.parametrize("name", TABLE)
def test_defaults_are_the_published_ones_converted(name: str, data: str) -> None:
    made, place = build(name, data), list(SPECS).index(data)
    term, weights, rates = TABLE[name]
    assert made.objective.terms[term].weight == pytest.approx(weights[place], rel=1e-9)
    (phase,) = made.objective.phases()
    assert phase.optimiser(phase.parameters).param_groups[0]["lr"] == rates[place]
    assert made.training.batch == (1000 if "vae" in name and name != "cv-vae" and data == "celeba" else 100)
    fewer = data == "celeba" or (name, data) in (("cv-vae", "cifar10"), ("wae-mmd", "cifar10"))
    assert made.training.epochs == (70 if fewer else 100)


def test_bottlenecks_are_the_methods() -> None:
    kinds = {"vae": Variational, "cv-vae": ConstantVariance, "wae-mmd": Deterministic, "eae": BatchNormed}
    assert {name: type(build(name).objective.autoencoder.bottleneck) for name in kinds} == kinds
    assert isinstance(build("eae", normalisation="l1").objective.autoencoder.bottleneck, L1Normed)
    assert isinstance(build("eae", normalisation="none").objective.autoencoder.bottleneck, Deterministic)
    assert build("cv-vae", sigma=0.2).objective.autoencoder.bottleneck.sigma == 0.2


def test_default_weights_beside_another_reconstruction_are_noted() -> None:
    said = "default weights of the terms are for the squared error, and the reconstruction is gaussian:0.5"
    for name in ("wae-mmd", "wae-gan", "aae", "rae-l2"):
        assert said in build(name, reconstruction="gaussian:0.5").notes
        assert said not in build(name).notes
    assert (
        said in build("eae", "cifar10", reconstruction="gaussian:0.5").notes
    )  # its decay; that of the entropy is ours
    assert said in build("rae-l2", reconstruction="gaussian:0.5", beta=1.0).notes
    given: dict[str, dict[str, Any]] = {"rae-l2": {"beta": 1.0, "decay": 0.1}, "wae-mmd": {"weight": 1.0}, "eae": {}}
    for name, weights in given.items():
        assert said not in build(name, reconstruction="gaussian:0.5", **weights).notes
    assert build("vae", reconstruction="gaussian:0.5").notes == build("ae", reconstruction="bernoulli").notes == ()
    assert "is that of the kernel imq" in build("wae-mmd", kernel="rbf").notes[0]
    assert build("wae-mmd", kernel="rbf", weight=3.0).notes == ()


def test_what_is_sampled_by_default() -> None:
    assert build("eae").densities[0] == build("vae").densities[0] == build("wae-mmd").densities[0] == "normal"
    for normalisation, density in (("l1", "laplace"), ("sphere", "sphere"), ("cube", "cube"), ("none", "normal")):
        assert build("eae", normalisation=normalisation).densities[0] == density
    with pytest.raises(InputError, match="unknown bottleneck 'l2'"):
        build("eae", normalisation="l2")
    assert build("two-stage-vae").densities[0] == "second-stage"


def test_eae_has_the_paper_s_further_terms_on_colour_images() -> None:
    cifar, celeba = build("eae", "cifar10"), build("eae", "celeba")
    assert cifar.objective.terms["decoder"].weight == pytest.approx(3072e-6)
    assert cifar.training.schedule == "exponential"
    assert "decoder" not in celeba.objective.terms
    assert any("parametrizations" in name for name in celeba.objective.state_dict())
    assert not any("parametrizations" in name for name in cifar.objective.state_dict())
    assert any("parametrizations" in k for k in build("eae", spectral=True).objective.state_dict())


def test_a_likelihood_has_weight_one() -> None:
    assert build("vae", reconstruction="bernoulli").objective.terms["kl"].weight == 1
    assert build("vae", "celeba", reconstruction="gaussian-learnt").objective.terms["kl"].weight == 1
    assert build("vae", reconstruction="bernoulli", beta=4.0).objective.terms["kl"].weight == 4


def test_other_reconstructions_have_the_published_weight_and_say_so() -> None:
    perceptual = build("vae", reconstruction="efficientnet:32")
    assert perceptual.objective.terms["kl"].weight == pytest.approx(0.312)
    assert "the reconstruction is efficientnet" in perceptual.notes[0]
    assert build("vae", reconstruction="efficientnet:32", beta=1.0).notes == ()


def test_bad_neighbours_are_refused() -> None:
    with pytest.raises(InputError, match="k is 0"):
        build("eae", k=0)
    with pytest.raises(InputError, match="standard deviation"):
        build("cv-vae", sigma=-1.0)


def test_more_weight_means_more_entropy() -> None:
    """On batches of fixed data, a few steps with a larger weight end at codes of larger entropy."""
    found = []
    for weight in (0.0, 1.0, 30.0):
        torch.manual_seed(0)
        objective = names()["eae"](Spec("own", (6,)), Networks(latent_dim=3, width=4), weight=weight).objective.train()
        (phase,) = objective.phases()
        optimiser = torch.optim.Adam(phase.parameters, 1e-2)
        from noiseless.metrics.entropy import entropy
        from noiseless.values import Batch

        x = torch.randn(100, 2) @ torch.randn(2, 6)
        for step in range(150):
            optimiser.zero_grad()
            torch.stack(list(phase.loss(Batch(x, torch.arange(100), step)).values())).sum().backward()
            optimiser.step()
        found.append(entropy(objective.autoencoder.encode(x).mean).item())
    assert found[0] < found[1] < found[2]
