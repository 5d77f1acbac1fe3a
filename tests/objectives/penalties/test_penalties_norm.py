from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.nn.conv import LARGE, SMALL, ConvDecoder
from noiseless.objectives.penalties.norm import DecoderNorm, code_norm
from noiseless.values import Batch, Dirac, Trace


def traced(z: Tensor) -> Trace:
    return Trace(Batch(z, torch.arange(len(z))), Dirac(z), z, z)


def autoencoder(decoder: nn.Module) -> Autoencoder:
    return Autoencoder(nn.Identity(), decoder, Deterministic(2))


def test_code_norm_is_half_the_mean_squared_norm() -> None:
    z = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    value = code_norm(traced(z), autoencoder(nn.Linear(2, 2)))
    torch.testing.assert_close(value, 0.5 * z.norm(dim=1).pow(2).mean(), rtol=1e-12, atol=0)
    value.backward()
    torch.testing.assert_close(z.grad, z.detach() / 7, rtol=1e-12, atol=0)


@pytest.mark.parametrize("net", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("over", ["all", "kernels"])
def test_decoder_norm_is_the_sum_of_squares(net: object, over: str) -> None:
    torch.manual_seed(0)
    decoder = ConvDecoder(2, (3, 32, 32), 4, net).double()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter)
    named = dict(decoder.named_parameters())
    chosen = named if over == "all" else {k: v for k, v in named.items() if v.ndim == 4}
    assert len(chosen) == (len(named) if over == "all" else net.doublings + 1)
    value = DecoderNorm(over)(traced(torch.zeros(1, 2)), autoencoder(decoder))
    torch.testing.assert_close(value, sum(v.square().sum() for v in chosen.values()), rtol=1e-12, atol=0)
    value.backward()
    for name, parameter in named.items():
        if name in chosen:
            torch.testing.assert_close(parameter.grad, 2 * parameter.detach(), rtol=1e-12, atol=0)
        else:
            assert parameter.grad is None


def test_gradient_at_zero_is_zero() -> None:
    decoder = nn.Linear(2, 2)
    nn.init.zeros_(decoder.weight)
    nn.init.zeros_(decoder.bias)
    DecoderNorm()(traced(torch.zeros(1, 2)), autoencoder(decoder)).backward()
    assert (decoder.weight.grad == 0).all()
