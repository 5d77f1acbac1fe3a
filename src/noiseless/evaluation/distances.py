r"""Evaluation: distances between what a model generates and held-out data.

Rows are reconstructions of held-out data, samples under each density, and the mid-points of paths between random pairs
of held-out data; columns are the metrics of :mod:`noiseless.metrics` between the features of a row and those of a
reference part of the data. The first row, training data themselves against the reference, is what a perfect generator
would get.

The protocol of Ghosh et al. (2020): 10,000 generated against 10,000 held-out images. A distance depends on n, the
reference, the features and the size that images are resized to; all four stand beside every number in ``results.json``,
with the seed, the density, the weights and the fingerprint of the data.

A deciphering autoencoder finds the codes of data that it was not trained on by search, a hundred passes for each. Its
rows have no reconstructions of held-out data; the density ``empirical`` has those of training data, and interpolations
are between codes of these.

A model that was trained on the very features of an evaluation is flattered by them: its rows say so, and
:func:`second_look` has features of another kind.

Vectors are compared standardised, by the means and deviations of the training part: in their own units the column
with the largest numbers alone would decide.

:func:`latent` looks at the codes instead: the numbers of :mod:`noiseless.metrics.latent` for mean codes of held-out
data beside those of as many draws of N(0, I), the distribution that isotropic samples are drawn from. Behind a mask
these are the dimensions that it leaves active, before they are masked: what is in the others reaches no decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from noiseless import metrics
from noiseless.data import Data, Split
from noiseless.data.dataset import choice
from noiseless.densities import DENSITY
from noiseless.errors import InputError
from noiseless.evaluation.heldout import batches, check_count, codes_of, held_out, pairs, raw_batches, reference
from noiseless.evaluation.results import Protocol, Reference, Result
from noiseless.metrics import Features, Metric, Sample
from noiseless.model import Model
from noiseless.model.interpolation import PATHS
from noiseless.registry import Choice

__all__ = ["evaluate", "evaluate_samples", "score", "second_look"]

REAL = ("training data", "test data")
"""Rows of data as they are: what a perfect generator would get."""


def evaluate(
    model: Model,
    data: Data,
    names: Sequence[Choice],
    features: Features,
    *,
    n: int = 10_000,
    part: Reference = "test",
    seed: int = 0,
    show: bool = True,
    more: Sequence[Metric] = (),
) -> list[Result]:
    """The rows of a model.

    Arguments:
        model: what is evaluated.
        data: where held-out data and the reference come from.
        names: densities to sample from, by name or as objects.
        features: maps data to what metrics compare.
        n: data in every row and in the reference, at most as many as the reference has.
        part: the part that is the reference.
        seed: chooses data, pairs and draws.
        show: progress on the terminal.
        more: metrics beside those of the package.

    Raises:
        InputError: a part has fewer than 2 data, or a density cannot be fitted.
    """
    check_count(n)
    real = reference(data, part, n, features, seed)
    rows = []
    for kind, chosen, make in _sources(model, data, part, names, real.n, seed):
        density = DENSITY.find(chosen).name if chosen is not None else None
        made = _progress(make(), f"{kind} {density or ''}", real.n, show)
        fake = features.over(made if kind in REAL else map(data.spec.normalise, made))
        values, warnings = score(real, fake, seed, more)
        about = (
            _note(model, chosen),
            _fewer(part, real.n, n),
            _flattered(model.trained_on, features) if kind not in REAL else "",
        )
        protocol = replace(_protocol(kind, data, features, part, real, seed), n=fake.n, density=density, asked=n)
        rows.append(Result(protocol, values, (*warnings, *filter(None, about)), metrics=_names(more)))
    return rows


def second_look(trained_on: Iterable[str | None], data: Data, features: Features) -> Features | None:
    """Features of another kind if a model was trained on these; else None."""
    flattered = any(_flattered(name, features) for name in trained_on)
    return metrics.build("pixels", data.spec) if flattered else None


def evaluate_samples(
    samples: np.ndarray,
    data: Data,
    features: Features,
    *,
    source: str,
    n: int = 10_000,
    part: Reference = "test",
    seed: int = 0,
    more: Sequence[Metric] = (),
    notes: Sequence[str] = (),
) -> list[Result]:
    """One row for data that we did not make: ``n`` of ``samples`` by seed, of the shape of ``data``.

    Raises:
        InputError: they have another shape, or are fewer than 2.
    """
    if samples.shape[1:] != data.spec.shape:
        raise InputError(f"{source} has data of shape {samples.shape[1:]}, and the reference of {data.spec.shape}")
    check_count(min(n, len(samples)))
    real = reference(data, part, n, features, seed)
    everything = Split(samples, np.arange(len(samples)))
    fake = features.over(raw_batches(data, everything, choice(len(samples), n, seed)))
    protocol = replace(_protocol(source, data, features, part, real, seed), n=fake.n, asked=n)
    return [Result(protocol, *score(real, fake, seed, more), notes=tuple(notes), metrics=_names(more))]


def _note(model: Model, density: Choice | None) -> str:
    note = model.density(density).note if density is not None else ""
    return f"{DENSITY.find(density).name}: {note}" if note else ""


def _flattered(trained_on: str | None, features: Features) -> str:
    if trained_on is None or not features.name.startswith(trained_on):
        return ""
    return f"the model was trained on these very features, {trained_on}, which flatter it: read others beside them"


def _fewer(part: str, found: int, asked: int) -> str:
    if found >= asked:
        return ""
    return f"the {part} part has {found:,} data, fewer than the {asked:,} asked for: every row has {found:,}"


def score(
    real: Sample, fake: Sample, seed: int, more: Sequence[Metric] = ()
) -> tuple[dict[str, float | None], list[str]]:
    """All metrics of ``fake`` against ``real``, and their caveats."""
    return metrics.measure_all(real, fake, seed, more), metrics.warnings(real, fake, more)


def _names(more: Sequence[Metric]) -> tuple[str, ...]:
    return tuple(metric.name for metric in more)


def _sources(
    model: Model, data: Data, part: Reference, names: Sequence[Choice], n: int, seed: int
) -> Iterator[tuple[str, Choice | None, Callable[[], Iterable[Tensor]]]]:
    _, unseen = held_out(data, part)
    chosen = choice(len(unseen), n, seed)
    if part == "train":
        yield "test data", None, lambda: raw_batches(data, unseen, chosen)
    else:
        yield "training data", None, lambda: raw_batches(data, data.train, choice(len(data.train), n, seed))
    if model.amortised:
        yield "reconstruction", None, lambda: (model.reconstruct(raw) for raw in batches(unseen, chosen))
    for name in names:
        drawn = model.density(name).sample(n, torch.Generator().manual_seed(seed))
        yield "samples", name, lambda drawn=drawn: map(model.decode, drawn.split(model.batch))  # type: ignore[misc]
    codes = codes_of(model, unseen, seed)
    left, right = pairs(len(codes), n, seed)
    for name, path in PATHS.items():
        middle = path(codes[left], codes[right], 0.5)
        yield f"interpolation, {name}", None, lambda m=middle: map(model.decode, m.split(model.batch))  # type: ignore[misc]


def _protocol(row: str, data: Data, features: Features, part: Reference, real: Sample, seed: int) -> Protocol:
    return Protocol(
        row,
        real.n,
        reference=part,
        n_reference=real.n,
        features=features.name,
        seed=seed,
        data=data.spec.name,
        fingerprint=data.fingerprint,
    )


def _progress(batches: Iterable[Tensor], label: str, n: int, show: bool) -> Iterable[Tensor]:
    console = Console(stderr=True)
    hidden = not (show and console.is_terminal)
    return track(batches, label, total=-(-n // 500), console=console, disable=hidden, transient=True)
