r"""Runs: folders from which everything can be rebuilt, and no code can be run.

    run.json                what was run: recipe, arguments, data, training, versions
    log.jsonl               a row of numbers every so many steps
    checkpoint.safetensors  the whole state: weights, average, optimisers; counters in its header
    best.safetensors        the weights that validated best
    densities/NAME.safetensors
    pictures/*.png, results.json

A run is (recipe, arguments, data, seed): a checkpoint is reopened by calling the recipe again. Only recipes of this
package are looked up from what a folder says; a recipe or a network of the user's own has to be named again.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast, get_type_hints

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from noiseless import data as datasets
from noiseless import densities, gallery
from noiseless.autoencoder import Networks
from noiseless.data import Data
from noiseless.errors import InputError, RunError
from noiseless.files import read_json, whole, write_json
from noiseless.model import Model
from noiseless.named import Named
from noiseless.objectives.core import Objective
from noiseless.recipes.core import Method, Recipe, find, names
from noiseless.training import State, Training, check_device, fit, resolve
from noiseless.values import Spec

__all__ = ["Own", "Run", "load", "train"]

FORMAT = 1
Weights = Literal["best", "last", "average"]


@dataclass(frozen=True)
class Own:
    """What is the user's own and therefore not read from a run: it is named again.

    Arguments:
        recipe: A recipe of your own, if the run was made by one.
        encoder: The encoder factory of your own, if the run has one.
        decoder: The decoder factory of your own, if the run has one.
    """

    recipe: Named | None = None
    encoder: Named | None = None
    decoder: Named | None = None


def train(
    recipe: str | Recipe,
    data: str | Path | Data,
    out: str | Path,
    *,
    training: Training = Training(),
    size: int | None = None,
    data_dir: Path | None = None,
    overwrite: bool = False,
    init_from: Path | None = None,
    show: bool = True,
    **arguments: Any,  # the recipe's own: bound to its signature, so that a misspelt one fails
) -> Run:
    """Trains a method on data, and fits its densities.

    Arguments:
        recipe: a method's name or function.
        data: a data set's name, a path, or what :func:`noiseless.data.load` gave.
        out: the folder of the run.
        training: how it is trained.
        size: resizes images.
        data_dir: where to look for named data sets first.
        overwrite: replace an existing folder.
        init_from: a run whose weights to start from.
        show: progress on the terminal.
        arguments: the recipe's arguments.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError, Stopped: see :func:`noiseless.training.fit`.
    """
    loaded = (
        data if isinstance(data, Data) else datasets.load(str(data), size=size, data_dir=data_dir, seed=training.seed)
    )
    run, method = Run.create(Path(out), recipe, arguments, loaded, training, size, overwrite)
    if init_from is not None:
        run.initialise(method.objective, init_from)
    run.fit(method, loaded, show=show)
    return run


def load(
    directory: str | Path,
    *,
    weights: Weights = "best",
    own: Own = Own(),
    device: str = "cpu",
    data: Data | None = None,
) -> Model:
    """A trained model, ready to encode, decode, reconstruct, interpolate and sample.

    Arguments:
        directory: the folder of the run.
        weights: those that validated best, the last, or their moving average.
        own: what of the run is your own code.
        device: where to compute.
        data: the run's data, if at hand, for densities that are yet to be fitted.
    """
    return Run(Path(directory), own=own).model(weights, device=device, data=data)


@dataclass
class Run:
    """A run's folder, in which :func:`noiseless.training.fit` keeps what it makes."""

    directory: Path
    own: Own = field(default_factory=Own)

    @classmethod
    def create(
        cls,
        directory: Path,
        recipe: str | Recipe,
        arguments: Mapping[str, Any],
        data: Data,
        training: Training,
        size: int | None = None,
        overwrite: bool = False,
    ) -> tuple[Run, Method]:
        """Builds the method, and writes the folder once that has succeeded."""
        function = find(recipe) if isinstance(recipe, str) else recipe
        name = next((n for n, f in names().items() if f is function), f"{function.__module__}:{function.__name__}")
        method = _build(function, data.spec, arguments, training.seed)
        settled = _settle(training.over(method.training), method, data)
        _make_room(directory, overwrite)
        record = {
            "format": FORMAT,
            "noiseless": version("noiseless"),
            "torch": torch.__version__,
            "recipe": name,
            "arguments": _plain(arguments),
            "data": _data_record(data, size),
            "training": _plain(vars(settled)),
            "notes": list(method.notes),
        }
        write_json(directory / "run.json", record)
        networks = arguments.get("networks", Networks())
        return cls(directory, Own(function, networks.encoder, networks.decoder)), method

    @property
    def record(self) -> dict[str, Any]:
        """What run.json says.

        Raises:
            InputError: there is no run here, or one of another version.
        """
        if not (self.directory / "run.json").is_file():
            raise InputError(f"{self.directory} is not a run: it has no run.json")
        record = read_json(self.directory / "run.json")
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            given = record.get("format") if isinstance(record, dict) else None
            raise InputError(f"{self.directory} is a run of format {given}; this version reads format {FORMAT}")
        return record

    @property
    def spec(self) -> Spec:
        """What the run's data look like."""
        data = self.record["data"]
        return Spec(data["name"], tuple(data["shape"]), tuple(data["shift"]), tuple(data["scale"]))

    @property
    def training(self) -> Training:
        """How it was trained."""
        settings = self.record["training"]
        return Training(**{**settings, "track": tuple(settings["track"])})

    def method(self) -> Method:
        """The method, with the weights that its seed gives."""
        record = self.record
        arguments = dict(record["arguments"])
        return _build(self._recipe(record["recipe"]), self.spec, self._rebuilt(arguments), record["training"]["seed"])

    def data(self, data_dir: Path | None = None) -> Data:
        """The data it was trained on, found again.

        Raises:
            InputError: they are no longer there, or no longer the same.
        """
        record = self.record["data"]
        found = datasets.load(
            record["source"], size=record["size"], data_dir=data_dir, seed=self.record["training"]["seed"]
        )
        if found.fingerprint != record["fingerprint"]:
            raise InputError(
                f"the data {record['source']!r} have changed since {self.directory} was trained on them "
                f"(fingerprint {found.fingerprint}, then {record['fingerprint']})"
            )
        return found

    def fit(self, method: Method, data: Data, *, resume: bool = False, show: bool = True) -> State:
        """Trains, fits the method's densities and draws pictures; goes on from the checkpoint if `resume`."""
        start = self._read("checkpoint.safetensors") if resume and self._has("checkpoint.safetensors") else None
        journal = Journal(self, data)
        journal.rewind(start[1]["step"] if start else 0)
        state = fit(method.objective, data, self.training, journal, start, show, self.directory)
        if int(os.environ.get("RANK", 0)) == 0:
            model = self.model("best", device=str(state.device), data=data)
            gallery.draw(model, data, method.densities, journal.rows(), self.directory / "pictures")
        return state

    @property
    def steps(self) -> tuple[int, int]:
        """The steps that are done, as of the last checkpoint, and those that were planned."""
        done = self._read("checkpoint.safetensors")[1]["step"] if self._has("checkpoint.safetensors") else 0
        return done, self.record["training"]["steps"]

    def resume(self, data: Data | None = None, *, more: int = 0, show: bool = True) -> State:
        """Goes on where the run stopped, bit for bit, to the planned end or to `more` steps beyond it."""
        method = self.method()
        if more:
            record = self.record
            record["training"]["steps"] += more
            write_json(self.directory / "run.json", record)
            shutil.rmtree(self.directory / "densities", ignore_errors=True)
        return self.fit(method, data or self.data(), resume=True, show=show)

    def initialise(self, objective: Objective, source: Path) -> None:
        """Starts from the best weights of another run of the same networks."""
        tensors, _ = Run(source)._read("best.safetensors")
        try:
            objective.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"the weights of {source} do not fit these networks: {error}") from error

    def objective(self, weights: Weights = "best") -> Objective:
        """The trained objective.

        Raises:
            InputError: these weights were not kept, or are not readable.
        """
        objective = self.method().objective
        if weights == "best":
            tensors, _ = self._read("best.safetensors")
        else:
            prefix = {"last": "model/", "average": "ema/module."}[weights]
            stored, _ = self._read("checkpoint.safetensors")
            tensors = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        if not tensors:
            raise InputError(f"{self.directory} has no {weights} weights; train with --ema to keep an average")
        try:
            objective.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"the weights in {self.directory} do not fit its run.json: {error}") from error
        return objective

    def model(
        self,
        weights: Weights = "best",
        *,
        device: str = "cpu",
        precision: Literal["float32", "bfloat16", "float64"] = "float32",
        data: Data | None = None,
        data_dir: Path | None = None,
    ) -> Model:
        """The trained model; see :func:`load`."""
        check_device(device)
        objective = self.objective(weights).to(device, torch.float64 if precision == "float64" else torch.float32)
        objective.autoencoder.autocast = torch.bfloat16 if precision == "bfloat16" else None
        if any(isinstance(m, nn.Conv2d) for m in objective.modules()):
            objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def fitted(name: str) -> densities.LatentDensity:
            return self.density(name, model, data, weights, data_dir)

        model = Model(objective.autoencoder, self.spec, fitted)
        return model

    def density(
        self,
        name: str,
        model: Model,
        data: Data | None = None,
        weights: Weights = "best",
        data_dir: Path | None = None,
    ) -> densities.LatentDensity:
        """The density of this name, fitted to the mean codes of the training part; kept once it is fitted."""
        suffix = "" if weights == "best" else f"-{weights}"
        path = self.directory / "densities" / f"{name.replace(':', '-')}{suffix}.safetensors"
        if path.is_file():
            return densities.load(path)
        density = densities.build(name, model.latent)
        generator = torch.Generator().manual_seed(self.record["training"]["seed"])
        density.fit(self._codes(model, data or self.data(data_dir)), generator)
        densities.save(density, path, name=name, codes="mean")
        return density

    def _recipe(self, name: str) -> Recipe:
        if self.own.recipe is not None:
            return self.own.recipe
        if name not in names():
            raise InputError(
                f"{self.directory} was made by a recipe that is not ours, {name}; name it again with --recipe"
            )
        return names()[name]

    def _rebuilt(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The recipe's arguments, with the user's own networks where the run had such."""
        networks = dict(arguments.get("networks", {}))
        for part in ("encoder", "decoder"):
            if networks.get(part) is not None:
                if getattr(self.own, part) is None:
                    raise InputError(
                        f"{self.directory} has a {part} of its maker's, {networks[part]}; name it again with --{part}"
                    )
                networks[part] = getattr(self.own, part)
        return arguments | ({"networks": networks} if networks else {})

    def _codes(self, model: Model, data: Data) -> Tensor:
        chunks = np.array_split(np.arange(len(data.train)), -(-len(data.train) // 5000))
        return torch.cat([model.encode(data.train.take(chunk)) for chunk in chunks])

    def _has(self, name: str) -> bool:
        return (self.directory / name).is_file()

    def _read(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        path = self.directory / name
        if not path.is_file():
            raise InputError(f"{path} does not exist; train or resume the run first")
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                scalars = json.loads((file.metadata() or {}).get("noiseless", "null"))
                return {key: file.get_tensor(key) for key in file.keys()}, scalars  # noqa: SIM118
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise InputError(f"{path} is damaged ({error}); it cannot be read") from error


class Journal:
    """Keeps what training makes, in a run's folder; see :class:`noiseless.training.Keeper`."""

    def __init__(self, run: Run, data: Data) -> None:
        self.run, self.data = run, data
        self.path = run.directory / "log.jsonl"

    def log(self, row: dict[str, Any]) -> None:
        """Appends to log.jsonl."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        """Writes checkpoint.safetensors."""
        self._write("checkpoint.safetensors", tensors, scalars)

    def best(self, tensors: dict[str, Tensor]) -> None:
        """Writes best.safetensors."""
        self._write("best.safetensors", tensors, {})

    def picture(self, objective: Objective, step: int) -> None:
        """Samples along training."""
        model = Model(objective.autoencoder, self.data.spec, lambda name: densities.build(name, 1))
        gallery.snapshot(model, self.data, self.run.directory / "pictures" / f"step-{step:07d}.png")
        objective.train()

    def rows(self) -> list[dict[str, Any]]:
        """The rows of log.jsonl, but for a last one that was cut off."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def rewind(self, step: int) -> None:
        """Drops the rows after `step`, which will be written again."""
        kept = [row for row in self.rows() if row["step"] <= step]
        with whole(self.path) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")

    def _write(self, name: str, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        with whole(self.run.directory / name) as part:
            part.write_bytes(safetensors.torch.save(stored, metadata={"noiseless": json.dumps(scalars)}))


def _build(recipe: Recipe, spec: Spec, arguments: Mapping[str, Any], seed: int) -> Method:
    """Calls the recipe, with weights drawn by `seed`."""
    try:
        bound = inspect.signature(recipe).bind(spec, **_typed(recipe, arguments))
    except TypeError as error:
        raise InputError(f"the recipe {recipe.__name__} cannot be called so: {error}") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return recipe(*bound.args, **bound.kwargs)


def _typed(recipe: Recipe, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as run.json has them, with dataclasses made again where the recipe's signature has such."""
    hints = get_type_hints(recipe)
    return {
        name: hints[name](**value) if isinstance(value, dict) and dataclasses.is_dataclass(hints.get(name)) else value
        for name, value in arguments.items()
    }


def _settle(training: Training, method: Method, data: Data) -> Training:
    """Every default decided: what run.json records."""
    settled = resolve(training.over(Training(epochs=100, batch=100, schedule="plateau")), method.objective)
    steps = settled.steps or cast(int, settled.epochs) * (len(data.train) // cast(int, settled.batch))
    return dataclasses.replace(settled, steps=steps, epochs=None)


def _plain(value: Any) -> Any:
    """`value` as JSON holds it: dataclasses as the fields that differ from their defaults, functions by their name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: _plain(getattr(value, f.name)) for f in fields if getattr(value, f.name) != f.default}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return f"{value.__module__}:{value.__qualname__}" if callable(value) else value


def _data_record(data: Data, size: int | None) -> dict[str, Any]:
    source = str(Path(data.source).resolve()) if Path(data.source).exists() else data.source
    counts = {part: len(getattr(data, part)) for part in ("train", "validation", "test")}
    about = {"source": source, "size": size, "fingerprint": data.fingerprint} | counts
    return about | {f.name: _plain(getattr(data.spec, f.name)) for f in dataclasses.fields(Spec)}


def _make_room(directory: Path, overwrite: bool) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        if not overwrite:
            raise InputError(f"{directory} exists already; choose another --out, or replace it with --overwrite")
        if directory.is_dir() and not (directory / "run.json").is_file():
            raise InputError(f"{directory} is not a run, so --overwrite does not remove it; choose another --out")
        shutil.rmtree(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make {directory}: {error.strerror}; choose another --out") from error
