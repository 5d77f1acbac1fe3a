from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.nn.conv import LARGE, SMALL, Architecture, ConvDecoder, ConvEncoder

NETS = pytest.mark.parametrize("net", [SMALL, LARGE], ids=["small", "large"])


def pair(
    shape: tuple[int, ...], net: Architecture, latent_dim: int = 3, width: int = 2
) -> tuple[ConvEncoder, ConvDecoder]:
    torch.manual_seed(0)
    return ConvEncoder(shape, latent_dim, width, net), ConvDecoder(latent_dim, shape, width, net)


def _made(shape: tuple[int, ...], net: Architecture) -> tuple[Any, Any]:
    return partial(ConvEncoder, shape, 3, 2, net), partial(ConvDecoder, 3, shape, 2, net)


@pytest.mark.parametrize(
    ("shape", "latent_dim", "net", "encoder", "decoder"),
    [
        ((1, 32, 32), 16, SMALL, 11.08, 11.61),
        ((1, 28, 28), 16, SMALL, 11.08, 11.61),
        ((3, 32, 32), 128, SMALL, 11.55, 18.95),
        ((3, 64, 64), 64, LARGE, 18.27, 21.48),
    ],
)
def test_parameters_are_the_papers(
    shape: tuple[int, ...], latent_dim: int, net: Architecture, encoder: float, decoder: float
) -> None:
    with torch.device("meta"):
        networks = ConvEncoder(shape, latent_dim, 128, net), ConvDecoder(latent_dim, shape, 128, net)
    millions = [sum(p.numel() for p in network.parameters()) / 1e6 for network in networks]
    assert millions == pytest.approx([encoder, decoder], abs=0.006)


@NETS
@pytest.mark.parametrize(
    "shape",
    [(1, 8, 8), (3, 8, 128), (2, 9, 15), (1, 28, 28), (3, 33, 48), (5, 17, 8), (1, 127, 9), (3, 128, 128)],
    ids=str,
)
def test_any_size_from_8_to_128_goes_in_and_comes_out(shape: tuple[int, ...], net: Architecture) -> None:
    encoder, decoder = pair(shape, net)
    z = encoder(torch.rand(2, *shape))
    y = decoder(z)
    assert z.shape == (2, 3)
    assert y.shape == (2, *shape)
    assert ((y > 0) & (y < 1)).all()
    y.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in [*encoder.parameters(), *decoder.parameters()])


@NETS
def test_depth_adds_convolutions_that_keep_the_size(net: Architecture) -> None:
    plain, deep = pair((1, 12, 20), net), [make(depth=3) for make in _made((1, 12, 20), net)]
    for one, other, strided in zip(plain, deep, (4, net.doublings), strict=True):
        counts = [sum(isinstance(module, nn.Conv2d) for module in network.modules()) for network in (one, other)]
        assert counts[1] - counts[0] == 2 * strided
    assert deep[1](deep[0](torch.rand(2, 1, 12, 20))).shape == (2, 1, 12, 20)
    assert pair((1, 12, 20), net)[0].state_dict().keys() == _made((1, 12, 20), net)[0](depth=1).state_dict().keys()


@pytest.mark.parametrize("shape", [(1, 7, 8), (1, 8, 129), (3, 200, 200), (8, 8), (64,)], ids=str)
def test_other_sizes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="from 8x8 to 128x128"):
        ConvEncoder(shape, 3)
    with pytest.raises(InputError, match="from 8x8 to 128x128"):
        ConvDecoder(3, shape)


@NETS
def test_every_pixel_of_the_image_counts_and_the_frame_is_even(net: Architecture) -> None:
    encoder, _ = pair((1, 28, 28), net, width=4)
    assert encoder.pad == (2, 2, 2, 2)
    x = torch.rand(4, 1, 28, 28, requires_grad=True)
    encoder.eval()(x).square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()


def keras_same(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Keras pads k - s zeros (k - 1 for odd leftovers), the odd one after the last column."""
    total = weight.shape[2] - stride
    return F.conv2d(F.pad(x, (total // 2, total - total // 2) * 2), weight, stride=stride)


def keras_transposed(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The adjoint of :func:`keras_same` from an image `stride` times as large."""
    size = (x.shape[0], weight.shape[1], stride * x.shape[2], stride * x.shape[3])
    image = torch.zeros(size, dtype=x.dtype, requires_grad=True)
    (adjoint,) = torch.autograd.grad(keras_same(image, weight, stride), image, x)
    return adjoint


def mirrored(x: Tensor) -> Tensor:
    return x.flip(2, 3)


def as_keras(net: Architecture, apply: object, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    if net is SMALL:
        return apply(x, weight, stride)
    return mirrored(apply(mirrored(x), mirrored(weight), stride))


@NETS
@pytest.mark.parametrize("size", [8, 16, 34])
def test_halvings_are_keras_s_same_convolutions(net: Architecture, size: int) -> None:
    encoder, _ = pair((3, 32, 32), net)
    conv = encoder.halvings[0].conv.double()
    x = torch.rand(2, 3, size, size, dtype=torch.float64)
    expected = as_keras(net, keras_same, x, conv.weight, 2)
    torch.testing.assert_close(conv(x), expected, rtol=1e-12, atol=1e-12)


@NETS
def test_doublings_are_keras_s_same_transposed_convolutions(net: Architecture) -> None:
    _, decoder = pair((3, 32, 32), net)
    conv = decoder.doublings[0].conv.double()
    x = torch.rand(2, 16, 5, 6, dtype=torch.float64)
    expected = as_keras(net, keras_transposed, x, conv.weight, 2)
    torch.testing.assert_close(conv(x), expected, rtol=1e-12, atol=1e-12)


@NETS
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_last_layer_is_keras_s_same_transposed_convolution(net: Architecture, channels: int) -> None:
    _, decoder = pair((channels, 32, 32), net)
    decoder = decoder.double()
    with torch.no_grad():
        decoder.last.bias.normal_()
    h = torch.rand(2, decoder.last.in_channels, 9, 7, dtype=torch.float64)
    expected = as_keras(net, keras_transposed, h, decoder.last.weight, 1) + decoder.last.bias.view(-1, 1, 1)
    torch.testing.assert_close(decoder._last(h)[..., :9, :7], expected, rtol=1e-12, atol=1e-12)


@NETS
def test_a_shifted_image_gives_shifted_features(net: Architecture) -> None:
    encoder, _ = pair((1, 64, 64), net)
    body = nn.Sequential(*encoder.eval().halvings)
    x = torch.zeros(1, 1, 64, 64)
    x[..., 20:30, 24:34] = torch.rand(10, 10)
    moved = torch.roll(x, (16, -16), (2, 3))
    h, h_moved = body(x), body(moved)
    torch.testing.assert_close(
        torch.roll(h, (1, -1), (2, 3))[..., 1:3, 1:3], h_moved[..., 1:3, 1:3], rtol=1e-5, atol=1e-6
    )
    assert (h - h_moved).abs().max() > 1e-4


@NETS
def test_weights_start_as_keras_s(net: Architecture) -> None:
    encoder, decoder = pair((3, 32, 32), net, latent_dim=8, width=16)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            field = module.weight[0, 0].numel() if module.weight.ndim == 4 else 1
            bound = (6 / (field * sum(module.weight.shape[:2]))) ** 0.5
            assert module.weight.abs().max() <= bound
            if module.weight.numel() > 500:
                assert module.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
            assert module.bias is None or (module.bias == 0).all()


def test_only_the_small_net_maps_its_input_to_minus_one_and_one() -> None:
    assert SMALL.rescale
    assert not LARGE.rescale
    encoder, _ = pair((1, 32, 32), SMALL)
    seen: list[Tensor] = []
    encoder.halvings[0].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    encoder(torch.full((2, 1, 32, 32), 0.25))
    assert (seen[0] == -0.5).all()
