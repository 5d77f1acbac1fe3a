r"""All metrics at once: the row of a table for two samples.

A metric has two functions,

* ``measure(real, fake, seed) -> {column: number or None}``, a pure function of the two samples and the seed; None is a
  blank, because the metric does not apply or there are too few examples;
* ``cautions(real, fake) -> [sentence]``, caveats about these numbers or blanks.

A module that has columns says in ``KEYS`` what each of them means, in a line that is shown below tables.

Every module of this package that has them is a metric, and all of these are measured. Further metrics are chosen as
objects, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.metrics`` (:mod:`noiseless.registry`). The
chosen object is a function ``measure``, an object with a method ``measure`` and optionally ``cautions``, or a class or
function that builds one of these and needs no arguments.

Work that concerns the real set alone is done once for all rows of a table, because every metric asks for it by
:meth:`noiseless.metrics.Sample.once`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from noiseless.errors import InputError, RunError
from noiseless.metrics.sample import Sample
from noiseless.registry import Kind, modules

__all__ = ["METRIC", "Measure", "Metric", "build_metric", "measure_all", "measures", "metric_names", "warnings"]

Measure = Callable[[Sample, Sample, int], dict[str, float | None]]


def _silent(_: Sample, __: Sample) -> list[str]:
    return []


@dataclass(frozen=True)
class Metric:
    """A metric in addition to those of the package.

    Arguments:
        name: its name in results.
        measure, cautions: as described in the module's docstring.
    """

    name: str
    measure: Measure
    cautions: Callable[[Sample, Sample], list[str]] = _silent


def measures() -> list[Measure]:
    """The function ``measure`` of every metric, in the order of the modules' names."""
    return [module.measure for module in _metrics().values()]


def measure_all(real: Sample, fake: Sample, seed: int, more: Sequence[Metric] = ()) -> dict[str, float | None]:
    r"""The columns of all metrics; always the same columns for the same metrics.

    Arguments:
        real: the reference; reuse it for the next row, because it caches what has been derived from it.
        fake: the sample to evaluate.
        seed: a non-negative number that seeds every random choice; the columns are a function of the samples and the
            seed.
        more: further metrics.

    Raises:
        InputError: a side has fewer than 2 examples, the sides have different features, or two metrics have a column of
            the same name.
        RunError: a further metric fails.
    """
    _check(real, fake)
    found = {column: value for measure in measures() for column, value in measure(real, fake, seed).items()}
    for metric in more:
        columns = _measured(metric, real, fake, seed)
        if columns.keys() & found.keys():
            twice = sorted(columns.keys() & found.keys())[0]
            raise InputError(f"the metric {metric.name} has the column {twice!r}, which another metric has; rename it")
        found |= columns
    return {column: None if value is None else float(value) for column, value in found.items()}


def warnings(real: Sample, fake: Sample, more: Sequence[Metric] = ()) -> list[str]:
    """What a reader of the numbers of :func:`measure_all` has to know."""
    cautions = [*(module.cautions for module in _metrics().values()), *(metric.cautions for metric in more)]
    return [sentence for caution in cautions for sentence in caution(real, fake)]


def build_metric(chosen: object) -> Metric:
    """A further metric.

    Arguments:
        chosen: your own ``MODULE:NAME``, the name of a metric of an installed package, or the object.

    Raises:
        InputError: it does not exist or is not a metric.
    """
    part = METRIC.find(chosen)
    if not part.own:
        raise InputError(f"the metric {part.name} is always measured; leave it out")
    metric = part.instance()
    measure = getattr(metric, "measure", metric)
    if not callable(measure):
        raise InputError(f"the metric {part.name} is a {type(metric).__name__}; expected measure(real, fake, seed)")
    return Metric(part.name, measure, getattr(metric, "cautions", _silent))


def metric_names() -> dict[str, str]:
    """The metrics of the package, each with a description."""
    return {name: (module.__doc__ or name).strip().splitlines()[0] for name, module in _metrics().items()}


def _measured(metric: Metric, real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:
    try:
        columns = metric.measure(real, fake, seed)
        return {str(column): None if value is None else float(value) for column, value in columns.items()}
    except Exception as error:  # the user's metric may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise RunError(f"the metric {metric.name} failed, or did not return numbers by column ({reason})") from error


@cache
def _metrics() -> dict[str, ModuleType]:
    found = [module for module in modules("noiseless.metrics") if "measure" in vars(module)]
    return {module.__name__.rpartition(".")[2].replace("_", "-"): module for module in found}


METRIC = Kind("metric", "noiseless.metrics", lambda: _metrics())
"""How metrics are found."""


def _check(real: Sample, fake: Sample) -> None:
    for side, sample in (("reference", real), ("sample", fake)):
        if sample.n < 2:
            raise InputError(f"distances need at least 2 examples, and the {side} has {sample.n}")
    if real.size != fake.size:
        raise InputError(f"the reference has {real.size} features and the sample {fake.size}; use the same for both")
