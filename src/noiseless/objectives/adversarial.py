r"""An autoencoder trained against a critic of its codes: the update schemes of WAE-GAN and of AAE.

.. math:: L = L_{REC}(y, x) + \lambda L_E(D(z)) + \sum_k w_k L_k, \qquad D = \arg\min L_D(p, z), \quad p \sim N(0, I)

with the losses of encoder and critic from :mod:`noiseless.objectives.penalties.critic`. There are two schemes, with
their phases in the order of the paper:

* a single update of the autoencoder (WAE-GAN): the critic; the autoencoder by :math:`L`;
* a separate update of the encoder (AAE): the autoencoder by :math:`L_{REC} + \sum_k w_k L_k`; the critic; the encoder
  by :math:`\lambda L_E`.

Each phase uses a fresh batch, and samples of the prior that are a function of seed, step, slot and position in the
global batch.

**Side effects of a phase.** A phase changes its own parameters only. The encoder runs in training mode in all phases,
because the critic has to judge the codes that the encoder is trained on, i.e. those with batch statistics. The running
moments of its batch norms are therefore updated in every phase, including the critic's: each is another batch of data
at the current weights. Those of the decoder are updated only in phases that decode.

**Validation** cannot use the losses that are minimised. The encoder's loss says as much about the critic as about the
codes: it falls when the critic gets worse. The validation loss consists of :math:`L_{REC}`, the extra terms, and the
squared maximum mean discrepancy between codes and prior (:mod:`noiseless.objectives.penalties.mmd`), which is unbiased,
needs no critic and is comparable between steps and runs. Its weight determines the trade-off against reconstruction
when the best weights are selected.

Sources: Wasserstein auto-encoders (Tolstikhin, Bousquet, Gelly, Schölkopf, ICLR 2018), algorithm 1,
https://arxiv.org/abs/1711.01558; Adversarial autoencoders (Makhzani, Shlens, Jaitly, Goodfellow, Frey, 2015), section
2, https://arxiv.org/abs/1511.05644.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.metrics import latent
from noiseless.nn.distributed import gather
from noiseless.objectives.objective import Objective, Phase
from noiseless.objectives.penalties.critic import Game
from noiseless.objectives.penalties.mmd import MMD
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.objectives.regularised import Term, reconstruct
from noiseless.values import Batch, Trace

__all__ = ["Adversarial", "AdversarialOptimisers", "Make", "seen"]

Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True)
class AdversarialOptimisers:
    """Builds the optimiser of each phase.

    Arguments:
        autoencoder, critic: the optimisers of the autoencoder and the critic.
        generator: the optimiser of the encoder against the critic; None selects the scheme with a single update of the
            autoencoder.
    """

    autoencoder: Make
    critic: Make
    generator: Make | None = None


def seen(
    z: Float[Tensor, "b d"], threshold: float, on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"], game: Game
) -> dict[str, Tensor]:
    """Diagnostics of codes: their normalised absolute covariance, and the critic's distance to the prior.

    The covariance (:func:`noiseless.metrics.latent.nac`) is left out where it is undefined. For n independent codes it
    is about sqrt(2 / pi n): its values on batches show a trend; use ``noiseless evaluate`` for the value itself.

    Arguments:
        z: the codes of the global batch, in the dimensions considered.
        threshold: variance above which a dimension is active.
        on_prior, on_codes: the critic's scores.
        game: defines the distance.
    """
    nac = latent.nac(z.detach().cpu(), threshold) if len(z) > 1 and z.shape[1] else None
    defined = {} if nac is None else {"nac": on_codes.new_tensor(nac)}
    return defined | {"distance": game.distance(gather(on_prior), gather(on_codes))}


class Adversarial(Objective):
    r"""An autoencoder whose codes are trained to be indistinguishable from samples of N(0, I) for a critic.

    Arguments:
        autoencoder: the autoencoder to train.
        critic: maps codes (B, d) to scores (B,).
        reconstruction: maps the output (or its logits, if the decoder returns them) and the data to a scalar.
        game: the losses of critic and encoder.
        optimisers: the optimisers of the phases; with one for the generator, the encoder is updated separately.
        weight: :math:`\lambda`, the weight of the encoder's loss, 0 or more.
        terms: further penalties of the autoencoder's phase, by the names shown in logs.
        discrepancy: the term that validation adds to the reconstruction.
        rounds: updates of the critic per step, 1 or more.

    Raises:
        InputError: ``weight`` or ``rounds`` is out of range.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        critic: nn.Module,
        reconstruction: Reconstruction,
        game: Game,
        optimisers: AdversarialOptimisers,
        weight: float = 1.0,
        terms: Mapping[str, Term] | None = None,
        discrepancy: Term = Term(1.0, MMD()),
        rounds: int = 1,
    ) -> None:
        super().__init__()
        if not 0 <= weight < math.inf:
            raise InputError(f"the weight of the encoder's loss is {weight}, but must be a number of 0 or more")
        if rounds < 1:
            raise InputError(f"the updates of the critic per step are {rounds}, but must be 1 or more")
        self.autoencoder, self.critic, self.reconstruction, self.game = autoencoder, critic, reconstruction, game
        self.optimisers, self.weight, self.rounds = optimisers, weight, rounds
        self.terms, self.discrepancy = dict(terms or {}), discrepancy

    def constants(self) -> dict[str, float]:
        """The learning rates, and the weights of the encoder's loss, the validation discrepancy and other penalties."""
        weighed = {"discrepancy": self.discrepancy, **self.terms}
        weights = {name: term.weight for name, term in weighed.items()}
        return super().constants() | {"generator": self.weight} | weights

    def phases(self) -> list[Phase]:
        """The updates of critic and autoencoder, and of the encoder if it is separate."""
        make, model = self.optimisers, self.autoencoder
        whole, encoder = list(model.parameters()), [*model.encoder.parameters(), *model.bottleneck.parameters()]
        critic = Phase("critic", list(self.critic.parameters()), self.judge, make.critic, self.rounds, no_lr_decay=True)
        if make.generator is None:
            return [critic, Phase("autoencoder", whole, self.joint, make.autoencoder)]
        autoencoder = Phase("autoencoder", whole, self.rebuild, make.autoencoder)
        return [autoencoder, critic, Phase("generator", encoder, self.deceive, make.generator)]

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """The critic's loss, on detached codes."""
        with torch.no_grad():
            z = self._draw(batch)
        return self.game.critic(self.critic, batch.noise.normal(z), z, batch.noise)

    def joint(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction, every term that is due, and the encoder's loss."""
        trace = self.autoencoder(batch)
        return self._reconstruction(trace) | self._generator(trace.z)

    def rebuild(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction and every term that is due."""
        return self._reconstruction(self.autoencoder(batch))

    def deceive(self, batch: Batch) -> dict[str, Tensor]:
        """The encoder's loss."""
        return self._generator(self._draw(batch))

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction, every term, and the discrepancy between codes and prior; independent of the critic."""
        trace = self.autoencoder(batch)
        return self._reconstruction(trace) | {"discrepancy": self.discrepancy.value(trace, self.autoencoder)}

    def code(self, batch: Batch) -> Tensor:
        """The mean codes."""
        return self.autoencoder.encode(batch.x).mean

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """The number of dimensions in which the variance of a batch's codes exceeds 0.01, and those of :func:`seen`."""
        z = self._draw(batch)
        joint = gather(z)
        active = latent.active(joint).sum() if len(joint) > 1 else None
        counted = {} if active is None else {"active": active.to(z)}
        return counted | seen(joint, latent.ACTIVE, self.critic(batch.noise.normal(z)), self.critic(z), self.game)

    def _draw(self, batch: Batch) -> Tensor:
        return self.autoencoder.encode(batch.x).sample(batch.noise)

    def _generator(self, z: Tensor) -> dict[str, Tensor]:
        return {"generator": self.weight * self.game.generator(self.critic(z))}

    def _reconstruction(self, trace: Trace) -> dict[str, Tensor]:
        values = {"reconstruction": reconstruct(self.reconstruction, trace)}
        for name, term in self.terms.items():
            if term.due(trace.batch.step):
                values[name] = term.value(trace, self.autoencoder)
        return values
