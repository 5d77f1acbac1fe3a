r"""A normalising flow on codes: an invertible network that maps them to N(0, I), fitted by maximum likelihood.

.. math:: \log p(z) = \log N(T(\tilde z); 0, I)
    + \log \left\lvert \det \frac{\partial T}{\partial \tilde z} \right\rvert - \sum_j \log s_j, \qquad
    \tilde z = (z - \bar z) / s

:math:`T` is a composition of maps, each of which transforms every dimension by a monotonic spline; the knots for one
half of the dimensions, chosen at random for each map, depend on the other half (coupling). A density evaluation takes
one pass, a sample two. Splines are used instead of affine maps because codes form clusters. They act on (-5, 5) and are
the identity outside, so tails are Gaussian. In one dimension there is nothing to couple, and only the splines remain.

Only early stopping on a held-out tenth of the codes (:mod:`noiseless.densities.trained`) prevents overfitting; a
mixture has fewer parameters and is the better choice for few codes.

Needs zuko: ``pip install 'noiseless[flow]'``. Reference: Neural spline flows, C. Durkan, A. Bekasov, I. Murray,
G. Papamakarios, 2019, https://arxiv.org/abs/1906.04032; for codes of autoencoders: From Variational to Deterministic
Autoencoders, P. Ghosh et al., 2020, section 4, https://arxiv.org/abs/1903.12436, which names flows as an alternative.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.densities.density import LatentDensity, checked
from noiseless.densities.normal import draw_seed, standard
from noiseless.densities.trained import CHUNK, Length, Standardised, at_least, seeded, train
from noiseless.nn.flow import zuko
from noiseless.objectives.objective import Objective, Phase
from noiseless.training.settings import Optimiser
from noiseless.values import Batch

__all__ = ["DENSITIES", "Flow"]

LR = 1e-3


class Flow(LatentDensity):
    """A coupling flow with splines on the standardised codes; needs the extra noiseless[flow].

    Arguments:
        dim: the dimension of the codes.
        transforms: number of coupling maps.
        hidden: units of each of the two hidden layers that compute a map's knots.
        steps, epochs: maximal numbers of steps and of passes over the codes; training ends when either is reached.
        batch: batch size.
        lr: learning rate of Adam.

    Attributes:
        flow: zuko's flow.

    Raises:
        InputError: an option is out of range, or zuko is not installed.
    """

    def __init__(
        self,
        dim: int,
        transforms: int = 4,
        hidden: int = 128,
        steps: int = 5000,
        epochs: int = 100,
        batch: int = 256,
        lr: float = LR,
    ) -> None:
        super().__init__(dim)
        at_least(
            1, "flow", {"transforms": transforms, "hidden": hidden, "steps": steps, "epochs": epochs, "batch": batch}
        )
        self.transforms, self.hidden = transforms, hidden
        self.length, self.optimiser = Length(steps, epochs, batch), Optimiser(lr=lr)
        self.standardised = Standardised(dim)
        self.flow = self._flow(seed=0)

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Flow:
        """Maximises the likelihood; ``generator`` determines the initial weights, the held-out codes and the order.

        Raises:
            InputError: as :func:`~noiseless.densities.density.checked`.
            RunError: as :func:`~noiseless.densities.trained.train`.
        """
        u = self.standardised.fit(checked(z, self.dim))
        noise = standard(len(u), self.dim, generator).to(u)
        u = torch.where(self.standardised.moves, u, noise)  # the likelihood of a constant is unbounded
        self.flow = self._flow(draw_seed(generator))
        train(_Likelihood(self.flow, self.optimiser), u, generator, self.length, self.device)
        self.n.fill_(len(z))
        self.note = "; ".join(filter(None, (self.standardised.note(), self._shortfall(u))))
        return self

    @torch.no_grad()
    def _shortfall(self, u: Float[Tensor, "n d"]) -> str:
        """A remark if a Gaussian with the moments of the codes has the higher likelihood; empty if not."""
        flow = self.flow()
        reached = torch.cat([flow.log_prob(part) for part in u.float().split(CHUNK)]).double().mean()
        spread = torch.linalg.slogdet(u.T.cov().reshape(self.dim, self.dim))[1]
        entropy = (self.dim * math.log(2 * math.pi * math.e) + spread) / 2
        if reached >= -entropy:
            return ""
        short = float(-entropy - reached)
        return f"a Gaussian fits these codes better, by {short:.3g} nats: use gaussian or gmm, or more codes or steps"

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Draws :math:`\bar z + s \, T^{-1}(\varepsilon)`."""
        self.require_fit()
        noise = standard(n, self.dim, generator).to(self.n.device, torch.float32)
        inverse = self.flow().transform.inv
        return self.standardised.inverse(torch.cat([inverse(part) for part in noise.split(CHUNK)])).float()

    @torch.no_grad()
    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """See the module's docstring; the network is evaluated in float32.

        Raises:
            InputError: a dimension of the codes is constant, so that there is no density.
        """
        self.require_fit()
        flow, parts = self.flow(), self.standardised(z).float().split(CHUNK)
        return torch.cat([flow.log_prob(part) for part in parts]).double() + self.standardised.log_slope()

    def _flow(self, seed: int) -> nn.Module:
        make = zuko("the density 'flow'").flows.NSF
        with seeded(seed):
            hidden = (self.hidden, self.hidden)
            flow: nn.Module = make(
                self.dim, passes=2, transforms=self.transforms, randperm=True, hidden_features=hidden
            )
        return flow


class _Likelihood(Objective):
    """The mean negative log-likelihood of a flow, minimised in one phase."""

    def __init__(self, flow: nn.Module, optimiser: Optimiser) -> None:
        super().__init__()
        self.flow, self.optimiser = flow, optimiser

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        return [Phase("flow", list(self.flow.parameters()), self.validate, lambda p: self.optimiser.build(p, LR))]

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """The training loss."""
        return {"likelihood": -self.flow().log_prob(batch.x).mean()}

    def code(self, batch: Batch) -> Tensor:
        """The data themselves, which are codes."""
        return batch.x


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"flow": Flow}
