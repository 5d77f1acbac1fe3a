"""Optimisation in the latent space of a run on strings: ``optimise``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from noiseless.cli.console import narrow, note, show, tell, wrote
from noiseless.cli.options import Owning, Use, UserCode, Using
from noiseless.optimisation import build, scores
from noiseless.optimisation.protocol import place as place_of
from noiseless.optimisation.report import COLUMNS, KEY
from noiseless.optimisation.scores import Goal
from noiseless.optimisation.verbs import optimise as optimise_run
from noiseless.show import tables

__all__ = ["optimise"]


def _spaced(seeds: tuple[int, ...]) -> str:
    return " ".join(map(str, seeds))


Seeds = Annotated[
    tuple[int, ...],
    Parameter(consume_multiple=True, negative=(), show_default=_spaced, help="A trial for each."),
]


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
    rounds: Annotated[int, Parameter(help="Rounds of each trial; a larger number continues a finished one.")] = 5,
    batch: Annotated[int, Parameter(help="Codes a round.")] = 50,
    votes: Annotated[int | None, Parameter(help="How often a code is decoded. Default: 25, and 500 for logp.")] = None,
    goal: Annotated[Goal | None, Parameter(help="Which way is better, for a score of your own.")] = None,
    out: Annotated[Path | None, Parameter(help="The folder. Default: in the run, optimise/OBJECTIVE-SEARCH.")] = None,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Search for codes whose strings score better than the training data.

    A search proposes a batch of codes in every round; each is decoded several
    times, the most frequent valid string is scored, and the next round uses all
    results. A trial that was stopped continues with the same command.

    valid: share of the codes that decode to an object.
    average: mean score of the valid objects; published: the same, without scores as bad as the worst.
    best, second, third: of different objects; best new: of none of the training
    data; novel: share of objects that are not; unique: share of different ones.

    The score is shown in its own units: expression is better when lower, logp
    when higher.

    Example: noiseless optimise runs/expressions --objective expression --search paper:epochs=5 --seeds 0 1 2
    """
    build(search)
    scores.check(objective, goal)
    opened, model = use.open(run, own)
    trials: Any = {"search": search, "seeds": seeds, "rounds": rounds, "batch": batch, "votes": votes, "goal": goal}
    place: Any = {"out": out, "model": model, "weights": use.weights, "data_dir": use.data_dir}
    try:
        content = optimise_run(opened, objective, **trials, **place)
    except KeyboardInterrupt:
        note(["go on with the same command: rounds that are done are not done again"])
        raise
    _report(content)
    note(opened.record["notes"])
    folder = out or place_of(run, objective, search)
    for file in ("report.json", "table.md", "best-so-far.png", "best-new.png"):
        if (folder / file).is_file():
            wrote(folder / file)


def _report(content: dict[str, Any]) -> None:
    show(tables.table(content["rows"], ["trial", *COLUMNS], within="trial", compact=narrow()))
    tell(*KEY)
    training = content["training"]
    tell(
        f"{content['objective']}, to {content['goal']}; {content['search']}, {content['batch']} codes a round, "
        f"{content['votes']} votes each; training data: {training['objects']:,}, average {training['average']:.4g}, "
        f"best {training['best']:.4g}; standard error: {content['standard error']}"
    )
    for title, rows in (("best", content["best"]), ("best not in training", content["best new"])):
        tell(*(f"{title}: {row['score']:.4g}  {row['string']}" for row in rows[:3]))
