"""A critic of codes: its losses in closed form, what each phase changes, and where the codes go."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.autoencoder.bottlenecks.gaussian import Variational
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.nn.critic import LatentCritic
from noiseless.objectives.adversarial import Adversarial, AdversarialOptimisers
from noiseless.objectives.objective import Phase
from noiseless.objectives.penalties.critic import (
    Game,
    Logistic,
    Wasserstein,
    gradient_penalty,
    logistic,
    non_saturating,
)
from noiseless.objectives.penalties.mmd import MMD
from noiseless.objectives.penalties.norm import code_norm
from noiseless.objectives.reconstruction.pixel import squared_error
from noiseless.objectives.regularised import Term
from noiseless.recipes.method import Method, names
from noiseless.training import Training, fit
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Noise, Spec, Trace
from tiny import FAST, data, images, method

EXACT = {"rtol": 0, "atol": 1e-12}
GAMES = pytest.mark.parametrize("game", [Logistic(), Wasserstein()], ids=["logistic", "wasserstein"])


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def adversarial(game: Game, apart: bool = False, **arguments: Any) -> Adversarial:
    torch.manual_seed(0)
    model = Autoencoder(nn.Linear(5, 4), nn.Linear(2, 5), Variational(2))
    make = [lambda p, lr=lr: Optimiser().build(p, lr) for lr in (0.1, 0.2, 0.3)]
    optimisers = AdversarialOptimisers(make[0], make[1], make[2] if apart else None)
    return Adversarial(model, LatentCritic(2, 8, 1), squared_error, game, optimisers, **arguments).double()


def batch(step: int | None = 0) -> Batch:
    return Batch(draws(8, 5), torch.arange(8), step, Noise(7))


class Score(nn.Module):
    """A critic given as a function."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def forward(self, z: Tensor) -> Tensor:
        return self.of(z)


def test_a_critic_that_can_tell_nothing_loses_two_logarithms_of_two() -> None:
    zeros = torch.zeros(9, dtype=torch.float64)
    torch.testing.assert_close(logistic(zeros, zeros).item(), 2 * math.log(2), rtol=1e-12, atol=0)
    torch.testing.assert_close(non_saturating(zeros).item(), math.log(2), rtol=1e-12, atol=0)


def test_the_logistic_loss_of_equal_laws_is_least_at_two_logarithms_of_two() -> None:
    torch.manual_seed(0)
    critic = LatentCritic(2, 8, 1).double()
    optimiser = torch.optim.Adam(critic.parameters(), 0.01)
    z = draws(500, 2)
    for _ in range(300):  # the same points on both sides: no critic can tell them apart
        optimiser.zero_grad()
        loss = logistic(critic(z), critic(z))
        loss.backward()
        optimiser.step()
    torch.testing.assert_close(loss.item(), 2 * math.log(2), rtol=1e-3, atol=0)


def test_the_logistic_loss_of_the_best_critic_is_the_jensen_shannon_divergence() -> None:
    m, n = 1.5, 200_000
    best = Score(lambda z: m * m / 2 - m * z[:, 0])  # the log-odds of N(0, 1) against N(m, 1)
    p, z = draws(n, 1), draws(n, 1, seed=1) + m
    x = torch.linspace(-12, 14, 200_001, dtype=torch.float64)
    a, b = (torch.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0.0, m))
    middle = (a + b) / 2
    js = (torch.xlogy(a, a / middle) + torch.xlogy(b, b / middle)).nan_to_num().sum() * (x[1] - x[0]) / 2
    found = Logistic().critic(best, p, z, Noise(0))["logistic"]
    assert found.item() == pytest.approx(2 * math.log(2) - 2 * js.item(), abs=5 * 1.5 / math.sqrt(n))


def test_the_gradient_penalty_of_a_linear_critic_is_that_of_its_weights() -> None:
    torch.manual_seed(0)
    critic = LatentCritic(3, depth=0).double()
    (w, _) = critic.parameters()
    p, z = draws(6, 3), draws(6, 3, seed=1) + 4
    terms = Wasserstein(10.0).critic(critic, p, z, Noise(0))
    torch.testing.assert_close(terms["gradient"], 10 * (w.norm() - 1) ** 2, **EXACT)
    torch.testing.assert_close(terms["distance"], (z.mean(0) - p.mean(0)) @ w[0], **EXACT)
    terms["gradient"].backward()
    torch.testing.assert_close(w.grad, (20 * (w.norm() - 1) * w / w.norm()).detach(), **EXACT)


def test_the_best_linear_critic_gives_the_distance_of_shifted_laws() -> None:
    torch.manual_seed(0)
    critic, shift = LatentCritic(3, depth=0).double(), torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64)
    optimiser, p = torch.optim.SGD(critic.parameters(), 0.02), draws(50, 3)
    for step in range(300):
        terms = Wasserstein(10.0).critic(critic, p, p + shift, Noise(step))
        optimiser.zero_grad()
        sum(terms.values()).backward()
        optimiser.step()
    # slope s against the shift, |shift| = 3: -3 s + 10 (s - 1)^2 is least at s = 1 + 3 / 20
    torch.testing.assert_close(terms["distance"].item(), -3 * 1.15, rtol=1e-6, atol=0)
    torch.testing.assert_close(terms["gradient"].item(), 10 * 0.15**2, rtol=1e-6, atol=0)


def test_the_gradient_penalty_looks_between_draws_and_codes() -> None:
    seen: list[Tensor] = []

    def square(u: Tensor) -> Tensor:
        seen.append(u.detach())
        return u.square().sum(1) / 2  # its gradient is u

    p, z = draws(200, 3), draws(200, 3, seed=1) + 4
    with torch.no_grad():
        value = gradient_penalty(Score(square), p, z, Noise(3))
    (u,) = seen
    share = (u - p) / (z - p)
    torch.testing.assert_close(share, share[:, :1].expand(-1, 3), rtol=1e-8, atol=1e-10)
    assert 0 <= share.min() < 0.05
    assert 0.95 < share.max() <= 1
    torch.testing.assert_close(value, (u.norm(dim=1) - 1).square().mean(), **EXACT)


def test_a_critic_without_slope_has_a_finite_penalty() -> None:
    critic = LatentCritic(2, 4, 1).double()
    for parameter in critic.parameters():
        nn.init.zeros_(parameter)
    value = gradient_penalty(critic, draws(5, 2), draws(5, 2, seed=1), Noise(0))
    value.backward()
    assert value.item() == 1
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())


@GAMES
def test_the_draws_of_a_phase_depend_on_the_place_in_the_joint_batch_alone(game: Game) -> None:
    for phase in adversarial(game, apart=True).phases():
        given = batch()
        shares = zip(given.x.chunk(2), given.index.chunk(2), strict=True)
        halves = [phase.loss(Batch(x, index, 0, Noise(7, rank, 2))) for rank, (x, index) in enumerate(shares)]
        for name, value in phase.loss(given).items():
            mean = (halves[0][name] + halves[1][name]) / 2
            torch.testing.assert_close(mean, value, **EXACT, msg=f"{phase.name}/{name}")


@GAMES
def test_the_schemes_are_phases(game: Game) -> None:
    joint, apart = adversarial(game, rounds=5), adversarial(game, apart=True)
    found = [[(p.name, p.repeats, _rate(p)) for p in made.phases()] for made in (joint, apart)]
    assert found[0] == [("critic", 5, 0.2), ("autoencoder", 1, 0.1)]
    assert found[1] == [("autoencoder", 1, 0.1), ("critic", 1, 0.2), ("generator", 1, 0.3)]
    (_, _, generator) = apart.phases()
    assert set(map(id, generator.parameters)) == set(map(id, apart.autoencoder.encoder.parameters()))


def _rate(phase: Phase) -> float:
    return phase.optimiser(phase.parameters).param_groups[0]["lr"]


def test_terms_are_weighted_and_belong_to_the_autoencoder_s_phase() -> None:
    terms = {"code": Term(2.0, code_norm), "lazy": Term(1.0, code_norm, every=2)}
    joint, apart = (adversarial(Logistic(), apart, weight=3.0, terms=terms) for apart in (False, True))
    assert list(joint.joint(batch())) == ["reconstruction", "code", "lazy", "generator"]
    assert list(joint.joint(batch(1))) == ["reconstruction", "code", "generator"]
    assert list(apart.rebuild(batch())) == ["reconstruction", "code", "lazy"]
    assert list(apart.deceive(batch())) == ["generator"]
    trace = joint.autoencoder(batch())
    values = joint.joint(batch())
    torch.testing.assert_close(values["code"], 2 * code_norm(trace, joint.autoencoder), **EXACT)
    torch.testing.assert_close(values["generator"], 3 * non_saturating(joint.critic(trace.z)), **EXACT)


def test_validation_is_nothing_that_the_critic_moves() -> None:
    made = adversarial(Logistic(), discrepancy=Term(5.0, MMD()), terms={"code": Term(2.0, code_norm)})
    before = made.validate(batch(None))
    for parameter in made.critic.parameters():
        nn.init.normal_(parameter)
    after = made.validate(batch(None))
    assert list(before) == ["reconstruction", "code", "discrepancy"]
    assert all(torch.equal(before[k], after[k]) for k in before)
    model, given = made.autoencoder, batch(None)
    q = model.encode(given.x)
    expected = 5 * MMD()(Trace(given, q, q.sample(given.noise), given.x), model)
    torch.testing.assert_close(before["discrepancy"], expected, **EXACT)


@pytest.mark.parametrize("arguments", [{"weight": -1.0}, {"weight": math.nan}, {"rounds": 0}], ids=str)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=next(iter(arguments)).replace("rounds", "updates of the critic per step are 0")
    ):
        adversarial(Logistic(), **arguments)


def test_critics_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="not 0 and 4"):
        LatentCritic(2, 0)
    with pytest.raises(InputError, match="not 4 and -1"):
        LatentCritic(2, 4, -1)
    with pytest.raises(InputError, match="gradient penalty is -1"):
        Wasserstein(-1.0)
    assert [p.shape[0] for p in LatentCritic(3).parameters() if p.ndim == 2] == [512] * 4 + [1]


def snapshot(objective: Adversarial) -> dict[str, dict[str, Tensor]]:
    """Weights and moments by the part that they are of."""
    found: dict[str, dict[str, Tensor]] = {}
    for kind, named in (("", objective.named_parameters()), ("moments of ", objective.named_buffers())):
        for name, value in named:
            part = name.removeprefix("autoencoder.").split(".")[0]
            found.setdefault(kind + part, {})[name] = value.detach().clone()
    return found


PHASES = {
    "wae-gan": {"critic": {"critic"}, "autoencoder": {"encoder", "decoder", "moments of decoder"}},
    "aae": {
        "autoencoder": {"encoder", "decoder", "moments of decoder"},
        "critic": {"critic"},
        "generator": {"encoder"},
    },
}


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_of_a_real_step_changes_its_own_weights_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = method(name, images().spec, critic_width=8).objective
    seen: list[dict[str, dict[str, Tensor]]] = []

    def watched(phase: Phase) -> Phase:
        def loss(batch: Batch) -> Any:
            seen.append(snapshot(made))
            return phase.loss(batch)

        return replace(phase, loss=loss)

    phases = [watched(phase) for phase in made.phases()]
    monkeypatch.setattr(made, "phases", lambda: phases)
    fit(made, images(), Training(**FAST, steps=1, recalibrate=0), show=False)
    seen.append(snapshot(made))
    for phase, (before, after) in zip(phases, pairwise(seen), strict=True):
        moved = {part for part in before if any(not before[part][k].equal(after[part][k]) for k in before[part])}
        assert moved == PHASES[name][phase.name] | {"moments of encoder"}, phase.name


class Constant(nn.Module):
    """A fixed decoder that says nothing of the code, so that the critic alone moves the encoder."""

    def forward(self, z: Tensor) -> Tensor:
        return 0 * z


@pytest.mark.parametrize("apart", [False, True], ids=["joint", "apart"])
def test_the_law_of_the_codes_moves_to_the_prior(apart: bool) -> None:
    raw = np.random.default_rng(0).normal(1, 2, (3000, 1)).astype(np.float32)
    torch.manual_seed(0)
    model = Autoencoder(nn.Linear(1, 1), Constant(), Deterministic(1))
    nn.init.ones_(model.encoder.weight)

    def descent(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, 0.2)

    def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, 0.02, betas=(0.5, 0.9))

    optimisers = AdversarialOptimisers(descent, adam, descent if apart else None)
    made = Adversarial(model, LatentCritic(1, 32, 2), squared_error, Logistic(), optimisers, rounds=2)
    settings = Training(**FAST | {"batch": 200}, steps=200, schedule="exponential", lr_factor=0.8, validate_every=50)
    fit(made, data(raw, Spec("line", (1,))), settings, show=False)
    z = model.encode(torch.from_numpy(raw)).mean.detach()
    assert abs(z.mean()) < 0.1
    assert abs(z.std() - 1) < 0.1


def build(name: str, spec: Spec, **arguments: Any) -> Method:
    return names()[name](spec, Networks(width=1), **arguments)


def rates(made: Method) -> dict[str, float]:
    return {phase.name: _rate(phase) for phase in made.objective.phases()}


@pytest.mark.parametrize(
    ("spec", "weight", "lr", "critic_lr", "epochs"),
    [
        (Spec("mnist", (1, 28, 28)), 200, 1e-3, 5e-4, 100),
        (Spec("celeba", (3, 64, 64)), 5, 3e-4, 1e-3, 55),
        (Spec("cifar10", (3, 32, 32)), 1.25, 3e-4, 1e-3, 100),
    ],
    ids=["mnist", "celeba", "cifar10"],
)
def test_wae_gan_has_the_published_constants_converted(
    spec: Spec, weight: float, lr: float, critic_lr: float, epochs: int
) -> None:
    made = build("wae-gan", spec)
    assert made.objective.weight == pytest.approx(weight)
    assert rates(made) == {"critic": critic_lr, "autoencoder": lr}
    assert (made.training.epochs, made.training.batch, made.densities[0]) == (epochs, 100, "normal")
    assert bool(made.notes) == (spec.name == "cifar10")
    assert made.objective.discrepancy.weight == build("wae-mmd", spec).objective.terms["mmd"].weight
    assert isinstance(made.objective.game, Logistic)


def test_aae_updates_the_encoder_apart_and_takes_two_posteriors() -> None:
    made = build("aae", Spec("mnist", (1, 28, 28)))
    assert rates(made) == {"autoencoder": 1e-3, "critic": 5e-4, "generator": 5e-4}
    assert isinstance(made.objective.autoencoder.bottleneck, Deterministic)
    assert isinstance(build("aae", images().spec, posterior="gaussian").objective.autoencoder.bottleneck, Variational)
    assert any("chosen by this library" in note for note in made.notes)


def test_the_rate_that_is_asked_for_is_the_autoencoder_s() -> None:
    given = {"optimiser": Optimiser(lr=0.5), "critic_lr": 0.25, "critic_width": 4, "critic_depth": 2}
    assert rates(build("wae-gan", images().spec, **given)) == {"critic": 0.25, "autoencoder": 0.5}
    found = rates(build("aae", images().spec, generator_lr=0.125, **given))
    assert found == {"autoencoder": 0.5, "critic": 0.25, "generator": 0.125}
    shapes = [tuple(p.shape) for p in build("aae", images().spec, **given).objective.critic.parameters() if p.ndim == 2]
    assert shapes == [(4, 16), (4, 4), (1, 4)]
