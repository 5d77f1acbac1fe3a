"""The second stage: a curved distribution is recovered, the learnt variance, what options do, and what is refused."""

import pytest
import torch

from noiseless.densities import build, load, save
from noiseless.densities.second_stage import SecondStage
from noiseless.errors import InputError, RunError

torch.set_num_threads(1)
SMALL = "second-stage:width=64,depth=2,steps=2000,lr=0.002"
TINY = "second-stage:width=16,depth=1,steps=20"


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ring(n: int, seed: int) -> torch.Tensor:
    """An ellipse away from the origin: radii 2 and 6, the first with deviation 0.1."""
    generator = draws(seed)
    angle = 2 * torch.pi * torch.rand(n, generator=generator)
    radius = 2 + 0.1 * torch.randn(n, generator=generator)
    return torch.stack([5 + radius * angle.cos(), 3 * radius * angle.sin()], dim=1)


def near(z: torch.Tensor) -> float:
    """The share of draws within three deviations of the ellipse."""
    radius = torch.stack([z[:, 0] - 5, z[:, 1] / 3], dim=1).norm(dim=1)
    return ((radius - 2).abs() < 0.3).double().mean().item()


@pytest.mark.parametrize("name", [SMALL, f"{SMALL},weight=0.01"])
def test_a_curved_law_is_recovered(name):
    """Of a Gaussian's draws 22 % are near the ellipse, of the others 99.7 %; a share's standard error is below 1 %."""
    codes = ring(3000, seed=0)
    stage, gaussian = (build(kind, 2).fit(codes, draws(1)).sample(4000, draws(2)) for kind in (name, "gaussian"))
    assert near(gaussian) < 0.3
    assert near(stage) > 0.75
    assert torch.allclose(stage.mean(dim=0), codes.mean(dim=0), atol=0.4)
    assert torch.allclose(stage.std(dim=0), codes.std(dim=0), rtol=0.15)


def test_the_variance_of_the_decoder_is_part_of_the_draws():
    """Of a Gaussian and after few steps: the decoder explains some of it, its variance the rest."""
    codes = torch.tensor([3.0, 0.01]) * torch.randn(2000, 2, generator=draws(0)) + 7
    stage = build("second-stage:width=16,depth=1,steps=200", 2).fit(codes, draws(1))
    assert isinstance(stage, SecondStage)
    assert 0.1 < stage.variance < 1.5
    with_noise = stage.sample(4000, draws(2))
    assert torch.allclose(with_noise.std(dim=0), codes.std(dim=0), rtol=0.3)
    stage.variance.zero_()
    assert (stage.sample(4000, draws(2)).std(dim=0) < with_noise.std(dim=0)).all()
    weighted = build(f"{TINY},weight=0.001", 2).fit(codes, draws(1))
    assert weighted.variance == 0


def test_the_fit_is_a_function_of_codes_and_generator_alone(tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build(TINY, 2).fit(ring(100, 0), draws(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = (build(TINY, 2).fit(ring(100, 0), draws(seed)) for seed in (3, 4))
    assert torch.equal(first.sample(50, draws(5)), again.sample(50, draws(5)))
    assert not torch.equal(first.sample(50, draws(5)), other.sample(50, draws(5)))
    save(first, tmp_path / "d", name=TINY, codes="mean")
    assert torch.equal(load(tmp_path / "d").sample(50, draws(5)), first.sample(50, draws(5)))


def test_two_codes_are_enough_and_constants_stay():
    stage = build(TINY, 3).fit(torch.tensor([[0.0, 1.0, 0.1], [2.0, 1.0, 0.1]]), draws(0))
    assert torch.allclose(stage.sample(20, draws(1))[:, 1:], torch.tensor([1.0, 0.1]))
    assert stage.note == "2 of 3 dimensions of the codes are constant, also in samples"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("second-stage:width=0", "'width' of density 'second-stage' is 0, but must be 1 or more"),
        ("second-stage:weight=-1", "'weight' of density 'second-stage' is -1.0, but must be 0 or more"),
        ("second-stage:widht=3", "did you mean 'width'"),
        ("second-stage:lr=0", "learning rate is 0.0"),
    ],
)
def test_options_out_of_range_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        build(name, 2)


def test_there_is_no_log_prob():
    with pytest.raises(InputError, match="no log-density in closed form; flow, gmm and gaussian have one"):
        build(TINY, 2).log_prob(ring(3, 0))


def test_a_loss_that_explodes_is_an_error_that_says_what_to_do():
    with pytest.raises(RunError, match=r"cannot be trained on the codes: .*; use another, such as gmm"):
        build(f"{TINY},lr=1e30", 2).fit(ring(100, 0), draws(0))


@pytest.mark.parametrize("name", ["second-stage:width=4,depth=1,steps=2", "flow:transforms=1,hidden=4,steps=2"])
def test_it_is_trained_where_it_is_told(name):
    density = build(name, 2)
    assert density.device == "auto"
    density.device = "nowhere"
    with pytest.raises(InputError, match="the device 'nowhere' cannot be used here"):
        density.fit(torch.randn(50, 2, generator=draws(0)), draws(1))
