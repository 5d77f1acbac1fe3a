"""Other spellings that the command line takes, beside those that help shows: American ones, and names that are common.

An option is rewritten only where the command has none of the name that was given, so that an option of a method of the
user's own keeps its spelling.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from noiseless.errors import USUAL

__all__ = ["accepted", "verb"]

COMMON = {f"--{theirs}".replace("_", "-"): f"--{ours}".replace("_", "-") for theirs, ours in USUAL.items()}
AMERICAN = {
    "optimiz": "optimis",
    "normaliz": "normalis",
    "polariz": "polaris",
    "regulariz": "regularis",
    "initializ": "initialis",
    "minimiz": "minimis",
    "maximiz": "maximis",
    "-learned": "-learnt",
}
VALUED = ("--goal", "--reconstruction")
"""Options among whose values some are spelled in two ways."""


def verb(name: str, verbs: Collection[str]) -> str:
    """A verb as it is called here.

    >>> verb("optimize", ["optimise"]), verb("trian", ["train"])
    ('optimise', 'trian')
    """
    return british(name) if name not in verbs and british(name) in verbs else name


def accepted(tokens: Sequence[str], options: Collection[str]) -> list[str]:
    """The tokens of a command, with options called as it calls them.

    Arguments:
        tokens: what was typed.
        options: the options that the command has, such as ``--lr``.

    >>> accepted(["--learning-rate=1e-3", "--optimizer", "adam"], ["--lr", "--optimiser"])
    ['--lr=1e-3', '--optimiser', 'adam']
    """
    found: list[str] = []
    for token in tokens:
        option, equals, value = token.partition("=")
        if option.startswith("--"):
            name = _known(option, options)
            found.append(name + equals + (british(value) if name in VALUED else value))
        else:
            found.append(british(token) if found and found[-1] in VALUED else token)
    return found


def british(word: str) -> str:
    """A word with the spelling of this library.

    >>> british("minimize"), british("size")
    ('minimise', 'size')
    """
    for american, ours in AMERICAN.items():
        word = word.replace(american, ours)
    return word


def _known(option: str, options: Collection[str]) -> str:
    other = COMMON.get(option, british(option))
    return other if option not in options and other in options else option
