"""Recurrent and convolutional networks: the published sizes, torch's own layer, spectral norm, second gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from noiseless.errors import InputError
from noiseless.nn.sequence import GRU, LARGE, SequenceDecoder, SequenceEncoder
from noiseless.nn.spectral import normalise


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_small_networks_have_the_published_size() -> None:
    assert count(SequenceEncoder((15,), 50, tokens=12)) == 8_891
    assert count(SequenceDecoder(25, (15, 12))) == 161_212


def test_the_large_networks_are_those_of_molecules() -> None:
    encoder, decoder = SequenceEncoder((277,), 112, 76, LARGE), SequenceDecoder(56, (277, 76), LARGE)
    assert encoder.dense[0].in_features == 2510
    assert encoder(torch.zeros(2, 277)).shape == (2, 112)
    assert decoder(torch.zeros(2, 56)).shape == (2, 277, 76)
    assert (decoder.recurrent.hidden, encoder.dense[0].out_features) == (501, 435)
    assert SequenceEncoder((120,), 56, 35, LARGE).dense[0].in_features == 940


def test_the_scale_is_of_dense_and_recurrent_layers() -> None:
    assert SequenceDecoder(3, (15, 12), scale=0.5).recurrent.hidden == 50
    assert SequenceDecoder(3, (15, 12), scale=0.001).recurrent.hidden == 8
    assert SequenceEncoder((15,), 3, 12, scale=0.25).dense[0].out_features == 25


def test_ids_are_one_hot_within() -> None:
    torch.manual_seed(0)
    encoder = SequenceEncoder((15,), 5, 12).eval()
    ids = torch.randint(12, (4, 15)).float()
    one_hot = torch.nn.functional.one_hot(ids.long(), 12).float().transpose(1, 2)
    torch.testing.assert_close(encoder(ids), encoder.dense(encoder.convolutions(one_hot).flatten(1)))


def test_too_short_sequences_are_refused() -> None:
    SequenceEncoder((7,), 2, 4)
    with pytest.raises(InputError, match="sequences of 7 tokens or more, not 6"):
        SequenceEncoder((6,), 2, 4)


def test_the_recurrent_layers_are_torch_s() -> None:
    torch.manual_seed(0)
    ours, theirs = GRU(4, 6).double(), nn.GRU(4, 6, 3, batch_first=True).double()
    with torch.no_grad():
        for k in range(3):
            for name, layer in (("ih", ours.inputs[k]), ("hh", ours.recurrent[k])):
                getattr(theirs, f"weight_{name}_l{k}").copy_(layer.weight)
                getattr(theirs, f"bias_{name}_l{k}").copy_(layer.bias)
    x = torch.randn(5, 7, 4, dtype=torch.float64)
    for steps in (x, x[:, :1], x[:, :1].expand(-1, 7, -1)):
        torch.testing.assert_close(ours(steps), theirs(steps)[0], rtol=0, atol=1e-12)


def test_recurrent_matrices_start_orthogonal_gate_by_gate() -> None:
    decoder = SequenceDecoder(5, (9, 4), scale=0.2)
    for layer in decoder.recurrent.recurrent:
        for gate in layer.weight.chunk(3):
            torch.testing.assert_close(gate @ gate.T, torch.eye(20), rtol=0, atol=1e-5)
        assert not layer.bias.any()


def test_spectral_norm_bounds_every_matrix_of_the_decoder() -> None:
    torch.manual_seed(0)
    decoder = SequenceDecoder(5, (9, 4), scale=0.2)
    normalise(decoder)
    decoder.train()
    for _ in range(100):
        decoder(torch.randn(3, 5))
    decoder.eval()
    matrices = [m.weight for m in decoder.modules() if isinstance(m, nn.Linear)]
    assert len(matrices) == 8
    for matrix in matrices:
        assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1, abs=1e-3)
    copy.deepcopy(decoder)


def test_gradients_can_be_taken_twice() -> None:
    torch.manual_seed(0)
    decoder = SequenceDecoder(3, (8, 4), scale=0.1).double().eval()
    assert torch.autograd.gradgradcheck(decoder, torch.randn(1, 3, dtype=torch.float64, requires_grad=True))
