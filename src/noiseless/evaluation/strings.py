r"""Evaluation of strings: which of what a model makes are right, different and new.

Rows are reconstructions of held-out strings, strings decoded from draws of each density, and mid-points of paths
between random pairs of held-out strings, each decoded by the best tokens (``best``) and by tokens drawn (``sampled``),
as the papers do; columns are those of :mod:`noiseless.metrics.strings`, and ``in language``: the share that is in the
grammar, which of molecules says more than ``valid`` alone. The first row, held-out strings themselves, is what a
perfect generator would get.

Novel means not in the training part. What each number depends on stands beside it, as for images.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from noiseless.data import Data
from noiseless.data.dataset import choice
from noiseless.data.progress import bar
from noiseless.data.sources import cache, keeps_decoded
from noiseless.densities import DENSITY
from noiseless.errors import InputError, RunError
from noiseless.evaluation.heldout import pairs
from noiseless.evaluation.results import Protocol, Reference, Result, Value
from noiseless.files import read_checked, write_checked
from noiseless.metrics.strings import exact, string_shares
from noiseless.model import Model
from noiseless.model.interpolation import PATHS
from noiseless.registry import Choice
from noiseless.strings import Codec, of
from noiseless.strings.language import identity_of, spelled
from noiseless.strings.molecules import canonical

__all__ = ["STRINGS", "evaluate_given_strings", "evaluate_strings", "identity_of"]

STRINGS = "strings"
"""What stands in the place of features."""
ROWS = 5000
String = str | None
Decoded = list[String]


def evaluate_strings(
    model: Model, data: Data, names: Sequence[Choice], *, n: int = 10_000, part: Reference = "test", seed: int = 0
) -> list[Result]:
    """The rows of a model of strings.

    Arguments:
        model: what is evaluated.
        data: where held-out strings come from, and which training strings are known.
        names: densities to sample from, by name or as objects.
        n: strings in every row, at most as many as the held-out part has.
        part: the part that is held out; where it is ``train``, the test part.
        seed: chooses strings, pairs and draws.

    Raises:
        InputError: ``n`` is below 2, a density cannot be fitted, or molecules without RDKit.
    """
    held_out = _HeldOut.of(data, n, part, seed)
    chosen = {DENSITY.find(name).name: name for name in names}
    notes = {name: model.density(density).note for name, density in chosen.items()}
    rows = [held_out.row(f"{held_out.name} data", held_out.strings, warnings=held_out.fewer(n))]
    for kind, density, codes in _sources(model, chosen, held_out.raw, seed):
        warnings = _warnings(notes, density, held_out.fewer(n))
        for decoding, made in _decoded(model, codes, seed):
            more: dict[str, Value] = {"exact": exact(made, held_out.strings)} if kind == "reconstruction" else {}
            more |= {"in language": _grammatical(made, model.codec)}
            rows.append(held_out.row(kind, made, more, warnings, density=density, decoding=decoding))
    return rows


def evaluate_given_strings(
    made: Sequence[String], data: Data, *, source: str, n: int = 10_000, part: Reference = "test", seed: int = 0
) -> list[Result]:
    """Two rows: held-out strings, and as many of the strings that we did not make, by seed: ``unique`` depends on it.

    Arguments:
        made: strings; None or an empty one is a failure, and counts as such.
        source: what they are called.
        data, n, part, seed: as for :func:`evaluate_strings`.

    Raises:
        InputError: as there, or fewer than 2 strings.
    """
    if len(made) < 2:
        raise InputError(f"{source} has {len(made)} strings; give at least 2")
    held_out, codec = _HeldOut.of(data, n, part, seed), of(data.spec)
    given = [made[k] or None for k in choice(len(made), len(held_out.raw), seed)]
    share = None if codec.grammar is None else sum(map(codec.contains, given)) / len(given)
    real = held_out.row(f"{held_out.name} data", held_out.strings, warnings=held_out.fewer(n))
    return [real, held_out.row(source, given, {"in language": share})]


@dataclass(frozen=True)
class _HeldOut:
    """Held-out strings, and what generated ones are judged by."""

    name: str
    raw: np.ndarray
    strings: list[str]
    identity: Callable[[str], str | None]
    known: set[str]
    about: Protocol

    @classmethod
    def of(cls, data: Data, n: int, part: Reference, seed: int) -> _HeldOut:
        if n < 2:
            raise InputError(f"shares of strings need at least 2 of them, and n is {n}")
        name = "test" if part == "train" else part
        split = getattr(data, name)
        raw = split.take(choice(len(split), n, seed))
        about = Protocol(
            f"{name} data",
            len(raw),
            reference=part,
            n_reference=len(raw),
            features=STRINGS,
            seed=seed,
            data=data.spec.name,
            fingerprint=data.fingerprint,
            asked=n,
        )
        identity = identity_of(data.spec)
        return cls(name, raw, spelled(raw, data.spec), identity, _training(data, identity), about)

    def row(
        self,
        kind: str,
        made: Sequence[String],
        more: Mapping[str, Value] = {},
        warnings: Sequence[str] = (),
        *,
        density: str | None = None,
        decoding: str | None = None,
    ) -> Result:
        protocol = replace(self.about, row=kind, n=len(made), density=density, decoding=decoding)
        return Result(protocol, {**string_shares(made, self.identity, self.known), **more}, tuple(warnings))

    def fewer(self, n: int) -> list[str]:
        found = f"{len(self.raw):,}"
        said = f"the {self.name} part has {found} strings, fewer than the {n:,} asked for: every row has {found}"
        return [said] if len(self.raw) < n else []


def _sources(
    model: Model, densities: Mapping[str, Choice], raw: np.ndarray, seed: int
) -> Iterator[tuple[str, str | None, Tensor]]:
    codes = model.encode(raw)
    yield "reconstruction", None, codes
    for name, density in densities.items():
        yield "samples", name, model.draw(len(raw), density, seed)
    left, right = pairs(len(codes), len(codes), seed)
    for path, between in PATHS.items():
        yield f"interpolation, {path}", None, between(codes[left], codes[right], 0.5)


def _decoded(model: Model, codes: Tensor, seed: int) -> Iterator[tuple[str, Decoded]]:
    yield "best", model.strings(codes)
    yield "sampled", model.strings(codes, torch.Generator().manual_seed(seed))


def _grammatical(made: Decoded, codec: Codec) -> float | None:
    if codec.grammar is None:
        return None
    if not codec.alphabet:  # what a derivation gives is in the language
        return sum(string is not None for string in made) / len(made)
    return sum(map(codec.contains, made)) / len(made)


def _warnings(notes: Mapping[str, str], density: str | None, always: list[str]) -> list[str]:
    note = notes[density] if density is not None else ""
    return [*always, f"{density}: {note}"] if note else always


def _training(data: Data, identity: Callable[[str], str | None]) -> set[str]:
    """What the training strings are known by; of molecules kept in the cache, for it takes minutes."""
    if identity is not canonical:
        return set(_spelled(data))
    key = hashlib.sha256(f"2-{data.fingerprint}-{data.spec.name}".encode()).hexdigest()[:24]
    path = cache() / "identities" / f"{key}.txt"
    if keeps_decoded():
        with contextlib.suppress(InputError):  # a missing or damaged entry is made again
            return set(bytes(read_checked(path)).decode().split())
    with bar("canonical SMILES of the training part", len(data.train)) as advance:
        found = set()
        for string in _spelled(data):
            found.add(identity(string) or string)
            advance(1)
    if keeps_decoded():
        with contextlib.suppress(RunError):  # a cache that cannot be written is done without
            write_checked(path, ["\n".join(sorted(found)).encode()])
    return found


def _spelled(data: Data) -> Iterator[str]:
    for start in range(0, len(data.train), ROWS):
        yield from spelled(data.train.take(np.arange(start, min(start + ROWS, len(data.train)))), data.spec)
