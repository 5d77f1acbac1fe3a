r"""Gradients of the decoder with respect to the code: the term of RAE-GP.

The decoder's Jacobian :math:`J = \partial D(z) / \partial z` (N outputs, d latent dimensions) measures how sensitive an
output is to its code. Penalising its squared Frobenius norm

.. math:: L_{GP} = \|\nabla_z D(z)\|_F^2 = \sum_{n=1}^{N} \sum_{k=1}^{d} (\partial y_n / \partial z_k)^2

makes nearby codes decode to similar outputs. :class:`JacobianNorm` computes it exactly or by Hutchinson's estimator;
:class:`SquaredOutputGradient` is what the authors' code computes instead.

**Batches.** If a decoder processes examples independently, the penalty is the mean over the batch of
:math:`\|J_{ii}\|_F^2`, :math:`J_{ij} = \partial y_i / \partial z_j`. Batch normalisation in training mode couples the
examples of a batch: an output depends on the codes of other examples through the moments, with :math:`J_{ij} =
O(1/B)`. The penalty is then that of the map from all codes of the batch to all outputs,

.. math:: L_{GP} = \frac1B \sum_{i,j=1}^{B} \|J_{ij}\|_F^2 ,

whose cross terms :math:`i \ne j` are :math:`O(1/B)` in total. On several processes this is the global batch.

**Validation** runs under ``torch.no_grad()``, so the codes are decoded a second time with gradients enabled. In
training the existing forward pass is reused, so that running moments are not updated twice.

Not enforced: a Lipschitz bound. The norm is penalised only at the codes of the data.

Source: From Variational to Deterministic Autoencoders (Ghosh et al., ICLR 2020), section 3 (L_GP),
https://arxiv.org/abs/1903.12436. The estimator: A stochastic estimator of the trace of the influence matrix
(Hutchinson, 1990), https://doi.org/10.1080/03610919008812866. An expensive term can be applied lazily, in every k-th
step with k times the weight (:class:`noiseless.objectives.regularised.Term`): Analyzing and improving the image quality
of StyleGAN (Karras et al., CVPR 2020), appendix B, https://arxiv.org/abs/1912.04958.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.nn.distributed import BatchNorm
from noiseless.values import Noise, Trace

__all__ = ["EXACT_UP_TO", "PENALTIES", "JacobianNorm", "SquaredOutputGradient"]

EXACT_UP_TO = 64
"""Number of outputs per example (an 8x8 image) up to which :class:`JacobianNorm` is exact by default, for decoders
without batch norm. The exact norm costs about d forward and backward passes through the decoder, batched into one.
Measured with d = 16 and batches of 100, training runs at 0.23 of its speed without the penalty (0.31 in bfloat16) for a
perceptron on 64 numbers, where a step takes milliseconds; at 0.04 for the convolutional network on 8x8 images, and at
0.02 on 32x32, where one probe runs at 0.5 and has little variance after averaging over the batch."""


class JacobianNorm:
    r"""The squared Frobenius norm of the decoder's Jacobian, averaged over the batch.

    Exact computation: by columns (or rows, if N < d), :math:`\sum_k \|J (s \otimes e_k)\|_2^2` with random signs
    :math:`s \in \{-1, 1\}^B`, one per example. They have no effect if examples are decoded independently. Under batch
    normalisation in training mode the result is :math:`\sum_{ij} \|J_{ij}\|_F^2` plus products :math:`s_j s_{j'}
    \langle J_{ij}, J_{ij'} \rangle` of different examples, whose mean is zero and whose factor :math:`J_{ij}, i \ne j`,
    is of order 1/B: the random error is of that order.

    Hutchinson's estimator: :math:`\frac1k \sum_{r=1}^{k} \|J^T u_r\|_2^2` with independent signs
    :math:`u_r \in \{-1, 1\}^{B \times N}` has the mean :math:`\operatorname{tr} J J^T = \|J\|_F^2`, including cross
    terms, and for an example the variance :math:`\frac2k \sum_{m \ne n} (J J^T)_{mn}^2 \le \frac2k \|J\|_F^4`.

    Arguments:
        probes: k, 1 or more, for the estimator; 0 for the exact norm; None for the exact norm if an example has at most
            :data:`EXACT_UP_TO` values and the decoder no batch norm, otherwise one probe. The exact norm requires a
            vmap rule for every custom autograd function of the decoder, as torch's functions have; the estimator does
            not.
    """

    def __init__(self, probes: int | None = None) -> None:
        if probes is not None and probes < 0:
            raise InputError(f"probes is {probes}, but must be 0 (exact) or more")
        self.probes = probes

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:
        """The norm at the codes of the batch."""
        z, y = _connected(trace, autoencoder)
        size = y[0].numel()
        probes = self.probes if self.probes is not None else int(size > EXACT_UP_TO or _has_batch_norm(autoencoder))
        if probes:
            return _estimate(y, z, trace.batch.noise, probes)
        signs = trace.batch.noise.signs(z[:, 0].detach())
        by_rows = size < z.shape[1] or _twice_only(autoencoder.decoder)
        directions = _by_rows(y, z, signs) if by_rows else _by_columns(y, z, signs)
        return _gradients(*directions, at_once=not _has_batch_norm(autoencoder)).square().sum() / len(z)


class SquaredOutputGradient:
    r"""The penalty in the authors' code: the gradient of the squared output instead of the Jacobian.

    .. math:: \frac{1}{Bd} \sum_{j=1}^{B} \sum_{k=1}^{d} g_{jk}^2, \qquad
        g = \nabla_z \sum_{i=1}^{B} \|y_i\|_2^2

    Source: models/rae/loss_functions.py of https://github.com/ParthaEth/Regularized_autoencoders-RAE-. The published
    weights of RAE-GP belong to this form, together with a reconstruction that is a mean over pixels.
    """

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:
        """The mean square of the gradient."""
        z, y = _connected(trace, autoencoder)
        return _gradient(y, z, 2 * y).square().mean()


def _connected(trace: Trace, autoencoder: Autoencoder) -> tuple[Tensor, Tensor]:
    """Codes and outputs connected by an autograd graph: those of the trace, or of a second pass if it has no graph."""
    if trace.y.requires_grad and trace.z.requires_grad:
        return trace.z, trace.y
    with torch.enable_grad():
        z = trace.z.detach().requires_grad_()
        return z, autoencoder.decode(z)


def _has_batch_norm(autoencoder: Autoencoder) -> bool:
    kinds = (BatchNorm, nn.modules.batchnorm._BatchNorm)
    return any(isinstance(m, kinds) for m in autoencoder.decoder.modules())


def _twice_only(decoder: nn.Module) -> bool:
    """Whether it trains with torch's batch norm, whose third derivative, needed by columns, is wrong (2.13)."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training for m in decoder.modules())


def _gradient(y: Tensor, z: Tensor, direction: Tensor | None = None) -> Tensor:
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(y, z, direction, create_graph=True)
    return gradient


def _estimate(y: Tensor, z: Tensor, noise: Noise, probes: int) -> Tensor:
    gradients = [_gradient(y, z, noise.signs(y.detach())) for _ in range(probes)]
    return torch.stack([g.square().sum() for g in gradients]).sum() / (probes * len(z))


def _by_rows(y: Tensor, z: Tensor, signs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The output to differentiate, the variable, and the directions, for the rows of the Jacobian."""
    return y.flatten(1), z, _units(y.flatten(1), signs)


def _by_columns(y: Tensor, z: Tensor, signs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same for its columns."""
    # J v is the gradient with respect to u of <v, J^T u>, which is linear in u: forward mode by two reverse passes over
    # the existing graph, without decoding again (Townsend, 2017, https://j-towns.github.io/2017/06/12/A-new-trick.html)
    with torch.enable_grad():
        u = torch.zeros_like(y, requires_grad=True)
        pulled = _gradient(y, z, u)
    return pulled, u, _units(z, signs)


def _units(values: Float[Tensor, "b n"], signs: Float[Tensor, " b"]) -> Float[Tensor, "n b n"]:
    """Each of the n unit vectors for every example, with the example's sign."""
    return torch.eye(values.shape[1]).to(values)[:, None] * signs.to(values)[:, None]


def _gradients(y: Tensor, x: Tensor, directions: Tensor, at_once: bool) -> Float[Tensor, "n b ..."]:
    """The gradient along each direction: in one batched pass, which our batch norm does not support, or in n passes."""
    if not at_once:
        return torch.stack([_gradient(y, x, direction) for direction in directions])
    with torch.enable_grad():
        (gradients,) = torch.autograd.grad(y, x, directions, create_graph=True, is_grads_batched=True)
    return gradients


PENALTIES = {"jacobian-norm": JacobianNorm}
