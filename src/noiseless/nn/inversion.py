r"""Encoding by search, for a decoder without an encoder of data: the code whose output is nearest to a datum.

.. math:: e(x) = \arg\min_z \|d(z) - x\|_2^2

found by a fixed number of steps of Adam, from the nearest of a bank of known codes. The problem is not convex: what is
found is a local minimum, and data that the decoder cannot make get the code of something else.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["DecoderInversion"]


class DecoderInversion(nn.Module):
    """Data to codes, by optimisation; deterministic.

    Arguments:
        decode: codes to data, without a clamp, where no gradient would be; its parameters belong to somebody else.
        latent_dim: d.
        logits: whether `decode` gives log-odds.
        bank: how many codes to start from.
        steps: of Adam.
        lr: its rate, in standard deviations of the bank.
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
        """The codes; no gradient leads from them to `x`."""
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
