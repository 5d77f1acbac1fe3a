from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noiseless.data import Data, Split
from noiseless.errors import InputError, RunError
from noiseless.objectives.objective import Objective, Phase
from noiseless.objectives.regularised import Regularised, Term
from noiseless.training import State, Stopped, Training, fit, resolve
from noiseless.training.engine import Engine
from noiseless.training.feed import BatchLoader, mix
from noiseless.training.progress import Log
from noiseless.training.settings import Optimiser, residue
from noiseless.training.validation import Validation
from noiseless.values import Batch, Spec
from tiny import FAST, assert_same, data, images, method, vectors

CPU = torch.device("cpu")


class Kept:
    """A keeper that remembers."""

    def __init__(self, at_checkpoint: Callable[[], None] = lambda: None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.checkpoints: list[tuple[dict[str, Tensor], dict[str, Any]]] = []
        self.bests: list[dict[str, Tensor]] = []
        self.pictures: list[int] = []
        self.at_checkpoint = at_checkpoint

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        self.checkpoints.append(({k: v.clone() for k, v in tensors.items()}, scalars))
        self.at_checkpoint()

    def best(self, tensors: dict[str, Tensor]) -> None:
        self.bests.append({k: v.clone() for k, v in tensors.items()})

    def picture(self, objective: Objective, step: int) -> None:
        self.pictures.append(step)

    @property
    def steps(self) -> list[int]:
        return [scalars["step"] for _, scalars in self.checkpoints]


def trained(on: Data | None = None, name: str = "rae", **given: Any) -> tuple[State, Kept]:
    chosen = on or vectors()
    kept = given.pop("kept", Kept())
    made = method(name, chosen.spec, **given.pop("arguments", {}))
    return fit(made.objective, chosen, Training(**FAST | given), kept, show=False), kept


# batches --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resident", [True, False])
def test_an_epoch_shows_every_datum_at_most_once_in_a_new_order(
    resident: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noiseless.training.feed._fits", lambda *_: resident)
    chosen = images(130)
    feed = BatchLoader(chosen.train, chosen.spec, 20, 7, CPU)
    assert feed.per_epoch == 4
    epochs = [torch.cat([feed(4 * epoch + k, 0)[1] for k in range(4)]) for epoch in range(3)]
    for order in epochs:
        assert len(order.unique()) == 80
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(feed(0, 0)[1], feed(0, 1)[1])
    x, index = feed(5, 0)
    expected = chosen.spec.normalise(torch.from_numpy(chosen.train.take(index.numpy())))
    assert torch.equal(x, expected)


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_batch_of_one(world: int) -> None:
    chosen = vectors()
    one = BatchLoader(chosen.train, chosen.spec, 20, 3, CPU)(11, 2)
    shares = [BatchLoader(chosen.train, chosen.spec, 20, 3, CPU, rank, world)(11, 2) for rank in range(world)]
    for k in (0, 1):
        assert torch.equal(torch.cat([share[k] for share in shares]), one[k])


def test_a_batch_is_a_function_of_seed_step_and_slot() -> None:
    chosen = vectors()
    feed = BatchLoader(chosen.train, chosen.spec, 20, 3, CPU)
    ahead = feed(9, 0)[1]
    for step in (0, 4, 9):
        again = feed(step, 0)[1]
    assert torch.equal(ahead, again)
    assert len({mix(*numbers) for numbers in [(0, 0), (0, 1), (1, 0), (0,), (0, 0, 0), (-1, 0)]}) == 6
    assert all(0 <= mix(k) < 2**63 for k in range(100))


# settings -------------------------------------------------------------------------------------------------------------


def test_what_is_given_comes_before_the_method_s_and_steps_displace_epochs() -> None:
    merged = Training(steps=5, batch=7).with_defaults(Training(epochs=9, batch=8, clip=2.0))
    assert (merged.steps, merged.epochs, merged.batch, merged.clip) == (5, None, 7, 2.0)
    objective = method("ae", vectors().spec).objective
    settled = resolve(Training(epochs=3, batch=30), objective, vectors())
    assert (settled.steps, settled.epochs, settled.schedule) == (6, None, "plateau")
    assert settled.device in ("cpu", "cuda", "mps")
    assert settled.precision in ("float32", "bfloat16")
    assert settled.threads == torch.get_num_threads()
    assert resolve(settled, objective, vectors()) == settled


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"steps": -1}, "steps is -1"),
        ({"ema": 1.0}, "ema is 1.0"),
        ({"lr_factor": 0.0}, "lr_factor is 0.0"),
        ({"lr_floor": 0.0}, "lr_floor is 0.0"),
        ({"lr_cooldown": 1.0}, "lr_cooldown is 1.0"),
        ({"clip": 0.0}, "clip is 0.0"),
        ({"seed": -1}, "seed is -1"),
        ({"epochs": 1, "steps": 1}, r"both epochs \(1\) and steps \(1\)"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Training(**given)


def test_data_and_machine_have_to_suffice() -> None:
    objective = method("ae", vectors().spec).objective
    with pytest.raises(
        InputError, match="the training set has 80 examples, fewer than a batch of 100; give batch=80 or less"
    ):
        resolve(Training(batch=100), objective, vectors())
    small = "a batch of 1 is too small: batch norm needs two examples per batch or more; give batch=2 or more"
    with pytest.raises(InputError, match=small):
        resolve(Training(batch=1), method("ae", images().spec).objective, images())
    resolve(Training(batch=1), objective, vectors())  # without batch norm
    alone = "batch norm needs two examples per batch or more on every process; give batch=4 or more"
    with pytest.raises(InputError, match=alone):
        resolve(Training(batch=2, batch_norm="per-process"), method("ae", images().spec).objective, images(), world=2)
    with pytest.raises(InputError, match="cannot be shared equally by 3 processes"):
        resolve(Training(batch=20), objective, vectors(), world=3)
    with pytest.raises(InputError, match=r"pip install 'noiseless\[wandb\]'"):
        resolve(Training(batch=20, track=("wandb",)), objective, vectors())
    with pytest.raises(InputError, match="cannot be used here"):
        resolve(Training(batch=20, device="cuda:77"), objective, vectors())


# the loop -------------------------------------------------------------------------------------------------------------


def test_the_loop_is_the_bare_loop_bit_for_bit() -> None:
    chosen = vectors()
    state, _ = trained(chosen, "rae-l2", steps=12, seed=5)
    objective = method("rae-l2", chosen.spec).objective
    (phase,) = objective.phases()
    optimiser = phase.optimiser(phase.parameters)
    feed = BatchLoader(chosen.train, chosen.spec, 20, 5, CPU)
    for step in range(12):
        x, index = feed(step, 0)
        optimiser.zero_grad()
        sum(phase.loss(Batch(x, index, step)).values()).backward()
        optimiser.step()
    assert_same(dict(state.objective.state_dict()), dict(objective.state_dict()))


def test_the_average_is_its_closed_form() -> None:
    decay, path = 0.8, []
    for steps in range(1, 6):
        path.append(
            {k: v.double() for k, v in trained(steps=steps, schedule="constant")[0].objective.state_dict().items()}
        )
    with pytest.warns(UserWarning, match="average of the weights still holds 41% of the first step's"):
        state, kept = trained(steps=5, ema=decay, ema_form="constant", schedule="constant")
    expected = path[0]
    for theta in path[1:]:
        expected = {k: decay * expected[k] + (1 - decay) * theta[k] for k in expected}
    for name, value in state.validated.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-7)
    assert_same(
        dict(state.objective.state_dict()), dict(trained(steps=5, schedule="constant")[0].objective.state_dict())
    )
    assert_same(kept.bests[-1], dict(state.validated.state_dict()))


def test_the_average_of_a_short_run_is_not_the_untrained_weights() -> None:
    """Unless it is asked for: by default, few steps have the ramped form, whose average copies the weights at first."""
    for steps in (1, 3, 5):
        state = trained(steps=steps, ema=0.99995, schedule="constant")[0]
        assert_same(dict(state.validated.state_dict()), dict(state.objective.state_dict()))
    assert [residue(Training(ema=0.5), n) for n in (0, 1, 4)] == [0, 1, 0.125]
    for steps, form in ((92_102, "ramped"), (92_103, "constant")):
        asked = Training(**FAST | {"steps": steps}, ema=0.99995)
        assert resolve(asked, method("rae", vectors().spec).objective, vectors()).ema_form == form


def test_gradients_are_clipped_to_the_norm_asked_for() -> None:
    norms: list[float] = []

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            gradients = [p.grad for group in self.param_groups for p in group["params"]]
            norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())

    for clip in (None, 1e-3):
        objective = method("ae", vectors().spec).objective
        objective.optimiser = lambda p: Watched(p, 0.1)
        fit(objective, vectors(), Training(**FAST, steps=2, clip=clip), show=False)
    assert min(norms[:2]) > 0.1
    assert norms[2:] == pytest.approx([1e-3] * 2, rel=1e-4)


class Alternating(Objective):
    """Two phases: one on the autoencoder, one on a number of its own that follows the codes."""

    def __init__(self) -> None:
        super().__init__()
        self.autoencoder = method("ae", vectors().spec).objective.autoencoder
        self.centre = nn.Parameter(torch.zeros(3))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.seen: list[tuple[str, int | None, list[int], list[bool], int]] = []

    def phases(self) -> list[Phase]:
        def sgd(p: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.SGD(p, 1e-3)

        return [
            Phase("first", list(self.autoencoder.parameters()), self._first, sgd, repeats=2),
            Phase("second", [self.centre, self.frozen], self._second, sgd, interval=3, no_lr_decay=True),
        ]

    def _note(self, phase: str, batch: Batch) -> None:
        free = [p.requires_grad for p in (next(self.autoencoder.parameters()), self.centre, self.frozen)]
        self.seen.append((phase, batch.step, batch.index.tolist(), free, batch.noise.seed))

    def _first(self, batch: Batch) -> dict[str, Tensor]:
        self._note("first", batch)
        trace = self.autoencoder(batch)
        return {
            "reconstruction": (trace.y - trace.x).square().mean(),
            "centre": (trace.z - self.centre).square().mean(),
        }

    def _second(self, batch: Batch) -> dict[str, Tensor]:
        self._note("second", batch)
        return {"centre": (self.autoencoder(batch).z - self.centre).square().mean() * self.frozen.mean()}

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        return {"centre": (self.autoencoder(batch).z - self.centre).square().mean()}

    def code(self, batch: Batch) -> Tensor:
        return self.autoencoder.encode(batch.x).mean


def test_phases_alternate_as_they_say_and_leave_flags_as_they_were() -> None:
    objective, kept = Alternating(), Kept()
    fit(objective, vectors(), Training(**FAST, steps=4, log_every=4), kept, show=False)
    order = [("first", 0)] * 2 + [("second", 0)] + [("first", step) for step in (1, 1, 2, 2, 3, 3)] + [("second", 3)]
    assert [(phase, step) for phase, step, *_ in objective.seen] == order
    for phase, *_, free, _ in objective.seen:
        assert free == [phase == "first", phase == "second", False]
    assert len({tuple(index) for _, _, index, *_ in objective.seen}) == len(objective.seen)
    assert len({seed for *_, seed in objective.seen}) == len(objective.seen)
    assert all(p.requires_grad for p in objective.autoencoder.parameters())
    assert not objective.frozen.requires_grad
    assert {k for k in kept.rows[0] if "/" in k} == {
        "first/reconstruction", "first/centre", "second/centre", "validation/centre", "validation/loss",
    }  # fmt: skip


def test_two_phases_resume_bit_for_bit() -> None:
    settings = {**FAST, "checkpoint_every": 4}
    kept = Kept()
    whole = fit(Alternating(), vectors(), Training(**settings, steps=9), kept, show=False)
    again = fit(Alternating(), vectors(), Training(**settings, steps=9), None, kept.checkpoints[0], show=False)
    assert kept.steps[0] == 4
    assert_same(dict(whole.tensors()), dict(again.tensors()))


# rows, validation, schedules ------------------------------------------------------------------------------------------


def test_rows_are_means_since_the_last_and_validation_is_the_mean_over_its_part() -> None:
    chosen = vectors()
    _, every = trained(chosen, steps=8, log_every=1, validate_every=8)
    state, fourth = trained(chosen, steps=8, log_every=4, validate_every=8)
    assert [row["step"] for row in fourth.rows] == [4, 8]
    term = "autoencoder/reconstruction"
    for row, part in zip(fourth.rows, (every.rows[:4], every.rows[4:]), strict=True):
        assert row[term] == pytest.approx(sum(r[term] for r in part) / 4, rel=1e-12)
        assert row["samples_per_s"] > 0
    state.objective.eval()
    x = chosen.spec.normalise(torch.from_numpy(chosen.validation.take(np.arange(20))))
    with torch.no_grad():
        values = state.objective.validate(Batch(x, torch.arange(20)))
    for name, value in values.items():
        assert fourth.rows[-1][f"validation/{name}"] == pytest.approx(value.item(), rel=1e-5)
    assert fourth.rows[-1]["validation/loss"] == pytest.approx(sum(v.item() for v in values.values()), rel=1e-5)


def test_validation_is_exact_where_its_batches_are_of_unequal_size() -> None:
    _, small = trained(steps=1, batch=7)
    _, large = trained(steps=1, batch=7, validate_every=1)
    assert small.rows[-1]["validation/loss"] == large.rows[-1]["validation/loss"]
    chosen = vectors()
    objective = method("ae", chosen.spec).objective

    losses = [
        Validation(chosen, Training(batch=batch), Engine("cpu"), CPU)(objective)["validation/loss"]
        for batch in (3, 7, 20)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)
    assert objective.training


class Share(Engine):
    """One of several processes, whose values the test averages."""

    def __init__(self, rank: int, world: int) -> None:
        self.rank, self.world = rank, world

    def mean(self, values: Tensor) -> Tensor:
        return values


@pytest.mark.parametrize(("count", "size"), [(36, 20), (37, 20), (61, 12), (5, 12), (1, 12)])
@pytest.mark.parametrize("world", [2, 4])
def test_validation_with_noise_is_the_same_on_any_number_of_processes(count: int, size: int, world: int) -> None:
    chosen = vectors()
    held = replace(chosen, validation=Split(chosen.train.raw, np.arange(count)))
    objective = method("vae", chosen.spec).objective
    training = Training(**FAST | {"batch": size})
    whole, *parts = (
        Validation(held, training, Share(rank, of), CPU)(objective)
        for rank, of in [(0, 1), *((rank, world) for rank in range(world))]
    )
    for name, value in whole.items():
        assert value == pytest.approx(sum(part[name] for part in parts) / world, rel=1e-5)


def follow(losses: list[float], **given: Any) -> list[float]:
    """The rate after each of some validations."""
    objective = method("ae", vectors().spec).objective
    state = State(objective, Training(**given))
    rates = []
    for loss in losses:
        state.optimisers[0].step()
        state.follow(loss)
        rates.append(state.optimisers[0].param_groups[0]["lr"] / 5e-4)
    return rates


def test_plateau_halves_the_rate_at_the_fifth_bad_validation() -> None:
    assert follow([1.0] + [2.0] * 11, schedule="plateau") == [1.0] * 5 + [0.5] * 5 + [0.25] * 2
    assert follow([1.0, 2.0, 2.0, 2.0, 0.5, 2.0, 2.0], schedule="plateau", lr_patience=4) == [1.0] * 7
    assert follow([1.0, 2.0, 2.0], schedule="plateau", lr_patience=2, lr_factor=0.1) == pytest.approx([1, 1, 0.1])
    assert follow([-2.0] + [-2.0 + 1e-5 * k for k in range(8)], schedule="plateau") == [1.0] * 5 + [0.5] * 4


def test_plateau_stops_at_its_floor_and_never_raises_a_rate() -> None:
    given: dict[str, Any] = {"schedule": "plateau", "lr_factor": 0.2, "lr_patience": 1}
    assert follow([1.0] * 4, lr_floor=5e-5, **given) == pytest.approx([1, 0.2, 0.1, 0.1])
    assert follow([1.0] * 4, lr_floor=1e-2, **given) == [1.0] * 4


def test_other_schedules() -> None:
    assert follow([1.0] * 3, schedule="exponential") == pytest.approx([0.95, 0.95**2, 0.95**3])
    assert follow([1.0] * 3, schedule="exponential", lr_factor=0.5) == pytest.approx([0.5, 0.25, 0.125])
    assert follow([1.0] * 12, schedule="constant") == [1.0] * 12


@pytest.mark.parametrize(("cooldown", "tail"), [(None, [1.0, 0.5]), (0.5, [1.0, 0.8, 0.6, 0.4, 0.2])])
def test_cooldown_falls_along_a_line_over_the_last_steps(cooldown: float | None, tail: list[float]) -> None:
    objective = method("ae", vectors().spec).objective
    state = State(objective, Training(steps=10, schedule="cooldown", lr_cooldown=cooldown))
    rates = []
    for state.step in range(10):
        state.begin()
        state.optimisers[0].step()
        state.follow(1.0)
        rates.append(state.optimisers[0].param_groups[0]["lr"] / 5e-4)
    assert rates == pytest.approx([1.0] * (10 - len(tail)) + tail)


def test_a_steady_phase_does_not_cool_down() -> None:
    settings = {"steps": 4, "schedule": "cooldown", "lr_cooldown": 0.5}
    state = fit(Alternating(), vectors(), Training(**FAST, **settings), show=False)
    assert [optimiser.param_groups[0]["lr"] for optimiser in state.optimisers] == [5e-4, 1e-3]


@pytest.mark.parametrize("until", [0, 5])
def test_a_run_stops_at_a_step_that_is_planned(until: int) -> None:
    objective = method("rae", vectors().spec).objective
    with pytest.raises(ValueError, match=f"until is {until}, but must be a step from 1 to the planned 4"):
        fit(objective, vectors(), Training(**FAST, steps=4), show=False, until=until)


def test_best_weights_are_those_of_the_smallest_validation_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 2.0, 5.0, 2.0, 1.0, 4.0])
    monkeypatch.setattr(Regularised, "validate", lambda *_: {"x": torch.tensor(next(losses))})
    state, kept = trained(steps=6, validate_every=1, checkpoint_every=1)
    assert len(kept.bests) == 3
    for best, step in zip(kept.bests, (1, 2, 5), strict=True):
        tensors, _ = kept.checkpoints[step - 1]
        assert_same(best, {k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")})
    assert (state.best, state.bad) == (1.0, 1)


def test_early_stopping_stops_and_a_stopped_run_stays_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Regularised, "validate", lambda *_: {"x": torch.tensor(1.0)})
    settings = {"steps": 50, "validate_every": 2, "patience": 3}
    state, kept = trained(**settings)
    assert state.step == 8
    assert kept.steps[-1] == 8
    made = method("rae", vectors().spec).objective
    again = fit(made, vectors(), Training(**FAST, **settings), None, kept.checkpoints[-1], show=False)
    assert again.step == 8
    assert_same(dict(state.tensors()), dict(again.tensors()))


def test_checkpoints_and_pictures_come_when_asked_for() -> None:
    _, kept = trained(steps=10, checkpoint_every=3, pictures_every=4)
    assert kept.steps == [3, 6, 9, 10]
    assert kept.pictures == [4, 8]
    _, kept = trained(steps=10, validate_every=4)
    assert kept.steps == [4, 8, 10]


def test_an_overdue_checkpoint_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.training.loop.OVERDUE", -1.0)
    assert trained(steps=4)[1].steps == [1, 2, 3, 4]


# what goes wrong ------------------------------------------------------------------------------------------------------


def broken(at: int, value: float, where: str = "loss") -> tuple[Regularised, Data]:
    chosen = vectors()
    objective = method("rae", chosen.spec).objective
    terms = objective.loss

    def loss(batch: Batch) -> dict[str, Tensor]:
        values = dict(terms(batch))
        if batch.step is not None and batch.step == at:
            z = objective.autoencoder.encode(batch.x).mean
            gone = (z - z.detach()).square().sum().sqrt()  # zero, with the gradient 0 / 0
            values["code"] = values["code"] * value if where == "loss" else gone
        return values

    objective.loss = loss  # type: ignore[method-assign]
    return objective, chosen


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run(value: float) -> None:
    objective, chosen = broken(7, value)
    kept = Kept()
    settings = Training(**FAST, steps=20, checkpoint_every=3, log_every=10)
    with pytest.raises(RunError, match=r"term 'code' of phase 'autoencoder' became (nan|inf) in step 8; .* at step 6;"):
        fit(objective, chosen, settings, kept, show=False)
    assert kept.steps == [3, 6]
    assert all(v.isfinite().all() for v in kept.checkpoints[-1][0].values())
    assert kept.bests == []


def test_weights_that_are_not_finite_are_not_kept() -> None:
    objective, chosen = broken(5, 0.0, "gradient")
    kept = Kept()
    with pytest.raises(RunError, match=r"weights .* no longer finite in step 6; .* at step 3; lower the learning rate"):
        fit(objective, chosen, Training(**FAST, steps=20, checkpoint_every=3), kept, show=False)
    assert kept.steps == [3]


def test_a_validation_that_is_not_finite_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Regularised, "validate", lambda *_: {"x": torch.tensor(math.nan)})
    kept = Kept()
    with pytest.raises(RunError, match="term 'x' became nan in validation; the last good checkpoint is not there yet"):
        fit(method("ae", vectors().spec).objective, vectors(), Training(**FAST, steps=3), kept, show=False)
    assert kept.bests == kept.checkpoints == []


def test_terms_of_different_types_are_read_together() -> None:
    log = Log(Engine("cpu"))
    log.add(0, "p", {"a": torch.tensor(1.0), "b": torch.tensor(2.0, dtype=torch.float64)})
    log.add(1, "p", {"a": torch.tensor(3.0)})
    assert log.read() == {"p/a": 2.0, "p/b": 2.0}
    assert log.read() == {}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_bit_for_bit(signum: int) -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    whole, _ = trained(steps=9, checkpoint_every=2)
    kept = Kept(lambda: os.kill(os.getpid(), signum) if len(kept.checkpoints) == 2 else None)
    with pytest.raises(
        Stopped, match=rf"stopped by {signal.Signals(signum).name} at step 5; a checkpoint was saved"
    ) as stop:
        trained(steps=9, checkpoint_every=2, kept=kept)
    assert stop.value.signum == signum
    assert kept.steps == [2, 4, 5]
    made = method("rae", vectors().spec).objective
    settings = Training(**FAST, steps=9, checkpoint_every=2)
    again = fit(made, vectors(), settings, None, kept.checkpoints[-1], show=False)
    assert_same(dict(whole.tensors()), dict(again.tensors()))
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_interrupt_stops_at_once() -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained(steps=9, checkpoint_every=2, kept=Kept(twice))


def test_a_checkpoint_of_another_run_is_refused() -> None:
    _, kept = trained(steps=2)
    other = method("rae", images().spec).objective
    with pytest.raises(InputError, match="the checkpoint does not fit the run"):
        fit(other, images(), Training(**FAST, steps=4), None, kept.checkpoints[-1], show=False)
    tensors, scalars = kept.checkpoints[-1]
    missing = {k: v for k, v in scalars.items() if k != "rates"}
    with pytest.raises(InputError, match="rates"):
        fit(
            method("rae", vectors().spec).objective,
            vectors(),
            Training(**FAST, steps=4),
            None,
            (tensors, missing),
            show=False,
        )


def test_settings_of_the_machine_are_put_back() -> None:
    before = torch.get_num_threads()
    trained(steps=1, threads=2, deterministic=True)
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()


def test_float64_trains_in_float64() -> None:
    state, _ = trained(images(), steps=2, precision="float64")
    assert all(p.dtype == torch.float64 for p in state.objective.parameters())


def test_one_datum_is_enough_to_validate() -> None:
    raw = np.random.default_rng(0).normal(size=(42, 5)).astype(np.float32)
    spec = Spec("v", (5,), (0.0,) * 5, (1.0,) * 5)
    _, kept = trained(data(raw, spec, held=1), steps=2)
    assert math.isfinite(kept.rows[-1]["validation/loss"])


class Tracker:
    name = "tensorboard"

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.finished = False

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Tracker:
    made = Tracker()

    class Tracking:
        def __init__(self, log_with: list[str], project_dir: Path) -> None:
            self.trackers = [made]

        def init_trackers(self, name: str, config: dict[str, Any]) -> None:
            assert all(isinstance(v, int | float | str) for v in config.values())

        def log(self, row: dict[str, Any], step: int) -> None:
            made.rows.append(row)

    monkeypatch.setattr("noiseless.training.engine.Accelerator", Tracking)
    monkeypatch.setattr("noiseless.training.settings.find_spec", lambda name: object())
    return made


def test_trackers_get_every_row_and_are_finished_when_a_run_fails(tracker: Tracker) -> None:
    _, kept = trained(steps=4, log_every=2, track=("tensorboard",))
    assert tracker.rows == kept.rows
    assert tracker.finished
    tracker.finished = False
    objective, chosen = broken(1, math.nan)
    with pytest.raises(RunError):
        fit(objective, chosen, Training(**FAST, steps=4, track=("tensorboard",)), show=False)
    assert tracker.finished


def test_rates_are_those_of_the_optimiser_asked_for() -> None:
    state, _ = trained(steps=1, arguments={"optimiser": Optimiser("adamw", lr=0.25)}, schedule="constant")
    assert state.scalars()["rates"] == [[0.25]]


@pytest.mark.parametrize("error", [AttributeError, ValueError])
def test_systems_that_do_not_tell_their_free_memory_train_too(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> int:
        raise error(name)

    monkeypatch.setattr("os.sysconf", unknown)
    state = fit(method("ae", vectors().spec).objective, vectors(), Training(**FAST, steps=2), show=False)
    assert state.step == 2


# the log of a training that is stopped --------------------------------------------------------------------------------

TIMES = ("samples_per_s", "seconds")


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what the clock says, each in its order."""
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


@pytest.mark.parametrize("at", [1, 4, 5, 7])
@pytest.mark.parametrize("name", ["rae", "maskaae"])
def test_the_log_is_that_of_a_training_that_was_never_stopped(name: str, at: int) -> None:
    settings = Training(**FAST, steps=12, log_every=5, validate_every=8)
    whole, first, second = Kept(), Kept(), Kept()
    fit(method(name, vectors().spec).objective, vectors(), settings, whole, show=False)
    fit(method(name, vectors().spec).objective, vectors(), settings, first, show=False, until=at)
    start = first.checkpoints[-1]
    assert start[1]["step"] == at
    fit(method(name, vectors().spec).objective, vectors(), settings, second, start, show=False)
    assert [row["step"] for row in whole.rows] == [5, 8, 10, 12]
    assert told([*first.rows, *second.rows]) == told(whole.rows)
    assert [list(row) for row in (*first.rows, *second.rows)] == [list(row) for row in whole.rows]


def test_a_signal_between_two_rows_leaves_no_row_and_no_other_mean() -> None:
    settings: dict[str, Any] = {"steps": 9, "log_every": 4, "validate_every": 9}
    whole, stopped, after = Kept(), Kept(), Kept()
    fit(method("rae", vectors().spec).objective, vectors(), Training(**FAST, **settings), whole, show=False)

    def signalled(step: int, *_: object) -> None:
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    objective = method("rae", vectors().spec).objective
    chosen = Training(**FAST, **settings)
    with pytest.raises(Stopped, match="at step 7"):
        fit(objective, vectors(), chosen, stopped, show=False, callback=signalled, every=1)
    assert [row["step"] for row in stopped.rows] == [4]
    fit(method("rae", vectors().spec).objective, vectors(), chosen, after, stopped.checkpoints[-1], show=False)
    assert told([*stopped.rows, *after.rows]) == told(whole.rows)


def test_a_callback_that_raises_leaves_no_other_mean() -> None:
    settings = Training(**FAST, steps=8, log_every=4, validate_every=8)
    whole, stopped, after = Kept(), Kept(), Kept()
    fit(method("rae", vectors().spec).objective, vectors(), settings, whole, show=False)

    def fail(step: int, *_: object) -> None:
        if step == 6:
            raise ZeroDivisionError

    objective = method("rae", vectors().spec).objective
    with pytest.raises(ZeroDivisionError):
        fit(objective, vectors(), settings, stopped, show=False, callback=fail, every=1)
    fit(method("rae", vectors().spec).objective, vectors(), settings, after, stopped.checkpoints[-1], show=False)
    assert told([*stopped.rows, *after.rows]) == told(whole.rows)


def test_a_picture_is_drawn_before_the_checkpoint_of_its_step() -> None:
    class Killed(Kept):
        def picture(self, objective: Objective, step: int) -> None:
            raise KeyboardInterrupt

    killed, after = Killed(), Kept()
    settings = Training(**FAST, steps=6, checkpoint_every=2, pictures_every=4)
    with pytest.raises(KeyboardInterrupt):
        fit(method("rae", vectors().spec).objective, vectors(), settings, killed, show=False)
    assert killed.steps == [2]
    fit(method("rae", vectors().spec).objective, vectors(), settings, after, killed.checkpoints[-1], show=False)
    assert after.pictures == [4]


def test_a_term_that_is_no_number_is_refused_by_name() -> None:
    made = method("ae", vectors().spec).objective
    assert isinstance(made, Regularised)
    made.terms["spread"] = Term(1.0, lambda trace, _: trace.z.square().mean(0))
    with pytest.raises(InputError, match=r"the term 'spread' of phase 'autoencoder' has the shape \(3,\), and must be"):
        fit(made, vectors(), Training(**FAST, steps=2), show=False)
