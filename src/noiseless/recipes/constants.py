"""The papers' latent dimensions and epochs for each data set, and whose constants are used for other data.

The papers use MNIST, CIFAR-10 and CelebA. Other data get the constants of the most similar of these: mnist for grey
images, vectors and strings, celeba for images above 48 pixels, cifar10 for the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from noiseless import registry
from noiseless.values import Spec

__all__ = [
    "DISCREPANCY",
    "EPOCHS",
    "LATENT",
    "Constants",
    "PublishedSizes",
    "constants_for",
    "latent_of_strings",
    "sizes_of",
]

Constants = Literal["mnist", "cifar10", "celeba"]


LATENT: dict[str, int] = {"mnist": 16, "cifar10": 128, "celeba": 64}
"""The papers' latent dimensions, d."""


EPOCHS: dict[str, int] = {"mnist": 100, "cifar10": 100, "celeba": 70}


DISCREPANCY: dict[str, float] = {"mnist": 0.03, "cifar10": 0.006, "celeba": 100 / 0.05 / 12288}
"""The weight of wae-mmd's discrepancy in the code of Ghosh et al., relative to N. Their reconstruction is a mean over
pixels, and on CelebA 0.05 times the sum."""


class PublishedSizes(ABC):
    """How the constants that the papers publish for images apply to a kind of data.

    Attributes:
        published: whether weights and learning rates are published for such data.
    """

    published: ClassVar[bool]

    @abstractmethod
    def nearest(self, spec: Spec) -> str:
        """The paper's data set that is most similar to the data."""

    @abstractmethod
    def latent_dim(self, spec: Spec, published: int) -> int:
        """The latent dimension, given the one ``published`` for the most similar data set."""

    @abstractmethod
    def averaged(self, spec: Spec) -> int:
        """The number of values over which the authors' code averages where we sum."""

    @abstractmethod
    def channels(self, spec: Spec) -> int:
        """The channels of an image, over which some authors' code averages; 1 for other data."""

    @abstractmethod
    def perceptrons(self, spec: Spec) -> bool:
        """Whether papers train perceptrons on such data: on vectors, and on grey images up to 28 pixels."""


def sizes_of(spec: Spec) -> PublishedSizes:
    """The published sizes for the kind of data that ``spec`` describes."""
    found: PublishedSizes = registry.modality(spec.modality)
    return found


def constants_for(spec: Spec, constants: Constants | None) -> str:
    """The data set whose constants are used: the requested one, the data themselves, or the most similar one."""
    name = constants or ("mnist" if spec.name == "fashion-mnist" else spec.name)
    return name if name in LATENT else sizes_of(spec).nearest(spec)


def latent_of_strings(spec: Spec) -> int:
    """GrammarVAE's latent dimension for expressions or, for long strings, for molecules."""
    return 56 if spec.is_long else 25
