"""Training settings, and how their defaults are resolved for a method, its data and the machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import nn

from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.nn.distributed import BatchNorm
from noiseless.objectives.objective import Objective
from noiseless.registry import check_types
from noiseless.training.stream import BatchStream

__all__ = [
    "RESIDUE",
    "Optimiser",
    "OptimiserFactory",
    "Optimizer",
    "Training",
    "best_device",
    "check_device",
    "residue",
    "resolve",
]


@dataclass(frozen=True)
class Training:
    """How a run is trained. Fields that are None take the method's default.

    Arguments:
        epochs: Passes over the training set. Default: the paper's.
        steps: Number of training steps; replaces epochs.
        batch: Batch size, over all processes together. Default: 100, or the paper's.
        schedule: Learning-rate schedule. plateau: multiply the rate by lr-factor after lr-patience validations without
            improvement; exponential: multiply it by lr-factor at every validation; constant; cooldown: constant, then
            linear decay to 0, which would be reached one step after the last (a critic's rate stays constant).
        lr_factor: Factor of the schedules plateau (default 0.5) and exponential (default 0.95).
        lr_patience: Validations without improvement before plateau lowers the rate. Default: 5.
        lr_floor: Lower bound on the learning rate for plateau. Default: none.
        lr_cooldown: Share of the steps over which cooldown decays the learning rate. Default: 0.2.
        ema: Decay of an exponential moving average of the weights, in (0, 1). The averaged weights are then validated.
        ema_form: constant: use this decay in every step; ramped: the default of the library ema_pytorch, which updates
            the average every tenth step with a decay that grows from 0 as 1 - t^(-2/3) and may never reach ema.
            Default: constant, or ramped where the steps are so few that the weights of the first step would keep more
            than a hundredth of the average.
        clip: Maximal norm of a phase's gradient.
        patience: Stop early after this many validations without improvement.
        validate_every: Steps between validations. Default: one epoch, but at least 250 steps.
        checkpoint_every: Steps between checkpoints. Default: at every validation, and every five minutes.
        pictures_every: Steps between grids of samples from a Gaussian fitted to the codes. Default: none.
        log_every: Steps between rows of log.jsonl.
        recalibrate: Training batches over which the running moments of batch norms are averaged anew, under the weights
            as they are, before these are validated, saved or shown; at most an epoch. 0 keeps the running averages of
            the steps, which lag behind the weights.
        seed: Random seed for weights, data order and noise.
        device: auto, cpu, cuda, cuda:1, mps, ...; auto uses a GPU if there is one.
        precision: auto uses bfloat16 autocast on GPUs that support it, and for convolutional networks on CPUs that
            support it, otherwise float32.
        threads: Number of CPU threads. Default: torch's.
        compile: Compile encoder and decoder with torch.compile.
        deterministic: Use deterministic algorithms on GPUs too (slower).
        batch_norm: joint: statistics of the global batch over all processes; per-process: faster, but the result
            differs from that of a single process.
        track: Trackers in addition to log.jsonl: tensorboard, wandb, mlflow (each needs an extra).
    """

    epochs: int | None = None
    steps: int | None = None
    batch: int | None = None
    schedule: Literal["plateau", "exponential", "constant", "cooldown"] | None = None
    lr_factor: float | None = None
    lr_patience: int | None = None
    lr_floor: float | None = None
    lr_cooldown: float | None = None
    ema: float | None = None
    ema_form: Literal["constant", "ramped"] | None = None
    clip: float | None = None
    patience: int | None = None
    validate_every: int | None = None
    checkpoint_every: int | None = None
    pictures_every: int | None = None
    log_every: int = 50
    recalibrate: int = 10
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float64"] = "auto"
    threads: int | None = None
    compile: bool = False
    deterministic: bool = False
    batch_norm: Literal["joint", "per-process"] = "joint"
    track: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        counts = ("epochs", "steps", "batch", "lr_patience", "patience", "validate_every", "checkpoint_every")
        for name in (*counts, "pictures_every", "log_every", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, but must be 1 or more")
        if self.recalibrate < 0:
            raise InputError(f"recalibrate is {self.recalibrate}, but must be 0 or more")
        for name in ("ema", "lr_factor", "lr_cooldown"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise InputError(f"{name} is {value}, but must lie between 0 and 1")
        for name in ("clip", "lr_floor"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} is {value}, but must be above 0 and finite")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed is {self.seed}, but must be at least 0 and below 2^63")
        if self.epochs is not None and self.steps is not None:
            raise InputError(f"both epochs ({self.epochs}) and steps ({self.steps}) were given; give one")

    def with_defaults(self, defaults: Training) -> Training:
        """These settings, with None replaced by ``defaults``; given steps override default epochs, and vice versa."""
        missing = {name: value for name, value in vars(defaults).items() if getattr(self, name) is None}
        if self.steps is not None:
            missing.pop("epochs", None)
        if self.epochs is not None:
            missing.pop("steps", None)
        return replace(self, **missing)


RESIDUE = 0.01
"""Largest share of a moving average that the weights of the first step may have at the end."""

DEFAULTS = Training(epochs=100, batch=100, schedule="plateau")


def resolve(
    training: Training, objective: Objective, data: Data | BatchStream, world: int = 1, validated: bool = True
) -> Training:
    """``training`` with every default and every ``auto`` resolved, so that its record can be reproduced elsewhere.

    Arguments:
        training: the settings that the user gave.
        objective: the objective to train.
        data: the data to train on; a stream determines the batch size itself.
        world: number of processes that share a batch.
        validated: whether there are data to validate on.

    Raises:
        InputError: the training set is smaller than a batch, the batch is too small for the objective or cannot be
            divided equally, the device cannot be used, or a tracker is not installed; epochs of a stream of unknown
            length, or settings that need validation data without such data.
    """
    chosen = training.with_defaults(DEFAULTS)
    if isinstance(data, BatchStream):
        chosen, per_epoch = replace(chosen, batch=data.batch * world), data.per_epoch
    else:
        per_epoch = _per_epoch(chosen.batch or 0, len(data.train), world)
    if (chosen.batch or 0) < objective.min_batch_size:
        least = f"needs {objective.min_batch_size} examples; give batch={objective.min_batch_size} or more"
        raise InputError(f"a batch of {chosen.batch} is too small for a term of the loss, which {least}")
    _check_norms(chosen, objective, world)
    if not validated:
        chosen = replace(chosen, schedule=_unvalidated(training))
    for tracker in chosen.track:
        if find_spec(tracker) is None:
            raise InputError(f"the tracker {tracker!r} is not installed; pip install 'noiseless[{tracker}]'")
    device = chosen.device if chosen.device != "auto" else best_device()
    check_device(device)
    precision: Any = chosen.precision
    if precision == "auto":
        precision = "bfloat16" if _gains_from_bfloat16(objective, device) else "float32"
    decided: dict[str, Any] = {
        "threads": chosen.threads or torch.get_num_threads(),
        "validate_every": chosen.validate_every or max(per_epoch or 0, 250),
    }
    steps = _steps(chosen, per_epoch)
    if chosen.ema_form is None:
        decided["ema_form"] = "ramped" if residue(chosen, steps) > RESIDUE else "constant"
    return replace(chosen, steps=steps, epochs=None, device=device, precision=precision, **decided)


def residue(training: Training, steps: int) -> float:
    """The share of a moving average of constant decay that the weights of the first step have after ``steps``."""
    return training.ema ** (steps - 1) if training.ema is not None and steps else 0.0


def _check_norms(training: Training, objective: Objective, world: int) -> None:
    """Refuses batches of a single example for batch norms, whose variance would be 0 or undefined."""
    batch, alone = training.batch or 0, (training.batch or 0) // world
    for norm in objective.modules():
        shared = isinstance(norm, BatchNorm) and training.batch_norm == "joint"
        if isinstance(norm, BatchNorm | nn.modules.batchnorm._BatchNorm) and (batch if shared else alone) < 2:
            each = "" if shared or world == 1 else " on every process"
            raise InputError(
                f"a batch of {batch} is too small: batch norm needs two examples per batch or more{each}; give "
                f"batch={2 if shared else 2 * world} or more"
            )


def _per_epoch(batch: int, count: int, world: int) -> int:
    if batch % world:
        raise InputError(f"a batch of {batch} cannot be shared equally by {world} processes; change batch=")
    if count < batch:
        raise InputError(
            f"the training set has {count} examples, fewer than a batch of {batch}; give batch={count} or less"
        )
    return count // batch


def _steps(training: Training, per_epoch: int | None) -> int:
    if training.steps is None and per_epoch is None:
        raise InputError("the iterable does not say how many batches it has; give steps in place of epochs")
    return training.steps or (training.epochs or 0) * (per_epoch or 0)


def _unvalidated(training: Training) -> Literal["constant", "cooldown"]:
    """The schedule where there are no data to validate on."""
    if training.schedule in ("plateau", "exponential") or training.patience is not None:
        asked = training.schedule if training.patience is None else "patience"
        raise InputError(f"{asked} follows the validation loss, and there are no validation data; give some")
    return "cooldown" if training.schedule == "cooldown" else "constant"


def best_device() -> str:
    """The device that auto selects on this machine: a GPU if there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(device: str) -> None:
    """Refuses a device that torch cannot use on this machine."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {device!r} cannot be used here ({reason}); try device=cpu") from error


def _gains_from_bfloat16(objective: Objective, device: str) -> bool:
    convolutional = any(isinstance(m, nn.Conv2d) for m in objective.modules())
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return convolutional and device == "cpu" and torch.cpu._is_avx512_bf16_supported()


@runtime_checkable
class OptimiserFactory(Protocol):
    """What makes an optimiser of your own, such as ``functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)``."""

    def __call__(self, parameters: list[nn.Parameter], /) -> torch.optim.Optimizer:
        """The optimiser of these parameters, with all of its settings."""


@dataclass(frozen=True)
class Optimiser:
    """The optimiser and its learning rate.

    Arguments:
        optimiser: adam (Kingma and Ba, 2015), adamw (Loshchilov and Hutter, 2019) or rmsprop (Hinton, 2012); in Python
            also a callable, parameters -> torch.optim.Optimizer, for every phase of a method. Default: adam, or the
            paper's.
        lr: Learning rate. Default: the paper's for the data set.
        weight_decay: Weight decay (coupled for adam and rmsprop, decoupled for adamw). Default: 0, or the paper's.
    """

    optimiser: Literal["adam", "adamw", "rmsprop"] | OptimiserFactory | None = None
    lr: float | None = None
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        check_types(self)
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise InputError(f"the learning rate is {self.lr}, but must be above 0 and finite")
        if self.weight_decay is not None and not 0 <= self.weight_decay < math.inf:
            raise InputError(f"the weight decay is {self.weight_decay}, but must be 0 or more and finite")
        if callable(self.optimiser) and (self.lr is not None or self.weight_decay is not None):
            raise InputError(
                "lr and weight_decay are for adam, adamw and rmsprop; set those of your own optimiser in it"
            )

    def build(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        """torch's optimiser for ``parameters``, with the rate ``lr`` unless the user set one; fused if supported.

        Raises:
            InputError: a callable of your own returned no optimiser.
        """
        if callable(self.optimiser):
            return _checked(self.optimiser(parameters))
        rate, decay = self.lr if self.lr is not None else lr, self.weight_decay or 0.0
        if self.optimiser == "rmsprop":
            return torch.optim.RMSprop(parameters, rate, alpha=0.9, weight_decay=decay)
        if self.optimiser == "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
        return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)


Optimizer = Optimiser
"""The American spelling."""


def _checked(made: object) -> torch.optim.Optimizer:
    if not isinstance(made, torch.optim.Optimizer):
        raise InputError(
            f"the callable that makes the optimiser returned a {type(made).__name__}; expected a torch.optim.Optimizer"
        )
    return made
