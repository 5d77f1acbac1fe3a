r"""All metrics at once: what makes a row of a table from two samples.

A metric is a module of this package with two functions,

* ``measure(real, fake, seed) -> {column: number or None}``, a pure function of the two samples and the seed, in which
  None is a blank: the metric does not apply, or there are too few data;
* ``cautions(real, fake) -> [sentence]``, what a reader has to know about these numbers or blanks.

Both are found by looking, so that a new metric is one new file and no list is kept. Work that concerns the real set
alone is done once for all rows of a table, because every metric asks for it by :meth:`noiseless.metrics.Sample.once`.
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
    r"""Every column of every metric, always the same columns.

    Arguments:
        real: the reference; keep it for the next row, for it remembers what has been derived from it.
        fake: what is judged.
        seed: a non-negative number that decides every random choice; the columns are a function of the samples and of
            it.

    Raises:
        InputError: a side has fewer than 2 data, or the sides have different features.
    """
    _check(real, fake)
    found = {column: value for measure in measures() for column, value in measure(real, fake, seed).items()}
    return {column: None if value is None else float(value) for column, value in found.items()}


def warnings(real: Sample, fake: Sample) -> list[str]:
    """What a reader of :func:`measure_all`'s numbers has to know."""
    return [caution for module in _metrics() for caution in module.cautions(real, fake)]


@cache
def _metrics() -> tuple[ModuleType, ...]:
    return tuple(module for module in modules("noiseless.metrics") if "measure" in vars(module))


def _check(real: Sample, fake: Sample) -> None:
    for side, sample in (("reference", real), ("sample", fake)):
        if sample.n < 2:
            raise InputError(f"distances need at least 2 data, and the {side} has {sample.n}")
    if real.size != fake.size:
        raise InputError(f"the reference has {real.size} features and the sample {fake.size}; use the same for both")
