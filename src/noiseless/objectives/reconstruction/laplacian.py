r"""The L1 distance between the Laplacian pyramids of two images, Lap1.

.. math:: L_{REC} = \sum_{j=0}^{J} 4^j \, \|L^j(x) - L^j(y)\|_1

with the bands :math:`L^j` of a pyramid: :math:`G^0 = x`, :math:`G^{j+1}` is :math:`G^j` smoothed by the binomial filter
(1, 4, 6, 4, 1) / 16 and subsampled by 2, :math:`L^j = G^j` minus :math:`G^{j+1}` enlarged bilinearly, and :math:`L^J =
G^J`. Band j has :math:`4^{-j}` of the pixels, for which its weight makes up. It asks for sharp edges more than the
squared error does, which prefers blurred ones where it is unsure of their place. For images that differ by a constant c
it is N c, as the L1 distance is; with J = 0 it is the L1 distance.

Sources: Optimizing the latent space of generative networks (Bojanowski, Joulin, Lopez-Paz, Szlam, ICML 2018), section
2, https://arxiv.org/abs/1707.05776; the distance is that of Ling and Okada (2006), the pyramid that of Burt and Adelson
(1983). Three levels, bilinear enlargement and repeated edges are this library's choice.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.objectives.reconstruction.term import Reconstruction

__all__ = ["RECONSTRUCTIONS", "Laplacian", "laplacian", "pyramid"]

FILTER = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def pyramid(x: Float[Tensor, "b c h w"], levels: int) -> list[Tensor]:
    """The bands of an image, the finest first, and what is left of it; fewer where a side gets down to 1 pixel.

    Arguments:
        x: images.
        levels: how often they are reduced, J.
    """
    bands: list[Tensor] = []
    while len(bands) < levels and min(x.shape[2:]) > 1:
        small = _reduced(x)
        bands.append(x - F.interpolate(small, x.shape[2:], mode="bilinear", align_corners=False))
        x = small
    return [*bands, x]


def _reduced(x: Tensor) -> Tensor:
    """Smoothed and subsampled by 2 along both axes."""
    kernel = torch.tensor(FILTER).to(x)
    kernel = (kernel[:, None] * kernel).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, stride=2, groups=x.shape[1])


class Laplacian:
    """The L1 distance of the pyramids.

    Arguments:
        levels: J, 0 or more.

    Raises:
        InputError: the number of levels is not a whole number of 0 or more.
    """

    def __init__(self, levels: float = 3.0) -> None:
        if levels != int(levels) or levels < 0:
            raise InputError(f"the reconstruction 'laplacian' takes a number of levels, 0 or more, not {levels:g}")
        self.levels = int(levels)

    def __call__(self, y: Float[Tensor, "b ..."], x: Float[Tensor, "b ..."]) -> Float[Tensor, ""]:
        """The mean over the batch.

        Raises:
            InputError: the data are no images.
        """
        if x.ndim != 4:
            raise InputError(
                f"the reconstruction 'laplacian' is for images, not for data of shape {tuple(x.shape[1:])}; use "
                "squared-error"
            )
        bands = pyramid(y - x, self.levels)  # the pyramid is linear
        return torch.stack([4**j * band.abs().sum() for j, band in enumerate(bands)]).sum() / len(x)


def laplacian(levels: float = 3.0) -> Reconstruction:
    """L1 distance of Laplacian pyramids of 3 levels (laplacian:J for J); for images."""
    return Laplacian(levels)


RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]] = {"laplacian": laplacian}
