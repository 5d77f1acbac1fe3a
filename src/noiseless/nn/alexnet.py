r"""The convolutional part of AlexNet, whose five activations LPIPS compares.

Five convolutions (11x11 of stride 4 to 64 channels, 5x5 to 192, 3x3 to 384, 256, 256), each followed by ReLU, with
3x3 max-pooling of stride 2 before the second and the third. LPIPS compares the five ReLU outputs.

Source: One weird trick for parallelizing convolutional neural networks (Krizhevsky, 2014),
https://arxiv.org/abs/1404.5997.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["CHANNELS", "AlexNet"]

CHANNELS = (64, 192, 384, 256, 256)


class AlexNet(nn.Module):
    """Maps normalised images to five activations; parameter names as in torchvision's file, without the classifier."""

    def __init__(self) -> None:
        super().__init__()
        shapes = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
        layers: list[nn.Module] = []
        for k, (c_in, c_out, kernel, stride, padding) in enumerate(shapes):
            layers += [nn.MaxPool2d(3, 2)] if k in (1, 2) else []
            layers += [nn.Conv2d(c_in, c_out, kernel, stride, padding), nn.ReLU()]
        self.features = nn.Sequential(*layers)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """The five activations, with 64, 192, 384, 256 and 256 channels."""
        found = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x)
        return found
