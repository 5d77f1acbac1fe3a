"""Defaults of the methods to compare with whose weights are this library's choice."""

from __future__ import annotations

from typing import Any

import pytest

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.objectives.penalties.sliced import SlicedWasserstein
from noiseless.recipes.method import Method, names
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

MNIST, CELEBA, VECTORS = Spec("mnist", (1, 28, 28)), Spec("celeba", (3, 64, 64)), Spec("own", (6,))


def build(name: str, spec: Spec, *given: Any, **arguments: Any) -> Method:
    return names()[name](spec, Networks(width=1), *given, **arguments)


@pytest.mark.parametrize(
    ("spec", "size"), [(MNIST, 1024), (CELEBA, 12288), (VECTORS, 6)], ids=["mnist", "celeba", "own"]
)
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
