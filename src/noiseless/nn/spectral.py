r"""Spectral normalisation of every dense and convolutional layer of a network.

.. math:: W \leftarrow W / s(W), \qquad s(W) = \max_v \|Wv\| / \|v\|

with the largest singular value :math:`s` estimated by the power method, one iteration a training step, the start
vectors normal, and the kernel reshaped to (channels, everything else): a transposed convolution's input channels, the
output channels of all other layers, as the code of Ghosh et al. has it.

Source: Spectral Normalization for Generative Adversarial Networks (Miyato et al., ICLR 2018),
https://arxiv.org/abs/1802.05957; used by RAE-SN on encoder and decoder.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["normalise"]


def normalise(network: nn.Module, iterations: int = 1) -> None:
    """Puts spectral normalisation on all dense and (transposed) convolutional weights of ``network``, in place.

    Arguments:
        network: any module; its layers' ``weight`` becomes a parametrisation.
        iterations: steps of the power method for each forward pass in training.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Conv1d):
            spectral_norm(module, n_power_iterations=iterations, dim=0)  # torch's own for transposed ones is 1
