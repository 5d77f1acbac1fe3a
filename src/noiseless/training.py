r"""The training loop: one function for every objective, on one process or several.

For each phase that is due in a step: only that phase's parameters require gradients; a batch is drawn; its named terms
are summed and differentiated; gradients are averaged over processes; the phase's optimiser steps.

Everything random is a function of (seed, step, phase, position in the joint batch), and the whole state is written to
checkpoints. So a run that was stopped at any moment and goes on is, on a CPU, bit for bit the run that never stopped,
and a step on several processes has the gradients of one.

The loop never waits for the device: values of terms stay there until every `log_every` steps, when they are read
together; a term that is not finite is found then, before anything is saved.

Accelerate starts the processes and tracks; batches, autocast and the average of gradients are plain torch, since
wrapping would cost a small model half of its step.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import operator
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch
import torch.distributed as dist
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR, ExponentialLR, LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from noiseless.data import Data, Split
from noiseless.errors import InputError, RunError
from noiseless.nn.joint import BatchNorm
from noiseless.objectives.core import Objective, Phase
from noiseless.values import Batch, Noise, Spec

__all__ = ["Keeper", "Stopped", "Training", "check_device", "fit", "resolve"]


@dataclass(frozen=True)
class Training:
    """How a run is trained. What is None comes from the method.

    Arguments:
        epochs: Passes over the training part. Default: the paper's.
        steps: Updates, in place of epochs.
        batch: Data in a batch, over all processes together. Default: 100.
        schedule: plateau: the rate is multiplied by lr-factor when validation has not improved for lr-patience
            validations; exponential: multiplied by lr-factor at every validation; constant.
        lr_factor: See schedule. Default: 0.5 for plateau, 0.95 for exponential.
        lr_patience: See schedule. Default: 5.
        ema: Decay of an exponential moving average of the weights, in (0, 1); its weights are then the ones validated.
        clip: Largest norm of a phase's gradient.
        patience: Stop early after so many validations without improvement.
        validate_every: Steps between validations. Default: an epoch, or 250 steps where an epoch is shorter.
        checkpoint_every: Steps between checkpoints. Default: at every validation, and every five minutes.
        pictures_every: Steps between grids of reconstructions and samples. Default: none.
        log_every: Steps between rows of log.jsonl.
        seed: Seeds weights, order of data and noise.
        device: auto, cpu, cuda, cuda:1, mps, ... auto takes a GPU where there is one.
        precision: auto is bfloat16 autocast for convolutional networks where the hardware has it, else float32.
        threads: CPU threads. Default: torch's.
        compile: Compile encoder and decoder with torch.compile.
        deterministic: Deterministic algorithms on a GPU too, slower.
        batch_norm: joint: moments of the batch over all processes; per-process: faster, no longer equal to one process.
        track: Trackers beside log.jsonl: tensorboard, wandb, mlflow (each an extra).
    """

    epochs: int | None = None
    steps: int | None = None
    batch: int | None = None
    schedule: Literal["plateau", "exponential", "constant"] | None = None
    lr_factor: float | None = None
    lr_patience: int | None = None
    ema: float | None = None
    clip: float | None = None
    patience: int | None = None
    validate_every: int | None = None
    checkpoint_every: int | None = None
    pictures_every: int | None = None
    log_every: int = 50
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float64"] = "auto"
    threads: int | None = None
    compile: bool = False
    deterministic: bool = False
    batch_norm: Literal["joint", "per-process"] = "joint"
    track: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()

    def __post_init__(self) -> None:
        counts = ("epochs", "steps", "batch", "lr_patience", "patience", "validate_every", "checkpoint_every")
        for name in (*counts, "pictures_every", "log_every", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name.replace('_', '-')} is {value}, and must be 1 or more")
        for name in ("ema", "lr_factor"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise InputError(f"{name.replace('_', '-')} is {value}, and must lie between 0 and 1")
        if self.clip is not None and not self.clip > 0:
            raise InputError(f"clip is {self.clip}, and must be above 0")
        if self.epochs is not None and self.steps is not None:
            raise InputError(f"both epochs ({self.epochs}) and steps ({self.steps}) were given; give one")

    def over(self, defaults: Training) -> Training:
        """These settings, with `defaults` where they are None; steps given here displace epochs there."""
        missing = {name: value for name, value in vars(defaults).items() if getattr(self, name) is None}
        if self.steps is not None:
            missing.pop("epochs", None)
        return replace(self, **missing)


def resolve(training: Training, objective: Objective) -> Training:
    """`training` with every `auto` decided for this machine, so that a record of it can be repeated elsewhere."""
    device = training.device if training.device != "auto" else _best_device()
    check_device(device)
    precision: Any = training.precision
    if precision == "auto":
        precision = "bfloat16" if _gains_from_bfloat16(objective, device) else "float32"
    return replace(training, device=device, precision=precision, threads=training.threads or torch.get_num_threads())


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(device: str) -> None:
    """Refuses a device that torch cannot use here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {device!r} cannot be used here ({reason}); try --device cpu") from error


def _gains_from_bfloat16(objective: Objective, device: str) -> bool:
    convolutional = any(isinstance(m, nn.Conv2d) for m in objective.modules())
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return convolutional and device == "cpu" and torch.cpu._is_avx512_bf16_supported()


class Keeper(Protocol):
    """Where a run is kept: what the loop hands out. Only the first process calls it."""

    def log(self, row: dict[str, Any]) -> None:
        """Appends a row of numbers."""

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        """Keeps the whole state, in place of the one before."""

    def best(self, tensors: dict[str, Tensor]) -> None:
        """Keeps the weights that validated best so far."""

    def picture(self, objective: Objective, step: int) -> None:
        """Draws what the objective can do at this step."""


class Stopped(RunError):
    """A signal stopped the run after a checkpoint.

    Arguments:
        signum: the signal's number.
        step: the step of the checkpoint.
    """

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} at step {step}; the state is saved")
        self.signum = signum


def mix(*numbers: int) -> int:
    """A 63-bit seed from several numbers."""
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Feed:
    """Batches of a split: kept on the device where they fit, gathered by index, normalised there.

    Arguments:
        split: the data.
        spec: how they are normalised.
        batch: data in a joint batch.
        seed: seeds the order, a new permutation every epoch and phase.
        device: where batches are wanted.
        rank, world: this process takes its share of every batch.
    """

    def __init__(
        self, split: Split, spec: Spec, batch: int, seed: int, device: torch.device, rank: int = 0, world: int = 1
    ) -> None:
        if batch % world:
            raise InputError(f"a batch of {batch} cannot be shared equally by {world} processes")
        if len(split) < batch:
            raise InputError(f"the training part has {len(split)} data, fewer than a batch of {batch}; lower --batch")
        self.split, self.spec, self.batch, self.seed, self.device = split, spec, batch, seed, device
        self.per_epoch, self.share = len(split) // batch, slice(rank * batch // world, (rank + 1) * batch // world)
        self.resident = self._load() if _fits(split, device) else None
        self.orders: dict[int, tuple[int, Tensor]] = {}

    def _load(self) -> Tensor:
        raw = torch.from_numpy(self.split.take(np.arange(len(self.split)))).to(self.device)
        return raw if raw.dtype == torch.uint8 else self.spec.normalise(raw)

    def __call__(self, step: int, slot: int) -> tuple[Tensor, Tensor]:
        """The batch of a step, of which each slot (phase and repeat) has its own: data and indices."""
        epoch, k = divmod(step, self.per_epoch)
        index = self._order(slot, epoch)[k * self.batch : (k + 1) * self.batch][self.share]
        if self.resident is None:
            raw = torch.from_numpy(self.split.take(index.cpu().numpy())).to(self.device, non_blocking=True)
            return self.spec.normalise(raw), index
        x = self.resident.index_select(0, index)
        return (self.spec.normalise(x) if x.dtype == torch.uint8 else x), index

    def _order(self, slot: int, epoch: int) -> Tensor:
        if self.orders.get(slot, (-1,))[0] != epoch:
            generator = torch.Generator().manual_seed(mix(self.seed, slot, epoch))
            self.orders[slot] = (epoch, torch.randperm(len(self.split), generator=generator).to(self.device))
        return self.orders[slot][1]


def _fits(split: Split, device: torch.device) -> bool:
    size = split.raw[:1].nbytes * len(split)
    if device.type == "cuda":
        return size < torch.cuda.mem_get_info(device)[0] // 2
    return size < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") // 2


class State:
    """All that changes in training: weights, optimisers, schedules, average and counters, as tensors and scalars."""

    def __init__(self, objective: Objective, training: Training) -> None:
        self.objective, self.training = objective, training
        self.phases = objective.phases()
        self.optimisers = [phase.optimiser(phase.parameters) for phase in self.phases]
        self.schedules = [_schedule(optimiser, training) for optimiser in self.optimisers]
        self.average = _average_model(objective, training.ema)
        self.device = next(objective.parameters()).device
        self.step, self.seconds, self.best, self.bad, self.saved = 0, 0.0, math.inf, 0, -1

    @property
    def validated(self) -> Objective:
        """What is validated and kept as best: the average where there is one."""
        return cast(Objective, self.average.module) if self.average is not None else self.objective

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        found = {f"model/{k}": v for k, v in self.objective.state_dict().items()}
        if self.average is not None:
            found |= {f"ema/{k}": v for k, v in self.average.state_dict().items()}
        for phase, optimiser in zip(self.phases, self.optimisers, strict=True):
            for i, parameter in enumerate(phase.parameters):
                state = optimiser.state.get(parameter, {})
                found |= {f"optimiser/{phase.name}/{i}/{k}": v for k, v in state.items()}
        return found

    def scalars(self) -> dict[str, Any]:
        """Every number by name, as JSON can hold it."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best if math.isfinite(self.best) else None,
            "bad": self.bad,
            "rates": [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers],
            "schedules": [_schedule_state(schedule) for schedule in self.schedules],
        }

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Takes back what :meth:`tensors` and :meth:`scalars` gave."""
        self.objective.load_state_dict(_under("model/", tensors))
        if self.average is not None:
            self.average.load_state_dict(_under("ema/", tensors))
        for i, (phase, optimiser) in enumerate(zip(self.phases, self.optimisers, strict=True)):
            self._load_optimiser(optimiser, phase, _under(f"optimiser/{phase.name}/", tensors))
            for group, rate in zip(optimiser.param_groups, scalars["rates"][i], strict=True):
                group["lr"] = rate
            self.schedules[i].load_state_dict(_finite(scalars["schedules"][i]))
        self.step, self.seconds, self.bad = scalars["step"], scalars["seconds"], scalars["bad"]
        self.best = scalars["best"] if scalars["best"] is not None else math.inf
        self.saved = self.step

    @staticmethod
    def _load_optimiser(optimiser: torch.optim.Optimizer, phase: Phase, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            i, key = name.split("/")
            parameter = phase.parameters[int(i)]
            # torch's fused optimisers walk over memory: a moment must lie as its parameter does
            laid = torch.empty_like(parameter, dtype=tensor.dtype) if tensor.shape == parameter.shape else None
            moved = laid.copy_(tensor) if laid is not None and tensor.ndim else tensor.to(parameter.device)
            optimiser.state[parameter][key] = moved


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _schedule(optimiser: torch.optim.Optimizer, training: Training) -> LRScheduler:
    if training.schedule == "plateau":
        return ReduceLROnPlateau(optimiser, factor=training.lr_factor or 0.5, patience=training.lr_patience or 5)
    if training.schedule == "exponential":
        return ExponentialLR(optimiser, gamma=training.lr_factor or 0.95)
    return ConstantLR(optimiser, factor=1.0)


def _schedule_state(schedule: LRScheduler) -> dict[str, Any]:
    counters = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr", "_step_count")
    state = {k: v for k, v in schedule.state_dict().items() if k in counters}
    return {k: None if v == math.inf else v for k, v in state.items()}


def _finite(state: Mapping[str, Any]) -> dict[str, Any]:
    return {k: math.inf if v is None else v for k, v in state.items()}


def _average_model(objective: Objective, decay: float | None) -> AveragedModel | None:
    return AveragedModel(objective, multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay is not None else None


class Log:
    """Values of terms, left on the device until they are read together."""

    def __init__(self) -> None:
        self.pending: list[tuple[int, str, str, Tensor]] = []

    def add(self, step: int, phase: str, values: Mapping[str, Tensor]) -> None:
        """Keeps the terms of one update."""
        self.pending += [(step, phase, name, value.detach()) for name, value in values.items()]

    def read(self) -> dict[str, float]:
        """The mean of every term since the last reading.

        Raises:
            RunError: a term was not finite; names the first step, the phase and the term.
        """
        numbers = torch.stack([value.double() for *_, value in self.pending]).tolist() if self.pending else []
        terms: dict[str, list[float]] = {}
        for (step, phase, name, _), number in zip(self.pending, numbers, strict=True):
            if not math.isfinite(number):
                raise RunError(f"the term {name!r} of phase {phase!r} became {number} in step {step + 1}")
            terms.setdefault(f"{phase}/{name}", []).append(number)
        self.pending.clear()
        return {name: sum(values) / len(values) for name, values in terms.items()}


def fit(
    objective: Objective,
    data: Data,
    training: Training,
    keeper: Keeper | None = None,
    start: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    show: bool = True,
    directory: Path | None = None,
) -> State:
    """Trains `objective` on `data`.

    Arguments:
        objective: what is minimised, in which phases; changed in place.
        data: its training part is trained on, its validation part drives schedules and the choice of best weights.
        training: how; None means the defaults of :class:`Training`'s docstring (100 data a batch, 100 epochs).
        keeper: where logs, checkpoints and pictures go; None keeps nothing.
        start: tensors and scalars of a checkpoint to go on from.
        show: a progress bar where the terminal can show one.
        directory: where trackers write.

    Returns:
        The final state.

    Raises:
        InputError: the data and the settings do not fit.
        RunError: a term became infinite or NaN; nothing after the last checkpoint was kept.
        Stopped: SIGINT or SIGTERM came; a checkpoint was written.
    """
    training = resolve(training.over(Training(epochs=100, batch=100, schedule="plateau")), objective)
    engine = _engine(training, directory)
    rank, world = engine.process_index, engine.num_processes
    device = engine.device if world > 1 else torch.device(training.device)
    _prepare(objective, training, device)
    state = State(objective, training)
    if start is not None:
        state.load(*start)
    feed = Feed(data.train, data.spec, cast(int, training.batch), training.seed, device, rank, world)
    layout = _layout(objective)
    steps = training.steps or cast(int, training.epochs) * feed.per_epoch
    validate_every = training.validate_every or max(feed.per_epoch, 250)
    keeper, log, bar = keeper if rank == 0 else None, Log(), _Bar(state, steps, feed.batch, show and rank == 0)
    owned = [set(map(id, phase.parameters)) for phase in state.phases]
    everything = list(objective.parameters())
    saved_at = time.monotonic()

    objective.train()
    with _threads(training), _signals() as received, bar:
        while state.step < steps:
            slot = 0
            for phase, optimiser, mine in zip(state.phases, state.optimisers, owned, strict=True):
                if state.step % phase.interval:
                    slot += phase.repeats
                    continue
                if len(owned) > 1:
                    for parameter in everything:
                        parameter.requires_grad_(id(parameter) in mine)
                for _ in range(phase.repeats):
                    x, index = feed(state.step, slot)
                    noise = Noise(mix(training.seed, state.step, slot), rank, world)
                    values = phase.loss(Batch(layout(x), index, state.step, noise))
                    optimiser.zero_grad()
                    functools.reduce(operator.add, values.values()).backward()
                    if world > 1:
                        average_gradients(phase.parameters, world)
                    if training.clip is not None:
                        nn.utils.clip_grad_norm_(phase.parameters, training.clip)
                    optimiser.step()
                    log.add(state.step, phase.name, values)
                    slot += 1
            if state.average is not None:
                state.average.update_parameters(objective)
            state.step += 1

            stop = _agreed(received, state.step, training.log_every, world)
            done = state.step == steps
            validating = state.step % validate_every == 0 or done
            checkpointing = stop or done or _due(training.checkpoint_every, state.step, validating, saved_at)
            if state.step % training.log_every == 0 or validating or checkpointing:
                row = bar.measure(_read(log, state))
                if validating:
                    row |= _validate(state, data, training, device, rank, world, layout, keeper)
                if keeper is not None:
                    keeper.log(row)
                engine.log(row, step=state.step)
                bar.show(row)
            if keeper is not None and _multiple(training.pictures_every, state.step):
                keeper.picture(state.validated, state.step)
            stalled = training.patience is not None and state.bad >= training.patience
            if checkpointing or stalled:
                _checkpoint(state, keeper)
                saved_at = time.monotonic()
            if stop:
                raise Stopped(received[0] if received else signal.SIGTERM, state.step)
            if stalled:
                break
    for parameter in everything:
        parameter.requires_grad_(True)
    engine.end_training()
    return state


def _engine(training: Training, directory: Path | None) -> Accelerator:
    _check_trackers(training)
    accelerator = Accelerator(
        cpu=training.device == "cpu", log_with=list(training.track) or None, project_dir=directory
    )
    if training.track:
        settings = {k: v for k, v in vars(training).items() if isinstance(v, int | float | str)}
        accelerator.init_trackers("noiseless", config=settings)
    return accelerator


def _check_trackers(training: Training) -> None:
    from importlib.util import find_spec

    for tracker in training.track:
        if find_spec(tracker) is None:
            raise InputError(f"the tracker {tracker!r} is not installed; pip install 'noiseless[{tracker}]'")


def _prepare(objective: Objective, training: Training, device: torch.device) -> None:
    if training.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    dtype = torch.float64 if training.precision == "float64" else torch.float32
    objective.to(device=device, dtype=dtype)
    if any(isinstance(m, nn.Conv2d) for m in objective.modules()):
        objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective.autoencoder.autocast = torch.bfloat16 if training.precision == "bfloat16" else None
    for module in objective.modules():
        if isinstance(module, BatchNorm):
            module.per_process = training.batch_norm == "per-process"
    if training.compile:
        objective.autoencoder.encoder.compile()
        objective.autoencoder.decoder.compile()


def _layout(objective: Objective) -> Callable[[Tensor], Tensor]:
    dtype = next(objective.parameters()).dtype

    def layout(x: Tensor) -> Tensor:
        x = x.to(dtype) if x.dtype != dtype else x
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    return layout


def average_gradients(parameters: list[nn.Parameter], world: int) -> None:
    """Replaces gradients by their mean over processes, in one reduction."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= world
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


def _agreed(received: list[int], step: int, every: int, world: int) -> bool:
    if world == 1:
        return bool(received)
    if step % every:
        return False
    flag = torch.tensor([len(received)])
    dist.all_reduce(flag)
    return bool(flag.item())


def _due(every: int | None, step: int, validating: bool, saved_at: float) -> bool:
    if every is not None:
        return step % every == 0
    return validating or time.monotonic() - saved_at > 300


def _multiple(every: int | None, step: int) -> bool:
    return every is not None and step % every == 0


def _read(log: Log, state: State) -> dict[str, Any]:
    try:
        return {"step": state.step} | log.read()
    except RunError as error:
        where = f"at step {state.saved}" if state.saved >= 0 else "not there yet"
        advice = "lower the learning rate (--lr) or limit the gradients (--clip)"
        raise RunError(f"{error}; the last good checkpoint is {where}; {advice}") from None


def _checkpoint(state: State, keeper: Keeper | None) -> None:
    if keeper is not None:
        keeper.checkpoint(state.tensors(), state.scalars())
    state.saved = state.step


@torch.no_grad()
def _validate(
    state: State,
    data: Data,
    training: Training,
    device: torch.device,
    rank: int,
    world: int,
    layout: Callable[[Tensor], Tensor],
    keeper: Keeper | None,
) -> dict[str, float]:
    """Validates, moves the schedules, and keeps the weights if they are the best."""
    objective = state.validated.eval()
    sums: dict[str, Tensor] = {}
    count = 0
    chunks = np.array_split(np.arange(len(data.validation)), -(-len(data.validation) // cast(int, training.batch)))
    for k, chunk in enumerate(chunks):
        share = len(chunk) // world
        mine = chunk[rank * share : (rank + 1) * share]
        x = data.spec.normalise(torch.from_numpy(data.validation.take(mine)).to(device))
        noise = Noise(mix(training.seed, -1, k), rank, world)
        values = objective.validate(Batch(layout(x), torch.from_numpy(mine).to(device), None, noise))
        sums = {name: sums.get(name, torch.zeros_like(v)) + share * v for name, v in values.items()}
        count += share
    objective.train()
    totals = torch.stack(list(sums.values())).double() / count
    if world > 1:
        dist.all_reduce(totals)
        totals /= world
    row = {f"validation/{name}": value for name, value in zip(sums, totals.tolist(), strict=True)}
    row["validation/loss"] = sum(row.values())
    _follow(state, row["validation/loss"], keeper)
    return row


def _follow(state: State, loss: float, keeper: Keeper | None) -> None:
    for schedule in state.schedules:
        schedule.step(loss) if isinstance(schedule, ReduceLROnPlateau) else schedule.step()
    improved = loss < state.best
    state.best, state.bad = (loss, 0) if improved else (state.best, state.bad + 1)
    if improved and keeper is not None:
        keeper.best(dict(state.validated.state_dict()))


@contextlib.contextmanager
def _threads(training: Training) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(training.threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM; a second SIGINT stops at once."""
    received: list[int] = []

    def note(signum: int, frame: Any) -> None:  # noqa: ARG001
        if received and signum == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(signum)

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # only the main thread may install handlers
        before = {}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class _Bar:
    """Progress: images per second, time left and every term; a bar on a terminal, a line a validation elsewhere."""

    def __init__(self, state: State, steps: int, batch: int, show: bool) -> None:
        console = Console(stderr=True)
        self.state, self.steps, self.batch, self.visible, self.console = state, steps, batch, show, console
        self.bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"),
            console=console,
            disable=not (show and console.is_terminal),
        )

    def __enter__(self) -> _Bar:
        self.bar.start()
        self.task = self.bar.add_task("", total=self.steps, completed=self.state.step, terms="")
        self.then, self.last = time.perf_counter(), self.state.step
        return self

    def __exit__(self, *args: object) -> None:
        self.bar.stop()

    def measure(self, row: dict[str, Any]) -> dict[str, Any]:
        """Adds the images per second since the last row and the seconds in all."""
        now = time.perf_counter()
        elapsed, steps = now - self.then, self.state.step - self.last
        self.state.seconds += elapsed
        self.then, self.last = now, self.state.step
        return row | {"images_per_s": steps * self.batch / elapsed, "seconds": self.state.seconds}

    def show(self, row: Mapping[str, Any]) -> None:
        """Updates the bar."""
        names = (k for k in row if "/" in k)
        terms = "  ".join(f"{name.removeprefix('autoencoder/')} {row[name]:.4g}" for name in names)
        text = f"{row['images_per_s']:,.0f} images/s  {terms}"
        self.bar.update(self.task, completed=self.state.step, terms=text)
        if self.visible and self.bar.disable and "validation/loss" in row:
            self.console.print(f"step {self.state.step:,} of {self.steps:,}  {text}", soft_wrap=True, highlight=False)
