from __future__ import annotations

import pytest
import torch
from torch import nn

from noiseless.autoencoder import Autoencoder, Networks, build
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.nn.conv import ConvDecoder, ConvEncoder
from noiseless.nn.mlp import MLPDecoder, MLPEncoder
from noiseless.values import Batch, Dirac, Spec
from tiny import derivations

IMAGE, VECTOR = Spec("i", (1, 28, 28)), Spec("v", (7,))


def test_a_pass_is_the_composition() -> None:
    model = Autoencoder(nn.Linear(5, 2), nn.Linear(2, 5), Deterministic(2))
    batch = Batch(torch.rand(3, 5), torch.arange(3))
    trace = model(batch)
    assert isinstance(trace.q, Dirac)
    assert trace.z is trace.q.mean
    assert trace.x is batch.x
    assert torch.equal(trace.z, model.encoder(batch.x))
    assert torch.equal(trace.y, model.decoder(trace.z))


@pytest.mark.parametrize(
    ("spec", "networks", "encoder", "decoder"),
    [
        (IMAGE, Networks(latent_dim=2, width=2), ConvEncoder, ConvDecoder),
        (IMAGE, Networks(latent_dim=2, width=2, net="mlp"), MLPEncoder, MLPDecoder),
        (IMAGE, Networks(latent_dim=2, width=2, net="conv-large"), ConvEncoder, ConvDecoder),
        (VECTOR, Networks(latent_dim=2, width=2), MLPEncoder, MLPDecoder),
    ],
    ids=str,
)
def test_networks_by_data_and_by_name(spec: Spec, networks: Networks, encoder: type, decoder: type) -> None:
    model = build(spec, networks, Deterministic(2))
    assert isinstance(model.encoder, encoder)
    assert isinstance(model.decoder, decoder)
    assert model(Batch(torch.rand(3, *spec.shape), torch.arange(3))).y.shape == (3, *spec.shape)


def test_size_decides_between_the_paper_s_networks() -> None:
    kernels = {
        side: build(
            Spec("i", (3, side, side)), Networks(latent_dim=2, width=2), Deterministic(2)
        ).decoder.last.kernel_size
        for side in (32, 48, 49, 64)
    }
    assert kernels == {32: (4, 4), 48: (4, 4), 49: (5, 5), 64: (5, 5)}


def test_width_and_depth_of_perceptrons() -> None:
    model = build(VECTOR, Networks(latent_dim=2, width=3, depth=4), Deterministic(2))
    layers = [m for m in model.encoder.modules() if isinstance(m, nn.Linear)]
    assert [m.out_features for m in layers] == [24, 24, 24, 24, 2]


@pytest.mark.parametrize("net", ["conv-small", "mlp"])
def test_autocast_rounds_networks_and_returns_float32(net: str) -> None:
    model = build(IMAGE, Networks(latent_dim=2, width=2, net=net), Deterministic(2)).eval()
    x = torch.rand(3, 1, 28, 28)
    exact = model.encode(x).mean
    model.autocast = torch.bfloat16
    rounded = model.encode(x).mean
    assert rounded.dtype == model.decode(rounded).dtype == torch.float32
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.05)


def own_encoder(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape).numel(), outputs))


def own_decoder(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(latent_dim, torch.Size(shape).numel()), nn.Unflatten(1, shape))


def test_own_networks_take_the_place() -> None:
    model = build(IMAGE, Networks(latent_dim=2, encoder=own_encoder, decoder=own_decoder), Deterministic(2))
    assert isinstance(model.encoder, nn.Sequential)
    assert model.training


def test_own_networks_that_do_not_fit_are_refused() -> None:
    def wrong_outputs(shape: tuple[int, ...], outputs: int) -> nn.Module:
        return own_encoder(shape, outputs + 1)

    def wrong_shape(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
        return nn.Linear(latent_dim, 784)

    def wrong_input(shape: tuple[int, ...], outputs: int) -> nn.Module:
        return nn.Linear(3, outputs)

    with pytest.raises(InputError, match=r"the encoder maps \(2, 1, 28, 28\) to \(2, 3\); expected \(2, 2\)"):
        build(IMAGE, Networks(latent_dim=2, encoder=wrong_outputs), Deterministic(2))
    with pytest.raises(InputError, match=r"the decoder maps \(2, 2\) to \(2, 784\); expected \(2, 1, 28, 28\)"):
        build(IMAGE, Networks(latent_dim=2, width=2, decoder=wrong_shape), Deterministic(2))
    with pytest.raises(InputError, match="the encoder cannot take an input"):
        build(IMAGE, Networks(latent_dim=2, encoder=wrong_input), Deterministic(2))


def test_building_leaves_moments_alone() -> None:
    model = build(IMAGE, Networks(latent_dim=2, width=2), Deterministic(2))
    assert all((b == 0).all() for b in model.buffers())


def test_depth_is_refused_where_networks_have_none() -> None:
    with pytest.raises(InputError, match=r"the net gru-small has a fixed number of layers; leave out depth=3"):
        build(derivations().spec, Networks(depth=3), Deterministic(25), logits=True)
    own = Networks(latent_dim=2, depth=3, encoder=MLPEncoder, decoder=MLPDecoder)
    with pytest.raises(InputError, match="networks of your own have a depth of their own; leave out depth=3"):
        build(VECTOR, own, Deterministic(2))


@pytest.mark.parametrize("name", ["latent_dim", "width", "depth"])
def test_sizes_below_one_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0"):
        Networks(**{name: 0})
