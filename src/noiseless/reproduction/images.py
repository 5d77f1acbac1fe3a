"""What is asked of a study of images or vectors, which are judged by Fréchet distances.

Two scales are offered. ``paper`` trains the papers' networks for their epochs; ``small`` trains narrow ones for 1,200
steps of 100, which shows on a few CPU cores what is better than what, and no more. Its rate is the same for all methods
(a VAE's published one, 1e-4, would not get far in so few steps) and halved every 500 steps, since at a constant one the
running moments of the batch norms lag behind so short a run, and distances of runs of equal loss then differ by tens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from noiseless import data as datasets
from noiseless.data import Data, modality
from noiseless.errors import InputError
from noiseless.recipes.constants import Constants
from noiseless.registry import is_named
from noiseless.reproduction.request import Request, Scale, check
from noiseless.training import Training

__all__ = ["SCALES", "ImageRequest"]

SCALES = {
    "small": Scale(16, 1200, 2500, 96, "second-stage:width=256,steps=3000", 5e-4, "exponential", 0.5, 500, 100),
    "paper": Scale(128, None, 10_000),
}
INCIDENTAL = {"device", "precision", "threads", "compile", "deterministic", "batch_norm", "track"}
INCIDENTAL |= {"log_every", "checkpoint_every", "pictures_every"}
"""Settings of training in which runs of one line may differ."""


@dataclass(frozen=True)
class ImageRequest(Request):
    """What is asked of a study of images or vectors.

    Arguments:
        data: A data set's name, a folder, an archive, a .npy or .npz file, or MODULE:NAME.
        scale: small: narrow networks, 1,200 steps of 100 or the study's own, and n = 2,500; paper: the papers' networks
            and epochs, n = 10,000.
        constants: Take the constants that the papers have for this data set, and show its published numbers.
        size: Crop images to squares and resize them to this many pixels a side.
        steps: Updates, instead of the scale's value; at small the rate falls over them as it does over 1,200.
        width: Channels of the first convolution, instead of the scale's value.
        n: Data in each row and in the reference, instead of the scale's value.
        features: One of noiseless list features. Default: efficientnet for images, identity for vectors.
    """

    example: ClassVar[str] = "--data mnist"
    forgiven: ClassVar[tuple[type[Exception], ...]] = (InputError, RuntimeError)
    draws: ClassVar[bool] = False

    data: str
    scale: Literal["small", "paper"] = "small"
    constants: Constants | None = None
    size: int | None = None
    steps: int | None = None
    width: int | None = None
    n: int | None = None
    features: str | None = None

    def __post_init__(self) -> None:
        check(self, "steps", "width", "n")

    @property
    def data_name(self) -> str:
        """What the data are called in the names of files."""
        if self.data in datasets.names():
            return self.data
        if is_named(self.data):
            return self.data.split(":")[1]
        return re.sub(r"[^\w-]+", "-", Path(self.data).resolve().name.partition(".")[0])

    @property
    def setting(self) -> Scale:
        """The scale, with the request's overrides."""
        scale = SCALES[self.scale]
        given = {name: getattr(self, name) for name in ("width", "steps", "n")}
        if self.steps is not None and scale.steps is not None and scale.validate_every is not None:
            given["validate_every"] = max(1, round(scale.validate_every * self.steps / scale.steps))
        return replace(scale, **{name: value for name, value in given.items() if value is not None})

    def source(self, recipe: str) -> str:  # noqa: ARG002
        """The data, which are the same for every recipe."""
        return self.data

    def load(self, source: str, seed: int) -> Data | str:
        """The data in the parts of a seed, or why a named data set is not at hand; what is no name is refused."""
        try:
            data = datasets.load(source, size=self.size, data_dir=self.data_dir, seed=seed)
        except InputError as error:
            if source not in datasets.names():
                raise
            return str(error).partition(";")[0]
        if not modality.of(data.spec).features:
            raise InputError(
                f"{data.spec.name} are {data.spec.modality}, whose table is noiseless reproduce rae-structured"
            )
        return data

    def terms(self) -> dict[str, Any]:
        """What all runs of a folder share."""
        terms = {"data": self.data_name, "size": self.size, "constants": self.constants}
        return terms | {"width": self.setting.width, "steps": self.setting.steps}

    def compared(self, training: Training) -> dict[str, Any]:
        """All settings but those of the machine."""
        return {name: value for name, value in vars(training).items() if name not in INCIDENTAL}
