"""Several trials of a search on a problem, with their results in a folder:

* ``trial-SEED.safetensors``: the results of a trial, written after every round;
* ``report.json``: rows, means, standard errors, the best objects;
* ``table.md``: the rows;
* ``best-so-far.png``: the best score after each code, over all objects and over new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from noiseless.errors import InputError
from noiseless.files import locked, refuse_unwritable, slug, sweep, write_json
from noiseless.optimisation.problem import SEARCH, Problem, build
from noiseless.optimisation.progress import Meter
from noiseless.optimisation.report import COLUMNS, progress, report
from noiseless.optimisation.trial import Found, Terms, Trial
from noiseless.registry import Choice
from noiseless.show import plots, tables

__all__ = ["optimise", "place"]


def place(run: Path, objective: str, search: str) -> Path:
    """The default folder of the trials on a run.

    >>> place(Path("r"), "expression", "paper:epochs=5").as_posix()
    'r/optimise/expression-paper-epochs-5'
    """
    return run / "optimise" / f"{slug(objective)}-{slug(search)}"


def optimise(
    problem: Problem,
    out: Path,
    *,
    objective: str,
    search: Choice = "paper",
    seeds: Sequence[int] = (0,),
    rounds: int = 5,
    batch: int = 50,
    votes: int | None = None,
    about: Mapping[str, Any] | None = None,
    show: bool = True,
) -> dict[str, Any]:
    """Runs trials, or resumes those that are incomplete, and writes a report.

    Arguments:
        problem: the optimisation problem.
        out: the folder.
        objective: the score's name, for the record.
        search: a search, by name with options or as an object.
        seeds: one trial is run for each seed.
        rounds: rounds per trial; existing trials are continued up to this number.
        batch: codes per round.
        votes: how often each code is decoded; None uses the score's default.
        about: further entries of the report.
        show: show progress on the terminal.

    Returns:
        The content of report.json.

    Raises:
        InputError: an option is invalid, or the folder contains trials with other settings.
        RunError: see :meth:`noiseless.optimisation.trial.Trial.run`.
    """
    if rounds < 1 or not seeds or len(set(seeds)) < len(seeds):
        raise InputError(
            f"rounds is {rounds} and seeds are {tuple(seeds)}; expected at least 1 round, and different seeds"
        )
    find, votes = build(search), problem.score.votes if votes is None else votes
    terms = [Terms(objective, SEARCH.find(search).name, seed, batch, votes) for seed in seeds]
    refuse_unwritable(out)
    with locked(out, f"another process is searching in {out}; wait until that ends, or choose another --out"):
        trials = [Trial(problem, find, term, out / f"trial-{term.seed}.safetensors") for term in terms]
        sweep(out)
        found: dict[int, Found] = {}
        content: dict[str, Any] = {}
        for term, trial in zip(terms, trials, strict=True):
            with Meter(f"trial {term.seed}", show) as meter:
                found[term.seed] = trial.run(rounds, meter)
            shared = {key: value for key, value in asdict(term).items() if key != "seed"}
            content = report(found, problem, {**(about or {}), **shared, "fingerprint": problem.fingerprint})
            _write(content, found, problem, out)
    return content


def _write(content: dict[str, Any], found: Mapping[int, Found], problem: Problem, out: Path) -> None:
    write_json(out / "report.json", content)
    tables.markdown(content["rows"], ["trial", *COLUMNS], out / "table.md", within="trial")
    lines = progress(found, problem)
    if any(row[key] not in (float("inf"), float("-inf")) for row in lines for key in row if key != "step"):
        plots.curves(lines, out / "best-so-far.png", along="codes")
