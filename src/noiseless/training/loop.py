r"""The training loop: one function for every objective, on one process or several.

In each step, for every phase that is due: only that phase's parameters require gradients; a batch is drawn; the named
terms of the loss are summed and differentiated; gradients are averaged over processes; the phase's optimiser steps.

All randomness is a function of (seed, step, phase, position in the global batch), and checkpoints contain the complete
state. Hence a run that is interrupted at any point and resumed is bit-identical, on a CPU, to an uninterrupted one, and
a step on several processes has the gradients of a step on one.

The loop never waits for the device: the values of terms stay there and are read together every ``log_every`` steps.
Non-finite terms are detected then, before anything is saved.
"""

from __future__ import annotations

import functools
import operator
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.data import Data, modality
from noiseless.errors import InputError, RunError
from noiseless.nn.distributed import BatchNorm
from noiseless.objectives.objective import Objective, Phase, TrainingInfo
from noiseless.registry import settings
from noiseless.training.engine import Engine, tracking
from noiseless.training.feed import BatchLoader, mix
from noiseless.training.interrupts import Stopped, machine, signals
from noiseless.training.progress import Bar, Log
from noiseless.training.recalibration import Recalibration
from noiseless.training.settings import Training, resolve
from noiseless.training.state import State
from noiseless.training.stream import BatchStream
from noiseless.training.validation import StreamValidation, Validation, layout_for
from noiseless.values import Batch, Noise

__all__ = ["Callback", "Writer", "fit"]

Result = TypeVar("Result")
Feed = BatchLoader | BatchStream
OVERDUE = 300.0
"""Seconds between checkpoints, unless the user set the number of steps between them."""


Callback = Callable[[int, Mapping[str, float], Objective], object]
"""Called with the number of steps that are done, the terms of the last, and what is trained, in evaluation mode."""


@runtime_checkable
class Writer(Protocol):
    """Receives logs, checkpoints and pictures from the loop. Called in the first process only."""

    def log(self, row: dict[str, Any]) -> None:
        """Appends a row of numbers."""

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        """Stores the complete state, replacing the previous checkpoint."""

    def best(self, tensors: dict[str, Tensor]) -> None:
        """Stores the weights with the lowest validation loss so far."""

    def picture(self, objective: Objective, step: int) -> None:
        """Draws sample images of the objective at this step."""


def fit(
    objective: Objective,
    data: Data | BatchStream | Iterable[Any],
    training: Training = Training(),
    keeper: Writer | None = None,
    start: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    show: bool = True,
    directory: Path | None = None,
    until: int | None = None,
    *,
    validation: Data | Iterable[Any] | None = None,
    callback: Callback | None = None,
    every: int = 100,
) -> State:
    """Trains ``objective`` on ``data``: a data set, or batches of your own.

    The batches of a data set are functions of (seed, step, slot), so that training which was stopped can be resumed bit
    for bit. Batches of your own (a ``DataLoader``, or any iterable of tensors, of pairs of a tensor and a label, or of
    dictionaries with one tensor; see :class:`~noiseless.training.stream.BatchStream`) come in the order in which the
    iterable gives them: resuming begins at its beginning again, so that it is not bit-identical. The size of a batch is
    then the iterable's, and an epoch is one pass over it.

    Arguments:
        objective: the objective to minimise, with its phases; changed in place.
        data: its training part is trained on, its validation part drives schedules and the choice of best weights; or
            batches of your own, which are network inputs.
        training: the settings; None means the defaults of :class:`Training` (batches of 100, 100 epochs).
        keeper: receives logs, checkpoints and pictures; None stores nothing.
        start: tensors and scalars of a checkpoint to resume from.
        show: show a progress bar if the terminal supports it.
        directory: where trackers write.
        until: the step at which to pause, with a checkpoint; from 1 to the last step that ``training`` plans.
        validation: with batches of your own, what drives schedules and the choice of best weights: more batches, or the
            validation part of a data set. Without it the rate is constant, and the best weights are the last.
        callback: called every ``every`` steps, by the first process, as a :data:`Callback`. What it raises ends the
            training after a checkpoint.
        every: the number of steps between calls.

    Returns:
        The final state.

    Raises:
        InputError: the data and the settings do not match.
        RunError: a term became infinite or NaN; nothing after the last checkpoint was kept.
        Stopped: SIGINT or SIGTERM was received; a checkpoint was written.
    """
    if not isinstance(objective, Objective):
        raise InputError(f"a {type(objective).__name__} is no objective; give one, such as method.objective")
    training = settings(Training, training, "training")
    engine = Engine(training.device)
    data = data if isinstance(data, Data | BatchStream) else BatchStream(data)
    validation = data if isinstance(data, Data) else validation
    training = resolve(training, objective, data, engine.world, validation is not None)
    objective.set_total_steps(cast(int, training.steps))
    device = engine.place(training.device)
    _prepare(objective, training, device)
    if start is None:
        _introduce(objective, data, training, engine)
    state = State(objective, training)
    if start is not None:
        state.load(*start)
        _introduce(objective, data, training, engine)
        state.restarts = objective.restarts()
    rank, world, steps = engine.rank, engine.world, cast(int, training.steps)
    last = steps if until is None else until
    if not 1 <= last <= steps:
        raise InputError(f"until is {until}, but must be a step from 1 to the planned {steps}")
    feed = _feed(data, training, device, rank, world)
    validate = _validation(validation, training, engine, device)
    recalibrated = Recalibration(feed, training, engine)
    validate_every = cast(int, training.validate_every)
    unit = modality.of(data.spec).unit if isinstance(data, Data) else "examples"
    log, bar = Log(engine), Bar(state, steps, cast(int, training.batch), unit, show and engine.main)
    if start is not None:
        log.restore(*start)
    keeper = keeper if engine.main else None
    update = _Update(objective, state, feed, training, engine, log)
    saved_at = time.monotonic()

    objective.train()
    with machine(training), signals() as received, tracking(training, directory) as track, bar:
        while state.step < last and not state.stalled:
            update()
            state.step += 1
            bar.tick(log.latest)

            logging, done = state.step % training.log_every == 0, state.step == steps
            agreeing = logging or world == 1
            stop = agreeing and engine.any(bool(received))
            validating = validate is not None and (done or state.step % validate_every == 0)
            drawing, due = (_multiple(state.step, n) for n in (training.pictures_every, training.checkpoint_every))
            saving = state.step == last or stop or due
            if training.checkpoint_every is None:
                saving = saving or validating or (agreeing and engine.any(time.monotonic() - saved_at > OVERDUE))
            calling = callback is not None and state.step % every == 0
            if validating or saving or drawing or calling:
                usable = recalibrated(state.validated, state.step)
            if (validating or saving or calling) and state.average is not None:  # the last weights can be used too
                recalibrated.renew(state.objective, state.step)
            if callback is not None and calling and engine.main:
                _call(callback, usable, state, log, keeper)
            if not (logging or validating or saving or drawing):
                continue
            # no row where a training happens to be stopped: the log of one that was never stopped has none there
            telling = logging or validating or drawing or due or done
            bar.pause()
            _good(state, log.collect)
            state.first = state.first or log.first
            row: dict[str, Any] = {}
            if telling:
                state.latest = log.read()
                row = {"step": state.step, **state.latest, **bar.measure()}
            _good(state, objective.check, advice="")
            if validate is not None and validating:
                row |= _good(state, functools.partial(validate, usable))
                row |= objective.weight_summary()
                if state.follow(row["validation/loss"]) and keeper is not None:
                    keeper.best(dict(usable.state_dict()))
            if telling:
                if keeper is not None:
                    keeper.log(row)
                track(row)
                bar.show(row)
            if saving or state.stalled:
                _good(state, state.check)
            if drawing and keeper is not None:  # before the checkpoint, so that a kill between them loses none
                keeper.picture(usable, state.step)
            if saving or state.stalled:
                if keeper is not None and validate is None:
                    keeper.best(dict(usable.state_dict()))
                if keeper is not None:
                    keeper.checkpoint(*_checkpoint(state, log))
                state.saved, saved_at = state.step, time.monotonic()
            if stop:
                raise Stopped(received[0] if received else signal.SIGTERM, state.step)
            bar.resume()
    update.release()
    for remark in state.remarks if engine.main else ():
        warnings.warn(remark, stacklevel=2)
    return state


class _Update:
    """One training step: every phase that is due, then the moving average of the weights."""

    def __init__(
        self, objective: Objective, state: State, feed: Feed, training: Training, engine: Engine, log: Log
    ) -> None:
        self.state, self.feed, self.training, self.engine, self.log = state, feed, training, engine, log
        self.layout = layout_for(objective)
        self.everything = list(objective.parameters())
        self.trainable = [parameter.requires_grad for parameter in self.everything]
        self.owned = [set(map(id, phase.parameters)) for phase in state.phases]

    def __call__(self) -> None:
        state, slot = self.state, 0
        state.begin()
        for phase, optimiser, mine in zip(state.phases, state.optimisers, self.owned, strict=True):
            if state.step % phase.interval:
                slot += phase.repeats
                continue
            if len(self.owned) > 1:
                for parameter, free in zip(self.everything, self.trainable, strict=True):
                    parameter.requires_grad_(free and id(parameter) in mine)
            for _ in range(phase.repeats):
                self._descend(phase, optimiser, slot)
                slot += 1
        state.averaging()

    def _descend(self, phase: Phase, optimiser: torch.optim.Optimizer, slot: int) -> None:
        """One update of a phase's parameters; ``slot`` numbers the updates of a step."""
        step, engine = self.state.step, self.engine
        x, index = self.feed(step, 0 if phase.shared else slot)
        noise = Noise(mix(self.training.seed, step, slot), engine.rank, engine.world)
        values = phase.loss(Batch(self.layout(x), index, step, noise))
        for name, value in values.items():
            if value.ndim:
                said = f"the term {name!r} of phase {phase.name!r} has the shape {tuple(value.shape)}"
                raise InputError(f"{said}, and must be a single number; take its mean over the batch")
        for parameter in phase.parameters:
            parameter.grad = None  # like zero_grad, without the cost of its profiling
        functools.reduce(operator.add, values.values()).backward()
        if engine.world > 1:
            engine.average_gradients(phase.parameters)
        if self.training.clip is not None:
            nn.utils.clip_grad_norm_(phase.parameters, self.training.clip)
        optimiser.step()
        self.log.add(step, phase.name, values)

    def release(self) -> None:
        """Restores ``requires_grad`` of all parameters."""
        for parameter, free in zip(self.everything, self.trainable, strict=True):
            parameter.requires_grad_(free)


def _prepare(objective: Objective, training: Training, device: torch.device) -> None:
    dtype = torch.float64 if training.precision == "float64" else torch.float32
    objective.to(device=device, dtype=dtype)
    if any(isinstance(m, nn.Conv2d) for m in objective.modules()):
        objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in objective.modules():
        if isinstance(module, BatchNorm):
            module.per_process = training.batch_norm == "per-process"
        elif isinstance(module, Autoencoder):
            module.autocast = torch.bfloat16 if training.precision == "bfloat16" else None
            if training.compile:
                if module.amortised:  # a search is a loop of its own, with gradients inside
                    module.encoder.compile()
                module.decoder.compile()


def _feed(data: Data | BatchStream, training: Training, device: torch.device, rank: int, world: int) -> Feed:
    """What gives the batch of a step and a slot."""
    if isinstance(data, Data):
        return BatchLoader(data.train, data.spec, cast(int, training.batch), training.seed, device, rank, world)
    data.device = device
    return data


def _validation(
    data: Data | Iterable[Any] | None, training: Training, engine: Engine, device: torch.device
) -> Validation | None:
    if data is None or isinstance(data, Data):
        return None if data is None else Validation(data, training, engine, device)
    return StreamValidation(BatchStream(data), training, engine, device)


def _call(callback: Callback, shown: Objective, state: State, log: Log, writer: Writer | None) -> None:
    """Lets the user look at the training; what is raised there is raised here, after a checkpoint."""
    try:
        callback(state.step, log.latest(), shown.eval())
    except BaseException:
        if writer is not None:
            state.check()
            if log.engine.world == 1:  # the others do not know of the callback
                log.collect()
            writer.checkpoint(*_checkpoint(state, log))
        raise
    finally:
        shown.train()


def _checkpoint(state: State, log: Log) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state, and the terms of the row of the log that is not complete."""
    tensors, names = log.kept()
    return state.tensors() | tensors, state.scalars() | ({"log": names} if names else {})


def _introduce(objective: Objective, data: Data | BatchStream, training: Training, engine: Engine) -> None:
    """Lets an objective set itself up from the data; the result of the first process is shared with the others."""
    if isinstance(data, BatchStream):
        if objective.needs_index:
            raise InputError(
                f"{type(objective).__name__} identifies training data by their index: give data, not batches"
            )
        return

    def rows() -> Tensor:
        raw = data.train.take(np.arange(len(data.train)))
        return data.spec.normalise(torch.from_numpy(raw)).flatten(1)

    objective.setup(TrainingInfo(len(data.train), cast(int, training.batch), training.seed), rows)
    for buffer in objective.buffers():
        engine.share(buffer)


def _multiple(step: int, every: int | None) -> bool:
    return every is not None and step % every == 0


STEADIER = "; lower the learning rate (lr=) or limit the gradients (clip=)"


def _good(state: State, read: Callable[[], Result], advice: str = STEADIER) -> Result:
    """The result of ``read``; if it finds the state unusable, the error names the last good checkpoint."""
    try:
        return read()
    except RunError as error:
        where = f"at step {state.saved}" if state.saved >= 0 else "not there yet"
        raise RunError(f"{error}; the last good checkpoint is {where}{advice}") from None
