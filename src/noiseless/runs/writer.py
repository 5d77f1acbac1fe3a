"""What training makes, in a run's folder: rows of numbers, checkpoints, the best weights, pictures.

Weights are safetensors files, whose header holds a checkpoint's counters: nothing that is read back can run code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from noiseless import densities
from noiseless.data import Data
from noiseless.data.dataset import choice
from noiseless.errors import InputError, RunError
from noiseless.files import atomic_write, read_header, read_json, unused
from noiseless.files.schema import Count, conform, parse
from noiseless.model import Model
from noiseless.objectives.objective import Objective
from noiseless.registry import Choice
from noiseless.runs import pictures, stored
from noiseless.runs.record import amend
from noiseless.training.state import REMARKS, refuse_types
from noiseless.values import Batch, Noise

__all__ = ["RunWriter", "coded", "in_training", "initial_weights", "load_weights"]

ADVICE = "remove it, and the run begins a new one"


class LogRow(TypedDict):
    """What every row of the log has."""

    step: Count


MOST, CHUNK = 10_000, 500
"""Training data whose codes a density is fitted to during training, and how many are encoded at once."""


class RunWriter:
    """Keeps what training makes; see :class:`noiseless.training.Writer`.

    Arguments:
        directory: the run's folder.
        data: what it is trained on, for pictures.
    """

    def __init__(self, directory: Path, data: Data) -> None:
        self.directory, self.data = directory, data
        self.path = directory / "log.jsonl"

    def log(self, row: dict[str, Any]) -> None:
        """Appends to log.jsonl."""
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror or error}") from error

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        """Writes checkpoint.safetensors; from the first on, the run says that there was one."""
        self._write("checkpoint.safetensors", tensors, scalars)
        amend(self.directory, {"saved": True})

    def best(self, tensors: dict[str, Tensor]) -> None:
        """Writes best.safetensors."""
        self._write("best.safetensors", tensors, {})

    def initial(self, tensors: dict[str, Tensor]) -> None:
        """Writes initial.safetensors."""
        self._write("initial.safetensors", tensors, {})

    def picture(self, objective: Objective, step: int) -> None:
        """Samples along training."""
        model = Model(objective.eval().autoencoder, self.data.spec, lambda name: densities.build(name, 1))
        codes = coded(objective, self.data, choice(len(self.data.train), 1000, 0))
        pictures.snapshot(model, self.data, codes, self.directory / "pictures" / f"step-{step:07d}.png")
        objective.train()

    def rows(self) -> list[dict[str, Any]]:
        """The rows of log.jsonl, but for a last one that was cut off."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
            rows = [parse(line) for line in lines if line.endswith("}")]
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path} is damaged ({error}); {ADVICE}") from None
        for number, row in enumerate(rows, start=1):
            about = row if isinstance(row, dict) else {}
            conform(self.path, about, LogRow, f"row {number}", ADVICE)
            conform(self.path, about, dict[str, float | list[float]], f"row {number}", ADVICE)
        return rows

    def rewind(self, step: int) -> None:
        """Drops the rows after ``step``, which will be written again."""
        kept = [row for row in self.rows() if row["step"] <= step]
        with atomic_write(self.path) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")

    def remark(self, remarks: list[str]) -> None:
        """Notes in run.json what is said at the end of training, in place of what was noted at an earlier end."""
        record = read_json(self.directory / "run.json")
        notes = [note for note in record["notes"] if not note.startswith(REMARKS)] + remarks
        amend(self.directory, {"notes": notes})

    def _write(self, name: str, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        self._put_aside()
        stored.write(self.directory, name, tensors, scalars)

    def _put_aside(self) -> None:
        """What belongs to the weights before: densities go, and results say in their name when they were measured."""
        shutil.rmtree(self.directory / "densities", ignore_errors=True)
        last = self.directory / "checkpoint.safetensors"
        for path in (self.directory / name for name in ("results.json", "latent.json", "pictures/latent.png")):
            if path.is_file():
                step = read_header(last)["step"] if last.is_file() else 0
                path.replace(unused(path.with_stem(f"{path.stem}-at-{step}")))


def coded(objective: Objective, data: Data, positions: np.ndarray) -> Float[Tensor, "n d"]:
    """The codes of training data, as densities are fitted to them; float32, on the CPU.

    Arguments:
        objective: in evaluation mode.
        data: whose training part is meant.
        positions: in that part.
    """
    weight = next(objective.parameters())
    with torch.inference_mode():
        x = data.spec.normalise(torch.from_numpy(data.train.take(positions)).to(weight.device)).to(weight.dtype)
        x = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
        z = objective.code(Batch(x, torch.from_numpy(positions).to(weight.device), None, Noise(0)))
    return z.float().cpu().clone()


def in_training(objective: Objective, data: Data) -> Model:
    """A model of weights that are still trained; its densities are fitted to the codes of up to 10,000 training data.

    Arguments:
        objective: in evaluation mode.
        data: what it is trained on.
    """

    def fitted(name: Choice) -> densities.LatentDensity:
        chunks = choice(len(data.train), MOST, 0)
        parts = [coded(objective, data, chunks[k : k + CHUNK]) for k in range(0, len(chunks), CHUNK)]
        density = densities.build(name, objective.autoencoder.latent_dim).bind(objective, "the model in training")
        return density.fit(torch.cat(parts), torch.Generator().manual_seed(0))

    return Model(objective.autoencoder, data.spec, fitted, trained_on=objective.trained_on)


def initial_weights(objective: Objective, source: Path) -> dict[str, Tensor]:
    """The best weights of another run, which fit these networks."""
    tensors, _ = stored.read(source, "best.safetensors")
    load_weights(objective, tensors, source)
    return tensors


def load_weights(objective: Objective, tensors: Mapping[str, Tensor], directory: Path) -> None:
    """Gives an objective its weights, or says whose do not fit."""
    try:
        refuse_types(objective.state_dict(), tensors)
        objective.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"the weights of {directory} do not fit these networks: {error}") from error
