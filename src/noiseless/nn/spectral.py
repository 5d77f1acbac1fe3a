r"""Spectral normalisation of every dense and convolutional layer of a network.

.. math:: W \leftarrow W / s(W), \qquad s(W) = \max_v \|Wv\| / \|v\|

The largest singular value :math:`s` is estimated by power iteration, with one iteration per training step and normally
distributed start vectors. The kernel is reshaped to (channels, everything else), where channels are the input channels
of a transposed convolution and the output channels of any other layer, as in the code of Ghosh et al.

Source: Spectral Normalization for Generative Adversarial Networks (Miyato et al., ICLR 2018),
https://arxiv.org/abs/1802.05957; used by RAE-SN on encoder and decoder.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["normalise"]


def normalise(network: nn.Module, iterations: int = 1) -> None:
    """Applies spectral normalisation to all dense and (transposed) convolutional weights of ``network``, in place.

    Arguments:
        network: any module; the ``weight`` of its layers is parametrised.
        iterations: power iterations per forward pass in training.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Conv1d):
            spectral_norm(module, n_power_iterations=iterations, dim=0)  # torch's default for transposed ones is 1
