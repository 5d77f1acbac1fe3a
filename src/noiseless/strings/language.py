"""The language of a data set of strings: decoding its tokens, and checking that two data sets use the same tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest

import numpy as np
from torch import Tensor

from noiseless.errors import InputError
from noiseless.strings.codec import Codec, of
from noiseless.strings.grammar import shipped
from noiseless.strings.molecules import canonical
from noiseless.values import Spec

__all__ = ["String", "identity_of", "is_expressions", "is_molecules", "refuse_other", "shown", "spelled"]


def refuse_other(given: Codec | None, trained: Spec, run: str) -> None:
    """Refuses data whose tokens have another meaning than those that a run was trained on.

    Arguments:
        given: the codec of the data; None if they are not strings.
        trained: describes the data that the run was trained on.
        run: what error messages call the run.

    Raises:
        InputError: only one of the two consists of strings; the languages differ (the message gives the first rule or
            alphabet that differs); or the lengths differ.
    """
    if given is None and not trained.tokens:
        return
    if given is None or not trained.tokens:
        kinds = ("strings", "numbers") if given is not None else ("numbers", "strings")
        raise InputError(f"the data are {kinds[0]}, but {run} was trained on {kinds[1]}; give {kinds[1]}")
    known = of(trained)
    for here, there in zip_longest(_described(given), _described(known), fillvalue="nothing more"):
        if here != there:
            raise InputError(
                f"the language of the data differs from that of {run}: here {here}, there {there}; give the codec and "
                f"the grammar that it was trained with, which are recorded in its run.json"
            )
    if given.length != known.length:
        raise InputError(
            f"the data have up to {given.length} {given.unit}, but {run} takes {known.length}; "
            f"add length={known.length} to the data"
        )


def _described(codec: Codec) -> list[str]:
    """One line for each property that defines the meaning of tokens."""
    alphabet = [f"the alphabet {codec.alphabet[:-1]!r}"] if codec.alphabet else []
    rules = codec.grammar.text.splitlines() if codec.grammar is not None else []
    return [f"tokens are {codec.unit}", *alphabet, *rules]


String = str | None


def spelled(raw: np.ndarray | Tensor, spec: Spec) -> list[str]:
    """The strings of data in their stored format."""
    return shown(of(spec).read(np.asarray(raw)))


def shown(strings: Iterable[String]) -> list[str]:
    """The strings as text; an incomplete derivation becomes an empty string."""
    return [string or "" for string in strings]


def identity_of(spec: Spec) -> Callable[[str], str | None]:
    """Maps strings to identifiers (canonical SMILES for molecules, otherwise the string), invalid strings to None."""
    if is_molecules(spec):
        return canonical
    codec = of(spec)
    return lambda string: string if codec.contains(string) else None


def is_expressions(spec: Spec) -> bool:
    """Whether data are strings of the grammar of expressions."""
    return spec.language == shipped("expressions").text


def is_molecules(spec: Spec) -> bool:
    """Whether data are SMILES, according to their loader or, in older runs, their grammar."""
    return spec.kind == "molecules" or spec.language == shipped("smiles").text
