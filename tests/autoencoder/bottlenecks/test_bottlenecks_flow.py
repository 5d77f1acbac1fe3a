"""A posterior that is a flow: its density against the Jacobian, and the estimate of its divergence."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.autoencoder.bottlenecks.flow import Flowed, FlowPosterior
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.penalties.sampled_kl import sampled_kl
from noiseless.recipes.method import names
from noiseless.values import Batch, DiagonalGaussian, Dirac, Noise, Trace
from tiny import vectors

AUTOENCODER = Autoencoder(nn.Linear(2, 1), nn.Linear(1, 2), Deterministic(1))


def posterior(latent_dim: int = 3, transforms: int = 2) -> FlowPosterior:
    torch.manual_seed(0)
    return FlowPosterior(latent_dim, transforms, hidden=8).double()


def outputs(n: int, latent_dim: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(n, 3 * latent_dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trace(q: object, z: Tensor, noise: int = 5) -> Trace:
    x = torch.zeros(len(z), 2, dtype=z.dtype)
    return Trace(Batch(x, torch.arange(len(z)), 0, Noise(noise)), q, z, x)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_the_density_of_a_draw_is_the_base_s_over_the_jacobian(latent_dim: int) -> None:
    bottleneck = posterior(latent_dim)
    assert bottleneck.inputs == 3 * latent_dim
    q = bottleneck(outputs(4, latent_dim))
    z, log_q = q.draw(Noise(3))
    epsilon = Noise(3).normal(q.base.mean)
    u = q.base.mean + q.base.log_std.exp() * epsilon
    for k in range(4):

        def alone(v: Tensor, k: int = k) -> Tensor:
            return bottleneck(outputs(4, latent_dim)[k : k + 1]).transform(v[None])[0]

        jacobian = torch.autograd.functional.jacobian(alone, u[k])
        base = torch.distributions.Normal(q.base.mean[k], q.base.log_std[k].exp()).log_prob(u[k]).sum()
        torch.testing.assert_close(log_q[k], base - jacobian.slogdet().logabsdet, rtol=0, atol=1e-9)
        torch.testing.assert_close(z[k], alone(u[k]), rtol=0, atol=1e-12)
    torch.testing.assert_close(q.sample(Noise(3)), z, rtol=0, atol=0)


def test_the_flow_is_another_for_other_data() -> None:
    bottleneck = posterior()
    h = outputs(2)
    h[1, :6] = h[0, :6]  # the same base, another context
    q = bottleneck(h)
    assert torch.equal(q.base.mean[0], q.base.mean[1])
    assert (q.mean[0] - q.mean[1]).abs().max() > 1e-3


def test_the_estimate_has_the_divergence_for_its_mean() -> None:
    """Against the closed form, where the flow is affine: one dimension, whose map is a shift and a scale."""
    bottleneck = posterior(1, transforms=1)
    h = outputs(1, 1).expand(200_000, 3)
    q = bottleneck(h)
    z = q.sample(Noise(11))
    at = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    low, high = bottleneck(h[:2]).transform(at)
    scale, shift = (high - low).item(), low.item()
    mean, std = scale * q.base.mean[:1] + shift, scale * q.base.log_std[:1].exp()
    exact = kl(trace(DiagonalGaussian(mean, std.log()), mean), AUTOENCODER)
    estimate = sampled_kl(trace(q, z), AUTOENCODER)
    draws = q.draw(Noise(5))
    width = (draws[1] + draws[0].square().sum(1) / 2 + math.log(2 * math.pi) / 2).std().item() / math.sqrt(200_000)
    assert estimate.item() == pytest.approx(exact.item(), abs=4 * width)
    assert width < 0.02 * exact.item()


def test_the_estimate_is_not_negative_on_average() -> None:
    q = posterior(4)(outputs(20_000, 4))
    assert sampled_kl(trace(q, q.mean), AUTOENCODER).item() > 0


def test_a_code_without_density_is_refused() -> None:
    z = torch.zeros(2, 3)
    with pytest.raises(InputError, match="needs a flow as posterior, not Dirac"):
        sampled_kl(trace(Dirac(z), z), AUTOENCODER)


@pytest.mark.parametrize(("transforms", "hidden"), [(0, 8), (1, 0)])
def test_sizes_out_of_range_are_refused(transforms: int, hidden: int) -> None:
    with pytest.raises(InputError, match="must be 1 or more"):
        FlowPosterior(2, transforms, hidden)


def test_the_recipe_is_vae_s_with_another_posterior() -> None:
    torch.manual_seed(0)
    networks = Networks(latent_dim=3, width=2)
    made, plain = (names()[name](vectors().spec, networks) for name in ("vae-flow", "vae"))
    assert made.objective.terms["kl"].weight == plain.objective.terms["kl"].weight
    assert (made.training, made.densities) == (plain.training, plain.densities)
    assert isinstance(made.objective.autoencoder.encode(torch.zeros(2, 5)), Flowed)


def test_without_zuko_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(InputError, match=r"needs zuko; pip install 'noiseless\[flow\]'"):
        names()["vae-flow"](vectors().spec)
