r"""Norms of codes and of weights: the terms of AE-L2, RAE and RAE-L2.

.. math:: L_Z = \tfrac12 \|z\|_2^2, \qquad L_{L2} = \|\theta_{dec}\|_2^2

The first keeps the codes bounded, so that a density can be fitted to them; the second keeps the decoder smooth. Neither
constrains the distribution of the codes.

Source: From Variational to Deterministic Autoencoders (Ghosh et al., ICLR 2020), section 3,
https://arxiv.org/abs/1903.12436. The authors' code uses the mean of squares over the d latent dimensions without the
factor 1/2, and a reconstruction that is a mean over the N pixels; a weight :math:`\beta_c` there corresponds to
:math:`2 N \beta_c / d` here, and :math:`\lambda_c` to :math:`N \lambda_c`.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.values import Trace

__all__ = ["PENALTIES", "DecoderNorm", "code_norm"]


def code_norm(trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG001
    """Half the squared norm of the code, mean over the batch."""
    return trace.z.square().sum() / (2 * len(trace.z))


class DecoderNorm:
    """The squared norm of the decoder's parameters.

    Arguments:
        over: ``all`` for all parameters (the paper's text), or ``kernels`` for the weights of convolutional layers
            only, without dense layers, biases and batch norms (the authors' code for MNIST and CIFAR-10).
    """

    def __init__(self, over: Literal["all", "kernels"] = "all") -> None:
        self.over = over

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG002
        """The sum of squares."""
        norms = torch._foreach_norm(self.parameters(autoencoder.decoder))
        return torch.stack(norms).square().sum()

    def parameters(self, decoder: nn.Module) -> list[Tensor]:
        """The parameters that are summed over.

        Raises:
            InputError: kernels were requested, but the decoder has none.
        """
        if self.over == "all":
            return list(decoder.parameters())
        convolutions = nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d
        kernels = [m.weight for m in decoder.modules() if isinstance(m, convolutions)]
        if not kernels:
            raise InputError("the decoder has no convolution kernels to decay; use decay_over=all")
        return kernels


PENALTIES = {"code-norm": code_norm, "decoder-norm": DecoderNorm}
