r"""Distances between real and generated data: a feature map, then pure functions of two feature matrices.

>>> import torch
>>> from noiseless.values import Spec
>>> phi = build("identity", Spec("two moons", (2,)))
>>> real, fake = phi(torch.randn(100, 2)), phi(torch.randn(100, 2))
>>> sorted(measure_all(real, fake, seed=0))
['f1/8', 'f8', 'fd', 'kid', 'kid std', 'precision', 'recall', 'score']
"""

from noiseless.metrics.classifier_score import classifier_score
from noiseless.metrics.entropy import entropy
from noiseless.metrics.features import FEATURES, Features, build, eight_bit, names
from noiseless.metrics.frechet import frechet_distance
from noiseless.metrics.kernel import kernel_distance
from noiseless.metrics.latent import energy, latent_statistics, nac
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
from noiseless.metrics.prd import prd
from noiseless.metrics.precision_recall import precision_recall
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
    "classifier_score",
    "eight_bit",
    "energy",
    "entropy",
    "frechet_distance",
    "kernel_distance",
    "latent_statistics",
    "measure_all",
    "measures",
    "metric_names",
    "nac",
    "names",
    "prd",
    "precision_recall",
    "warnings",
]
