"""What can be done with a method and a run, as functions: what the command line does, without its files and tables.

Each takes a run (its folder, or a :class:`Run`) or a :class:`~noiseless.model.Model`. A folder means the run's best
weights on the CPU; for others, open the model by :func:`load`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from noiseless import data as datasets
from noiseless.data import Data
from noiseless.data.items import to_tensor
from noiseless.data.progress import bar
from noiseless.errors import InputError
from noiseless.model import Model
from noiseless.model import decoding as decodings
from noiseless.model.decoding import Made
from noiseless.model.interpolation import PathKind
from noiseless.registry import Choice, settings
from noiseless.runs.creation import created
from noiseless.runs.record import folder_of, of_data
from noiseless.runs.run import Run, Weights
from noiseless.runs.user_code import UserCode
from noiseless.training import BatchStream, Engine, Training

__all__ = [
    "Decoding",
    "Trained",
    "decode",
    "encode",
    "interpolate",
    "load",
    "pairs",
    "reconstruct",
    "resume",
    "sample",
    "train",
]

Trained = str | Path | Run | Model
"""A trained model: a run's folder, the run, or a model of it that is open."""
Decoding = Literal["best", "sampled"]
"""Of strings: the best tokens, or tokens drawn by the seed."""


def train(
    recipe: Choice,
    data: object,
    out: str | Path,
    *,
    training: Training | Mapping[str, Any] = Training(),
    size: int | None = None,
    data_dir: Path | None = None,
    overwrite: bool = False,
    init_from: Path | None = None,
    until: int | None = None,
    batches: Iterable[Any] | None = None,
    callback: Callable[[int, Mapping[str, float], Model], object] | None = None,
    every: int = 100,
    show: bool = True,
    draw: bool = True,
    **arguments: Any,  # the recipe's own: bound to its signature, so that a misspelt one fails
) -> Run:
    """Trains a method on data, and fits its densities.

    Arguments:
        recipe: a method's name or function, or ``MODULE:NAME``.
        data: a data set's name, a path, a function that returns a :class:`noiseless.data.Raw`; an array, a tensor, a
            frame of numbers, a torch ``Dataset``, a split of a Hugging Face data set; or what
            :func:`noiseless.data.load` gave, which also takes labels.
        out: the folder of the run.
        training: how it is trained: settings, or a mapping of them.
        size: resizes images.
        data_dir: where to look for named data sets first.
        overwrite: replace an existing folder.
        init_from: a run whose weights to start from.
        until: the step to stop at for now, without changing the plan: the run can be resumed.
        batches: what is trained on in place of the training part: a ``DataLoader``, or any iterable of batches in the
            units of ``data`` (:class:`noiseless.training.BatchStream`). Densities and validation still use ``data``.
            Such a run is resumed with new batches, and not bit for bit.
        callback: called every ``every`` steps with the number of steps that are done, the terms of the last, and the
            model as it is then; what it raises ends the training after a checkpoint.
        every: the number of steps between calls.
        show: progress on the terminal.
        draw: pictures when it ends, with the densities that they need.
        arguments: the recipe's arguments; networks and optimiser may be mappings too.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError, Stopped: see :func:`noiseless.training.fit`.
    """
    chosen = settings(Training, training, "training")
    if not isinstance(data, Data):
        with Engine(chosen.device).main_first():
            data = datasets.load(data, size=size, data_dir=data_dir, seed=chosen.seed)
    stream = None if batches is None else BatchStream(batches, data.spec)
    about = of_data(data, size, data_dir, stream)
    new = created(Path(out), recipe, arguments, data, chosen, about, overwrite, init_from, stream, draw)
    with new as (run, method):
        run.fit(method, data, until=until, batches=stream, callback=callback, every=every, show=show, draw=draw)
    return run


def load(
    run: Trained,
    *,
    weights: Weights = "best",
    own: UserCode = UserCode(),
    device: str = "cpu",
    data: object = None,
) -> Model:
    """A trained model, ready to encode, decode, reconstruct, interpolate and sample.

    Arguments:
        run: its folder, the run, or a model, which is returned as it is.
        weights: those that validated best, the last, or their moving average.
        own: what of the run is your own code.
        device: where to compute.
        data: the run's data, for densities that are yet to be fitted: needed if they were at hand when it was trained,
            and saves loading them if they are at hand now.
    """
    if isinstance(run, Model):
        return run
    found = run if isinstance(run, Run) else Run(folder_of(run), own=own)
    return found.model(weights, device=device, data=data)


def resume(
    run: str | Path | Run,
    data: object = None,
    *,
    steps: int = 0,
    threads: int | None = None,
    data_dir: Path | None = None,
    until: int | None = None,
    batches: Iterable[Any] | None = None,
    callback: Callable[[int, Mapping[str, float], Model], object] | None = None,
    every: int = 100,
    show: bool = True,
    draw: bool = True,
) -> Run:
    """Resumes a run that was stopped or killed, on a CPU bit for bit; see :meth:`Run.resume`.

    Arguments:
        run: its folder, or the run.
        data: the run's data, if it cannot find them again: those that were at hand.
        steps: train for this many steps beyond the planned end.
        threads: CPU threads from now on; the run's by default.
        data_dir, until, batches, callback, every, show, draw: as for :func:`train`.

    Raises:
        InputError: there is no such run, its data are missing or others, or ``steps`` is negative.
        RunError, Stopped: see :func:`noiseless.training.fit`.
    """
    if steps < 0:
        raise InputError(f"steps is {steps}, and must be 0 or more")
    found = _run(run)
    about: Any = {"batches": batches, "callback": callback, "every": every, "show": show, "draw": draw}
    found.resume(data, data_dir=data_dir, steps=steps, threads=threads, until=until, **about)
    return found


def encode(
    trained: Trained, data: object = None, *, size: int | None = None, data_dir: Path | None = None, show: bool = True
) -> Float[Tensor, "n d"]:
    """The mean codes of data, a row for each; without data, those of the training part, to which densities are fitted.

    Arguments:
        trained: a run or a model.
        data: what :func:`train` takes, in the units and the shape of the training data.
        size: resizes images; as in training by default.
        data_dir: where to look for named data sets first.
        show: progress on the terminal.

    Raises:
        InputError: the data cannot be taken, or a model alone is to encode training data that it does not have.
    """
    if data is None:
        if isinstance(trained, Model):
            raise InputError("a model does not have its training data; give the run, or data to encode")
        run = _run(trained)
        return run.codes(run.ready(), data_dir=data_dir)
    model = _opened(trained)
    found = model.checked(model.rows(data, size=size, data_dir=data_dir))
    codes = []
    shown = bar("encoding", len(found)) if show else contextlib.nullcontext(lambda _: None)
    with shown as advance:
        for chunk in np.array_split(np.arange(len(found)), max(1, -(-len(found) // model.batch))):
            codes.append(model.encoded(found[chunk]))
            advance(len(chunk))
    return torch.cat(codes)


def decode(
    trained: Trained, codes: Float[Tensor, "n d"] | np.ndarray, *, decoding: Decoding = "best", seed: int = 0
) -> Made:
    """The data that codes stand for, in their own units; strings where data are strings.

    Arguments:
        trained: a run or a model.
        codes: (n, d), in floating-point numbers.
        decoding: of strings, by the best tokens or by tokens drawn.
        seed: draws the tokens.

    Raises:
        InputError: codes of another shape, or not finite.
    """
    model = _opened(trained)
    generator = torch.Generator().manual_seed(seed) if decoding == "sampled" else None
    return decodings.of(model.spec).decoded(model, to_tensor(codes, "the codes"), generator)


def reconstruct(
    trained: Trained,
    data: object,
    *,
    size: int | None = None,
    data_dir: Path | None = None,
    decoding: Decoding = "best",
    seed: int = 0,
    show: bool = True,
) -> Made:
    """Data encoded and decoded; arguments and errors as for :func:`encode` and :func:`decode`."""
    model = _opened(trained)
    codes = encode(model, data, size=size, data_dir=data_dir, show=show)
    return decode(model, codes, decoding=decoding, seed=seed)


def sample(
    trained: Trained, n: int = 64, *, density: Choice | None = None, decoding: Decoding = "best", seed: int = 0
) -> Made:
    """New data: decoded draws from a density of the codes.

    Arguments:
        trained: a run or a model.
        n: how many, 1 or more.
        density: its name, or what makes it; by default a run's first, or gmm of a model. It is fitted if it was not.
        decoding: of strings, by the best tokens or by tokens drawn.
        seed: makes the draws.

    Raises:
        InputError: there is no such density, or it cannot be fitted.
    """
    usual = "gmm" if density is not None or isinstance(trained, Model) else _run(trained).method().densities[0]
    model = _opened(trained)
    return decode(model, model.draw(n, density or usual, seed), decoding=decoding, seed=seed)


def interpolate(
    trained: Trained,
    data: object = None,
    *,
    density: Choice | None = None,
    n: int = 8,
    steps: int = 8,
    path: PathKind = "spherical",
    size: int | None = None,
    data_dir: Path | None = None,
    decoding: Decoding = "best",
    seed: int = 0,
) -> Tensor | list[list[str | None]]:
    """The decoded paths between random pairs of data, or of draws from a density: (n, steps, ...), or lists of strings.

    Arguments:
        trained: a run or a model.
        data: what :func:`train` takes; or none, with a density.
        density: whose draws are the ends.
        n: how many pairs.
        steps: points on each path, ends included.
        path: along a great circle, or a straight line.
        size, data_dir: as for :func:`encode`.
        decoding, seed: as for :func:`decode`; the seed chooses pairs and makes draws as well.

    Raises:
        InputError: both data and a density or neither, or fewer data than pairs need.
    """
    if (data is None) == (density is None):
        raise InputError("give either data to interpolate between, or a density whose draws are meant")
    model = _opened(trained)
    if density is None:
        a, b = pairs(model.rows(data, size=size, data_dir=data_dir), n, seed)
        z = model.paths(a, b, steps, path)
    else:
        drawn = model.draw(2 * n, density, seed)
        z = model.between(drawn[:n], drawn[n:], steps, path)
    made = decode(model, z.flatten(0, 1), decoding=decoding, seed=seed)
    if isinstance(made, Tensor):
        return made.unflatten(0, (n, steps))
    return [made[k : k + steps] for k in range(0, n * steps, steps)]


def pairs(array: Tensor | np.ndarray, n: int, seed: int) -> tuple[Tensor | np.ndarray, Tensor | np.ndarray]:
    """``n`` random pairs of rows, no row twice.

    Raises:
        InputError: there are fewer.
    """
    most = len(array) // 2
    if not 1 <= n <= most:
        raise InputError(f"{n} pairs were asked for, and there are {len(array)} data: " + _advice(most))
    chosen = np.random.default_rng(seed).permutation(len(array))[: 2 * n]
    return array[chosen[:n]], array[chosen[n:]]


def _advice(most: int) -> str:
    return f"ask for 1 to {most}" if most else "a pair needs two; give more"


def _run(trained: str | Path | Run) -> Run:
    return trained if isinstance(trained, Run) else Run(folder_of(trained))


def _opened(trained: Trained) -> Model:
    return trained if isinstance(trained, Model) else _run(trained).model()
