"""Defaults of the methods to compare with whose weights are this library's choice."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from noiseless import densities
from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.objectives.penalties.shape import Target
from noiseless.objectives.penalties.sliced import SlicedWasserstein
from noiseless.recipes.method import Method, names
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

MNIST, CELEBA, VECTORS = Spec("mnist", (1, 28, 28)), Spec("celeba", (3, 64, 64)), Spec("own", (6,))

SIZES = pytest.mark.parametrize(("spec", "size"), [(MNIST, 1024), (CELEBA, 12288), (VECTORS, 6)], ids=str)


def build(name: str, spec: Spec, *given: Any, **arguments: Any) -> Method:
    return names()[name](spec, Networks(width=1), *given, **arguments)


@SIZES
def test_swae_has_its_weight_in_proportion_to_the_values_and_says_so(spec: Spec, size: int) -> None:
    made = build("swae", spec)
    term = made.objective.terms["sliced"]
    assert term.weight == pytest.approx(0.01 * size)
    assert isinstance(term.penalty, SlicedWasserstein)
    assert term.penalty.projections == 50
    assert isinstance(made.objective.autoencoder.bottleneck, Deterministic)
    assert (made.training.batch, made.densities[0]) == (500, "normal")
    assert "this library's choice" in made.notes[0]
    given = build("swae", spec, Optimiser(lr=1e-3), weight=3.0, projections=7)
    assert given.objective.terms["sliced"].weight == 3
    assert given.objective.terms["sliced"].penalty.projections == 7
    assert not any("choice" in note for note in given.notes)


@SIZES
def test_gmm_ae_samples_the_mixture_at_which_its_terms_aim(spec: Spec, size: int) -> None:
    made = build("gmm-ae", spec)
    terms = made.objective.terms
    assert terms["marginals"].weight == pytest.approx(0.1 * size)
    assert terms["covariance"].weight == pytest.approx(0.01 * size)
    assert "this library's choice" in made.notes[0]
    other = build("gmm-ae", spec, weight=2.0, covariance=3.0, components=4, radius=2.5)
    marginals, covariance = (other.objective.terms[name] for name in ("marginals", "covariance"))
    assert (marginals.weight, covariance.weight) == (2, 3)
    d = other.objective.autoencoder.latent_dim
    density, target = densities.build(other.densities[0], d), Target.placed(d, 4, 2.5)
    assert torch.equal(density.means, target.means)
    assert all((term.penalty.components, term.penalty.radius) == (4, 2.5) for term in (marginals, covariance))
    with pytest.raises(InputError, match="components is 0"):
        build("gmm-ae", spec, components=0)
