"""MaskAAE: its losses in closed form, its schedule, what each phase changes, and the mask that stops a run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError, RunError
from noiseless.metrics.latent import nac
from noiseless.nn.critic import LatentCritic
from noiseless.nn.mask import Mask, MaskedDecoder
from noiseless.objectives.maskaae import LossWeights, MaskAAE, MaskAAEOptimisers, Polarising, hidden_variance, polarity
from noiseless.objectives.penalties.critic import (
    Game,
    Logistic,
    Wasserstein,
    gradient_penalty,
    logistic,
    non_saturating,
)
from noiseless.objectives.penalties.mmd import mmd
from noiseless.objectives.reconstruction.pixel import squared_error
from noiseless.recipes.method import Method, names
from noiseless.runs import train
from noiseless.training import Training, fit
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Noise, Spec
from tiny import FAST, images, vectors

EXACT = {"rtol": 0, "atol": 1e-12}
D = 3


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(step: int | None = 0) -> Batch:
    return Batch(draws(8, 5), torch.arange(8), step, Noise(7))


def rate(lr: float) -> Any:
    return lambda p: Optimiser("rmsprop").build(p, lr)


def maskaae(game: Game = Wasserstein(), m: tuple[float, ...] = (0.0, 0.5, 5.0), **given: Any) -> MaskAAE:
    torch.manual_seed(0)
    model = Autoencoder(nn.Linear(5, D), MaskedDecoder(D, nn.Linear(D, 5)), Deterministic(D))
    optimisers = MaskAAEOptimisers(rate(0.1), rate(0.2), rate(0.3), rate(0.4))
    arguments = {"weights": LossWeights(2.0, 3.0, 5.0), "schedule": lambda _: Polarising(0.25, 10)} | given
    made = MaskAAE(model, LatentCritic(D, 8, 1), squared_error, game, optimisers, steps=100, **arguments).double()
    made.mask.m.data.copy_(torch.tensor(m))
    return made


def parts(made: MaskAAE) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Codes, the mask by its formula, and masked draws and codes."""
    given = batch()
    z, mu = made.autoencoder.encoder(given.x), 1 - torch.exp(-made.mask.m)
    return z, mu, mu * given.noise.normal(z), mu * z


def test_the_autoencoder_s_loss_is_equation_14() -> None:
    made = maskaae()
    z, mu, _, masked = parts(made)
    values = made.rebuild(batch())
    y = masked @ made.autoencoder.decoder.network.weight.T + made.autoencoder.decoder.network.bias
    torch.testing.assert_close(values["reconstruction"], (y - batch().x).square().sum(1).mean(), **EXACT)
    variances = z.var(dim=0, correction=0)
    expected = sum(math.exp(-10 * m**2) * v for m, v in zip(mu.tolist(), variances, strict=True)) / D
    torch.testing.assert_close(values["variance"], 2 * expected, **EXACT)
    assert list(values) == ["reconstruction", "variance"]


def test_only_closed_dimensions_pay_for_their_variance() -> None:
    z = draws(500, 2)
    closed, opened = (hidden_variance(z, torch.full((2,), mu, dtype=z.dtype)) for mu in (0.0, 1.0))
    torch.testing.assert_close(closed, z.var(dim=0, correction=0).mean(), **EXACT)
    torch.testing.assert_close(opened, math.exp(-10) * closed, **EXACT)


def test_the_critic_s_loss_is_equation_16_and_the_encoder_s_15() -> None:
    made = maskaae()
    _, _, p, z = parts(made)
    noise = Noise(7)
    noise.normal(z)
    values = made.judge(batch())
    torch.testing.assert_close(values["distance"], made.critic(z).mean() - made.critic(p).mean(), **EXACT)
    penalty = gradient_penalty(made.critic, p.detach(), z.detach(), noise)
    torch.testing.assert_close(values["gradient"], 10 * penalty, **EXACT)
    torch.testing.assert_close(made.deceive(batch())["generator"], -made.critic(z).mean(), **EXACT)


@pytest.mark.parametrize("step", [0, 9, 10, 25])
def test_the_mask_s_loss_is_equation_17(step: int) -> None:
    made = maskaae()
    _, mu, p, z = parts(made)
    values = made.select(batch(step))
    rebuilt = made.rebuild(batch())["reconstruction"]
    torch.testing.assert_close(values["reconstruction"], 3 * rebuilt, **EXACT)
    bracket = 1 - (made.critic(z).mean() - made.critic(p).mean())
    torch.testing.assert_close(values["distance"], bracket.square(), **EXACT)
    weight = 0.25 * 2 ** (step // 10)
    torch.testing.assert_close(values["polarisation"], weight * (mu * (1 - mu)).sum(), **EXACT)


def test_the_game_of_jensen_shannon_takes_its_own_losses() -> None:
    made = maskaae(Logistic())
    _, _, p, z = parts(made)
    on_prior, on_codes = made.critic(p), made.critic(z)
    torch.testing.assert_close(made.judge(batch())["logistic"], logistic(on_prior, on_codes), **EXACT)
    torch.testing.assert_close(made.deceive(batch())["generator"], non_saturating(on_codes), **EXACT)
    divergence = math.log(2) - logistic(on_prior, on_codes) / 2
    torch.testing.assert_close(made.select(batch())["distance"], (1 + divergence) ** 2, **EXACT)


@pytest.mark.parametrize("game", [Wasserstein(), Logistic()], ids=["wasserstein", "jensen-shannon"])
def test_a_critic_that_can_tell_nothing_finds_no_distance(game: Game) -> None:
    zeros = torch.zeros(6, dtype=torch.float64)
    torch.testing.assert_close(game.distance(zeros, zeros), zeros[0], **EXACT)


def test_polarity_is_least_at_open_and_closed_dimensions() -> None:
    assert polarity(torch.tensor([0.0, 1.0, 0.0])) == 0
    assert polarity(torch.tensor([0.5, 0.5])) == 0.5


def test_the_paper_s_schedule_doubles_every_four_turns() -> None:
    schedule = Polarising.paper(48)
    assert schedule.every == 21_600
    assert [schedule(t) for t in (0, 21_599)] == [2 / 48] * 2
    assert [schedule(t) for t in (21_600, 43_200, 10**9)] == [4 / 48, 8 / 48, 2048]
    assert [Polarising.paper(m).every for m in (2, 20, 21, 88, 89, 500)] == [300, 300, 9448, 39600, 40000, 40000]


def test_a_schedule_that_starts_late_is_zero_before() -> None:
    schedule = Polarising(0.5, every=10, start=100, cap=4.0)
    assert [schedule(t) for t in (0, 99, 100, 109, 110, 129, 130, 1000)] == [0, 0, 0.5, 0.5, 1, 2, 4, 4]
    assert schedule(None) == 4


def test_a_mask_starts_between_0_and_0_9933_and_is_drawn_by_the_seed() -> None:
    torch.manual_seed(3)
    mask = Mask(10_000)
    assert mask.m.min() >= 0
    assert mask.m.max() <= 5
    assert mask.mu.mean().item() == pytest.approx(1 - (1 - math.exp(-5)) / 5, abs=5 * 0.22 / 100)
    torch.manual_seed(3)
    assert torch.equal(Mask(10_000).m, mask.m)


def test_a_dimension_is_active_from_a_tenth_on() -> None:
    mask = Mask(4).double()
    mask.m.data.copy_(torch.tensor([0.0, -math.log(0.91), -math.log(0.899), 5.0]))
    assert mask.active.tolist() == [False, False, True, True]
    torch.testing.assert_close(mask(torch.ones(1, 4, dtype=torch.float64))[0], mask.mu)


def test_an_update_that_takes_m_below_zero_is_brought_back() -> None:
    made = maskaae()
    (phase,) = (phase for phase in made.phases() if phase.name == "mask")
    optimiser = phase.optimiser(phase.parameters)
    for _ in range(3):
        made.mask.m.grad = torch.tensor([1.0, -1.0, 1e9], dtype=torch.float64)
        optimiser.step()
    assert made.mask.m[0] == 0
    assert made.mask.m[1] > 0.5
    assert made.mask.m.min() >= 0
    made.mask.m.grad = None
    made.mask.mu.sum().backward()
    assert made.mask.m.grad[0] == 1  # a closed dimension may open again


def test_there_are_four_phases_in_the_order_of_the_paper() -> None:
    made = maskaae()
    found = [(p.name, p.repeats, p.optimiser(p.parameters).param_groups[0]["lr"]) for p in made.phases()]
    assert found == [("autoencoder", 1, 0.1), ("critic", 5, 0.2), ("generator", 1, 0.3), ("mask", 1, 0.4)]
    owned = {p.name: {id(x) for x in p.parameters} for p in made.phases()}
    assert owned["mask"] == {id(made.mask.m)}
    assert not owned["mask"] & owned["autoencoder"]
    assert owned["generator"] == set(map(id, made.autoencoder.encoder.parameters()))
    assert set.union(*owned.values()) == set(map(id, made.parameters()))


class _Wide(nn.Module):
    """A critic that tells codes from draws by their size."""

    def forward(self, z: Tensor) -> Tensor:
        return -z.square().sum(1)


def test_the_mask_keeps_what_reconstruction_uses_and_closes_the_rest() -> None:
    made = maskaae(m=(1.0, 1.0, 1.0), weights=LossWeights(0.0, 1e5), schedule=lambda _: Polarising(0.1, 50, start=100))
    made.critic = _Wide()
    encoder, decoder = made.autoencoder.encoder, made.autoencoder.decoder.network
    for layer in (encoder, decoder):
        layer.weight.data.zero_()
        layer.bias.data.zero_()
    encoder.weight.data[:, :D] = 4 * torch.eye(D)
    decoder.weight.data[0, 0] = 0.25  # of the code, the first dimension alone is used
    phase = next(phase for phase in made.phases() if phase.name == "mask")
    optimiser = phase.optimiser(phase.parameters)
    optimiser.param_groups[0]["lr"] = 0.02
    for step in range(300):
        optimiser.zero_grad()
        sum(phase.loss(batch(step)).values()).backward()  # type: ignore[union-attr]
        optimiser.step()
    assert made.mask.active.tolist() == [True, False, False]
    assert not made.mask.undecided.any()


def test_decoding_masks_and_encoding_does_not() -> None:
    made = maskaae()
    z, mu, _, _ = parts(made)
    torch.testing.assert_close(made.code(batch()), z, **EXACT)
    torch.testing.assert_close(made.autoencoder.decode(z), made.autoencoder.decoder.network(mu * z), **EXACT)


def test_validation_follows_a_decided_mask_and_nothing_that_the_critic_moves() -> None:
    made = maskaae()
    _, mu, p, z = parts(made)
    values = made.validate(batch(None))
    for parameter in made.critic.parameters():
        nn.init.normal_(parameter)
    again = made.validate(batch(None))
    assert list(values) == ["reconstruction", "variance", "polarisation", "discrepancy"]
    assert all(torch.equal(values[k], again[k]) for k in values)
    assert made.mask.undecided.tolist() == [False, True, False]
    torch.testing.assert_close(values["polarisation"], 2048 * mu[1] * (1 - mu[1]), **EXACT)
    assert maskaae(m=(0.0, 5.0, 5.0)).validate(batch(None))["polarisation"] == 0
    torch.testing.assert_close(values["discrepancy"], 5 * mmd(z, p), **EXACT)


def test_what_is_watched_is_logged_and_no_part_of_the_loss() -> None:
    made = maskaae()
    _, _, p, z = parts(made)
    values = made.diagnostics(batch(None))
    assert values["active"] == 2
    torch.testing.assert_close(values["distance"], made.critic(p).mean() - made.critic(z).mean(), **EXACT)
    assert values["nac"].item() == pytest.approx(nac(z.detach()[:, 1:], 0.0), abs=1e-12)
    row = _logged(build("maskaae", vectors().spec).objective)
    terms = {"reconstruction", "variance", "polarisation", "discrepancy"}
    assert {"validation/active", "validation/nac", "validation/distance"} <= row.keys()
    assert row["validation/loss"] == pytest.approx(sum(row[f"validation/{term}"] for term in terms))
    assert row["validation/active"] == int(row["validation/active"]) > 0


def test_a_covariance_that_is_not_defined_is_left_out() -> None:
    assert "nac" not in maskaae(m=(0.0, 0.0, 3.0)).diagnostics(batch(None))
    assert maskaae(m=(0.0, 0.0, 0.0)).diagnostics(batch(None))["active"] == 0
    one = Batch(draws(1, 5), torch.arange(1), None, Noise(7))
    assert list(maskaae().diagnostics(one)) == ["active", "distance"]
    assert list(build("wae-wgan", vectors().spec).objective.double().diagnostics(one)) == ["distance"]


def test_a_last_datum_alone_does_not_lower_what_is_watched() -> None:
    data = vectors()
    one = replace(data, validation=replace(data.validation, indices=data.validation.indices[:3]))
    row = _logged(build("maskaae", data.spec).objective, one, batch=2)
    assert row["validation/nac"] == pytest.approx(1, abs=1e-6)  # of two codes; of the third there is none


def test_the_baseline_is_watched_by_the_same_numbers() -> None:
    made = build("wae-wgan", vectors().spec).objective.double()
    list(made.autoencoder.encoder.parameters())[-2].data *= 1e3  # else nothing varies yet
    given = batch(None)
    z = made.autoencoder.encode(given.x).mean
    p = given.noise.normal(z)
    values = made.diagnostics(batch(None))
    torch.testing.assert_close(values["distance"], made.critic(p).mean() - made.critic(z).mean(), **EXACT)
    assert values["nac"].item() == pytest.approx(nac(z.detach()), abs=1e-12)
    assert values["active"] == (z.var(dim=0) > 0.01).sum()
    assert "validation/distance" in _logged(build("wae-wgan", vectors().spec).objective)


def test_a_mask_without_active_dimensions_stops_the_run_and_says_why() -> None:
    made = build("maskaae", vectors().spec, mask_lr=1e-9).objective
    made.mask.m.data.zero_()
    with pytest.raises(RunError, match=r"no active dimension left.*'mask'.*mask_reconstruction=.*not there yet"):
        _logged(made)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("critic", "term 'distance' of phase 'critic' became nan in step 1, after an update of phase 'autoencoder'"),
        ("mask", "of phase 'autoencoder' became nan in step 2, after an update of phase 'mask'"),
    ],
)
@pytest.mark.parametrize("log_every", [1, 2])
def test_what_diverges_is_named(part: str, message: str, log_every: int) -> None:
    made = build("maskaae", vectors().spec).objective
    weights = next(getattr(made, part).parameters())
    if part == "critic":
        weights.data.fill_(math.nan)
    else:  # by its own update
        weights.register_hook(lambda gradient: gradient * math.nan)
        message = "the mask is no longer finite" if log_every == 1 else message
    with pytest.raises(RunError, match=message):
        _logged(made, log_every=log_every)


class _Rows:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        pass

    def best(self, tensors: dict[str, Tensor]) -> None:
        pass

    def picture(self, objective: Any, step: int) -> None:
        pass


def _logged(objective: Any, data: Any = None, **given: Any) -> dict[str, Any]:
    keeper = _Rows()
    training = Training(**(FAST | {"log_every": 1} | given), steps=2, schedule="constant")
    fit(objective, data or vectors(), training, keeper, show=False)
    return keeper.rows[-1]


def build(name: str, spec: Spec, **arguments: Any) -> Method:
    torch.manual_seed(0)
    networks = arguments.pop("networks", Networks(width=1))
    return names()[name](spec, networks, **arguments)


def rates(made: Method) -> dict[str, tuple[str, float]]:
    found = {p.name: p.optimiser(p.parameters) for p in made.objective.phases()}
    return {name: (type(o).__name__, o.param_groups[0]["lr"]) for name, o in found.items()}


def test_the_recipe_has_the_paper_s_constants_converted() -> None:
    made = build("maskaae", Spec("mnist", (1, 28, 28)), form="paper", networks=Networks(latent_dim=48, width=4))
    objective = made.objective
    assert (made.training.steps, made.training.batch, made.densities[0]) == (500_000, 64, "normal")
    assert made.notes == ("the weights of the mask's loss were chosen for a cross-entropy",)
    assert (objective.weights.variance, objective.weights.reconstruction) == (100 * 784, 1000 / 784)
    assert objective.polarising == Polarising(2 / 48, 21_600)
    lrs = {"autoencoder": 5e-4, "critic": 1e-4, "generator": 1e-4, "mask": 5e-4}
    assert rates(made) == {name: ("RMSprop", lr) for name, lr in lrs.items()}
    shapes = [tuple(p.shape) for p in objective.autoencoder.encoder.parameters() if p.ndim == 2]
    assert shapes == [(32, 784), *[(32, 32)] * 3, (48, 32)]
    assert [tuple(p.shape) for p in objective.critic.parameters() if p.ndim == 2] == [
        (32, 48),
        *[(32, 32)] * 3,
        (1, 32),
    ]


def test_the_robust_form_says_that_it_is_ours() -> None:
    made = build("maskaae", Spec("mnist", (1, 28, 28)))
    assert "chosen by this library" in made.notes[0]
    assert made.objective.polarising.start == 0.6 * made.training.steps
    weights = made.objective.weights
    assert (weights.variance, weights.reconstruction) == (784, 300 / 784)
    assert weights.discrepancy == pytest.approx(20 * 0.03 * 1024)
    of_vectors = build("maskaae", Spec("mine", (9,)), networks=Networks(latent_dim=3)).objective.weights
    assert (of_vectors.variance, of_vectors.reconstruction) == (900, 60 / 9)
    assert (made.training.ema, build("maskaae", vectors().spec, form="paper").training.ema) == (0.998, None)


def test_the_schedule_is_that_of_the_steps_that_are_planned() -> None:
    made = build("maskaae", vectors().spec).objective
    assert (made.polarising.start, made.polarising.every) == (12_000, 250)
    made.set_total_steps(400)
    assert made.polarising == Polarising(1 / 16, every=5, start=240)
    made.set_total_steps(1)
    assert (made.polarising.start, made.polarising.every) == (0, 1)
    given = build("maskaae", vectors().spec, polarising_start=7, polarising_every=3).objective
    given.set_total_steps(400)
    assert (given.polarising.start, given.polarising.every, given.polarising.first) == (7, 3, 1 / 16)
    paper = build("maskaae", vectors().spec, form="paper", networks=Networks(latent_dim=48)).objective
    paper.set_total_steps(400)
    assert paper.polarising == Polarising.paper(48)


def test_a_schedule_that_begins_after_the_end_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    message = r"begins at step 4,000 and the training ends at step 20.*set polarising_start="
    with pytest.raises(InputError, match=message):
        train("maskaae", vectors(), tmp_path / "run", training=Training(steps=20), polarising_start=4000)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"game": "jensen-shannon"}, ["chosen for the Wasserstein game"]),
        ({"form": "paper", "game": "jensen-shannon"}, ["chosen for a cross-entropy and the Wasserstein game"]),
        ({"form": "paper", "reconstruction": "bernoulli"}, ["for the squared error, and the reconstruction is bern"]),
    ],
    ids=str,
)
def test_weights_that_were_chosen_beside_other_terms_are_said(arguments: dict[str, Any], words: list[str]) -> None:
    notes = build("maskaae", Spec("mnist", (1, 28, 28)), **arguments).notes
    found = [note for note in notes if "chosen for" in note or "squared error" in note]
    assert len(found) == len(words)
    assert all(word in note for word, note in zip(words, found, strict=True))


def test_weight_decay_does_not_reach_the_mask() -> None:
    objective = build("maskaae", vectors().spec, optimiser=Optimiser(weight_decay=0.1)).objective
    decays = {p.name: p.optimiser(p.parameters).param_groups[0]["weight_decay"] for p in objective.phases()}
    assert decays == {"autoencoder": 0.1, "critic": 0.1, "generator": 0.1, "mask": 0}


def test_the_weights_of_perceptrons_are_glorot_normal() -> None:
    made = build("maskaae", Spec("vectors", (300,)), networks=Networks(latent_dim=4, width=50))
    (w, *_) = made.objective.autoencoder.encoder.parameters()
    assert w.std().item() == pytest.approx(math.sqrt(2 / 700), rel=0.02)
    assert w.abs().max() > math.sqrt(6 / 700)  # beyond the uniform distribution's bound


def test_the_baseline_has_the_forms_of_maskaae() -> None:
    robust, paper = (build("wae-wgan", Spec("mnist", (1, 28, 28)), form=form) for form in ("robust", "paper"))
    assert (robust.training.steps, robust.training.ema, paper.training.steps) == (20_000, 0.998, 500_000)
    assert [rates(made)["critic"][1] for made in (robust, paper)] == [3e-4, 1e-4]
    assert robust.objective.discrepancy.weight == pytest.approx(20 * 0.03 * 1024)


@pytest.mark.parametrize(("net", "kind"), [(None, "MLPEncoder"), ("conv-small", "ConvEncoder")])
@pytest.mark.parametrize("name", ["maskaae", "wae-wgan"])
def test_the_networks_are_perceptrons_unless_others_are_asked_for(name: str, net: Any, kind: str) -> None:
    made = build(name, images().spec, networks=Networks(latent_dim=3, width=2, net=net))
    assert type(made.objective.autoencoder.encoder).__name__ == kind
    colour = build(name, Spec("cifar10", (3, 32, 32)), networks=Networks(latent_dim=3, width=2))
    assert type(colour.objective.autoencoder.encoder).__name__ == "ConvEncoder"


def test_the_baseline_is_the_same_without_mask() -> None:
    made = build("wae-wgan", Spec("mnist", (1, 28, 28)), networks=Networks(latent_dim=3, width=2))
    assert [(p.name, p.repeats) for p in made.objective.phases()] == [
        ("autoencoder", 1),
        ("critic", 5),
        ("generator", 1),
    ]
    assert isinstance(made.objective.game, Wasserstein)
    lrs = {"autoencoder": 5e-4, "critic": 3e-4, "generator": 3e-4}
    masked = build("maskaae", Spec("mnist", (1, 28, 28)), networks=Networks(latent_dim=3, width=2))
    assert rates(masked) == rates(made) | {"mask": ("RMSprop", 3e-3)}
    assert rates(made) == {name: ("RMSprop", lr) for name, lr in lrs.items()}
    assert (made.training.batch, made.training.schedule) == (64, "cooldown")
    for each in (made, masked):
        assert [phase.name for phase in each.objective.phases() if phase.no_lr_decay] == ["critic"]
    vector, other = (
        build(name, Spec("mine", (9,)), networks=Networks(latent_dim=3)) for name in ("maskaae", "wae-wgan")
    )
    lrs = {"autoencoder": 5e-4, "critic": 4e-4, "generator": 1.5e-4}
    assert rates(other) == {name: ("RMSprop", lr) for name, lr in lrs.items()}
    assert rates(vector) == rates(other) | {"mask": ("RMSprop", 3e-3)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_reconstruction": -1.0}, "'reconstruction' is -"),
        ({"variance": math.inf}, "'variance' is inf"),
        ({"polarising_every": 0}, "'every' is 0"),
        ({"polarising_start": -1}, "'start' is -1"),
        ({"critic_rounds": 0}, "updates of the critic per step are 0"),
        ({"critic_width": 0}, "the critic's width must be 1 or more and its depth 0 or more, not 0 and"),
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build("maskaae", vectors().spec, **arguments)


def test_a_decoder_without_mask_is_refused() -> None:
    made = maskaae()
    made.autoencoder.decoder = nn.Linear(D, 5)
    with pytest.raises(InputError, match="needs a decoder with a mask"):
        MaskAAE(
            made.autoencoder,
            made.critic,
            squared_error,
            Wasserstein(),
            made.optimisers,
            made.weights,
            Polarising.late,
            steps=1,
        )


class _Counted(nn.Linear):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x)


def test_one_batch_is_shared_by_all_phases_and_encoded_twice() -> None:
    data, seen = vectors(), []
    for share in (False, True):
        made = build("maskaae", data.spec, share_batch=share).objective
        made.autoencoder.encoder = _Counted(5, made.autoencoder.latent_dim)
        phases, spied = made.phases(), []

        def spy(loss: Any, spied: list[Tensor] = spied) -> Any:
            return lambda batch: (spied.append(batch.index), loss(batch))[1]

        made.phases = lambda phases=phases, spy=spy: [replace(p, loss=spy(p.loss)) for p in phases]  # type: ignore[method-assign]
        fit(made, data, Training(**FAST, steps=1, schedule="constant", validate_every=9), show=False)
        calls = made.autoencoder.encoder.calls
        seen.append((len({tuple(index.tolist()) for index in spied}), len(spied), calls))
    assert [row[:2] for row in seen] == [(8, 8), (1, 8)]
    assert seen[0][2] - seen[1][2] == 6  # five rounds of the critic, and the mask


def test_shared_codes_are_those_of_the_step() -> None:
    made = maskaae(share_batch=True)
    given = batch(3)
    made.rebuild(given)
    z = made.autoencoder.encoder(given.x)
    nn.init.normal_(made.autoencoder.encoder.weight)
    p = made.mask(given.noise.normal(z))
    expected = made.critic(made.mask(z)).mean() - made.critic(p).mean()
    torch.testing.assert_close(made.judge(batch(3))["distance"], expected, **EXACT)
    fresh = made.autoencoder.encoder(given.x)
    made.deceive(batch(3))
    rebuilt = made.rebuild(batch(4))["reconstruction"]
    torch.testing.assert_close(made.select(batch(4))["reconstruction"], 3 * rebuilt, **EXACT)
    judged = made.judge(batch(5))["distance"]  # of a step that has kept nothing
    torch.testing.assert_close(judged, made.critic(made.mask(fresh)).mean() - made.critic(p).mean(), **EXACT)


def test_a_shared_batch_is_said_and_is_not_the_default() -> None:
    assert not build("maskaae", vectors().spec).objective.share_batch
    assert any("share one batch" in note for note in build("maskaae", vectors().spec, share_batch=True).notes)


def test_the_mask_is_logged_at_validations() -> None:
    objective = build("maskaae", vectors().spec).objective
    row = _logged(objective)
    assert row["mask"] == objective.mask.mu.tolist()
