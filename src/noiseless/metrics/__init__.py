r"""Distances between real and generated data: a feature map, then pure functions of two feature matrices.

>>> import torch
>>> from noiseless.values import Spec
>>> phi = build("identity", Spec("two moons", (2,)))
>>> real, fake = phi(torch.randn(100, 2)), phi(torch.randn(100, 2))
>>> sorted(measure_all(real, fake, seed=0))
['f1/8', 'f8', 'fd', 'kid', 'kid std', 'precision', 'recall', 'score']
"""

from noiseless.metrics.features import FEATURES, Features, build, eight_bit, names
from noiseless.metrics.measure import (
    METRIC,
    Measure,
    Metric,
    build_metric,
    measure_all,
    measures,
    metric_names,
    warnings,
)
from noiseless.metrics.sample import Sample

__all__ = [
    "FEATURES",
    "METRIC",
    "Features",
    "Measure",
    "Metric",
    "Sample",
    "build",
    "build_metric",
    "eight_bit",
    "measure_all",
    "measures",
    "metric_names",
    "names",
    "warnings",
]
