from __future__ import annotations

import pytest
import torch

from noiseless.values import Batch, DiagonalGaussian, Dirac, Noise, Posterior, Spec


def test_images_become_floats_in_0_and_1_and_stay() -> None:
    spec = Spec("x", (1, 2, 2))
    raw = torch.tensor([[[[0, 51], [102, 255]]]], dtype=torch.uint8)
    torch.testing.assert_close(spec.normalise(raw), torch.tensor([[[[0, 0.2], [0.4, 1.0]]]]))
    assert spec.is_image
    assert spec.size == 4
    assert spec.restore(raw / 255).equal(raw / 255)
    floats = torch.rand(1, 1, 2, 2, dtype=torch.float64)
    assert spec.normalise(floats).dtype == torch.float32


def test_vectors_are_standardised_and_restored() -> None:
    spec = Spec("v", (3,), (1.0, 2.0, 3.0), (0.5, 1.0, 2.0))
    raw = torch.randn(5, 3)
    x = spec.normalise(raw)
    torch.testing.assert_close(x, (raw - torch.tensor([1.0, 2, 3])) / torch.tensor([0.5, 1, 2]))
    torch.testing.assert_close(spec.restore(x), raw)
    assert not spec.is_image


@pytest.mark.parametrize("draw", ["normal", "uniform", "signs"])
def test_noise_is_a_function_of_the_seed_and_of_the_position(draw: str) -> None:
    like = torch.zeros(6, 2, dtype=torch.float64)
    one = getattr(Noise(5), draw)(like)
    assert torch.equal(one, getattr(Noise(5), draw)(like))
    assert not torch.equal(one, getattr(Noise(6), draw)(like))
    for world in (2, 3):
        parts = [getattr(Noise(5, rank, world), draw)(like[: 6 // world]) for rank in range(world)]
        assert torch.equal(torch.cat(parts), one)
    noise = Noise(5)
    first, second = getattr(noise, draw)(like), getattr(noise, draw)(like)
    assert torch.equal(first, one)
    assert not torch.equal(first, second)


def test_signs_are_signs() -> None:
    signs = Noise(0).signs(torch.zeros(4000))
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert abs(signs.mean().item()) < 4 / 4000**0.5


def test_codes_have_a_mean_and_draws() -> None:
    mean = torch.randn(4000, 2, dtype=torch.float64)
    log_std = torch.full_like(mean, -1.0).requires_grad_()
    dirac, gaussian = Dirac(mean), DiagonalGaussian(mean, log_std)
    assert isinstance(dirac, Posterior)
    assert isinstance(gaussian, Posterior)
    assert dirac.sample(Noise(0)) is mean
    draw = gaussian.sample(Noise(0))
    spread = ((draw - mean) / torch.tensor(-1.0).exp()).detach()
    torch.testing.assert_close(spread, Noise(0).normal(mean), rtol=1e-6, atol=1e-6)
    draw.sum().backward()
    torch.testing.assert_close(log_std.grad, (draw - mean).detach(), rtol=1e-10, atol=1e-12)


def test_a_batch_outside_training_has_no_step() -> None:
    assert Batch(torch.zeros(2, 3), torch.arange(2)).step is None


def test_batches_have_noise_of_their_own_which_the_global_seed_decides() -> None:
    x = torch.zeros(4, 3)
    first, second = Batch(x), Batch(x)
    assert not torch.equal(first.noise.normal(x), second.noise.normal(x))
    torch.manual_seed(7)
    seeded = [Batch(x).noise.normal(x) for _ in range(3)]
    torch.manual_seed(7)
    again = [Batch(x).noise.normal(x) for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(seeded, again, strict=True))
    assert not torch.equal(seeded[0], seeded[1])


def test_a_batch_is_numbered_unless_it_says_otherwise() -> None:
    assert Batch(torch.zeros(3, 2)).index.tolist() == [0, 1, 2]
    assert Batch(torch.zeros(2, 2), torch.tensor([5, 7])).index.tolist() == [5, 7]
