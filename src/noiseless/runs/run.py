r"""Runs: folders from which everything can be rebuilt, and no code can be run. ::

    run.json                what was run: recipe, arguments, data, training, versions
    log.jsonl               a row of numbers every log_every steps
    checkpoint.safetensors  the whole state: weights, average, optimisers; counters in its header
    best.safetensors        the weights that validated best
    initial.safetensors     the weights it started from, if they were another run's
    densities/NAME.safetensors
    pictures/*.png, results.json

A run is (recipe, arguments, data, seed): a checkpoint is reopened by calling the recipe again. Only recipes of this
package are looked up from what a folder says; a recipe, a network or a data function of the user's own has to be named
again. On several processes the first one writes, and the others wait for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.data import Data
from noiseless.densities import LatentDensity
from noiseless.errors import InputError
from noiseless.files import hash_of, sweep
from noiseless.model import Model
from noiseless.nn.distributed import take_moments
from noiseless.objectives.objective import Objective
from noiseless.recipes.method import Method
from noiseless.registry import Choice
from noiseless.runs import pictures, stored
from noiseless.runs.fitted import Densities, fitted
from noiseless.runs.found import found_again, given_again
from noiseless.runs.rebuilt import rebuilt
from noiseless.runs.record import amend, plain, refuse_changed, refuse_lost, settings
from noiseless.runs.record import read as read_record
from noiseless.runs.room import held
from noiseless.runs.user_code import UserCode
from noiseless.runs.writer import RunWriter, coded, in_training, load_weights
from noiseless.training import BatchStream, Engine, State, Training, check_device, fit, threads
from noiseless.values import Spec

__all__ = ["BatchNormMoments", "Run", "Weights"]

Weights = Literal["best", "last", "average"]
STALE, WRITTEN = 60.0, ("checkpoint.safetensors", "best.safetensors", "initial.safetensors", "log.jsonl")
"""Seconds after which what is half written in a run is no longer being written; what training alone writes."""
BatchNormMoments = Literal["running", "batch"]
Precision = Literal["float32", "bfloat16", "float64"]


@dataclass
class Run:
    """A run's folder, in which :func:`noiseless.training.fit` keeps what it makes.

    Arguments:
        directory: the folder.
        own: what of the run is your own code.
        at_hand: the run's data, if they are nowhere but in memory.
    """

    directory: Path
    own: UserCode = field(default_factory=UserCode)
    at_hand: Data | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.directory = Path(self.directory)

    @property
    def record(self) -> dict[str, Any]:
        """What run.json says.

        Raises:
            InputError: there is no run here, or one of another version.
        """
        return read_record(self.directory)

    @property
    def spec(self) -> Spec:
        """What the run's data look like."""
        data = self.record["data"]
        words = {key: data[key] for key in ("tokens", "language", "alphabet", "kind") if key in data}
        shift, scale = (tuple(map(float, data[name])) for name in ("shift", "scale"))
        return Spec(data["name"], tuple(data["shape"]), shift, scale, **words, columns=tuple(data.get("columns", ())))

    @property
    def training(self) -> Training:
        """How it was trained."""
        return settings(self.record)

    def method(self) -> Method:
        """The method, with the weights that its seed gives."""
        record = self.record
        recipe = self.own.recipe_of(record["recipe"], self.directory)
        arguments = self.own.arguments_of(record["defaults"] | record["arguments"], self.directory)
        return rebuilt(self.directory / "run.json", recipe, self.spec, arguments, record["training"]["seed"])

    def data(self, data_dir: Path | None = None) -> Data:
        """The data it was trained on, found again.

        Raises:
            InputError: they are no longer there, no longer the same, or come from a function that has to be named
                again.
        """
        return (
            self.at_hand if self.at_hand is not None else found_again(self.directory, self.record, self.own, data_dir)
        )

    def given(self, data: object, data_dir: Path | None = None) -> Data:
        """The run's data: those that are given, or else found again.

        Raises:
            InputError: as for :meth:`data`, or other data are given.
        """
        return (
            self.data(data_dir) if data is None else given_again(self.directory, self.record, self.spec, data, data_dir)
        )

    def holds(self, data: Data) -> bool:
        """Whether ``data`` are those that it was trained on."""
        return bool(data.fingerprint == self.record["data"]["fingerprint"])

    def _stream(self, batches: Iterable[Any] | None) -> BatchStream | None:
        was = self.record["data"].get("batches")
        if (was is None) != (batches is None):
            asked = "leave out batches" if was is None else "give batches to go on with: resume(batches=...)"
            raise InputError(f"{self.directory} was trained on {was or 'its training part'}; {asked}")
        return None if batches is None else BatchStream(batches, self.spec)

    def fit(
        self,
        method: Method,
        data: Data,
        *,
        start: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
        until: int | None = None,
        batches: BatchStream | None = None,
        callback: Callable[[int, Mapping[str, float], Model], object] | None = None,
        every: int = 100,
        show: bool = True,
        draw: bool = True,
    ) -> State:
        """Trains, from the checkpoint ``start`` if given, and fits the method's densities to draw pictures."""

        def watched(step: int, terms: Mapping[str, float], objective: Objective) -> None:
            if callback is not None:
                callback(step, terms, in_training(objective, data))

        engine = Engine(self.training.device)
        journal = RunWriter(self.directory, data)
        if start is None:
            self._begin(method.objective)
        with engine.main_first():
            if engine.main:
                sweep(self.directory, age=STALE)
                for name in WRITTEN:
                    sweep(self.directory, f".{name}.*.part")
                journal.rewind(start[1]["step"] if start else 0)
        state = fit(
            method.objective,
            batches or data,
            self.training,
            journal,
            start,
            show,
            self.directory,
            until,
            validation=data,
            callback=watched if callback is not None else None,
            every=every,
        )
        if engine.main and state.latest:
            journal.remark(state.remarks)
        if engine.main and draw and (state.stalled or state.step == self.training.steps):
            with threads(self.training.threads):
                model = self.model("best", device=str(state.device), data=data)
                pictures.draw(model, data, method.densities, journal.rows(), self.directory / "pictures")
        return state

    def _begin(self, objective: Objective) -> None:
        """Gives an objective the weights that the run starts from, if they are another run's."""
        if self._has("initial.safetensors"):
            load_weights(objective, self._read("initial.safetensors")[0], self.directory)

    @property
    def steps(self) -> tuple[int, int]:
        """The steps that are done, as of the last checkpoint, and those that were planned."""
        path = self.directory / "checkpoint.safetensors"
        done = stored.header(self.directory, path.name)["step"] if path.is_file() else 0
        return done, self.record["training"]["steps"]

    def resume(
        self,
        data: object = None,
        *,
        data_dir: Path | None = None,
        steps: int = 0,
        threads: int | None = None,
        until: int | None = None,
        batches: Iterable[Any] | None = None,
        callback: Callable[[int, Mapping[str, float], Model], object] | None = None,
        every: int = 100,
        show: bool = True,
        draw: bool = True,
    ) -> State:
        """Goes on where the run stopped, bit for bit, to the planned end, or for now to the step ``until``.

        ``steps`` lengthens the plan, and what depends on its length follows: under the schedule cooldown the rate rises
        again, and MaskAAE's robust form polarises again from 60% of the longer plan. ``threads`` replaces the run's
        number of CPU threads from now on. A run that was trained on data in memory needs them again as ``data``, and
        one that was trained on your own batches needs ``batches``.
        """
        method, engine, now = self.method(), Engine(self.training.device), self.training
        now = dataclasses.replace(
            now, steps=cast(int, now.steps) + steps, threads=now.threads if threads is None else threads
        )
        refuse_changed(self.directory, self.record, method.objective.constants())
        stream = self._stream(batches)
        with engine.main_first():
            found = self.given(data, data_dir)
        about: Any = {"batches": stream, "callback": callback, "every": every, "until": until}
        with held(self.directory, engine):
            start = self._prepared(now, engine)
            return self.fit(method, found, start=start, show=show, draw=draw, **about)

    def _prepared(self, now: Training, engine: Engine) -> tuple[Mapping[str, Tensor], Mapping[str, Any]] | None:
        """The checkpoint to go on from, with these settings from now on; a refusal changes nothing."""
        start = self._read("checkpoint.safetensors") if self._has("checkpoint.safetensors") else None
        tried = self.method().objective
        if start is not None:
            try:
                State(tried, now).load(*start)
            except InputError as error:
                raise InputError(f"{self.directory / 'checkpoint.safetensors'}: {error}; restore a copy") from error
        else:
            refuse_lost(self.directory, self.record)
            self._begin(tried)
        with engine.main_first():
            if engine.main:
                amend(self.directory, {"training": plain(vars(now))})
        return start

    def objective(self, weights: Weights = "best") -> Objective:
        """The trained objective.

        Raises:
            InputError: these weights were not kept, or are not readable.
        """
        objective, tensors = self.method().objective, self._weights(weights)
        load_weights(objective, tensors, self.directory)
        objective.weights_hash = hash_of(tensors)
        return objective

    def weights_hash(self, weights: Weights = "best") -> str:
        """A hash of the weights: what was made with others is not taken for theirs; errors as for :meth:`objective`."""
        return hash_of(self._weights(weights))

    def _weights(self, weights: Weights) -> dict[str, Tensor]:
        if weights == "best":
            if not self._has("best.safetensors") and self._has("checkpoint.safetensors"):
                raise InputError(
                    f"{self.directory} has no best weights yet: it was stopped before it was validated; resume it, or "
                    "take weights=last"
                )
            tensors, _ = self._read("best.safetensors")
        else:
            prefix = {"last": "model/", "average": "ema/module."}[weights]
            stored, _ = self._read("checkpoint.safetensors")
            tensors = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        if not tensors:
            raise InputError(f"{self.directory} has no {weights} weights; train with ema= to keep an average")
        return tensors

    def ready(
        self,
        weights: Weights = "best",
        *,
        device: str = "cpu",
        precision: Precision = "float32",
        moments: BatchNormMoments = "running",
    ) -> Objective:
        """The trained objective as it is used, in evaluation mode; arguments and errors as for :meth:`model`."""
        check_device(device)
        objective = self.objective(weights).to(device, torch.float64 if precision == "float64" else torch.float32)
        if weights != "best":  # the best were kept with such moments
            objective = objective.recalibrated()
        objective.eval().autoencoder.autocast = torch.bfloat16 if precision == "bfloat16" else None
        take_moments(objective, of_batch=moments == "batch")
        if any(isinstance(m, nn.Conv2d) for m in objective.modules()):
            objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return objective

    def model(
        self,
        weights: Weights = "best",
        *,
        device: str = "cpu",
        precision: Precision = "float32",
        data: object = None,
        data_dir: Path | None = None,
        moments: BatchNormMoments = "running",
    ) -> Model:
        """The trained model, see :func:`noiseless.load`; ``moments`` of batch norms: running ones or the batch's."""
        opened = partial(self.ready, weights, device=device, precision=precision, moments=moments)
        objective = opened()
        fit = partial(self.density, data=data, weights=weights, data_dir=data_dir, moments=moments)
        density = Densities(objective, opened, fit)
        about: Any = {"size": self.record["data"]["size"], "name": str(self.directory)}
        about["weights_hash"] = objective.weights_hash
        return Model(objective.autoencoder, self.spec, density, trained_on=objective.trained_on, **about)

    def codes(self, objective: Objective, data: object = None, data_dir: Path | None = None) -> Float[Tensor, "n d"]:
        """The mean codes of the training part, in its order: those to which densities are fitted.

        Arguments:
            objective: what :meth:`ready` gave.
            data, data_dir: the run's data, or where to look for them.
        """
        found = self.given(data, data_dir)
        chunks = np.array_split(np.arange(len(found.train)), -(-len(found.train) // 5000))
        parts = [part for chunk in chunks for part in np.split(chunk, range(500, len(chunk), 500))]
        return torch.cat([coded(objective, found, part) for part in parts])

    def density(
        self,
        chosen: Choice,
        objective: Objective,
        data: object = None,
        weights: Weights = "best",
        data_dir: Path | None = None,
        moments: BatchNormMoments = "running",
    ) -> LatentDensity:
        """The density that is chosen, fitted to the mean codes of the training part; see :func:`.fitted`."""
        suffix = ("" if weights == "best" else f"-{weights}") + ("" if moments == "running" else f"-{moments}")
        seed, model = self.record["training"]["seed"], f"{self.directory} ({self.record['recipe']})"
        folder = self.directory / "densities"
        return fitted(chosen, folder, suffix, objective, lambda: self.codes(objective, data, data_dir), seed, model)

    def _has(self, name: str) -> bool:
        return (self.directory / name).is_file()

    def _read(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return stored.read(self.directory, name)
