r"""The networks of GrammarVAE: convolutions over a sequence of tokens, and recurrent layers back to one.

| | small (expressions) | large (molecules) |
|---|---|---|
| tokens, one-hot | T x D | T x D |
| encoder, filters (kernel), no padding, ReLU | 2 (2), 3 (3), 4 (4), each with batch norm after the ReLU | 9 (9), 9 (9),
10 (11) |
| dense, ReLU; dense to what the bottleneck asks for | 100 | 435 |
| decoder: batch norm on the code | yes | no |
| dense, ReLU | d | d |
| the same at all T steps into three recurrent layers (GRU) | 100 | 501 |
| dense at each step, linear | D | D |

A ``scale`` other than 1 changes the dense layer and the recurrent ones in proportion, to 8 units at least. The decoder
sees the code alone: no step is told the tokens before it. Its outputs are the logarithms of the tokens' probabilities,
up to a constant a step and before any is forbidden.

Weights are Glorot-uniform and biases zero, recurrent ones orthogonal, gate by gate, as in Keras 1, where the papers'
networks were made. Its recurrent layer is another one (hard sigmoid, the reset gate before the product, one bias), so
that numbers differ.

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
    """What tells the two networks apart.

    Arguments:
        filters, kernels: of the convolutions.
        dense: units of the encoder's dense layer.
        recurrent: units of a recurrent layer.
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
    """Sequences of tokens to ``outputs`` numbers.

    Arguments:
        shape: (T,).
        outputs: how many numbers the bottleneck asks for.
        tokens: D.
        architecture: :data:`SMALL` or :data:`LARGE`.
        scale: of the dense layer, above 0; 1 for the paper's.

    Raises:
        InputError: fewer steps than the convolutions need.
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
                f"make them longer with the data's option length"
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
        """One-hot, convolved over the steps, and mapped."""
        one_hot = F.one_hot(x.long(), self.tokens).to(x.dtype)
        return self.dense(self.convolutions(one_hot.transpose(1, 2)).flatten(1))


class SequenceDecoder(nn.Module):
    """Codes to a number for each token at each step.

    Arguments:
        latent_dim: d, the size of a code.
        shape: (T, D).
        architecture: :data:`SMALL` or :data:`LARGE`.
        scale: of the recurrent layers, above 0; 1 for the paper's.
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
        """Repeats the mapped code over the steps, runs the recurrent layers, and maps each step."""
        h = F.relu(self.dense(self.norm(z)))
        y = self.outputs(self.recurrent(h[:, None].expand(-1, self.steps, -1)))
        return y.float() if y.dtype == torch.bfloat16 else y


class GRU(nn.Module):
    r"""Three recurrent layers, as torch has them, whose matrices are those of dense layers.

    .. math::
        r, u = \operatorname{sigmoid}(W_{r,u} x_t + V_{r,u} h_{t-1}), \qquad
        n = \tanh(W_n x_t + r \odot V_n h_{t-1}), \qquad h_t = (1 - u) \odot n + u \odot h_{t-1}

    with biases in all of W and V, the layer below as x, and zeros before the first step. As dense layers, the matrices
    can be normalised spectrally and penalised like all others; each is that of three gates, one above the other. They
    run in the precision of their weights.

    Arguments:
        inputs: numbers at a step.
        hidden: units of a layer.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden, self.twice = hidden, False
        self.inputs = nn.ModuleList([nn.Linear(inputs if k == 0 else hidden, 3 * hidden) for k in range(LAYERS)])
        self.recurrent = nn.ModuleList([nn.Linear(hidden, 3 * hidden) for _ in range(LAYERS)])

    def forward(self, x: Float[Tensor, "b t inputs"]) -> Float[Tensor, "b t hidden"]:
        """The last layer's state after every step."""
        parts = [(w.weight, v.weight, w.bias, v.bias) for w, v in zip(self.inputs, self.recurrent, strict=True)]
        weights = cast(list[tuple[Tensor, Tensor, Tensor, Tensor]], parts)  # read once: some are computed when read
        x = x.to(weights[0][0].dtype)
        with torch.autocast(x.device.type, enabled=False):
            return self._library(x, weights) if x.is_cuda and not self.twice else self._unrolled(x, weights)

    def _library(self, x: Tensor, layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Tensor:
        """cuDNN's layers, which have no gradient of their gradient."""
        weights = [weight for layer in layers for weight in layer]
        start = x.new_zeros(LAYERS, len(x), self.hidden)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
            return torch.gru(x, start, weights, True, LAYERS, 0.0, self.training, False, True)[0]

    def _unrolled(self, x: Tensor, layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Tensor:
        """The formula, on a CPU faster than torch's: data are columns, so that a gate's rows lie in one block."""
        t, two = x.shape[1], 2 * self.hidden
        steps = [step.T for step in (x[:, :1] if x.stride(1) == 0 else x).unbind(1)]  # the same at all steps: one
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
    """Lets gradients of gradients be taken through the recurrent layers of ``network`` on a GPU too, at a price."""
    for module in network.modules():
        if isinstance(module, GRU):
            module.twice = True


def _scaled(units: int, scale: float) -> int:
    return max(min(LEAST, units), round(units * scale))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    elif isinstance(module, GRU):  # after its parts, whose weights are drawn again gate by gate
        for layers, draw in ((module.inputs, nn.init.xavier_uniform_), (module.recurrent, nn.init.orthogonal_)):
            for layer in layers:
                for gate in cast(Tensor, layer.weight).chunk(3):
                    draw(gate)
