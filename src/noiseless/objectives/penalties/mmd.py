r"""The maximum mean discrepancy between codes and prior: the term of WAE-MMD.

.. math::
    \widehat{MMD}^2 = \frac{1}{n(n-1)} \sum_{i \ne j} k(z_i, z_j) + \frac{1}{n(n-1)} \sum_{i \ne j} k(p_i, p_j)
        - \frac{2}{n^2} \sum_{i,j} k(z_i, p_j), \qquad p_i \sim N(0, I)

with kernels summed over seven scales, :math:`s \in \{0.1, 0.2, 0.5, 1, 2, 5, 10\}`, :math:`C_s = 2 d s`:

.. math::
    k_{imq}(a, b) = \sum_s \frac{C_s}{C_s + \|a - b\|^2}, \qquad k_{rbf}(a, b) = \sum_s \exp(-\|a - b\|^2 / C_s)

The estimate is unbiased, so its expectation is zero for codes that follow the prior, and it is negative about as often
as positive. It is computed on the global batch of all processes.

Source: Wasserstein auto-encoders (Tolstikhin, Bousquet, Gelly, Schölkopf, ICLR 2018), algorithm 2 and section 4,
https://arxiv.org/abs/1711.01558; the scales of imq are those of its code and of the code of Ghosh et al. (2020), those
of rbf are ours.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.nn.distributed import gather
from noiseless.values import Trace

__all__ = ["MMD", "PENALTIES", "Kernel", "mmd"]

Kernel = Literal["imq", "rbf"]
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def mmd(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], kernel: Kernel = "imq") -> Float[Tensor, ""]:
    """The unbiased estimate of the squared discrepancy between the distributions of two samples.

    Raises:
        InputError: a sample has fewer than 2 rows.
    """
    if min(len(a), len(b)) < 2:
        raise InputError(f"an unbiased discrepancy needs at least 2 codes on each side, not {len(a)} and {len(b)}")
    joint = torch.cat([a, b])
    joint = joint - joint.detach().double().mean(0).to(joint)  # far from the origin, distances drown in float32
    squares = joint.square().sum(dim=1)
    k = _kernel((squares[:, None] + squares - 2 * joint @ joint.T).clamp_min(0), joint.shape[1], kernel)
    n, m = len(a), len(b)
    diagonal = k.diagonal()
    within_a = (k[:n, :n].sum() - diagonal[:n].sum()) / (n * (n - 1))
    within_b = (k[n:, n:].sum() - diagonal[n:].sum()) / (m * (m - 1))
    return within_a + within_b - 2 * k[:n, n:].mean()


def _kernel(distances: Tensor, d: int, kernel: Kernel) -> Tensor:
    scales = [2 * d * s for s in SCALES]
    if kernel == "imq":
        return torch.stack([c / (c + distances) for c in scales]).sum(0)
    return torch.stack([(-distances / c).exp() for c in scales]).sum(0)


class MMD:
    """The squared discrepancy between the codes of a batch and as many samples of N(0, I).

    Arguments:
        kernel: imq (inverse multiquadric) or rbf (Gaussian).
    """

    min_batch_size = 2

    def __init__(self, kernel: Kernel = "imq") -> None:
        self.kernel: Kernel = kernel

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG002
        """The estimate; 0 for a last batch of validation that is too small for one."""
        z, p = gather(trace.z), gather(trace.batch.noise.normal(trace.z.detach()))
        return z.new_zeros(()) if len(z) < 2 and trace.batch.step is None else mmd(z, p, self.kernel)


PENALTIES = {"mmd": MMD}
