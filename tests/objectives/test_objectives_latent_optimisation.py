"""Learnt codes: where they start, what moves them, where they stay."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from noiseless.autoencoder.bottlenecks.ball import UnitBall, into_ball
from noiseless.densities import build
from noiseless.errors import InputError
from noiseless.objectives.latent_optimisation import LatentOptimisation, principal
from noiseless.objectives.objective import TrainingInfo
from noiseless.recipes.method import names
from noiseless.training import Training, fit
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Dirac, Noise, Spec
from tiny import FAST, NETWORKS, images, vectors


def made(spec: Spec, optimiser: Optimiser = Optimiser(), **arguments: Any) -> LatentOptimisation:
    torch.manual_seed(0)
    objective = names()["glo"](spec, NETWORKS, optimiser, **arguments).objective
    assert isinstance(objective, LatentOptimisation)
    return objective


def prepared(count: int = 80, **arguments: Any) -> LatentOptimisation:
    objective, data = made(vectors().spec, **arguments), vectors()
    rows = data.spec.normalise(torch.from_numpy(data.train.take(range(count))))
    objective.setup(TrainingInfo(count, 20, 0), lambda: rows)
    return objective


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def step(objective: LatentOptimisation, index: Tensor, x: Tensor) -> None:
    (phase,) = objective.train().phases()
    optimiser = phase.optimiser(phase.parameters)
    torch.stack(list(phase.loss(Batch(x, index, 0, Noise(0))).values())).sum().backward()
    optimiser.step()


def test_the_ball_is_the_nearest_one() -> None:
    h = 2 * normal(50, 3)
    z = into_ball(h)
    inside = h.norm(dim=1) <= 1
    assert inside.any()
    torch.testing.assert_close(z[inside], h[inside], rtol=0, atol=0)
    torch.testing.assert_close(z[~inside].norm(dim=1), torch.ones(int((~inside).sum()), dtype=torch.float64))
    torch.testing.assert_close(into_ball(z), z, rtol=1e-12, atol=0)
    q = UnitBall(3)(h)
    assert isinstance(q, Dirac)
    torch.testing.assert_close(q.mean, z, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(40, 7), (7, 40)])
def test_principal_components_are_those_of_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    x = normal(*shape) @ torch.diag(torch.arange(1.0, shape[1] + 1, dtype=torch.float64))
    u, s, v = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    expected = u[:, :3] * s[:3]
    found = principal(x, 3)
    signs = (found * expected).sum(0).sign()
    torch.testing.assert_close(found, expected * signs, rtol=1e-8, atol=1e-8)
    loadings = v[:3].T * signs
    assert (loadings.gather(0, loadings.abs().argmax(0, keepdim=True)) > 0).all()


def test_dimensions_beyond_the_data_s_start_at_0() -> None:
    found = principal(normal(9, 2), 5)
    assert found.shape == (9, 5)
    assert not found[:, 2:].any()


def test_codes_start_in_the_ball_from_the_components_or_from_noise() -> None:
    objective, data = prepared(), vectors()
    x = data.spec.normalise(torch.from_numpy(data.train.take(range(80))))
    torch.testing.assert_close(objective.codes.data, into_ball(principal(x, 3)))
    other = prepared(initial="normal")
    assert other.codes.norm(dim=1).max() <= 1 + 1e-6
    assert not torch.allclose(other.codes, objective.codes)
    before = objective.codes.clone()
    objective.setup(TrainingInfo(80, 20, 1), lambda: pytest.fail("its codes are known"))
    assert torch.equal(before, objective.codes)


def test_a_step_moves_the_codes_of_its_batch_alone_down_their_gradient() -> None:
    objective = prepared(optimiser=Optimiser(lr=1e-4), ratio=5.0)
    objective.codes.data.mul_(0.5)  # away from the surface, where the projection does nothing
    before, index = objective.codes.detach().clone(), torch.tensor([3, 8, 20])
    step(objective, index, torch.randn(3, 5))
    moved = objective.codes.detach() - before
    others = torch.ones(80, dtype=torch.bool)
    others[index] = False
    assert objective.codes.grad is not None
    torch.testing.assert_close(moved[index], -5e-4 * objective.codes.grad[index], rtol=1e-3, atol=1e-8)
    assert moved[index].abs().sum(1).min() > 0
    assert not moved[others].any()


@pytest.mark.parametrize("optimiser", [Optimiser(lr=0.5), Optimiser("adam", lr=0.1)], ids=["sgd", "adam"])
def test_codes_stay_in_the_ball(optimiser: Optimiser) -> None:
    objective = prepared(optimiser=optimiser)
    for k in range(3):
        step(objective, torch.arange(k, k + 20), torch.randn(20, 5))
        assert objective.codes.norm(dim=1).max() <= 1 + 1e-6


def test_a_linear_decoder_finds_the_best_codes_of_data_in_the_ball() -> None:
    """With a fixed decoder the codes converge to the projections of the data: no local minima."""
    objective = prepared(4, optimiser=Optimiser(lr=0.02), ratio=1.0)
    basis = torch.linalg.qr(normal(5, 3).float()).Q
    objective.autoencoder.decoder = torch.nn.Linear(3, 5, bias=False).requires_grad_(False)
    objective.autoencoder.decoder.weight.copy_(basis)
    x = into_ball(normal(4, 3, seed=1).float()) @ basis.T + 0.3 * torch.randn(4, 5)
    phase_parameters = [objective.codes]
    optimiser = torch.optim.SGD(phase_parameters, 0.4)
    optimiser.register_step_post_hook(lambda *_: objective._project())
    for _ in range(200):
        optimiser.zero_grad()
        objective.loss(Batch(x, torch.arange(4), 0, Noise(0)))["reconstruction"].backward()
        optimiser.step()
    torch.testing.assert_close(objective.codes.detach(), into_ball(x @ basis), rtol=1e-3, atol=1e-4)


def test_codes_of_training_data_are_the_table_and_others_are_refused() -> None:
    objective = prepared()
    index = torch.tensor([5, 0])
    found = objective.code(Batch(torch.zeros(2, 5), index))
    torch.testing.assert_close(found, objective.codes.detach()[index], rtol=0, atol=0)
    with pytest.raises(InputError, match="80 codes, but none for example 80"):
        objective.code(Batch(torch.zeros(1, 5), torch.tensor([80])))
    with pytest.raises(InputError, match="Batch\\(x, index\\)"):
        objective(torch.zeros(2, 5))


def test_other_data_are_searched_for_within_the_ball() -> None:
    data = vectors()
    objective = made(data.spec, Optimiser("adam", lr=3e-3))
    fit(objective, data, Training(**FAST, steps=200), show=False)
    used = objective.recalibrated()
    z = used.autoencoder.encode(data.spec.normalise(torch.from_numpy(data.test.take(range(6))))).mean
    assert z.norm(dim=1).max() <= 1 + 1e-6
    known = data.spec.normalise(torch.from_numpy(data.train.take(range(20))))
    with torch.no_grad():
        searched = used.autoencoder.decode(used.autoencoder.encode(known).mean)
        learnt = used.autoencoder.decode(used.codes[:20])
    errors = [(y - known).square().sum(1).mean() for y in (searched, learnt)]
    assert errors[0] < 1.05 * errors[1]


def test_a_copy_searches_with_its_own_decoder() -> None:
    objective = prepared()
    other = copy.deepcopy(objective)
    with torch.no_grad():
        for parameter in other.autoencoder.decoder.parameters():
            parameter.zero_()
    z = normal(4, 3).float()
    assert objective.autoencoder.encoder.decode(z).abs().sum() > 0
    assert not other.autoencoder.encoder.decode(z).any()


def test_fresh_draws_have_the_codes_mean_and_covariance_as_the_density_gaussian_has() -> None:
    objective = prepared()
    drawn = objective._fresh(normal(100_000, 3).float())
    z = objective.codes.detach()
    torch.testing.assert_close(drawn.mean(0), z.mean(0), rtol=0, atol=0.01)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(z.T), rtol=0, atol=0.01)
    density = build("gaussian", 3).fit(z, torch.Generator())
    sample = density.sample(100_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.cov(sample.T), torch.cov(drawn.T), rtol=0, atol=0.02)


def test_codes_come_with_a_checkpoint_and_stay_the_parameter_of_their_optimiser() -> None:
    objective, other = prepared(), made(vectors().spec)
    (phase,) = other.phases()
    optimiser = phase.optimiser(phase.parameters)
    other.load_state_dict(objective.state_dict())
    torch.testing.assert_close(other.codes.data, objective.codes.data, rtol=0, atol=0)
    assert any(p is other.codes for group in optimiser.param_groups for p in group["params"])
    with pytest.raises(RuntimeError, match="codes"):
        other.load_state_dict(objective.state_dict() | {"codes": torch.zeros(80, 4)})


def test_recipe_s_defaults_and_refusals() -> None:
    spec = images().spec
    glo = names()["glo"]
    method = glo(spec, NETWORKS)
    (phase,) = method.objective.phases()
    optimiser = phase.optimiser(phase.parameters)
    assert isinstance(optimiser, torch.optim.SGD)
    assert optimiser.param_groups[1]["lr"] == pytest.approx(10 * optimiser.param_groups[0]["lr"])
    assert method.objective.constants()["ratio of the codes' rate"] == 10
    assert (method.training.batch, method.densities[0]) == (128, "gaussian")
    assert "this library's choice" in method.notes[0]
    assert not any("choice" in note for note in glo(spec, NETWORKS, Optimiser(lr=0.1)).notes)
    with pytest.raises(InputError, match="positive ratio"):
        glo(spec, NETWORKS, ratio=0.0)
    with pytest.raises(InputError, match="no encoder"):
        glo(spec, type(NETWORKS)(encoder=lambda shape, outputs: torch.nn.Linear(1, 1)))
    with pytest.raises(InputError, match="use grae"):
        glo(Spec("expressions", (9,), tokens=12), NETWORKS)
