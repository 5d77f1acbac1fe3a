"""The two ways in which a command can fail, and the exit code of each.

Every message says what was given, what was expected and what to do, in one sentence or two. The command line
prints it without a stack trace.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["USUAL", "InputError", "RunError", "printable", "unknown"]

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys, and such as reverse the order of others; tabs and new lines are no such."""

USUAL = {
    "batch_size": "batch",
    "embedding_dim": "latent_dim",
    "latent": "latent_dim",
    "latent_dims": "latent_dim",
    "latent_size": "latent_dim",
    "z_dim": "latent_dim",
    "learning_rate": "lr",
    "max_epochs": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "max_steps": "steps",
    "num_steps": "steps",
    "n_samples": "n",
    "num_samples": "n",
    "num_threads": "threads",
    "optimizer": "optimiser",
    "out_dir": "out",
    "output": "out",
    "output_dir": "out",
    "random_seed": "seed",
    "random_state": "seed",
    "early_stopping": "patience",
    "grad_clip": "clip",
    "image_size": "size",
    "img_size": "size",
}
"""What other programs call a setting, and what it is called here."""


class InputError(ValueError):
    """What was given cannot be used: exit code 2."""


class RunError(RuntimeError):
    """Something went wrong while running: exit code 1."""


def printable(text: str) -> str:
    r"""Text that may come from a file, such as a downloaded run's, without anything that a terminal would obey.

    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def unknown(kind: str, given: str, known: Iterable[str]) -> InputError:
    """An error for a name that does not exist, with the usual or nearest one that does; options after a colon are left
    aside.

    >>> str(unknown("density", "gmn", ["gmm", "normal"]))
    "unknown density 'gmn' (did you mean 'gmm'?); known: gmm, normal"
    """
    names = sorted(known)
    usual = USUAL.get(given)
    near = [usual] if usual in names else difflib.get_close_matches(given.partition(":")[0], names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    listed = map(repr, names) if any("," in name for name in names) else names
    return InputError(f"unknown {kind} {given!r}{hint}; known: {', '.join(listed)}")
