"""Reconstruction terms against torch.distributions, and how they are named."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, distributions

from noiseless.autoencoder import Networks
from noiseless.errors import InputError
from noiseless.objectives import reconstruction
from noiseless.objectives.reconstruction.likelihood import GaussianLikelihood, bernoulli, gaussian_learnt
from noiseless.recipes.method import names
from noiseless.values import Batch, Noise, Spec
from tiny import takes

IMAGE, VECTOR = Spec("mnist", (1, 8, 8)), Spec("own", (5,))


def pair(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(6, 1, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))  # type: ignore[return-value]


def test_bernoulli_takes_logits_and_is_torch_s_likelihood() -> None:
    y, x = pair()
    expected = -distributions.Bernoulli(probs=y).log_prob(x.round()).flatten(1).sum(1).mean()
    torch.testing.assert_close(bernoulli(torch.logit(y), x.round()), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_gaussian_is_torch_s_likelihood(sigma: float) -> None:
    y, x = pair()
    expected = -distributions.Normal(y, sigma).log_prob(x).flatten(1).sum(1).mean()
    torch.testing.assert_close(GaussianLikelihood(sigma)(y, x), expected, rtol=1e-10, atol=0)


def test_the_learnt_variance_is_the_best_fixed_one() -> None:
    y, x = pair()
    best = (y - x).square().mean().sqrt().item()
    torch.testing.assert_close(gaussian_learnt(y, x), GaussianLikelihood(best)(y, x), rtol=1e-10, atol=0)
    assert gaussian_learnt(y, x) < min(GaussianLikelihood(0.95 * best)(y, x), GaussianLikelihood(1.05 * best)(y, x))
    gradients = []
    for term in (gaussian_learnt, GaussianLikelihood(best)):
        leaf = y.clone().requires_grad_()
        term(leaf, x).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=0)


def test_a_perfect_reconstruction_is_finite() -> None:
    y, _ = pair()
    assert gaussian_learnt(y, y).isfinite()


def test_names_are_found_with_options_and_strangers_refused() -> None:
    assert {"bernoulli", "gaussian", "gaussian-learnt", "squared-error"} <= reconstruction.names().keys()
    assert reconstruction.build("bernoulli", IMAGE).logits
    made = reconstruction.build("gaussian:0.5", IMAGE)
    assert isinstance(made.of, GaussianLikelihood)
    assert (made.of.sigma, made.logits) == (0.5, False)
    for name, message in {
        "gausian": "did you mean 'gaussian'",
        "gaussian:a": "are numbers, not 'a'",
        "gaussian:1,2": "takes 1 options",
        "gaussian:0": "must be above 0",
    }.items():
        with pytest.raises(InputError, match=message):
            reconstruction.build(name, IMAGE)
    with pytest.raises(InputError, match="data in \\[0, 1\\]"):
        reconstruction.build("bernoulli", VECTOR)


@pytest.mark.parametrize("name", [n for n in names() if n not in ("deciphering", "glo") and takes(n, "images")])
def test_every_method_takes_logits_and_gives_pixels(name: str) -> None:
    torch.manual_seed(0)
    objective = names()[name](IMAGE, Networks(latent_dim=3, width=4), reconstruction="bernoulli").objective.train()
    x = torch.rand(20, 1, 8, 8)
    trace = objective.autoencoder(Batch(x, torch.arange(20), 0, Noise(0)))
    torch.testing.assert_close(trace.y, torch.sigmoid(trace.logits))
    losses = [phase.loss(Batch(x, torch.arange(20), 0, Noise(0))) for phase in objective.phases()]
    value = next(loss["reconstruction"] for loss in losses if "reconstruction" in loss)
    torch.testing.assert_close(value, bernoulli(trace.logits, x), rtol=1e-3, atol=0)
    decoded = objective.autoencoder.eval().decode(trace.z)
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert decoded.min() < 0.5 < decoded.max()
