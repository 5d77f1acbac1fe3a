r"""All metrics at once: the row of a table for two samples.

A metric is a module of this package with two functions,

* ``measure(real, fake, seed) -> {column: number or None}``, a pure function of the two samples and the seed; None is a
  blank, because the metric does not apply or there are too few examples;
* ``cautions(real, fake) -> [sentence]``, what a reader has to know about these numbers or blanks.

Metrics are discovered in this package, so a new metric is one new file and there is no list to maintain. Work on the
real set alone is done once for all rows of a table, because every metric requests it through
:meth:`noiseless.metrics.Sample.once`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType

from noiseless.errors import InputError
from noiseless.metrics.sample import Sample
from noiseless.registry import modules

__all__ = ["Measure", "measure_all", "measures", "warnings"]

Measure = Callable[[Sample, Sample, int], dict[str, float | None]]


def measures() -> list[Measure]:
    """The function ``measure`` of every metric, in the order of the modules' names."""
    return [module.measure for module in _metrics()]


def measure_all(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:
    r"""The columns of all metrics; always the same columns.

    Arguments:
        real: the reference; reuse it for the next row, because it caches what has been derived from it.
        fake: the sample to evaluate.
        seed: a non-negative number that seeds every random choice; the columns are a function of the samples and the
            seed.

    Raises:
        InputError: a side has fewer than 2 examples, or the sides have different features.
    """
    _check(real, fake)
    found = {column: value for measure in measures() for column, value in measure(real, fake, seed).items()}
    return {column: None if value is None else float(value) for column, value in found.items()}


def warnings(real: Sample, fake: Sample) -> list[str]:
    """What a reader of the numbers of :func:`measure_all` has to know."""
    return [caution for module in _metrics() for caution in module.cautions(real, fake)]


@cache
def _metrics() -> tuple[ModuleType, ...]:
    return tuple(module for module in modules("noiseless.metrics") if "measure" in vars(module))


def _check(real: Sample, fake: Sample) -> None:
    for side, sample in (("reference", real), ("sample", fake)):
        if sample.n < 2:
            raise InputError(f"distances need at least 2 examples, and the {side} has {sample.n}")
    if real.size != fake.size:
        raise InputError(f"the reference has {real.size} features and the sample {fake.size}; use the same for both")
