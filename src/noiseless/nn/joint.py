r"""What needs the joint batch of several processes: a differentiable gather, and batch normalisation over it.

With :math:`R` processes holding equal shares of a batch and gradients averaged over them at the end of a phase
(:func:`noiseless.training.fit`), the gradient of a loss that couples the data of a batch equals the one of a single
process if

* every process computes the coupled term on the gathered batch, and
* the backward pass of the gather sums what the processes send back for each datum.

For then the mean over processes divides the :math:`R` equal copies of the term by :math:`R`. A term that is a mean over
data needs no gather. In one process everything here is the identity or torch's own function.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BatchNorm", "gather", "world"]


def world() -> int:
    """The number of processes that share a batch."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        total = grad.contiguous()
        dist.all_reduce(total)
        return total.chunk(world())[dist.get_rank()]


def gather(x: Float[Tensor, "b ..."]) -> Float[Tensor, "joint ..."]:
    """The joint batch, in the order of the processes; differentiable; the identity in one process."""
    return _Gather.apply(x) if world() > 1 else x


class BatchNorm(nn.Module):
    r"""Batch normalisation over the joint batch (Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167).

    .. math:: y_c = \gamma_c \frac{x_c - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + \beta_c

    In training :math:`\mu, \sigma^2` are the moments of the joint batch over all axes but the channels'; in evaluation
    they are running means. The defaults are Keras's, with which the papers' networks were trained (its momentum 0.99 is
    0.01 in torch's convention). torch's SyncBatchNorm does the same but does not run on CPUs.

    Arguments:
        channels: size of axis 1.
        affine: whether :math:`\gamma, \beta` are learnt (else 1 and 0).
        momentum: weight of the newest batch in the running moments, in (0, 1].
        eps: :math:`\epsilon`.
        per_process: use each process's own moments: faster on several processes, and no longer equal to one process.
    """

    def __init__(
        self,
        channels: int,
        affine: bool = True,
        momentum: float = 0.01,
        eps: float = 1e-3,
        per_process: bool = False,
    ) -> None:
        super().__init__()
        self.momentum, self.eps, self.per_process = momentum, eps, per_process
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
        """Normalises, and in training updates the running moments."""
        if self.training and world() > 1 and not self.per_process:
            return self._joint(x)
        return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, self.training, self.momentum, self.eps)

    def _joint(self, x: Tensor) -> Tensor:
        axes = [0, *range(2, x.ndim)]
        local = x.float() if x.dtype == torch.bfloat16 else x
        moments = torch.stack([local.mean(axes), local.var(axes, correction=0)])
        means, variances = gather(moments[None]).unbind(1)
        mean, n = means.mean(0), world() * x.numel() // x.shape[1]
        var = variances.mean(0) + means.var(0, correction=0)
        with torch.no_grad():
            self.mean.lerp_(mean.to(self.mean.dtype), self.momentum)
            self.var.lerp_((var * n / (n - 1)).to(self.var.dtype), self.momentum)
        shape = (1, -1, *(1,) * (x.ndim - 2))
        y = (local - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)
