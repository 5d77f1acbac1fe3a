"""What the recipes share: the papers' sizes for each data set, and how an autoencoder and its terms become a method.

The papers measure on MNIST, CIFAR-10 and CelebA. Where the data are none of these, the constants of the nearest kind
are taken: mnist for grey images and vectors, celeba for images above 48 pixels, cifar10 for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from noiseless import reconstruction as reconstructions
from noiseless.autoencoder import Autoencoder, Networks, build
from noiseless.bottlenecks.core import Bottleneck
from noiseless.bottlenecks.point import Deterministic
from noiseless.objectives.core import Optimiser, Regularised, Term
from noiseless.recipes.core import Method
from noiseless.reconstruction import Reconstruction
from noiseless.training import Training
from noiseless.values import Spec

__all__ = ["LATENT", "Constants", "Frame", "constants_for", "frame"]

Constants = Literal["mnist", "cifar10", "celeba"]

LATENT: dict[str, int] = {"mnist": 16, "cifar10": 128, "celeba": 64}
"""The papers' latent sizes, d."""

EPOCHS: dict[str, int] = {"mnist": 100, "cifar10": 100, "celeba": 70}


def constants_for(spec: Spec, constants: Constants | None) -> str:
    """The paper's data set whose constants are taken: the one asked for, the data's own, or the nearest kind."""
    name = constants or ("mnist" if spec.name == "fashion-mnist" else spec.name)
    if name in LATENT:
        return name
    if not spec.is_image or spec.shape[0] == 1:
        return "mnist"
    return "celeba" if max(spec.shape[1:]) > 48 else "cifar10"


@dataclass(frozen=True)
class Frame:
    """A method's parts before its terms.

    Arguments:
        spec: what a datum looks like.
        constants: the paper's data set whose constants are taken.
        autoencoder: with the method's bottleneck.
        reconstruction: the distance of outputs to data.
        optimiser: the user's choice of it.
    """

    spec: Spec
    constants: str
    autoencoder: Autoencoder
    reconstruction: Reconstruction
    optimiser: Optimiser

    @property
    def epochs(self) -> int:
        """The papers' epochs."""
        return EPOCHS[self.constants]

    def training(self, **given: int | str | float | None) -> Training:
        """The papers' training, with what is `given` and not None in its place."""
        settings = {"epochs": self.epochs, "batch": 100, "schedule": "plateau"}
        return Training(**settings | {key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]

    def regularised(
        self,
        terms: dict[str, Term],
        lr: float,
        training: Training | None = None,
        densities: tuple[str, ...] = ("gmm", "gaussian", "normal"),
        notes: tuple[str, ...] = (),
    ) -> Method:
        """The method that adds `terms` to the reconstruction."""
        objective = Regularised(self.autoencoder, self.reconstruction, terms, lambda p: self.optimiser.build(p, lr))
        return Method(objective, training or self.training(), densities, notes)


def frame(
    spec: Spec,
    networks: Networks,
    optimiser: Optimiser,
    constants: Constants | None,
    reconstruction: str,
    bottleneck: Callable[[int], Bottleneck] = Deterministic,
) -> Frame:
    """The parts that the arguments of a recipe ask for.

    Arguments:
        spec, networks, optimiser, constants, reconstruction: the recipe's.
        bottleneck: makes the bottleneck for a latent size.
    """
    name = constants_for(spec, constants)
    distance = reconstructions.build(reconstruction, spec)
    latent = networks.latent or min(LATENT[name], spec.size)
    autoencoder = build(spec, networks, bottleneck(latent), distance.logits)
    return Frame(spec, name, autoencoder, distance.of, optimiser)
