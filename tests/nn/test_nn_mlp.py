from __future__ import annotations

import torch
from torch import nn

from noiseless.nn.mlp import MLP, MLPDecoder, MLPEncoder


def test_layers_have_the_sizes_given_and_relu_between_them() -> None:
    layers = MLP(3, 5, 7, 2)
    assert [type(m) for m in layers] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [m.weight.shape for m in layers if isinstance(m, nn.Linear)] == [(5, 3), (7, 5), (2, 7)]
    assert all((m.bias == 0).all() for m in layers if isinstance(m, nn.Linear))


def test_images_end_in_a_sigmoid_and_vectors_do_not() -> None:
    torch.manual_seed(0)
    z = 100 * torch.randn(50, 3)
    image, vector = MLPDecoder(3, (1, 4, 4), 8)(z), MLPDecoder(3, (6,), 8)(z)
    assert image.shape == (50, 1, 4, 4)
    assert ((image >= 0) & (image <= 1)).all()
    assert vector.min() < 0
    assert vector.max() > 1
    assert MLPEncoder((1, 4, 4), 3, 8, depth=3)(image).shape == (50, 3)
