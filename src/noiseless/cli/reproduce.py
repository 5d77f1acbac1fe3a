"""Reproduction: ``reproduce NAME``, whose names are the studies of :mod:`noiseless.reproduction`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from typing import Annotated, Any, get_type_hints

from cyclopts import App

from noiseless.cli.console import note, tell, wrote
from noiseless.cli.options import as_options, panel, use_threads
from noiseless.errors import InputError
from noiseless.reproduction import Request, find, names
from noiseless.reproduction.verbs import reproduce
from noiseless.training import Stopped

__all__ = ["application"]

HELP = """Reproduce a table or figure of a paper, next to the published values.

Every row is trained and evaluated, or taken as it is found in the folder of runs; given again, the command goes on
where it was stopped. Results are written as Markdown and JSON.

Example: noiseless reproduce rae-table --data digits --seeds 0 --steps 400 -n 180 --rows AE RAE"""


def application(tokens: Sequence[str]) -> App:
    """A command for every study, or for the one that comes first among ``tokens``."""
    name = next(iter(tokens), "--help")
    if name.startswith("-") and name not in ("--help", "-h"):
        raise InputError(f"the table's name comes before the options, and {name} is one; noiseless list tables")
    chosen = names() if name in ("--help", "-h") else {name: find(name)}
    studies = App("reproduce", help=HELP, help_format="plaintext")
    for study in chosen:
        studies.command(_command(study), name=study)
    return studies


def _command(name: str) -> Callable[..., None]:
    kind: Any = get_type_hints(find(name))["request"]
    given: Any = Annotated[as_options(kind), panel("What, how large and where", 1)]
    shown = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=given)
    if all(option.default is not MISSING for option in fields(kind)):
        shown = shown.replace(default=as_options(kind)())

    def command(*, request: Request) -> None:
        _reproduce(name, request)

    command.__signature__ = inspect.Signature([shown])  # type: ignore[attr-defined]
    command.__annotations__ = {"request": given}
    example = f"Example: noiseless reproduce {name} {kind.example} --scale small --threads 1"
    summary, _, about = (inspect.getdoc(find(name)) or name).partition("\n\n")
    about = about or (inspect.getdoc(inspect.getmodule(find(name))) or "").partition("\n\n")[2]
    command.__doc__ = "\n\n".join(filter(None, [summary, example, about]))
    return command


def _reproduce(name: str, request: Request) -> None:
    use_threads(request.threads)
    try:
        report, written = reproduce(name, request)
    except (Stopped, KeyboardInterrupt):
        note(["go on with the same command: what is done is not done again"])
        raise
    for path in written:
        wrote(path)
    tell(report.text)
