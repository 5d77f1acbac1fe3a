from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from noiseless.nn.conv import LARGE, SMALL, Architecture, ConvDecoder, ConvEncoder
from noiseless.nn.spectral import normalise

LAYERS = nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d


def matrix(layer: nn.Module) -> Tensor:
    """torch's first channels in front, everything else behind: output channels, of transposed ones the input's.

    As Keras's last axis is, by which the authors' code reshapes.
    """
    return layer.weight.detach().flatten(1)


@pytest.mark.parametrize("net", [SMALL, LARGE], ids=["small", "large"])
def test_every_effective_weight_has_the_largest_singular_value_one(net: Architecture) -> None:
    torch.manual_seed(1)
    network = nn.ModuleDict(
        {"e": ConvEncoder((3, 32, 32), 5, 4, net), "d": ConvDecoder(5, (3, 32, 32), 4, net)}
    ).double()
    layers = [m for m in network.modules() if isinstance(m, LAYERS)]
    raw = [torch.linalg.matrix_norm(matrix(m), 2).item() for m in layers]
    normalise(network, iterations=300)
    assert len(layers) == 5 + 2 + net.doublings
    assert all(abs(s - 1) > 1e-3 for s in raw)
    network.train()
    for layer in layers:
        for _ in range(4):
            layer.weight  # noqa: B018
        assert torch.linalg.matrix_norm(matrix(layer), 2).item() == pytest.approx(1, abs=1e-6)


def test_one_power_iteration_a_training_pass_and_none_in_evaluation() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    normalise(layer)
    vectors = [b for name, b in layer.named_buffers() if name.endswith("_u")]
    layer.eval()
    before = vectors[0].clone()
    layer(torch.rand(2, 6))
    assert torch.equal(vectors[0], before)
    layer.train()
    layer(torch.rand(2, 6))
    assert not torch.equal(vectors[0], before)


def test_scale_of_the_raw_weight_does_not_matter() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    normalise(layer, iterations=50)
    x = torch.rand(2, 6)
    before = layer(x)
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(7)
    torch.testing.assert_close(layer(x), before, rtol=1e-4, atol=1e-5)
