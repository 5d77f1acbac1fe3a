"""The state of training: weights, optimisers, schedules, the moving average and counters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, ExponentialLR, LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from noiseless.errors import InputError, RunError
from noiseless.objectives.objective import Objective, Phase
from noiseless.training.optimiser_state import check_moments, numbers, restore
from noiseless.training.settings import RESIDUE, Training, residue

__all__ = ["REMARKS", "SETBACK", "UNFADED", "State", "refuse_types"]

SETBACK = "training made the loss worse than it was at the start"
UNFADED = "the moving average of the weights still holds"
REMARKS = (SETBACK, UNFADED)
"""How what is said at the end of a training begins."""
JUDGED, MARGIN = 20, 0.5
"""Steps before which, and share by which, the losses of two batches may differ by chance."""
EVERY, AFTER, POWER = 10, 100, 2 / 3
"""Constants of the ramped average: steps between updates, steps during which it is a copy, exponent of its decay."""


def refuse_types(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Refuses tensors that would be cast to those of a module, or that are not finite.

    Arguments:
        own: the module's; floating-point numbers may be of 32 or 64 bits, whatever these are.
        tensors: those that it is to take.

    Raises:
        RuntimeError: one is of another type, or not finite; the message names it.
    """
    for name in own.keys() & tensors.keys():
        found, wanted = tensors[name], own[name].dtype
        floats = (torch.float32, torch.float64)
        if found.dtype != wanted and not (found.dtype in floats and wanted in floats):
            raise RuntimeError(f"{name} is of the type {found.dtype}, and must be {wanted}")
        if found.is_floating_point() and not found.isfinite().all():
            raise RuntimeError(f"{name} has numbers that are not finite")


class State:
    """The state of a run, as tensors and scalars.

    Arguments:
        objective: the objective to train; already on its device and in its final dtype.
        training: defines the learning-rate schedules and the moving average.

    Attributes:
        step: number of steps taken.
        best, bad: the lowest validation loss, and the number of validations since.
        saved: the step of the last checkpoint, -1 before the first.
        first, latest: the terms of the first step, and their means in the latest row of the log.
    """

    def __init__(self, objective: Objective, training: Training) -> None:
        self.objective, self.training = objective, training
        self.phases = objective.phases()
        self.optimisers = [phase.optimiser(phase.parameters) for phase in self.phases]
        self.schedules = [_schedule(optimiser, training) for optimiser in self.optimisers]
        self.average = _average(objective, training)
        self.restarts = objective.restarts()
        self.step, self.seconds, self.best, self.bad, self.saved = 0, 0.0, math.inf, 0, -1
        self.first: Mapping[str, float] = {}
        self.latest: Mapping[str, float] = {}

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.objective.parameters()).device

    @property
    def validated(self) -> Objective:
        """The objective that is validated and stored as best: the moving average if there is one."""
        return cast(Objective, self.average.module) if self.average is not None else self.objective

    @property
    def stalled(self) -> bool:
        """Whether the patience of early stopping is exhausted."""
        return self.training.patience is not None and self.bad >= self.training.patience

    @property
    def setback(self) -> str:
        """What to say of a training after which the loss is worse than in its first step; else empty.

        Both the reconstruction and the sum of the terms of the first phase are compared.
        """
        pairs = zip(_headlines(self.first), _headlines(self.latest), strict=False)
        worse = [(then, now) for then, now in pairs if now - then > MARGIN * abs(then)]
        if self.step < JUDGED or not worse:
            return ""
        then, now = worse[0]
        return f"{SETBACK} ({then:.4g} in the first step, {now:.4g} at the end); lower the learning rate (lr=)"

    @property
    def unfaded(self) -> str:
        """What to say of a moving average that still holds much of the untrained weights; else empty."""
        share = residue(self.training, self.step)
        if self.training.ema_form != "constant" or self._started or share <= RESIDUE:
            return ""
        return f"{UNFADED} {share:.0%} of the first step's; give ema_form=ramped or a smaller ema=, or train longer"

    @property
    def remarks(self) -> list[str]:
        """What to say at the end of the training, with :data:`REMARKS` as beginnings."""
        return [said for said in (self.setback, self.unfaded) if said]

    @property
    def _started(self) -> int:
        """The step at which the moving average started."""
        return max((step for step in self.restarts if step <= self.step), default=0)

    def begin(self) -> None:
        """Before a step: applies the cooldown, and resets optimisers, average and best if the objective requests it."""
        if self.training.schedule == "cooldown":
            remaining = _remaining(self.step, self.training)
            for phase, schedule in zip(self.phases, self.schedules, strict=True):
                for group, rate in zip(schedule.optimizer.param_groups, schedule.base_lrs, strict=True):
                    group["lr"] = rate if phase.no_lr_decay else rate * remaining
        if self.step in self.restarts and self.step:
            for optimiser in self.optimisers:
                optimiser.state.clear()
            if self.average is not None:
                self.average.n_averaged.zero_()
            self.best, self.bad = math.inf, 0  # the previous best belongs to another stage of training

    def averaging(self) -> None:
        """After an update: updates the moving average, at the interval that its form defines."""
        if self.average is None:
            return
        since = self.step - self._started
        if self.training.ema_form == "ramped" and since <= AFTER + EVERY:
            self.average.n_averaged.zero_()  # the next update copies the weights
        elif self.training.ema_form == "ramped" and since % EVERY:
            return
        self.average.update_parameters(self.objective)

    def follow(self, loss: float) -> bool:
        """Advances the schedules after a validation; returns whether the loss is the best so far."""
        for schedule in self.schedules:
            schedule.step(loss) if isinstance(schedule, ReduceLROnPlateau) else schedule.step()
        improved = loss < self.best
        self.best, self.bad = (loss, 0) if improved else (self.best, self.bad + 1)
        return improved

    def check(self) -> None:
        """Raises an error if weights are not finite, which happens if a loss is finite but its gradient is not.

        Raises:
            RunError: a weight is not finite; the message names it.
        """
        named = {k: v for k, v in self.objective.state_dict().items() if v.is_floating_point()}
        finite = torch.stack([v.isfinite().all() for v in named.values()]).tolist()
        for name, good in zip(named, finite, strict=True):
            if not good:
                raise RunError(f"the weights {name} are no longer finite in step {self.step}")

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        found = {f"model/{k}": v for k, v in self.objective.state_dict().items()}
        if self.average is not None:
            mine = {v.data_ptr() for v in found.values()}  # a file cannot contain the same memory twice, only a copy
            own = self.average.state_dict().items()
            found |= {f"ema/{k}": v.clone() if v.data_ptr() in mine else v for k, v in own}
        for phase, optimiser in zip(self.phases, self.optimisers, strict=True):
            for i, parameter in enumerate(phase.parameters):
                state = optimiser.state.get(parameter, {})
                found |= {f"optimiser/{phase.name}/{i}/{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        return found

    def scalars(self) -> dict[str, Any]:
        """Every number by name, in a form that JSON can represent."""
        pairs = zip(self.phases, self.optimisers, strict=True)
        kept = {phase.name: found for phase, optimiser in pairs if (found := numbers(phase, optimiser))}
        return ({"optimisers": kept} if kept else {}) | {
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best if math.isfinite(self.best) else None,
            "bad": self.bad,
            "first": dict(self.first),
            "rates": [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers],
            "schedules": [_counters(schedule) for schedule in self.schedules],
        }

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Restores the state from :meth:`tensors` and :meth:`scalars`.

        Raises:
            InputError: they belong to another objective or other training settings.
        """
        try:
            self._load(tensors, scalars)
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise InputError(f"the checkpoint does not fit the run: {type(error).__name__}: {error}") from error

    def _load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        if self.training.steps is not None and scalars["step"] > self.training.steps:
            raise ValueError(f"its step is {scalars['step']}, and {self.training.steps} are planned")
        missing = [name for name in scalars.get("log", ()) if f"log/{name}" not in tensors]
        if missing:
            raise ValueError(f"the values of {missing[0]} since the last row of the log are missing")
        refuse_types(self.objective.state_dict(), _under("model/", tensors))
        self.objective.load_state_dict(_under("model/", tensors))
        if self.average is not None:
            self.average = _average(self.objective, self.training)  # rebuilt, to share common tensors
            average = cast(AveragedModel, self.average)
            refuse_types(average.state_dict(), _under("ema/", tensors))
            average.load_state_dict(_under("ema/", tensors))
        for i, (phase, optimiser) in enumerate(zip(self.phases, self.optimisers, strict=True)):
            moments = _under(f"optimiser/{phase.name}/", tensors)
            check_moments(optimiser, phase, moments, empty=not scalars["step"] or bool(self.restarts))
            _load_optimiser(optimiser, phase, moments)
            restore(phase, optimiser, scalars.get("optimisers", {}).get(phase.name, {}))
            for group, rate in zip(optimiser.param_groups, scalars["rates"][i], strict=True):
                group["lr"] = rate
            self.schedules[i].load_state_dict({k: _number(v) for k, v in scalars["schedules"][i].items()})
        self.step, self.seconds, self.bad = scalars["step"], scalars["seconds"], scalars["bad"]
        self.best, self.saved = _number(scalars["best"]), self.step
        self.first = scalars.get("first", {})


def _headlines(terms: Mapping[str, float]) -> list[float]:
    """The sum of the terms of the first phase, and its reconstruction if it has one."""
    phase = next(iter(terms), "").partition("/")[0]
    mine = {name: value for name, value in terms.items() if name.startswith(f"{phase}/")}
    return (
        [sum(mine.values()), *(value for name, value in mine.items() if name.endswith("/reconstruction"))]
        if mine
        else []
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_optimiser(optimiser: torch.optim.Optimizer, phase: Phase, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        i, key = name.split("/")
        parameter = phase.parameters[int(i)]
        # torch's fused optimisers require moments with the same memory layout as their parameters
        moment = tensor.ndim > 0 and tensor.shape == parameter.shape
        laid = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if moment else tensor
        optimiser.state[parameter][key] = laid.to(parameter.device)


def _schedule(optimiser: torch.optim.Optimizer, training: Training) -> LRScheduler:
    if training.schedule == "plateau":
        # torch lowers the rate one validation after the patience is exhausted; Keras, and we, at that validation
        factor, patience, floor = training.lr_factor or 0.5, training.lr_patience or 5, training.lr_floor or 0.0
        # threshold 0: torch's is relative to the loss, so with a negative loss every value would be an improvement
        return ReduceLROnPlateau(optimiser, factor=factor, patience=patience - 1, min_lr=floor, threshold=0.0)
    if training.schedule == "exponential":
        return ExponentialLR(optimiser, gamma=training.lr_factor or 0.95)
    return ConstantLR(optimiser, factor=1.0)


def _remaining(step: int, training: Training) -> float:
    """The factor of the schedule cooldown: 1, then linear decay to 0 after the last step."""
    steps = cast(int, training.steps)
    return min(1.0, (steps - step) / (steps * (training.lr_cooldown or 0.2)))


def _counters(schedule: LRScheduler) -> dict[str, Any]:
    counters = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr", "_step_count")
    state = {k: v for k, v in schedule.state_dict().items() if k in counters}
    return {k: None if v == math.inf else v for k, v in state.items()}


def _number(value: Any) -> Any:
    """The value for JSON, which has no infinity: None represents it."""
    return math.inf if value is None else value


def _average(objective: Objective, training: Training) -> AveragedModel | None:
    if training.ema is None:
        return None
    move = get_ema_multi_avg_fn(training.ema) if training.ema_form == "constant" else _ramped(training.ema)
    return AveragedModel(objective, multi_avg_fn=move)


def _ramped(most: float) -> Callable[[Any, Any, Any], None]:
    r"""The average of ema_pytorch; its decay is :math:`1 - (1 + t)^{-2/3}`, t steps after it stops copying weights."""

    def move(averages: Any, weights: Any, count: Any) -> None:
        decay = min(most, 1 - (1 + EVERY * (int(count) + 1)) ** -POWER)
        torch._foreach_lerp_(list(averages), list(weights), 1 - decay)

    return move
