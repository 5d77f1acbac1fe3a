r"""The networks of GrammarVAE: a convolutional encoder over a sequence of tokens, and a recurrent decoder.

===================================================  ===================  =======================
layer                                                small (expressions)  large (molecules)
===================================================  ===================  =======================
tokens, one-hot                                      T x D                T x D
encoder: filters (kernel), no padding, ReLU          2 (2), 3 (3), 4 (4)  9 (9), 9 (9), 10 (11)
batch norm after each of these ReLUs                 yes                  no
dense, ReLU; then dense to the bottleneck's input    100                  435
decoder: batch norm on the code                      yes                  no
dense, ReLU                                          d                    d
its output, at each of T steps, into three GRUs      100                  501
dense at each step, linear                           D                    D
===================================================  ===================  =======================

A ``scale`` other than 1 scales the dense and the recurrent layers in proportion, to at least 8 units. The decoder sees
only the code: no step receives the previous tokens. Its outputs are the logarithms of the tokens' probabilities, up to
a constant per step and before masking by the grammar.

Weights are initialised Glorot-uniform, biases to zero and recurrent weights orthogonal, gate by gate, as in Keras 1,
which the papers used. The recurrent layer of Keras 1 is a different one (hard sigmoid, reset gate before the product,
one bias), so numbers differ.

Source: Grammar Variational Autoencoder (Kusner, Paige, Hernández-Lobato, ICML 2017), https://arxiv.org/abs/1703.01925,
and the authors' code; From Variational to Deterministic Autoencoders (Ghosh et al., ICLR 2020), section 6.2, takes them
over.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.nn.distributed import BatchNorm

__all__ = ["GRU", "LARGE", "SMALL", "Architecture", "SequenceDecoder", "SequenceEncoder", "allow_second_gradients"]

LEAST = 8
LAYERS = 3


@dataclass(frozen=True)
class Architecture:
    """What differs between the two networks.

    Arguments:
        filters, kernels: numbers of filters and kernel sizes of the convolutions.
        dense: units of the encoder's dense layer.
        recurrent: units of each recurrent layer.
        norm: batch norm after each convolution and on the code.
    """

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    dense: int
    recurrent: int
    norm: bool


SMALL = Architecture((2, 3, 4), (2, 3, 4), dense=100, recurrent=100, norm=True)
LARGE = Architecture((9, 9, 10), (9, 9, 11), dense=435, recurrent=501, norm=False)


class SequenceEncoder(nn.Module):
    """Maps sequences of tokens to ``outputs`` numbers.

    Arguments:
        shape: (T,).
        outputs: number of outputs that the bottleneck needs.
        tokens: number of different tokens D.
        architecture: :data:`SMALL` or :data:`LARGE`.
        scale: factor on the units of the dense layer, above 0; 1 for the paper's.

    Raises:
        InputError: the sequence is shorter than the convolutions need.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        tokens: int,
        architecture: Architecture = SMALL,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        steps = shape[0] - sum(architecture.kernels) + len(architecture.kernels)
        if steps < 1:
            raise InputError(
                f"the convolutions need sequences of {shape[0] - steps + 1} tokens or more, not {shape[0]}; "
                f"make them longer with the data option length"
            )
        self.tokens = tokens
        layers: list[nn.Module] = []
        for (c_in, c_out), kernel in zip(pairwise((tokens, *architecture.filters)), architecture.kernels, strict=True):
            layers += [nn.Conv1d(c_in, c_out, kernel), nn.ReLU()]
            layers += [BatchNorm(c_out)] if architecture.norm else []
        self.convolutions = nn.Sequential(*layers)
        hidden = _scaled(architecture.dense, scale)
        self.dense = nn.Sequential(
            nn.Linear(steps * architecture.filters[-1], hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )
        self.apply(_initialise)

    def forward(self, x: Float[Tensor, "b t"]) -> Float[Tensor, "b outputs"]:
        """One-hot encodes the tokens, convolves over the steps and applies the dense layers."""
        one_hot = F.one_hot(x.long(), self.tokens).to(x.dtype)
        return self.dense(self.convolutions(one_hot.transpose(1, 2)).flatten(1))


class SequenceDecoder(nn.Module):
    """Maps codes to a logit for each token at each step.

    Arguments:
        latent_dim: latent dimension d.
        shape: (T, D).
        architecture: :data:`SMALL` or :data:`LARGE`.
        scale: factor on the units of the recurrent layers, above 0; 1 for the paper's.
    """

    def __init__(
        self, latent_dim: int, shape: tuple[int, ...], architecture: Architecture = SMALL, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.steps, tokens = shape
        hidden = _scaled(architecture.recurrent, scale)
        self.norm = BatchNorm(latent_dim) if architecture.norm else nn.Identity()
        self.dense = nn.Linear(latent_dim, latent_dim)
        self.recurrent = GRU(latent_dim, hidden)
        self.outputs = nn.Linear(hidden, tokens)
        self.apply(_initialise)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b t tokens"]:
        """Repeats the transformed code at every step, then applies the recurrent layers and the output layer."""
        h = F.relu(self.dense(self.norm(z)))
        y = self.outputs(self.recurrent(h[:, None].expand(-1, self.steps, -1)))
        return y.float() if y.dtype == torch.bfloat16 else y


class GRU(nn.Module):
    r"""Three GRU layers with torch's equations, whose matrices belong to dense layers.

    .. math::
        r, u = \operatorname{sigmoid}(W_{r,u} x_t + V_{r,u} h_{t-1}), \qquad
        n = \tanh(W_n x_t + r \odot V_n h_{t-1}), \qquad h_t = (1 - u) \odot n + u \odot h_{t-1}

    with biases in all of W and V, the output of the layer below as x, and a zero initial state. Because the matrices
    belong to dense layers, they can be spectrally normalised and penalised like all others; each stacks the rows of
    three gates. The layers run in the precision of their weights.

    Arguments:
        inputs: number of inputs per step.
        hidden: units per layer.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden, self.twice = hidden, False
        self.inputs = nn.ModuleList([nn.Linear(inputs if k == 0 else hidden, 3 * hidden) for k in range(LAYERS)])
        self.recurrent = nn.ModuleList([nn.Linear(hidden, 3 * hidden) for _ in range(LAYERS)])

    def forward(self, x: Float[Tensor, "b t inputs"]) -> Float[Tensor, "b t hidden"]:
        """The states of the last layer at every step."""
        parts = [(w.weight, v.weight, w.bias, v.bias) for w, v in zip(self.inputs, self.recurrent, strict=True)]
        weights = cast(list[tuple[Tensor, Tensor, Tensor, Tensor]], parts)  # read once: some are computed on access
        x = x.to(weights[0][0].dtype)
        with torch.autocast(x.device.type, enabled=False):
            return self._library(x, weights) if x.is_cuda and not self.twice else self._unrolled(x, weights)

    def _library(self, x: Tensor, layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Tensor:
        """cuDNN's layers, which have no second derivative."""
        weights = [weight for layer in layers for weight in layer]
        start = x.new_zeros(LAYERS, len(x), self.hidden)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
            return torch.gru(x, start, weights, True, LAYERS, 0.0, self.training, False, True)[0]

    def _unrolled(self, x: Tensor, layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Tensor:
        """The unrolled formula, faster than torch's on a CPU. Examples are columns, so a gate's rows are contiguous."""
        t, two = x.shape[1], 2 * self.hidden
        steps = [step.T for step in (x[:, :1] if x.stride(1) == 0 else x).unbind(1)]  # one if all steps are the same
        for w, v, w_bias, v_bias in layers:
            bias = torch.cat([w_bias[:two] + v_bias[:two], w_bias[two:]])[:, None]
            fed = [torch.addmm(bias, w, step).split([two, self.hidden]) for step in steps]
            h, steps = x.new_zeros(self.hidden, len(x)), []
            gates, new, new_bias = v[:two], v[two:], v_bias[two:, None]
            for a, b in fed * (t // len(fed)):
                r, u = torch.addmm(a, gates, h).sigmoid().chunk(2)
                n = torch.addcmul(b, r, torch.addmm(new_bias, new, h)).tanh()
                h = torch.lerp(n, h, u)
                steps.append(h)
        return torch.stack(steps).permute(2, 0, 1)


def allow_second_gradients(network: nn.Module) -> None:
    """Enables second derivatives through the recurrent layers of ``network`` on a GPU, which is slower."""
    for module in network.modules():
        if isinstance(module, GRU):
            module.twice = True


def _scaled(units: int, scale: float) -> int:
    return max(min(LEAST, units), round(units * scale))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    elif isinstance(module, GRU):  # comes after its dense layers, whose weights are redrawn gate by gate
        for layers, draw in ((module.inputs, nn.init.xavier_uniform_), (module.recurrent, nn.init.orthogonal_)):
            for layer in layers:
                for gate in cast(Tensor, layer.weight).chunk(3):
                    draw(gate)
