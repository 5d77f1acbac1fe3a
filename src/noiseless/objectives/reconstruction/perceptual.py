r"""Perceptual distances between images, computed from the activations of a classification network.

.. math:: d(y, x) = \sum_l \frac1{H_l W_l} \sum_{ij} \big\| w_l \odot (\hat f^l_{ij}(y) - \hat f^l_{ij}(x)) \big\|_2^2,
    \qquad \hat f^l_{ij} = f^l_{ij} / \|f^l_{ij}\|_2

with activations :math:`f^l` of a frozen network, normalised at every pixel. ``lpips`` is the published distance: five
activations of AlexNet with channel weights :math:`w_l^2` that were fitted to human judgements
(:mod:`noiseless.objectives.reconstruction.lpips`). ``efficientnet`` is ours: the outputs of five stages of
EfficientNet-Lite0, whose weights come with this library, and :math:`w_l = 1 / \sqrt 5`.

Like all reconstruction terms, it is scaled as a sum over the N values of an example: N times the distance, as if that
were a mean over pixels. The weights of other terms therefore keep their order of magnitude, but not their exact
meaning.

**Evaluating a model under EfficientNet's features is biased in its favour if it was trained on them**: such evaluations
say so and add a second feature space (:mod:`noiseless.evaluation.distances`).

Source: The unreasonable effectiveness of deep features as a perceptual metric (Zhang, Isola, Efros, Shechtman, Wang,
CVPR 2018), https://arxiv.org/abs/1801.03924.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.objectives.reconstruction.term import Reconstruction

__all__ = ["RECONSTRUCTIONS", "Perceptual", "distance", "trained_on"]

STAGES = (0, 1, 2, 4, 6)
"""The last of EfficientNet-Lite0's seven stages at each resolution, strides 2, 4, 8, 16 and 32."""
EPSILON = 1e-10


def distance(left: Sequence[Tensor], right: Sequence[Tensor], weights: Sequence[Tensor]) -> Float[Tensor, " b"]:
    """The distance of each pair, from its activations.

    Arguments:
        left, right: activations (b, c, h, w) of the same layers.
        weights: the weights of each layer's squared channel differences, (c,).
    """
    parts = []
    for a, b, weight in zip(left, right, weights, strict=True):
        difference = _unit(a) - _unit(b)
        parts.append((difference.square() * weight.to(difference).view(-1, 1, 1)).sum(1).mean((1, 2)))
    return torch.stack(parts).sum(0)


def _unit(f: Tensor) -> Tensor:
    f = f.float() if f.dtype == torch.bfloat16 else f
    return f / (f.square().sum(1, keepdim=True) + EPSILON).sqrt()


class Perceptual:
    """A perceptual distance as a reconstruction term; the network is not registered as a submodule.

    Arguments:
        features: the name of the network among the features of evaluations.
        network: maps normalised images to activations; frozen.
        weights: the weights of each activation's squared channel differences.
        side: the side to which images are resized, bilinearly.
        mean, std: normalisation of images in [0, 1].
    """

    def __init__(
        self,
        features: str,
        network: Callable[[Tensor], list[Tensor]],
        weights: Sequence[Tensor],
        side: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self.features, self.weights, self.side = features, weights, side
        self._network, self._mean, self._std = network, torch.tensor(mean), torch.tensor(std)
        self._copies: dict[tuple[torch.device, torch.dtype], Callable[[Tensor], list[Tensor]]] = {}

    def __deepcopy__(self, memo: Any) -> Perceptual:
        return self  # frozen, so a moving average of the weights can share it

    def __call__(self, y: Float[Tensor, "b ..."], x: Float[Tensor, "b ..."]) -> Float[Tensor, ""]:
        """N times the mean over the batch.

        Raises:
            InputError: images have neither one nor three channels.
        """
        if y.ndim != 4 or y.shape[1] not in (1, 3):
            raise InputError(
                f"a perceptual distance is for images of 1 or 3 channels, not for data {tuple(y.shape[1:])}"
            )
        with torch.no_grad():
            right = self._activations(x)
        return x[0].numel() * distance(self._activations(y), right, self.weights).mean()

    def _activations(self, x: Tensor) -> list[Tensor]:
        key = (x.device, x.dtype)
        if key not in self._copies:
            network = self._network
            self._copies[key] = copy.deepcopy(network).to(*key) if isinstance(network, nn.Module) else network
        if tuple(x.shape[2:]) != (self.side, self.side):
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", align_corners=False)
        mean, std = (v.to(x).view(-1, 1, 1) for v in (self._mean, self._std))
        return self._copies[key]((x.expand(-1, 3, -1, -1) - mean) / std)


def trained_on(reconstruction: Reconstruction | None) -> str | None:
    """The features that this term uses, under which evaluations are biased; None for most terms."""
    return reconstruction.features if isinstance(reconstruction, Perceptual) else None


class _Stages(nn.Module):
    """The chosen stages of EfficientNet-Lite0."""

    def __init__(self) -> None:
        from noiseless.nn.efficientnet import pretrained

        super().__init__()
        self.network = pretrained()

    def forward(self, x: Tensor) -> list[Tensor]:
        found = self.network.stages(x)
        return [found[k] for k in STAGES]


def efficientnet(side: float = 64.0) -> Perceptual:
    """Perceptual distance by five stages of EfficientNet-Lite0 (efficientnet:128 for images at 128x128); offline."""
    if side != int(side) or side < 32 or side % 32:
        raise InputError(
            f"the reconstruction 'efficientnet' takes a side that is a multiple of 32 pixels, not {side:g}"
        )
    from noiseless.nn.efficientnet import STAGES as shapes

    weights = [torch.full((shapes[k][-1],), 1 / len(STAGES)) for k in STAGES]
    normal = ([127 / 255] * 3, [128 / 255] * 3)
    return Perceptual("efficientnet-lite0", _Stages(), weights, int(side), *normal)


RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]] = {"efficientnet": efficientnet}
