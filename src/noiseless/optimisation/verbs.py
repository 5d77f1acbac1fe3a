"""Optimisation in the latent space of a run on strings, as a function.

:func:`strings` is the one place that knows how a run's strings are encoded and decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noiseless.files import slug
from noiseless.model import Model
from noiseless.optimisation import scores
from noiseless.optimisation.objects import scored
from noiseless.optimisation.problem import SEARCH, Decode, Problem, build
from noiseless.optimisation.progress import Meter
from noiseless.optimisation.protocol import optimise as run_trials
from noiseless.optimisation.protocol import place
from noiseless.optimisation.scores import Goal
from noiseless.registry import Choice
from noiseless.runs import Run
from noiseless.runs.record import folder_of
from noiseless.show import drawings, grids
from noiseless.values import Spec

__all__ = ["Strings", "optimise", "strings"]


@dataclass(frozen=True)
class Strings:
    """What the search needs of a run: its training strings, their codes, and what codes stand for."""

    strings: Sequence[str]
    codes: Tensor
    decode: Decode


def strings(run: Run, model: Model, data: object = None, data_dir: Path | None = None) -> Strings:
    """The training strings of a run, and its model as their encoder and decoder.

    Arguments:
        run: on strings.
        model: of it.
        data, data_dir: the run's data, or where to look for them.

    Raises:
        InputError: it was not trained on strings.
    """
    codec, found = model.codec, run.given(data, data_dir)
    raw = found.train.take(range(len(found.train)))
    return Strings([string or "" for string in codec.read(raw)], model.encode(raw), model.strings)


def optimise(
    run: str | Path | Run,
    score: Choice,
    *,
    search: Choice = "paper",
    seeds: Sequence[int] = (0,),
    rounds: int = 5,
    batch: int = 50,
    votes: int | None = None,
    goal: Goal | None = None,
    out: str | Path | None = None,
    model: Model | None = None,
    weights: str = "best",
    data: object = None,
    data_dir: Path | None = None,
    show: bool = True,
) -> dict[str, Any]:
    """Looks for codes whose strings score better than the training data; trials that were stopped go on.

    Arguments:
        run: a run on strings, or its folder.
        score: a name, such as expression, or a function of a string.
        search: which proposes the codes of every round, by name with options or as an object.
        seeds: a trial for each.
        rounds: of each trial; existing trials are continued up to this number.
        batch: codes a round.
        votes: how often each code is decoded; the score's number by default.
        goal: whether a score of your own is minimised or maximised.
        out: the folder; by default one in the run, named after score and search.
        model: the run's model, if it is open: of other weights, or on another device.
        weights: what the report says of the model's weights.
        data, data_dir: the run's data, or where to look for them.
        show: progress on the terminal.

    Returns:
        What report.json says.

    Raises:
        InputError: the run was not trained on strings, an option is invalid, or the folder has trials with
            other settings.
        RunError: see :meth:`noiseless.optimisation.trial.Trial.run`.
    """
    build(search)
    scores.check(score, goal)
    run = run if isinstance(run, Run) else Run(folder_of(run))
    model = run.model(data=data, data_dir=data_dir) if model is None else model
    name, found = scores.SCORE.find(score).name, strings(run, model, data, data_dir)
    folder = Path(out) if out is not None else place(run.directory, name, SEARCH.find(search).name)
    problem = _problem(run, model, found, score, goal)
    about: Any = {"about": {"data": run.record["data"]["name"], "weights": weights}, "show": show}
    trials: Any = {"search": search, "seeds": seeds, "rounds": rounds, "batch": batch, "votes": votes}
    content = run_trials(problem, folder, objective=name, **trials, **about)
    _draw(content["best new"], run.spec, folder / "best-new.png")
    return content


def _problem(run: Run, model: Model, found: Strings, chosen: Choice, goal: Goal | None) -> Problem:
    score, part = scores.build(chosen, found.strings, goal), scores.SCORE.find(chosen)
    data = str(run.record["data"]["fingerprint"])
    terms = {"objective": part.name, "data": data + part.digest}  # the source of a score of the user's own may change
    with Meter(part.name) as meter:
        known = run.directory / "optimise" / f"{slug(part.name)}.safetensors"
        values, identities = scored(found.strings, score, known, terms, meter)
    fingerprint = _fingerprint(model, data, part.digest, score.goal)
    return Problem(found.codes, values, identities, found.decode, score, model.density, fingerprint)


def _fingerprint(model: Model, *about: str) -> str:
    """What is the same for the same weights, data and score."""
    digest = hashlib.blake2b("/".join(about).encode(), digest_size=8)
    for name, value in sorted(model.autoencoder.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _draw(rows: Sequence[Mapping[str, Any]], spec: Spec, path: Path) -> None:
    """The best objects that are not in the training data, where such can be drawn."""
    tiles = drawings.tiles([row["string"] for row in rows], spec) if rows and drawings.has_pictures(spec) else None
    if tiles is not None:
        grids.grid(tiles, path, columns=5)
