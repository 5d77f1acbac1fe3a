r"""MaskAAE: an autoencoder, a critic of its masked codes, and a mask that learns the number of latent dimensions.

With codes :math:`\hat z = E(x)`, their mean :math:`\bar z` over the batch, samples :math:`p \sim N(0, I)`, the mask
:math:`\mu = 1 - e^{-M}` (:mod:`noiseless.nn.mask`), a critic C and :math:`d` dimensions, the four phases of a step are,
in this order and each on a fresh batch,

.. math::
    \min_{E, D}\; & L_{REC} + \lambda_v \frac1d \sum_j e^{-10 \mu_j^2} \, \overline{(\hat z_j - \bar z_j)^2} && (14) \\
    \min_C\; & \overline{C(\mu \hat z)} - \overline{C(\mu p)} + 10\, \overline{(\|\nabla_u C(u)\|_2 - 1)^2} && (16),
        \text{ five times} \\
    \min_E\; & - \overline{C(\mu \hat z)} && (15) \\
    \min_M\; & \lambda_r L_{REC} + (1 + W)^2 + \lambda_p(t) \sum_j |\mu_j (1 - \mu_j)| && (10), (17)

with the estimate :math:`W = \overline{C(\mu p)} - \overline{C(\mu \hat z)}` of the Wasserstein distance. The second
term of (14) removes variation from dimensions that the mask has closed, so that no information is hidden there. The
first term of (17) keeps the dimensions open that reconstruction needs, the second closes those in which the critic can
distinguish codes from the prior, and the third drives every :math:`\mu_j` to 0 or 1 once the other two have separated
them. :math:`(1 + W)^2` still has a gradient at W = 0: its minimum is at -1, which an optimal critic cannot attain. With
the GAN losses, W is replaced by the critic's estimate of the Jensen-Shannon divergence, and (15), (16) by the GAN's
losses; that form of (17) is ours.

On several processes, averages over examples are averages over all processes; :math:`\bar z`, and W inside its square,
are computed on the global batch.

**Shared batches** (``share_batch``) are faster, and ours: the phases of a step use the same examples, and the codes
computed in one phase are reused in later ones as constants (the autoencoder's codes in the critic's rounds, the
generator's codes for the mask). The critic therefore sees codes from before the encoder's update. Samples of the prior
are fresh in every round.

**Validation** uses the reconstruction, the second term of (14), the polarising term of the undecided dimensions,
:math:`0.1 \le \mu_j < 0.99`, at the cap of its weight, and the squared maximum mean discrepancy between masked codes
and masked samples of the prior. The third is large until the mask is decided and 0 afterwards. The best weights are
thus those with a decided mask, if there are any, and among these the ones with the best codes. None of this depends on
the critic.

Not enforced: that reconstruction and W balance at the intrinsic dimension of the data. That depends on
:math:`\lambda_r` and on the time before :math:`\lambda_p` takes effect: a dimension that is closed before the encoder
uses it could open again in principle, but (14) has made its code constant by then, and in practice it does not. How
strong this effect is depends on :math:`\lambda_v`: relative to a reconstruction that is a sum over N numbers, a
dimension of variance 1 costs :math:`\lambda_v \frac Nd e^{-10 \mu_j^2}`, which for the paper's 100, N = 784 and d = 64
is still 14 at a mask of 2/3.

Source: MaskAAE (Mondal, Chowdhury, Jayendran, Singla, Asnani, Prathosh, UAI 2020), eqs. 10 and 14 to 18,
https://arxiv.org/abs/1912.04564; weights and schedule are from its code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError, RunError
from noiseless.nn.distributed import gather
from noiseless.nn.mask import ACTIVE, Mask, MaskedDecoder
from noiseless.objectives.adversarial import Make, seen
from noiseless.objectives.objective import Objective, Phase
from noiseless.objectives.penalties.critic import Game
from noiseless.objectives.penalties.mmd import mmd
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.objectives.regularised import reconstruct
from noiseless.values import Batch, Dirac, Trace

__all__ = ["LossWeights", "MaskAAE", "MaskAAEOptimisers", "Polarising", "hidden_variance", "polarity"]

SHARPNESS = 10.0
r"""The :math:`\beta` of (14)."""


@dataclass(frozen=True)
class Polarising:
    r"""The schedule of :math:`\lambda_p` as a function of the step.

    .. math:: \lambda_p(t) = \min(c, a\, 2^{\lfloor (t - s) / k \rfloor}) \;\text{for}\; t \ge s, \qquad 0 \;\text{else}

    Arguments:
        first: a, 0 or more.
        every: k, the number of steps between doublings, 1 or more.
        start: s, 0 or more.
        cap: c, 0 or more.

    Raises:
        InputError: a value is out of range.

    >>> schedule = Polarising.paper(48)
    >>> schedule.every, [round(48 * schedule(t)) for t in (0, 21_599, 21_600, 43_200)]
    (21600, [2, 2, 4, 8])
    """

    first: float
    every: int
    start: int = 0
    cap: float = 2048.0

    def __post_init__(self) -> None:
        for name, least in (("first", 0), ("every", 1), ("start", 0), ("cap", 0)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise InputError(f"the polarising weight's {name!r} is {value}, but must be {least} or more and finite")

    @classmethod
    def paper(cls, latent_dim: int) -> Polarising:
        """The schedule of the paper's code: starts at 2/m and doubles every 4 T steps, T = 112.5 m within limits."""
        turn = 75 if latent_dim <= 20 else min(10_000, math.floor(112.5 * latent_dim))
        return cls(2 / latent_dim, 4 * turn)

    @classmethod
    def late(cls, steps: int) -> Polarising:
        """Our schedule: 0 for the first 60% of ``steps``, then from 1/16, doubled after every eightieth of them."""
        return cls(1 / 16, max(1, steps // 80), 3 * steps // 5)

    def __call__(self, step: int | None) -> float:
        """The weight in a step; its cap outside training (None)."""
        if step is None:
            return self.cap
        doublings = (step - self.start) // self.every
        return 0.0 if doublings < 0 else min(self.cap, self.first * 2.0 ** min(doublings, 1000))


@dataclass(frozen=True)
class LossWeights:
    r"""The weights of the terms, relative to a reconstruction that is a sum over the values of an example.

    Arguments:
        variance: :math:`\lambda_v`.
        reconstruction: :math:`\lambda_r`, in the mask's loss.
        discrepancy: the weight of the discrepancy in validation.

    Raises:
        InputError: a weight is negative or not finite.
    """

    variance: float
    reconstruction: float
    discrepancy: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise InputError(f"the weight {field.name!r} is {value}, but must be a number of 0 or more")


@dataclass(frozen=True)
class MaskAAEOptimisers:
    """Builds the optimiser of each phase."""

    autoencoder: Make
    critic: Make
    generator: Make
    mask: Make


def hidden_variance(z: Float[Tensor, "b d"], mu: Float[Tensor, " d"]) -> Float[Tensor, ""]:
    r"""The mean of :math:`e^{-10 \mu_j^2} (z_j - \bar z_j)^2` over dimensions and the global batch's codes (eq. 14)."""
    joint = gather(z)
    return (torch.exp(-SHARPNESS * mu.square()) * (joint - joint.mean(0)).square()).mean()


def polarity(mu: Float[Tensor, " d"]) -> Float[Tensor, ""]:
    r""":math:`\sum_j |\mu_j (1 - \mu_j)|` (eq. 10): 0 if every dimension is fully open or closed."""
    return (mu * (1 - mu)).abs().sum()


class MaskAAE(Objective):
    """An autoencoder with a mask that learns how many latent dimensions the data need.

    Arguments:
        autoencoder: the autoencoder to train; its decoder is a :class:`~noiseless.nn.mask.MaskedDecoder`.
        critic: maps masked codes (B, d) to scores (B,).
        reconstruction: maps the output (or its logits, if the decoder returns them) and the data to a scalar.
        game: the losses of critic and encoder.
        optimisers: the optimisers of the phases.
        weights: the weights of the terms.
        schedule: returns the schedule of the polarising weight for a number of steps.
        steps: the number of steps, until :meth:`set_total_steps` is called.
        rounds: updates of the critic per step, 1 or more.
        share_batch: use the same batch and its codes for all phases of a step instead of fresh ones.

    Raises:
        InputError: the decoder has no mask, or ``rounds`` is out of range.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        critic: nn.Module,
        reconstruction: Reconstruction,
        game: Game,
        optimisers: MaskAAEOptimisers,
        weights: LossWeights,
        schedule: Callable[[int], Polarising],
        steps: int,
        rounds: int = 5,
        share_batch: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(autoencoder.decoder, MaskedDecoder):
            raise InputError("MaskAAE needs a decoder with a mask: noiseless.nn.mask.MaskedDecoder")
        if rounds < 1:
            raise InputError(f"the updates of the critic per step are {rounds}, but must be 1 or more")
        self.autoencoder, self.critic, self.reconstruction, self.game = autoencoder, critic, reconstruction, game
        self.optimisers, self.weights, self.rounds, self.share_batch = optimisers, weights, rounds, share_batch
        self.schedule, self.polarising = schedule, schedule(steps)
        self._codes: tuple[int | None, Tensor] | None = None  # with the step they belong to

    @property
    def mask(self) -> Mask:
        """The mask."""
        return cast(MaskedDecoder, self.autoencoder.decoder).mask

    def constants(self) -> dict[str, float]:
        """The learning rates and the weights."""
        return super().constants() | asdict(self.weights)

    def phases(self) -> list[Phase]:
        """The four updates, in the order of the authors' code."""
        make, model, share = self.optimisers, self.autoencoder, self.share_batch
        encoder = [*model.encoder.parameters(), *model.bottleneck.parameters()]
        decoder = list(cast(MaskedDecoder, model.decoder).network.parameters())
        critic, mask = list(self.critic.parameters()), list(self.mask.parameters())
        return [
            Phase("autoencoder", [*encoder, *decoder], self.rebuild, make.autoencoder, shared=share),
            Phase("critic", critic, self.judge, make.critic, self.rounds, shared=share, no_lr_decay=True),
            Phase("generator", encoder, self.deceive, make.generator, shared=share),
            Phase("mask", mask, self.select, self._projected, shared=share),
        ]

    def set_total_steps(self, steps: int) -> None:
        """Sets the polarising schedule for this number of steps.

        Raises:
            InputError: training would end before the schedule starts, so that no dimension would be decided.
        """
        polarising = self.schedule(steps)
        if polarising.start >= steps:
            raise InputError(
                f"the polarising weight begins at step {polarising.start:,} and the training ends at step {steps:,}: "
                f"no dimension would be decided; set polarising_start= to about 60% of steps=, or leave it out"
            )
        self.polarising = polarising

    def rebuild(self, batch: Batch) -> dict[str, Tensor]:
        """The autoencoder's loss (14)."""
        trace = self.autoencoder(batch)
        self._keep(batch, trace.z)
        return self._rebuilt(trace)

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """The critic's loss (16), on detached codes."""
        with torch.no_grad():
            p, z = self._masked(batch, self._constant(batch))
        return self.game.critic(self.critic, p, z, batch.noise)

    def deceive(self, batch: Batch) -> dict[str, Tensor]:
        """The encoder's loss against the critic (15)."""
        z = self.autoencoder.encode(batch.x).sample(batch.noise)
        self._keep(batch, z)
        return {"generator": self.game.generator(self.critic(self.mask(z)))}

    def select(self, batch: Batch) -> dict[str, Tensor]:
        """The mask's loss (17)."""
        z = self._constant(batch)
        trace = self.autoencoder.decoded(batch, Dirac(z), z)
        distance = self._distance(*self._masked(batch, trace.z))
        return {
            "reconstruction": self.weights.reconstruction * reconstruct(self.reconstruction, trace),
            "distance": (1 + distance).square(),
            "polarisation": self.polarising(batch.step) * polarity(self.mask.mu),
        }

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """Reconstruction, hidden variance, polarisation of undecided dimensions, and discrepancy; see the module."""
        trace = self.autoencoder(batch)
        p, z = map(gather, self._masked(batch, trace.z))
        discrepancy = mmd(z, p) if len(z) > 1 else z.new_zeros(())  # a last batch of one example
        return self._rebuilt(trace) | {
            "polarisation": self.polarising(None) * polarity(self.mask.mu[self.mask.undecided]),
            "discrepancy": self.weights.discrepancy * discrepancy,
        }

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """The number of active dimensions; on the batch, their covariance (18) and the critic's distance."""
        p, z = self._masked(batch, self.autoencoder.encode(batch.x).sample(batch.noise))
        active, critic = self.mask.active, self.critic
        return {"active": active.sum().to(z)} | seen(gather(z)[:, active], 0.0, critic(p), critic(z), self.game)

    def weight_summary(self) -> dict[str, list[float]]:
        """The mask, one value per dimension."""
        return {"mask": self.mask.mu.detach().cpu().tolist()}

    def pruned_arguments(self, arguments: Mapping[str, Any], kept: int) -> tuple[dict[str, Any], list[str]]:
        """Keeps the doubling interval of the form paper, which otherwise depends on the latent dimension."""
        if arguments.get("form") != "paper":
            return {}, []
        return {"polarising_every": self.polarising.every}, [f"form paper polarises from 2/{kept}"]

    def check(self) -> None:
        """Raises an error if the mask is not finite or has no active dimensions."""
        if not self.mask.mu.isfinite().all():
            raise RunError(
                "the mask is no longer finite: the gradient in its phase 'mask' was not; lower its learning rate "
                "(mask_lr=) or clip the gradients (clip=)"
            )
        if not self.mask.active.any():
            raise RunError(
                f"the mask has no active dimension left (all are below {ACTIVE}): in its phase 'mask' the terms "
                f"'distance' and 'polarisation' outweigh 'reconstruction'; increase its weight "
                f"(mask_reconstruction=), lower the mask's learning rate (mask_lr=), or start the polarising weight "
                f"later (polarising_start=)"
            )

    def code(self, batch: Batch) -> Tensor:
        """The mean codes, before the mask."""
        return self.autoencoder.encode(batch.x).mean

    def _constant(self, batch: Batch) -> Tensor:
        """The detached codes of the batch; the stored ones if the batch is shared."""
        if self._codes is not None and self._codes[0] == batch.step:
            return self._codes[1]
        with torch.no_grad():
            return self.autoencoder.encode(batch.x).sample(batch.noise)

    def _keep(self, batch: Batch, z: Tensor) -> None:
        """Stores the codes for later phases if they share the batch."""
        if self.share_batch:
            self._codes = batch.step, z.detach()

    def _masked(self, batch: Batch, z: Tensor) -> tuple[Tensor, Tensor]:
        """Masked samples of the prior, and masked codes of the batch."""
        return self.mask(batch.noise.normal(z.detach())), self.mask(z)

    def _distance(self, p: Tensor, z: Tensor) -> Tensor:
        """The critic's distance between samples of the prior and codes, on the global batch."""
        return self.game.distance(gather(self.critic(p)), gather(self.critic(z)))

    def _rebuilt(self, trace: Trace) -> dict[str, Tensor]:
        return {
            "reconstruction": reconstruct(self.reconstruction, trace),
            "variance": self.weights.variance * hidden_variance(trace.z, self.mask.mu),
        }

    def _projected(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """The mask's optimiser, which clamps M to be non-negative after every update."""
        optimiser = self.optimisers.mask(parameters)
        optimiser.register_step_post_hook(lambda *_: self.mask.project())
        return optimiser
