r"""The second stage of Dai and Wipf: a variational autoencoder whose data are the codes.

.. math:: \min \; E_q \big[ -\log N(\tilde z; f(u), \gamma I) \big] + KL(q(u \mid \tilde z) \,\|\, N(0, I)), \qquad
    u \sim N(0, I), \quad \tilde z \sim N(f(u), \gamma I), \quad z = \bar z + s \tilde z

Unlike images, codes fill the space in which they lie (Dai and Wipf show this for codes of a variational autoencoder at
its optimum). A variational autoencoder with as many latent dimensions as its data can then fit their distribution,
whereas for images, which lie on a manifold, it fits the manifold but not the distribution on it. For codes that lie on
a manifold themselves the argument does not hold, but the method can still be applied.

The variance :math:`\gamma` is learnt, as in Dai and Wipf (there by gradient descent; here as its optimum for the batch,
:func:`~noiseless.objectives.reconstruction.likelihood.gaussian_learnt`), and samples include the decoder's noise, as in
their code. A positive ``weight`` :math:`w` selects the loss of Ghosh et al., :math:`\frac1d \lVert \tilde z - f(u)
\rVert^2 + w KL`, for which samples are the decoder's means; their weights are 1.5e-3 for MNIST, 1e-3 for CIFAR-10 and
2e-3 for CelebA.

Networks and optimisation follow Dai and Wipf: hidden layers with ReLU, a last layer that sees the input concatenated
with their output; Adam with learning rate 1e-4, batches of 64. Deviations:

* codes are standardised, and the posterior's log standard deviation is bounded to (-5, 5), both as in Ghosh et al.; it
  is initialised to 0, because with random initial values the result of a short training is a matter of luck;
* codes are used as given (in a run, the posterior means), where Dai and Wipf resample the first posterior in every
  epoch;
* the default is 20,000 steps and at most 100 epochs, where Ghosh et al. use 100 epochs (84,000 steps for nine tenths of
  60,000 codes) and Dai and Wipf 800. A step takes 10 to 30 ms on one CPU core by default.

There is no ``log_prob``, because the density is an integral over :math:`u` and only bounds on it can be computed.

References: Diagnosing and enhancing VAE models, B. Dai, D. Wipf, 2019, https://arxiv.org/abs/1903.05789, and
https://github.com/daib13/TwoStageVAE; From Variational to Deterministic Autoencoders, P. Ghosh et al., 2020,
https://arxiv.org/abs/1903.12436, and ``my_utility/estimate_density_and_sample.py`` in its code.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.gaussian import Variational
from noiseless.densities.density import LatentDensity, checked
from noiseless.densities.normal import draw_seed, standard
from noiseless.densities.trained import CHUNK, Length, Standardised, at_least, seeded, train
from noiseless.errors import InputError
from noiseless.nn.mlp import MLP
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.reconstruction.likelihood import gaussian_learnt
from noiseless.objectives.reconstruction.pixel import squared_error
from noiseless.objectives.regularised import Regularised, Term
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Noise

__all__ = ["DENSITIES", "SecondStage"]

LR = 1e-4


class SecondStage(LatentDensity):
    r"""A variational autoencoder on the standardised codes (Dai and Wipf, 2019).

    Arguments:
        dim: the dimension :math:`d` of the codes, and of :math:`u`.
        width: units per hidden layer.
        depth: number of hidden layers, each in encoder and decoder.
        steps, epochs: maximal numbers of steps and of passes over the codes; training ends when either is reached.
        batch: batch size.
        weight: 0 learns the variance :math:`\gamma`; otherwise :math:`w`, see the module's docstring.
        lr: learning rate of Adam.

    Attributes:
        stage: the autoencoder.
        variance: :math:`\gamma`, the mean over codes and dimensions of :math:`(\tilde z - f(u))^2` with :math:`u` from
            the posterior; 0 if it is not learnt.

    Raises:
        InputError: an option is out of range.
    """

    variance: Tensor

    def __init__(
        self,
        dim: int,
        width: int = 1024,
        depth: int = 3,
        steps: int = 20_000,
        epochs: int = 100,
        batch: int = 64,
        weight: float = 0.0,
        lr: float = LR,
    ) -> None:
        super().__init__(dim)
        at_least(1, "second-stage", {"width": width, "depth": depth, "steps": steps, "epochs": epochs, "batch": batch})
        if not 0 <= weight < math.inf:
            raise InputError(f"the option 'weight' of density 'second-stage' is {weight}, but must be 0 or more")
        self.width, self.depth, self.weight = width, depth, weight
        self.length, self.optimiser = Length(steps, epochs, batch), Optimiser(lr=lr)
        self.standardised = Standardised(dim)
        self.stage = self._stage(seed=0)
        self.register_buffer("variance", torch.zeros((), dtype=torch.float64))

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> SecondStage:
        """Trains the second stage; ``generator`` determines initial weights, held-out codes, order and noise.

        Raises:
            InputError: as :func:`~noiseless.densities.density.checked`.
            RunError: as :func:`~noiseless.densities.trained.train`.
        """
        codes = self.standardised.fit(checked(z, self.dim))
        self.stage = self._stage(draw_seed(generator))
        train(self._objective(), codes, generator, self.length, self.device)
        self.variance.fill_(self._residual(codes, Noise(draw_seed(generator))) if self.weight == 0 else 0.0)
        self.n.fill_(len(z))
        self.note = self.standardised.note()
        return self

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Samples :math:`\bar z + s (f(u) + \sqrt\gamma \varepsilon)`."""
        self.require_fit()
        u, noise = standard(n, self.dim, generator), standard(n, self.dim, generator).to(self.variance)
        means = torch.cat([self.stage.decode(part) for part in u.to(self.variance.device).float().split(CHUNK)])
        return self.standardised.inverse(means + self.variance.sqrt() * noise).float()

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:  # noqa: ARG002
        """Not defined.

        Raises:
            InputError: always.
        """
        raise InputError("a second stage has no log-density in closed form; flow, gmm and gaussian have one")

    def _stage(self, seed: int) -> Autoencoder:
        with seeded(seed):
            encoder = _Skip(self.dim, 2 * self.dim, self.width, self.depth)
            decoder = _Skip(self.dim, self.dim, self.width, self.depth)
        nn.init.zeros_(encoder.last.weight[self.dim :])
        return Autoencoder(encoder, decoder, Variational(self.dim))

    def _objective(self) -> Regularised:
        learnt = self.weight == 0
        weight = 1.0 if learnt else self.dim * self.weight  # our sum over dimensions is d times the authors' mean
        terms, reconstruction = {"kl": Term(weight, kl)}, gaussian_learnt if learnt else squared_error
        return Regularised(self.stage, reconstruction, terms, lambda p: self.optimiser.build(p, LR))

    @torch.no_grad()
    def _residual(self, codes: Float[Tensor, "n d"], noise: Noise) -> float:
        parts = codes.float().cpu().split(CHUNK)
        traces = (self.stage(Batch(part, torch.arange(len(part)), None, noise)) for part in parts)
        return sum((trace.y - trace.x).square().sum().item() for trace in traces) / codes.numel()


class _Skip(nn.Module):
    """Hidden layers with ReLU, and a linear layer on the concatenation of the input and their output."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(MLP(inputs, *[width] * depth), nn.ReLU())
        self.last = nn.Linear(inputs + width, outputs)
        nn.init.xavier_uniform_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Float[Tensor, "b inputs"]) -> Float[Tensor, "b outputs"]:
        """See the class."""
        return self.last(torch.cat([x, self.hidden(x)], dim=1))


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"second-stage": SecondStage}
