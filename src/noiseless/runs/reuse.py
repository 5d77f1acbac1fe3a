"""Runs that are trained once: a folder's run is a new one, gone on with, or taken as it is found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.recipes.method import defaults, find
from noiseless.registry import Choice
from noiseless.runs.record import plain
from noiseless.runs.run import Run
from noiseless.runs.user_code import UserCode
from noiseless.runs.verbs import train
from noiseless.training import Training

__all__ = ["refuse_other", "trained"]


def trained(
    recipe: Choice,
    data: Data,
    directory: Path,
    arguments: Mapping[str, Any],
    *,
    training: Training = Training(),
    size: int | None = None,
    data_dir: Path | None = None,
    until: int | None = None,
    show: bool = True,
    draw: bool = True,
) -> Run:
    """The run in this folder once it has done its steps: finished work is reused.

    Whether a run that is found there is the one that is meant is for the caller to say (:func:`refuse_other`).

    Arguments:
        recipe, data, training, size, data_dir, show, draw: as for :func:`noiseless.runs.train`.
        directory: the folder of the run.
        arguments: the recipe's.
        until: the step to have reached, without changing the plan; by default the last.

    Raises:
        InputError: something given cannot be used, or the folder holds something else than a run.
        RunError, Stopped: see :func:`noiseless.training.fit`.
    """
    if not (directory / "run.json").is_file():
        places: dict[str, Any] = {"size": size, "data_dir": data_dir}
        return train(
            recipe, data, directory, training=training, until=until, show=show, draw=draw, **places, **arguments
        )
    run = Run(directory, UserCode.of(find(recipe), arguments), data if data.in_memory else None)
    done, planned = run.steps
    if done < (planned if until is None else until):
        run.resume(data, until=until, show=show, draw=draw)
    return run


def refuse_other(
    run: Run,
    recipe: str,
    data: Data,
    arguments: Mapping[str, Any],
    constants: Mapping[str, float],
    settings: Mapping[str, Any],
) -> None:
    """Refuses a run that is not the one that is meant.

    Arguments:
        run: what was found.
        recipe, data, arguments: what it should be of.
        constants: the weights and rates that the recipe should have had; those that the run does not know are not asked
            for.
        settings: of its training, those in which it has to agree.

    Raises:
        InputError: says in what it differs.
    """
    there = run.record
    then = {"recipe": there["recipe"], "data": there["data"]["fingerprint"]}
    then["arguments"] = _told(recipe, there["defaults"] | there["arguments"])
    now = {"recipe": recipe, "data": data.fingerprint, "arguments": _told(recipe, plain(arguments))}
    compared = [
        *((name, then[name], now[name]) for name in then),
        *((name, value, constants.get(name)) for name, value in there["constants"].items()),
        *((name, there["training"][name], value) for name, value in settings.items()),
    ]
    for name, was, asked in compared:
        if was != asked:
            raise InputError(f"{run.directory} is another run: its {name} is {was}, and this row's is {asked}")


def _told(recipe: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as run.json has them, without those that are at their default now."""
    now = defaults(find(recipe))
    return {k: v for k, v in arguments.items() if v != {} and v != now.get(k)}
