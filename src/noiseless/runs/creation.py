"""A new run: its method is built, and its folder appears in one piece once that has succeeded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch

from noiseless.data import Data
from noiseless.densities import refuse_few
from noiseless.files import atomic_write, sweep, write_json
from noiseless.recipes.method import METHOD, Method, call, defaults, find
from noiseless.registry import Choice
from noiseless.runs.record import FORMAT, new_identity, plain
from noiseless.runs.room import held, refuse_existing, sources
from noiseless.runs.run import Run
from noiseless.runs.user_code import UserCode
from noiseless.runs.writer import RunWriter, initial_weights
from noiseless.training import BatchStream, Engine, Training, resolve

__all__ = ["created"]

STREAMED = "trained on batches of the user's own; resumed with others, and so not bit for bit"


@contextmanager
def created(
    directory: Path,
    recipe: Choice,
    arguments: Mapping[str, Any],
    data: Data,
    training: Training,
    about: Mapping[str, Any],
    overwrite: bool = False,
    init_from: Path | None = None,
    batches: BatchStream | None = None,
    draw: bool = True,
) -> Iterator[tuple[Run, Method]]:
    """Builds the method, writes the folder once that has succeeded, and holds it for the block, which trains in it.

    Arguments:
        directory, recipe, arguments, data, training, overwrite, init_from, draw: as for :func:`noiseless.runs.train`.
        about: what run.json says about the data.
        batches: what is trained on in place of the training part.
    """
    function = find(recipe)
    engine = Engine(training.device)
    method = call(function, data.spec, arguments, training.seed)
    method.objective.check_count(len(data.train))
    for density in method.densities if draw else ():
        refuse_few(density, method.objective.autoencoder.latent_dim, len(data.train))
    settled = resolve(training.with_defaults(method.training), method.objective, batches or data, engine.world)
    method.objective.set_total_steps(cast(int, settled.steps))
    initial = initial_weights(method.objective, init_from) if init_from is not None else None
    record = {
        "format": FORMAT,
        "noiseless": version("noiseless"),
        "torch": torch.__version__,
        "processes": engine.world,
        "id": new_identity(),
        "saved": False,
        "recipe": METHOD.find(function).name,
        "arguments": plain(arguments),
        "defaults": {name: value for name, value in defaults(function).items() if name not in arguments},
        "constants": method.objective.constants(),
        "data": dict(about),
        "init_from": str(init_from.resolve()) if init_from is not None else None,
        "training": plain(vars(settled)),
        "notes": [*method.notes, *((STREAMED,) if batches is not None else ())],
    }
    source, at_hand = (None, data) if data.in_memory else (data.source, None)
    run = Run(directory, UserCode.of(function, arguments, source), at_hand)
    folder = about["data_dir"]
    needed = sources(data.source, init_from, Path(folder) if folder else None)
    with held(directory, engine):
        with engine.main_first():
            if engine.main:
                sweep(directory.absolute().parent, f".{escape(directory.name)}.????????.part")
                refuse_existing(directory, overwrite, needed)
                with atomic_write(directory) as part:
                    part.mkdir()
                    write_json(part / "run.json", record)
                    if initial is not None:
                        RunWriter(part, data).initial(initial)
        yield run, method
