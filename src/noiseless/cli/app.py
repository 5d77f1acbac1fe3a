"""From tokens to an exit code.

Errors are one sentence: exit code 2 for input, 1 for what goes wrong while running, 130 and 143 after SIGINT and
SIGTERM. The verbs import torch, so each is imported only when it is the one asked for.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from cyclopts import App, Argument, CycloptsError

from noiseless.cli import aliases
from noiseless.cli.console import complain
from noiseless.cli.flags import spelled
from noiseless.errors import InputError, RunError, unknown

__all__ = ["VERBS", "main", "run"]

VERBS = {
    "train": ("train:application", "Train METHOD on data."),
    "resume": ("train:resume", "Resume a stopped or killed run, bit for bit."),
    "sample": ("use:sample", "Draw new data from a density of the codes."),
    "encode": ("use:encode", "Write the codes of data."),
    "decode": ("use:decode", "Decode codes into data."),
    "prune": ("use:prune", "Remove the latent dimensions that a run's mask has closed."),
    "interpolate": ("use:interpolate", "Interpolate between random pairs of data."),
    "evaluate": ("judge:evaluate", "Measure distances between a run's output and held-out data."),
    "compare": ("judge:compare", "Train methods in turn, and print one table and draw one picture of them."),
    "optimise": ("optimise:optimise", "Search for codes whose strings score better than the training data."),
    "reproduce": ("reproduce:application", "Reproduce a table or figure of a paper, next to the published values."),
    "list": ("catalogue:list_", "List the available parts."),
}


def main() -> None:
    """Runs the command line and exits with its code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _terminate)
    _open_streams()
    with contextlib.suppress(BrokenPipeError):
        code = run(sys.argv[1:])
        sys.stdout.flush()
        _leave(code)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(128 + signal.SIGPIPE)


def _open_streams() -> None:
    """Opens to nowhere what was closed before the start (``>&-``), so that no file that is written takes its place."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def _leave(code: int) -> None:
    """Exits; one of several processes at once, for torch's threads may abort while Python takes itself down."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(tokens: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        _refuse_empty(tokens)
        tokens = [*(aliases.verb(verb, VERBS) for verb in tokens[:1]), *tokens[1:]]
        application = _application(tokens)
        arguments = _arguments(application, tokens)
        tokens = aliases.accepted(tokens, {name for argument in arguments for name in argument.names})
        _refuse_fractions(arguments, tokens)
        application(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt, _Terminated) as error:
        with _undisturbed():
            return _failed(error)
    return 0


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignores SIGTERM, which a launcher sends to all processes once one of them has failed."""
    alone = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN) if alone else None
    try:
        yield
    finally:
        if alone:
            signal.signal(signal.SIGTERM, before)


def _failed(error: BaseException) -> int:
    """Says what went wrong, and returns the exit code.

    Raises:
        Exception: the error itself, if it was not foreseen and NOISELESS_TRACEBACK is set.
    """
    if isinstance(error, _Terminated):
        return _said("stopped by SIGTERM", 128 + signal.SIGTERM)
    if isinstance(error, KeyboardInterrupt):
        return _said("interrupted", 128 + signal.SIGINT)
    if isinstance(error, InputError):
        return _said(spelled(_sentence(error)), 2)
    if isinstance(error, CycloptsError):
        return _said(_sentence(error), 2)
    if isinstance(error, RunError):
        return _said(spelled(_sentence(error)), _signalled(error))
    if isinstance(error, OSError | MemoryError):
        return _said(_sentence(error), 1)
    if os.environ.get("NOISELESS_TRACEBACK"):
        raise error
    return _said(_unexpected(error), 1)


def _application(tokens: Sequence[str]) -> App:
    """The application, with the verb that is asked for imported, and the others by their summary."""
    application = App(
        "noiseless",
        help="Deterministic generative autoencoders: train, sample, evaluate and compare them. "
        "noiseless VERB --help explains each, with an example.",
        help_format="plaintext",
        version=_version,
        version_flags=["--version"],
        suppress_keyboard_interrupt=False,
    )
    verb = next(iter(tokens), "--help")
    if not verb.startswith("-") and verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    for name, (place, summary) in VERBS.items():
        if name != verb:
            application.command(f"noiseless.cli.{place}", name=name, help=summary)
        elif name in ("train", "reproduce"):
            application.command(_imported(place)(tokens[1:]))
        else:
            application.command(_imported(place), name=name)
    return application


def _arguments(application: App, tokens: Sequence[str]) -> list[Argument]:
    """The arguments of the requested command; none if only help or the version is requested."""
    if not tokens or {"--help", "-h", "--version"} & set(tokens):
        return []
    _, applications, _ = application.parse_commands(tokens)
    return [] if applications[-1].default_command is None else list(applications[-1].assemble_argument_collection())


def _refuse_fractions(arguments: Sequence[Argument], tokens: Sequence[str]) -> None:
    """Refuses ``--batch 20.9``, which would be rounded."""
    whole = {name for argument in arguments if _is_whole(argument.hint) for name in argument.names}
    option = ""
    for token in tokens:
        name, _, value = token.partition("=") if token.startswith("--") else ("", "", token)
        option = name or (token if token in whole else option)
        if option in whole and re.fullmatch(r"[+-]?\d*\.\d*", value):
            raise InputError(f"{option} is {value}; give a whole number")


def _is_whole(hint: Any) -> bool:
    """Whether an option takes one or several whole numbers."""
    parts = [part for part in get_args(hint) if part not in (type(None), ...)]
    return hint is int or (bool(parts) and all(map(_is_whole, parts)))


def _refuse_empty(tokens: Sequence[str]) -> None:
    """An empty path would mean the current folder, which nobody types and many scripts produce."""
    if "" in tokens:
        before = " ".join(tokens[: list(tokens).index("")][-2:])
        raise InputError(f"the argument after {before!r} is empty; give a value")


def _imported(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"noiseless.cli.{module}"), name)
    return found


def _version() -> str:
    from importlib.metadata import version

    return version("noiseless")


class _Terminated(BaseException):
    """SIGTERM came, outside of training (which saves first)."""


def _terminate(signum: int, frame: object) -> None:  # noqa: ARG001
    raise _Terminated


def _said(message: str, code: int) -> int:
    complain(message)
    return code


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _signalled(error: BaseException) -> int:
    from noiseless.training import Stopped

    return 128 + error.signum if isinstance(error, Stopped) else 1


def _unexpected(error: BaseException) -> str:
    if "allocate memory" in str(error) or "out of memory" in str(error):
        return f"there is not enough memory ({_sentence(error)}); ask for less at once"
    return f"{type(error).__name__}: {_sentence(error)} (not foreseen: NOISELESS_TRACEBACK=1 shows where it comes from)"
