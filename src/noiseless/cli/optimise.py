"""Optimisation in the latent space of a run on strings: `optimise`.

:func:`strings` is the one place that knows how a run's strings are encoded and decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter
from torch import Tensor

from noiseless.cli.console import narrow, note, show, tell, wrote
from noiseless.cli.options import Owning, Use, UserCode, Using
from noiseless.files import slug
from noiseless.model import Model
from noiseless.optimise import Decode, Problem, build, scored, scores
from noiseless.optimise import optimise as run_trials
from noiseless.optimise.progress import Meter
from noiseless.optimise.protocol import place
from noiseless.optimise.report import COLUMNS
from noiseless.optimise.scores import Goal
from noiseless.runs import Run
from noiseless.show import drawings, grids, tables
from noiseless.values import Spec

__all__ = ["optimise"]


def _spaced(seeds: tuple[int, ...]) -> str:
    return " ".join(map(str, seeds))


Seeds = Annotated[
    tuple[int, ...],
    Parameter(consume_multiple=True, negative=(), show_default=_spaced, help="A trial for each."),
]


@dataclass(frozen=True)
class Strings:
    """What the search needs of a run: its training strings, their codes, and what codes stand for."""

    strings: Sequence[str]
    codes: Tensor
    decode: Decode


def strings(run: Run, model: Model, use: Use) -> Strings:
    """The training strings of a run, and its model as their encoder and decoder.

    Raises:
        InputError: it was not trained on strings.
    """
    codec, data = model.codec, run.data(use.data_dir)
    raw = data.train.take(range(len(data.train)))
    return Strings([string or "" for string in codec.read(raw)], model.encode(raw), model.strings)


def optimise(
    run: Path,
    /,
    *,
    objective: Annotated[
        str,
        Parameter(
            help="One of noiseless list scores, expression:python2 or logp:training; or MODULE:NAME, a function of a "
            "string."
        ),
    ],
    search: Annotated[
        str, Parameter(help="One of noiseless list searches; paper:epochs=5 has another number of epochs.")
    ] = "paper",
    seeds: Seeds = (0,),
    rounds: Annotated[int, Parameter(help="Of each trial; more than before go on.")] = 5,
    batch: Annotated[int, Parameter(help="Codes a round.")] = 50,
    votes: Annotated[int | None, Parameter(help="How often a code is decoded. Default: 25, and 500 for logp.")] = None,
    goal: Annotated[Goal | None, Parameter(help="Which way is better, for a score of your own.")] = None,
    out: Annotated[Path | None, Parameter(help="The folder. Default: in the run, optimise/OBJECTIVE-SEARCH.")] = None,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Look for codes whose strings score better than the training data.

    A search proposes a batch of codes in every round; each is decoded several
    times, the most frequent string that is an object is scored, and all is known
    to the next round. A trial that was stopped goes on with the same command.

    valid: share of the codes that decode to an object.
    average: of the scores of these; published: without those as bad as the worst.
    best, second, third: of different objects; best new: of none of the training
    data; novel: share of objects that are not; unique: share of different ones.

    The score is shown in its own units: expression is better when lower, logp
    when higher.

    Example: noiseless optimise runs/expressions --objective expression --search paper:epochs=5 --seeds 0 1 2
    """
    _check(objective, goal, search)
    opened, model = use.open(run, own)
    kept = strings(opened, model, use)
    folder = out or place(run, objective, search)
    known = run / "optimise" / f"{slug(objective)}.safetensors"
    problem = _problem(opened, model, kept, objective, goal, known)
    try:
        content = run_trials(
            problem,
            folder,
            objective=objective,
            search=search,
            seeds=seeds,
            rounds=rounds,
            batch=batch,
            votes=votes,
            about={"data": opened.record["data"]["name"], "weights": use.weights},
        )
    except KeyboardInterrupt:
        note(["go on with the same command: rounds that are done are not done again"])
        raise
    _report(content)
    note(opened.record["notes"])
    _draw(content["best new"], opened.spec, folder / "best-new.png")
    for file in ("report.json", "table.md", "best-so-far.png", "best-new.png"):
        if (folder / file).is_file():
            wrote(folder / file)


def _check(objective: str, goal: Goal | None, search: str) -> None:
    """Refuses names before anything is loaded."""
    build(search)
    scores.check(objective, goal)


def _problem(run: Run, model: Model, kept: Strings, objective: str, goal: Goal | None, path: Path) -> Problem:
    score = scores.build(objective, kept.strings, goal)
    source = scores.SCORE.find(objective).digest  # of a score of the user's own, which may change
    data = str(run.record["data"]["fingerprint"])
    with Meter(objective) as meter:
        values, identities = scored(kept.strings, score, path, {"objective": objective, "data": data + source}, meter)
    fingerprint = _fingerprint(model, data, source, score.goal)
    return Problem(kept.codes, values, identities, kept.decode, score, model.density, fingerprint)


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


def _report(content: dict[str, Any]) -> None:
    show(tables.table(content["rows"], ["trial", *COLUMNS], within="trial", compact=narrow()))
    training = content["training"]
    tell(
        f"{content['objective']}, to {content['goal']}; {content['search']}, {content['batch']} codes a round, "
        f"{content['votes']} votes each; training data: {training['objects']:,}, average {training['average']:.4g}, "
        f"best {training['best']:.4g}; standard error: {content['standard error']}"
    )
    for title, rows in (("best", content["best"]), ("best not in training", content["best new"])):
        tell(*(f"{title}: {row['score']:.4g}  {row['string']}" for row in rows[:3]))
