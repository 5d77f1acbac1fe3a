"""Training: ``train METHOD``, whose options are the arguments of the method's recipe, and ``resume``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from cyclopts import App, Group, Parameter

from noiseless import data as datasets
from noiseless import registry
from noiseless.autoencoder import Networks
from noiseless.cli.console import note, tell
from noiseless.cli.options import (
    Building,
    DataDir,
    Owning,
    Size,
    Source,
    UserCode,
    by_name,
    panel,
    use_threads,
)
from noiseless.densities import DENSITY
from noiseless.errors import InputError
from noiseless.recipes.method import Recipe, find, names
from noiseless.runs import Run
from noiseless.runs import resume as resume_run
from noiseless.runs import train as train_run
from noiseless.training import Engine, Stopped, Training
from noiseless.training.settings import Optimiser

__all__ = ["application", "resume"]

HELP = """Train METHOD on data.

Its options, and what they are by default, are shown by noiseless train METHOD --help. A method of your own is
MODULE:NAME.

Example: noiseless train rae-l2 --data digits --width 16 --steps 400 --out runs/digits"""

PANELS: dict[Any, Any] = {Networks: Building, Optimiser: Annotated[Optimiser, panel("Optimiser", 3)]}


def application(tokens: Sequence[str]) -> App:
    """A command for every recipe, or for the one of the user's own that comes first among ``tokens``."""
    method = next(iter(tokens), "--help")
    if method.startswith("-") and method not in ("--help", "-h"):
        raise InputError(f"METHOD comes before the options, and {method} is one; noiseless train METHOD --data DATA")
    chosen = names() if method in ("--help", "-h") else {method: find(method)}
    methods = App("train", help=HELP, help_format="plaintext")
    for name, recipe in chosen.items():
        methods.command(_command(name, recipe), name=name)
    return methods


def _command(name: str, recipe: Recipe) -> Callable[..., None]:
    """A function with the arguments of ``train`` and of the recipe, that trains it."""
    own = _recipe_parameters(name, recipe)
    shared = list(inspect.signature(_train, eval_str=True).parameters.values())[2:]
    clash = {p.name for p in own} & _flags(shared)
    if clash:
        raise InputError(f"the recipe {name} has the argument {clash.pop()!r}, which train has itself; rename it")

    def command(**given: Any) -> None:
        arguments = {p.name: given.pop(p.name) for p in own if p.name in given}
        _train(recipe, arguments, **given)

    command.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*shared, *own]}
    command.__doc__, command.__name__ = _help(name, recipe), name
    return command


def _flags(parameters: Sequence[inspect.Parameter]) -> set[str]:
    return {p.name for p in parameters} | set(Training.__dataclass_fields__)


def _recipe_parameters(name: str, recipe: Recipe) -> list[inspect.Parameter]:
    try:
        hints = get_type_hints(recipe, include_extras=True)
        found = list(inspect.signature(recipe).parameters.values())
    except (TypeError, ValueError, NameError) as error:
        raise InputError(f"{name} cannot be a recipe, for its signature cannot be read ({error})") from error
    if not found or any(p.name not in hints or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in found[1:]):
        raise InputError(f"{name} is no recipe: expected a function of a Spec and annotated arguments, without stars")
    return [p.replace(kind=p.KEYWORD_ONLY, annotation=_shown(hints[p.name])) for p in found[1:]]


def _shown(hint: Any) -> Any:
    if is_dataclass(hint):
        return PANELS.get(hint) or Annotated[hint, panel(getattr(hint, "__name__", "Method"), 4)]
    hint = by_name(hint)
    many = any(get_origin(kind) is tuple for kind in (hint, *get_args(hint)))
    negative = () if get_origin(hint) is tuple else None
    return Annotated[
        hint, Parameter(group=Group("Method", sort_key=1), consume_multiple=many or None, negative=negative)
    ]


def _help(name: str, recipe: Recipe) -> str:
    """The recipe's docstring, what it comes from, and an example."""
    summary, _, rest = (inspect.getdoc(recipe) or "A method of your own.").partition("\n")
    paper = (inspect.getdoc(importlib.import_module(recipe.__module__)) or "").partition("\n\n")[0]
    source = "From: " + " ".join(paper.split()) if paper else ""
    kind = getattr(inspect.getmodule(recipe), "MODALITY", "images")
    example = f"Example: noiseless train {name} --data {registry.modality(kind).example} --width 16 --steps 400"
    return "\n\n".join(filter(None, [summary, source, example, rest.strip()]))


def _train(
    recipe: Recipe,
    arguments: dict[str, Any],
    *,
    data: Source,
    out: Annotated[Path | None, Parameter(help="The run's folder. Default: runs/METHOD-DATA.")] = None,
    size: Size = None,
    data_dir: DataDir = None,
    overwrite: Annotated[bool, Parameter(help="Replace the run in --out.", negative="")] = False,
    init_from: Annotated[Path | None, Parameter(help="Start from another run's best weights.")] = None,
    training: Annotated[Training, panel("Training", 4)] = Training(),
) -> None:
    use_threads(training.threads)
    with Engine(training.device).main_first():
        loaded = datasets.load(data, size=size, data_dir=data_dir, seed=training.seed)
    folder = out or Path("runs") / f"{recipe.__name__.replace('_', '-')}-{loaded.spec.name}"
    note([datasets.describe(loaded), *loaded.notes])
    try:
        run = train_run(
            recipe,
            loaded,
            folder,
            training=training,
            size=size,
            data_dir=data_dir,
            overwrite=overwrite,
            init_from=init_from,
            **arguments,
        )
    except Stopped:
        note([f"go on with: noiseless resume {folder}"])
        raise
    _report(run)


def resume(
    run: Path,
    /,
    *,
    steps: Annotated[
        int,
        Parameter(
            help="Train for this many steps beyond the planned end. Schedules follow the longer plan: under "
            "cooldown, rates rise again, and maskaae polarises again."
        ),
    ] = 0,
    threads: Annotated[int | None, Parameter(help="CPU threads from now on. Default: the run's.")] = None,
    data_dir: DataDir = None,
    own: Owning = UserCode(),
) -> None:
    """Resume a stopped or killed run, bit for bit.

    Example: noiseless resume runs/digits --steps 100
    """
    opened = Run(run, own)
    use_threads(opened.training.threads if threads is None else threads)
    opened = resume_run(opened, steps=steps, threads=threads, data_dir=data_dir)
    done, planned = opened.steps
    tell(f"{done:,} of {planned:,} steps are done; train further with --steps MORE")
    _report(opened)


def _report(run: Run) -> None:
    folder = run.directory / "pictures"
    made = sorted(p.name for p in folder.glob("*") if p.suffix in (".png", ".txt"))
    tell(f"run: {run.directory}", f"pictures in {folder}: {', '.join(made)}")
    note(run.record["notes"])
    method = run.method()
    density = DENSITY.find(method.densities[0]).name
    verbs = [f"evaluate {run.directory}", f"sample {run.directory} --density {density}"]
    if method.objective.autoencoder.active is not None:
        verbs.append(f"prune {run.directory} --out {run.directory}-pruned")
    tell(f"next: {', '.join(f'noiseless {verb}' for verb in verbs)}")
