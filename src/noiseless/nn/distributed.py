r"""Operations on the global batch of several processes: a differentiable gather, and batch normalisation.

If :math:`R` processes hold equal shares of a batch and gradients are averaged over them at the end of a phase
(:func:`noiseless.training.fit`), then the gradient of a loss that couples the examples of a batch equals that of a
single process, provided that

* every process computes the coupled term on the gathered batch, and
* the backward pass of the gather sums the gradients of all processes for each example.

The mean over processes then divides the :math:`R` equal copies of the term by :math:`R`. A term that is a mean over
examples needs no gather. In a single process everything here is the identity or torch's own function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from noiseless.errors import InputError

__all__ = [
    "BatchNorm",
    "gather",
    "is_single_process",
    "keeps_moments",
    "recalibrate",
    "single_process",
    "take_moments",
    "uses_batch_statistics",
    "world",
]

_ALONE = False
"""A plain flag, because :func:`world` reads it in compiled code."""


@contextmanager
def single_process() -> Iterator[None]:
    """Within this block the process runs alone: it shares no batch and waits for no other process.

    One of several processes can then train something small by itself, such as a density on codes, while the others
    wait or have exited.
    """
    global _ALONE
    before, _ALONE = _ALONE, True
    try:
        yield
    finally:
        _ALONE = before


def is_single_process() -> bool:
    """Whether the caller is inside :func:`single_process`."""
    return _ALONE


def world() -> int:
    """The number of processes that share a batch."""
    return dist.get_world_size() if not _ALONE and dist.is_available() and dist.is_initialized() else 1


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return _Scatter.apply(grad)


class _Scatter(torch.autograd.Function):
    """The adjoint of the gather, as a separate function so that second derivatives cross processes too."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(world())[dist.get_rank()]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return _Gather.apply(grad)


def gather(x: Float[Tensor, "b ..."]) -> Float[Tensor, "joint ..."]:
    """The global batch, in the order of the processes; differentiable; the identity in a single process."""
    return _Gather.apply(x) if world() > 1 else x


class BatchNorm(nn.Module):
    r"""Batch normalisation over the global batch (Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167).

    .. math:: y_c = \gamma_c \frac{x_c - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + \beta_c

    In training :math:`\mu, \sigma^2` are the moments of the global batch over all axes except channels; in evaluation
    they are running averages. The defaults are Keras's, with which the papers' networks were trained (its momentum 0.99
    is 0.01 in torch's convention). torch's SyncBatchNorm does the same but does not run on CPUs.

    Arguments:
        channels: size of axis 1.
        affine: whether :math:`\gamma, \beta` are learnt (else 1 and 0).
        momentum: weight of the current batch in the running moments, in (0, 1].
        eps: :math:`\epsilon`.
        per_process: use the moments of each process's share: faster on several processes, but the result then differs
            from that of a single process.

    Attributes:
        of_batch: use the moments of the batch in evaluation too; False by default.
    """

    mean: Tensor
    var: Tensor
    batches: Tensor

    def __init__(
        self,
        channels: int,
        affine: bool = True,
        momentum: float = 0.01,
        eps: float = 1e-3,
        per_process: bool = False,
    ) -> None:
        super().__init__()
        self.momentum, self.eps, self.per_process, self.of_batch = momentum, eps, per_process, False
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.zeros(channels))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
        """Normalises, and in training updates the running moments."""
        if not self.training and self.of_batch:
            if x.numel() == x.shape[1]:
                raise InputError("a batch of one example has no variance; use 2 examples or more, or running moments")
            return F.batch_norm(x, None, None, self.weight, self.bias, True, eps=self.eps)
        if not self.training:
            return F.batch_norm(x, *self.moments(), self.weight, self.bias, eps=self.eps)
        self.batches += 1
        if world() > 1 and not self.per_process:
            return self._joint(x)
        if self.weight is not None and self.bias is not None and not torch.compiler.is_compiling():
            return _Normalise.apply(x, self.weight, self.bias, self.mean, self.var, self.momentum, self.eps)
        return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, True, self.momentum, self.eps)

    def moments(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        """The running mean and variance; 0 and 1 before the first batch."""
        seen = 1 - (1 - self.momentum) ** self.batches
        new = self.batches == 0
        return torch.where(new, 0, self.mean / seen), torch.where(new, 1, self.var / seen)

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


def take_moments(network: nn.Module, of_batch: bool) -> None:
    """Sets whether every batch norm uses the moments of the batch in evaluation too, or its running moments."""
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.of_batch = of_batch


def uses_batch_statistics(network: nn.Module) -> bool:
    """Whether the output for an example depends on the rest of its batch in evaluation mode."""
    return any(module.of_batch for module in network.modules() if isinstance(module, BatchNorm))


def _counts(module: nn.Module) -> bool:
    """Whether a module keeps running moments as :class:`BatchNorm` does."""
    return hasattr(module, "momentum") and isinstance(getattr(module, "batches", None), Tensor)


def _running(network: nn.Module) -> list[Any]:
    kind = nn.modules.batchnorm._BatchNorm
    return [module for module in network.modules() if isinstance(module, kind) or _counts(module)]


def keeps_moments(network: nn.Module) -> bool:
    """Whether any part of it normalises by running moments in evaluation mode."""
    return bool(_running(network))


@torch.no_grad()
def recalibrate(network: nn.Module, run: Callable[[], object], batches: int) -> None:
    """Sets the running moments of every batch norm to the means over some batches, and changes nothing else.

    Arguments:
        network: the module that contains the batch norms, torch's own among them; left in evaluation mode.
        run: passes one batch through it; everything but the batch norms is in evaluation mode then.
        batches: number of batches.
    """
    norms = _running(network)
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
    for k in range(batches):
        for norm in norms:
            norm.momentum = 1 / (k + 1)
        run()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        if _counts(norm):
            norm.batches.fill_(math.ceil(50 / momentum))  # (1 - momentum)^batches < 1e-21: no initialisation bias
    network.eval()


class _Normalise(torch.autograd.Function):
    r"""torch's batch normalisation in training mode, with a second derivative that is fast and differentiable.

    Values and first derivatives come from torch's own kernels, bit for bit. For the second derivative torch composes
    some forty passes over the data, each allocating a tensor; here the closed form takes about seven fused passes.
    (Gradient penalties spent a third of their step there.) torch's third derivative is also wrong (2.13: it treats the
    saved moments as constants), and the exact Jacobian by columns would need it.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, momentum: float, eps: float
    ) -> Tensor:
        y, mu, rstd = torch.native_batch_norm(x, weight, bias, mean, var, True, momentum, eps)
        ctx.save_for_backward(x, weight, mu, rstd)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return *_NormaliseBackward.apply(g, *ctx.saved_tensors, ctx.eps), None, None, None, None


class _NormaliseBackward(torch.autograd.Function):
    r"""The gradient, and its gradient.

    With :math:`\hat x = r (x - \mu)`, means :math:`\langle \cdot \rangle` over the M values of a channel,
    :math:`p = \langle g \hat x \rangle` and :math:`q = \langle v \hat x \rangle`,

    .. math::
        dx = \gamma r (g - \langle g \rangle - p \hat x), \qquad
        d\gamma = \sum g \hat x, \qquad d\beta = \sum g

    and the gradient of :math:`\sum v \, dx` is

    .. math::
        \partial_g &= \gamma r (v - \langle v \rangle - q \hat x) \\
        \partial_x &= -\gamma r^2 (p (v - \langle v \rangle) + q (g - \langle g \rangle) + (c - 3 p q) \hat x) \\
        \partial_\gamma &= r M (c - p q), \qquad c = \langle v g \rangle - \langle v \rangle \langle g \rangle .
    """

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, weight: Tensor, mu: Tensor, rstd: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        gradients = _first(g, x, weight, mu, rstd, eps)
        ctx.save_for_backward(g, x, weight, mu, rstd, *gradients[1:])
        ctx.eps = eps
        ctx.set_materialize_grads(False)
        return gradients

    @staticmethod
    def backward(ctx: Any, v: Tensor | None, *others: Tensor | None) -> tuple[Tensor | None, ...]:
        g, x, weight, mu, rstd, g_xhat, g_sum = ctx.saved_tensors
        if v is None or torch.is_grad_enabled() or any(other is not None for other in others):
            return *_composed((v, *others), g, x, weight, ctx.eps), None, None, None
        m = x.numel() // x.shape[1]
        d_g, v_xhat, v_sum = _first(v, x, weight, mu, rstd, ctx.eps)
        p, q, g_mean, v_mean = g_xhat / m, v_xhat / m, g_sum / m, v_sum / m
        c = _products(v, g) / m - v_mean * g_mean
        scale = -weight * rstd.square()
        on_x = scale * rstd * (c - 3 * p * q)
        shift = -scale * (p * v_mean + q * g_mean) - on_x * mu
        d_x = _affine(x, on_x, shift).add_(_affine(v, scale * p)).add_(_affine(g, scale * q))
        return d_g, d_x, rstd * m * (c - p * q), None, None, None


def _first(g: Tensor, x: Tensor, weight: Tensor, mu: Tensor, rstd: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    return torch.ops.aten.native_batch_norm_backward(g, x, weight, None, None, mu, rstd, True, eps, [True, True, True])


def _products(v: Tensor, g: Tensor) -> Tensor:
    """The sums of v g per channel, i.e. the gradient of a scale applied to v: one pass, without storing the product."""
    zeros = torch.zeros(v.shape[1], dtype=_wide(v.dtype), device=v.device)
    _, sums, _ = torch.ops.aten.native_batch_norm_backward(
        g, v, None, None, None, zeros, zeros + 1, True, 0.0, [False, True, False]
    )
    return sums


def _affine(x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    """Scale and shift per channel, both in float32 or higher precision: batch normalisation with moments 0 and 1."""
    zeros = torch.zeros_like(scale)
    return torch.native_batch_norm(x, scale, shift, zeros, zeros + 1, False, 0.0, 0.0)[0]


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.bfloat16 else dtype


def _composed(
    grads: tuple[Tensor | None, ...], g: Tensor, x: Tensor, weight: Tensor, eps: float
) -> tuple[Tensor | None, ...]:
    """The second derivative by autograd through the formulas: any order and every output, but slow."""
    create = torch.is_grad_enabled()
    with torch.enable_grad():
        # aliases, because g may itself depend on x, and only the dependence through the formulas counts here
        g, x, weight = (t.view_as(t) if create and t.requires_grad else _leaf(t) for t in (g, x, weight))
        outputs = _formulas(g, x, weight, eps)
        used = [(o, v.to(o.dtype)) for o, v in zip(outputs, grads, strict=True) if v is not None]
        if not used:
            return None, None, None
        found = torch.autograd.grad(
            [o for o, _ in used], (g, x, weight), [v for _, v in used], create_graph=create, allow_unused=True
        )
    return tuple(found)


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_()


def _formulas(g: Tensor, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    axes, shape = [0, *range(2, x.ndim)], (1, -1, *(1,) * (x.ndim - 2))
    wide_x, wide_g = x.to(_wide(x.dtype)), g.to(_wide(g.dtype))
    rstd = (wide_x.var(axes, correction=0) + eps).rsqrt()
    xhat = (wide_x - wide_x.mean(axes).view(shape)) * rstd.view(shape)
    p = (wide_g * xhat).mean(axes)
    centred = wide_g - wide_g.mean(axes).view(shape) - xhat * p.view(shape)
    d_x = (weight * rstd).view(shape) * centred
    return d_x.to(x.dtype), (wide_g * xhat).sum(axes), wide_g.sum(axes)
