r"""Encoding by optimisation, for a decoder without an encoder: the code whose output is nearest to an example.

.. math:: e(x) = \arg\min_z \|d(z) - x\|_2^2

is approximated by a fixed number of steps of Adam, starting from the nearest code of a bank. The problem is not convex:
the result is a local minimum, and examples that the decoder cannot produce get the code of something else.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["DecoderInversion"]


class DecoderInversion(nn.Module):
    """Maps examples to codes by optimisation; deterministic.

    Arguments:
        decode: maps codes to outputs, without clamping, which would stop gradients; its parameters are not trained
            here.
        latent_dim: latent dimension d.
        logits: whether ``decode`` returns log-odds.
        bank: number of codes to choose the start from.
        steps: number of steps of Adam.
        lr: Adam's learning rate, in standard deviations of the bank.
    """

    bank: Tensor

    def __init__(
        self,
        decode: Callable[[Tensor], Tensor],
        latent_dim: int,
        logits: bool = False,
        bank: int = 256,
        steps: int = 100,
        lr: float = 0.1,
    ) -> None:
        super().__init__()
        self.decode, self.logits, self.steps, self.lr = decode, logits, steps, lr
        self.register_buffer("bank", torch.zeros(bank, latent_dim))

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b d"]:
        """The codes, detached from ``x``."""
        with torch.inference_mode(False), torch.enable_grad():
            x, scale = x.detach().clone(), self._scale()
            start, u = self._nearest(x), torch.zeros(len(x), self.bank.shape[1], device=x.device, dtype=x.dtype)
            u.requires_grad_()
            optimiser = torch.optim.Adam([u], self.lr)
            for _ in range(self.steps):
                loss = (self._data(start + scale * u) - x).square().sum()
                (u.grad,) = torch.autograd.grad(loss, u)
                optimiser.step()
            return (start + scale * u).detach()

    def _data(self, z: Tensor) -> Tensor:
        y = self.decode(z)
        return torch.sigmoid(y) if self.logits else y

    def _scale(self) -> Tensor:
        scale = self.bank.clone().std(0)
        return torch.where(scale > 0, scale, 1.0)

    @torch.no_grad()
    def _nearest(self, x: Tensor) -> Tensor:
        bank = self.bank.clone()
        known = torch.cat([self._data(part) for part in bank.split(250)])
        return bank[torch.cdist(x.flatten(1).float(), known.flatten(1).float()).argmin(1)]
