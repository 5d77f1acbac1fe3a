"""Vectors: perceptrons, distances between standardised vectors, arrays as files, scatter plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from noiseless import data as datasets
from noiseless import metrics
from noiseless.autoencoder.networks import Factories, Networks, perceptrons
from noiseless.data import Data, intensities
from noiseless.data.intake import called
from noiseless.data.items import to_numpy
from noiseless.densities import DENSITY
from noiseless.errors import InputError
from noiseless.evaluation import distances
from noiseless.evaluation.results import Reference, Result
from noiseless.files import slug
from noiseless.metrics import Features, Metric
from noiseless.modalities.modality import Modality
from noiseless.model import Model
from noiseless.model.decoding import Made
from noiseless.registry import Choice
from noiseless.show import plots
from noiseless.show.export import Drawn, Paths, refuse_existing, write_array
from noiseless.values import Spec

__all__ = ["MODALITIES"]


@final
class Vectors(Modality):
    """Rows of numbers in any range, standardised on the training part."""

    unit, example, ending = "vectors", "synthetic", "npy"
    features = ("identity", "raw")
    pixels, discrete, published = False, False, True
    nets, inputs = ("mlp",), "vectors"

    def described(self, spec: Spec) -> str:
        return f"vectors of {spec.shape[0]}"

    def arranged(self, raw: Tensor, spec: Spec) -> Tensor:
        return raw

    def stored(self, raw: Tensor, spec: Spec) -> Tensor:
        vectors = raw if raw.is_floating_point() else raw.double()
        intensities.extent("the array given", to_numpy(vectors))
        large = int((~vectors.float().isfinite()).any(1).sum())
        if large:
            raise InputError(f"{large} of {len(vectors)} data are too large for float32")
        return vectors

    def read(self, source: str, spec: Spec) -> np.ndarray | None:
        return None

    def default_net(self, spec: Spec) -> str:
        return "mlp"

    def factories(self, net: str, spec: Spec, networks: Networks, logits: bool) -> Factories:
        return perceptrons(networks, logits)

    def nearest(self, spec: Spec) -> str:
        return "mnist"

    def latent_dim(self, spec: Spec, published: int) -> int:
        return min(published, spec.size)

    def averaged(self, spec: Spec) -> int:
        return spec.size

    def channels(self, spec: Spec) -> int:
        return 1

    def perceptrons(self, spec: Spec) -> bool:
        return True

    def decoded(self, model: Model, codes: Tensor, generator: torch.Generator | None = None) -> Made:
        return model.decode(codes)

    def remarks(self, made: Made, model: Model, sampled: bool) -> list[str]:
        return []

    def check_place(self, path: Path, spec: Spec, count: int, overwrite: bool, folders: bool) -> None:
        refuse_existing(path, overwrite)
        if path.suffix != ".npy":
            raise InputError(f"{spec.name} are vectors, which are written as .npy, not as {path}")

    def save(self, drawn: Drawn, spec: Spec, path: Path, overwrite: bool) -> Path:
        self.check_place(path, spec, len(drawn), overwrite, folders=True)
        return write_array(drawn, path)

    def save_paths(self, drawn: Paths, spec: Spec, path: Path, overwrite: bool) -> Path:
        self.check_place(path, spec, len(drawn), overwrite, folders=False)
        return write_array(drawn, path)

    def draw(self, model: Model, data: Data, names: Iterable[Choice], folder: Path) -> None:
        """Samples alone, each beside real data."""
        for density in names:
            path = folder / f"samples-{slug(DENSITY.find(density).name)}.png"
            _scatter(model.sample(100, density), data, path)

    def snapshot(self, model: Model, data: Data, codes: Tensor, path: Path) -> None:
        _scatter(model.decode(codes), data, path)

    def has_tiles(self, spec: Spec) -> bool:
        return False

    def tiles(self, model: Model, chosen: Choice) -> Tensor:
        raise InputError(f"{model.spec.name} are vectors, which have no pictures")

    def rows(
        self,
        model: Model,
        data: Data,
        names: Sequence[Choice],
        features: Features | None,
        *,
        n: int = 10_000,
        part: Reference = "test",
        seed: int = 0,
        more: Sequence[Metric] = (),
        show: bool = True,
    ) -> list[Result]:
        chosen = features or metrics.build(self.features[0], data.spec)
        return distances.evaluate(model, data, names, chosen, n=n, part=part, seed=seed, more=more, show=show)

    def rows_of_samples(
        self,
        source: object,
        data: Data,
        features: Features | None,
        *,
        size: int | None = None,
        n: int = 10_000,
        part: Reference = "test",
        seed: int = 0,
        more: Sequence[Metric] = (),
    ) -> list[Result]:
        chosen, read = features or metrics.build(self.features[0], data.spec), datasets.read(source, size=size)
        samples = datasets.alike(read, data.spec, "the reference")
        about: Any = {
            "source": called(source),
            "n": n,
            "part": part,
            "seed": seed,
            "more": more,
            "notes": samples.notes,
        }
        return distances.evaluate_samples(samples.array, data, chosen, **about)


def _scatter(drawn: Tensor, data: Data, path: Path) -> None:
    """Beside real data, standardised so that no column hides the others; training data where one alone is held out."""
    part = data.test if len(data.test) > 1 else data.train
    real = torch.from_numpy(part.some(1000))
    plots.vectors(data.spec.normalise(real), {"generated": data.spec.normalise(drawn)}, path)


MODALITIES = {"vectors": Vectors()}
