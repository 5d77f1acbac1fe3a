"""A density of one's own: a kernel density estimate. As a program, and on the command line:

noiseless train rae-l2 --data digits --width 16 --latent-dim 4 --out runs/kernel
noiseless sample runs/kernel --density own_density:Kernel:0.3 -n 16
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import noiseless as nl


class Kernel(nl.densities.LatentDensity):
    r"""A Gaussian of one width round every code: :math:`p(z) = \frac1n \sum_i N(z; z_i, h^2 I)`.

    Arguments:
        dim: the number of latent dimensions.
        width: :math:`h`, in units of the codes' mean standard deviation.
    """

    codes: Tensor

    def __init__(self, dim: int, width: float = 0.5) -> None:
        super().__init__(dim)
        self.width = width
        self.register_buffer("codes", torch.zeros(0, dim, dtype=torch.float64))

    def fit(self, z: Tensor, generator: torch.Generator) -> Kernel:  # noqa: ARG002
        self.codes = nl.densities.checked(z, self.dim)
        self.n.fill_(len(z))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        self.require_fit()
        chosen = torch.randint(len(self.codes), (n,), generator=generator)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return (self.codes[chosen] + self.h * noise).float()

    def log_prob(self, z: Tensor) -> Tensor:
        self.require_fit()
        squares = torch.cdist(z.double(), self.codes).square() / self.h**2
        constant = math.log(len(self.codes)) + self.dim * (self.h.log() + 0.5 * math.log(2 * math.pi))
        return (-0.5 * squares).logsumexp(1) - constant

    @property
    def h(self) -> Tensor:
        return self.width * self.codes.std(0).mean()


if __name__ == "__main__":
    training, networks = nl.Training(steps=200, threads=1), nl.Networks(width=16, latent_dim=4)
    model = nl.train("rae-l2", "digits", "runs/kernel", training=training, networks=networks, overwrite=True).model()
    print(model.sample(16, density=Kernel).shape)  # (16, 1, 8, 8); or density="own_density:Kernel:0.3"
