"""Images: convolutional networks, distances between features, grids and folders of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from PIL import Image
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
from noiseless.files import atomic_write, slug
from noiseless.metrics import Features, Metric
from noiseless.modalities.modality import Modality
from noiseless.model import Model
from noiseless.model.decoding import Made
from noiseless.model.interpolation import PATHS
from noiseless.nn.conv import LARGE, SMALL, ConvDecoder, ConvEncoder, padded
from noiseless.registry import Choice
from noiseless.show import grids
from noiseless.show.export import Drawn, Paths, refuse_existing, write_array
from noiseless.values import Spec

__all__ = ["MODALITIES"]

MOST_TILES = 10_000
"""Images in one picture."""


@final
class Images(Modality):
    """Images (C, H, W) in [0, 1]."""

    unit, example, ending = "images", "digits", "png"
    features = ("efficientnet", "inception", "pixels")
    pixels, discrete, published = True, False, True
    nets, inputs = ("conv-small", "conv-large", "mlp"), "images"

    def described(self, spec: Spec) -> str:
        return f"images of {'x'.join(map(str, spec.shape))}"

    def arranged(self, raw: Tensor, spec: Spec) -> Tensor:
        """(N, H, W) and (N, H, W, C) as (N, C, H, W)."""
        shape = spec.shape
        if raw.ndim == 3 and raw.shape[1:] == shape[1:] and shape[0] == 1:
            raw = raw[:, None]
        if raw.ndim == 4 and raw.shape[1:] == (*shape[1:], shape[0]) != shape:
            raw = raw.movedim(3, 1)
        return raw

    def stored(self, raw: Tensor, spec: Spec) -> Tensor:
        return torch.from_numpy(intensities.stored("the array given", to_numpy(raw)))

    def read(self, source: str, spec: Spec) -> np.ndarray | None:
        return None

    def default_net(self, spec: Spec) -> str:
        return "conv-small" if max(spec.shape[1:]) <= 48 else "conv-large"

    def factories(self, net: str, spec: Spec, networks: Networks, logits: bool) -> Factories:
        if net == "mlp":
            return perceptrons(networks, logits)
        architecture, depth = (SMALL if net == "conv-small" else LARGE), networks.depth or 1
        given: dict[str, Any] = {"width": networks.width, "architecture": architecture, "depth": depth}
        return partial(ConvEncoder, **given), partial(ConvDecoder, **given, logits=logits)

    def nearest(self, spec: Spec) -> str:
        if spec.shape[0] == 1:
            return "mnist"
        return "celeba" if max(spec.shape[1:]) > 48 else "cifar10"

    def latent_dim(self, spec: Spec, published: int) -> int:
        return min(published, spec.size)

    def averaged(self, spec: Spec) -> int:
        """With the border that the authors pad images with."""
        return spec.shape[0] * math.prod(padded(spec.shape))

    def channels(self, spec: Spec) -> int:
        return spec.shape[0]

    def perceptrons(self, spec: Spec) -> bool:
        return max(spec.shape) <= 28 and spec.shape[0] == 1

    def decoded(self, model: Model, codes: Tensor, generator: torch.Generator | None = None) -> Made:
        return model.decode(codes)

    def remarks(self, made: Made, model: Model, sampled: bool) -> list[str]:
        return []

    def check_place(self, path: Path, spec: Spec, count: int, overwrite: bool, folders: bool) -> None:
        refuse_existing(path, overwrite)
        if path.suffix == ".npy":
            return
        if path.suffix == ".png" and count > MOST_TILES:
            raise InputError(f"{count} images are too many for one picture; write a .npy file or a folder (out=)")
        if path.suffix == ".png":
            return
        if path.suffix or not folders:
            kinds = "a .npy or .png file, or a folder (no ending)" if folders else "a .npy or .png file"
            raise InputError(f"out={path} cannot be written; expected {kinds}")
        if spec.shape[0] not in (1, 3):
            raise InputError(f"images of {spec.shape[0]} channels cannot be PNG files; write them as .npy")

    def save(self, drawn: Drawn, spec: Spec, path: Path, overwrite: bool) -> Path:
        self.check_place(path, spec, len(drawn), overwrite, folders=True)
        if path.suffix == ".npy":
            return write_array(drawn, path)
        images = torch.as_tensor(drawn)
        return grids.grid(images, path) if path.suffix == ".png" else _folder(images, spec, path)

    def save_paths(self, drawn: Paths, spec: Spec, path: Path, overwrite: bool) -> Path:
        self.check_place(path, spec, len(drawn), overwrite, folders=False)
        if path.suffix == ".png":
            return grids.interpolations(torch.as_tensor(drawn), path)
        return write_array(drawn, path)

    def draw(self, model: Model, data: Data, names: Iterable[Choice], folder: Path) -> None:
        shown = data.test.some(16)
        codes, half = model.encoded(shown), len(shown) // 2  # once: a search for codes is slow
        originals = model.spec.normalise(torch.from_numpy(shown))
        grids.reconstructions(originals, model.decode(codes), folder / "reconstructions.png")
        _interpolations(model, codes[:half], codes[half : 2 * half], folder)
        for density in names:
            name = DENSITY.find(density).name
            path = folder / f"samples-{slug(name)}.png"
            grids.grid(model.sample(100, density), path, title=f"samples, {name}")

    def snapshot(self, model: Model, data: Data, codes: Tensor, path: Path) -> None:
        grids.grid(model.decode(codes), path, title="samples, gaussian")

    def has_tiles(self, spec: Spec) -> bool:
        return True

    def tiles(self, model: Model, chosen: Choice) -> Tensor:
        return model.sample(12, chosen)

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


def _folder(images: Tensor, spec: Spec, path: Path) -> Path:
    pixels = grids.to_bytes(images).numpy()
    with atomic_write(path) as part:
        part.mkdir()
        for k, image in enumerate(pixels):
            Image.fromarray(image[..., 0] if spec.shape[0] == 1 else image).save(part / f"{k:06d}.png")
    return path


def _interpolations(model: Model, a: Tensor, b: Tensor, folder: Path) -> None:
    """Decoded paths from the codes ``a`` to the codes ``b``, a picture for each kind of path."""
    for name in PATHS if len(a) else ():
        z = model.between(a, b, 8, name)
        images = model.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        grids.interpolations(images, folder / f"interpolation-{name}.png")


MODALITIES = {"images": Images()}
