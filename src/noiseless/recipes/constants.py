"""The papers' latent dimensions and epochs for each data set, and whose constants are used for other data.

The papers use MNIST, CIFAR-10 and CelebA. Other data get the constants of the most similar of these: mnist for grey
images, vectors and strings, celeba for images above 48 pixels, cifar10 for the rest.
"""

from __future__ import annotations

from typing import Literal

from noiseless.values import Spec

__all__ = ["DISCREPANCY", "EPOCHS", "LATENT", "Constants", "constants_for", "latent_of_strings"]

Constants = Literal["mnist", "cifar10", "celeba"]


LATENT: dict[str, int] = {"mnist": 16, "cifar10": 128, "celeba": 64}
"""The papers' latent dimensions, d."""


EPOCHS: dict[str, int] = {"mnist": 100, "cifar10": 100, "celeba": 70}


DISCREPANCY: dict[str, float] = {"mnist": 0.03, "cifar10": 0.006, "celeba": 100 / 0.05 / 12288}
"""The weight of wae-mmd's discrepancy in the code of Ghosh et al., relative to N. Their reconstruction is a mean over
pixels, and on CelebA 0.05 times the sum."""


def constants_for(spec: Spec, constants: Constants | None) -> str:
    """The data set whose constants are used: the requested one, the data themselves, or the most similar one."""
    name = constants or ("mnist" if spec.name == "fashion-mnist" else spec.name)
    if name in LATENT:
        return name
    if not spec.is_image or spec.shape[0] == 1:
        return "mnist"
    return "celeba" if max(spec.shape[1:]) > 48 else "cifar10"


def latent_of_strings(spec: Spec) -> int:
    """GrammarVAE's latent dimension for expressions or, for long strings, for molecules."""
    return 56 if spec.is_long else 25
