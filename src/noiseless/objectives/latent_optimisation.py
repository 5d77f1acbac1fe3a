r"""Generative latent optimisation: every training example has a code of its own, which is learnt with the decoder.

.. math:: \min_{\theta, z_1, \dots, z_n} \frac1n \sum_i L_{REC}(d_\theta(z_i), x_i), \qquad \|z_i\|_2 \le 1

by stochastic gradients: a step updates the decoder and the codes of its batch, and then projects codes to the unit
ball, :math:`z \leftarrow z / \max(\|z\|_2, 1)`. There is no encoder of data. Codes start from the principal components
of the data or from N(0, I), projected. Other data are encoded by a search for the nearest output
(:mod:`noiseless.nn.inversion`), within the ball.

The codes are a parameter with a row for every training example, in the checkpoint. An optimiser with momentum or
adaptive rates, such as Adam, also moves the codes of examples that are not in the batch.

**Moments** of batch norms in evaluation mode are those of random training codes under the weights as they are.

**Validation** has no reconstruction term, because examples outside the training set have no code. It is the squared
energy distance between the validation data and equally many samples: outputs for draws from the Gaussian with the
codes' mean and covariance (:func:`noiseless.objectives.deciphering.objective.energy_distance`). The paper uses the last
weights.

Not enforced: that the decoder is meaningful between the codes, which only its limited capacity makes likely.

Source: Optimizing the latent space of generative networks (Bojanowski, Joulin, Lopez-Paz, Szlam, ICML 2018), equations
2 to 4, https://arxiv.org/abs/1707.05776.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.ball import into_ball
from noiseless.errors import InputError
from noiseless.nn.distributed import gather, keeps_moments, recalibrate
from noiseless.nn.inversion import DecoderInversion
from noiseless.objectives.deciphering.objective import energy_distance
from noiseless.objectives.objective import Objective, Phase, TrainingInfo
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.objectives.regularised import reconstruct
from noiseless.values import Batch, Dirac

__all__ = ["Initial", "LatentOptimisation", "principal"]

Initial = Literal["pca", "normal"]
BATCH, CALIBRATION = 250, 20
"""The running moments are means over 20 batches of 250 codes."""
FEW = 5000
"""Examples from which principal axes are computed, at most."""


class LatentOptimisation(Objective):
    """Learnt codes, a decoder, and their training.

    Arguments:
        autoencoder: the decoder, with a :class:`~noiseless.nn.inversion.DecoderInversion` instead of an encoder of
            data.
        reconstruction: maps the output (or its logits, if the decoder returns them) and the data to a scalar.
        make: builds the optimiser of the decoder.
        ratio: learning rate of the codes, relative to the decoder's, above 0.
        initial: where codes start: pca (principal components of the data) or normal (N(0, I)).

    Attributes:
        codes: the codes of the training examples, shape (n, d); without rows before :meth:`setup`.

    Raises:
        InputError: the ratio is out of range.
    """

    needs_index = True

    def __init__(
        self,
        autoencoder: Autoencoder,
        reconstruction: Reconstruction,
        make: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
        ratio: float = 10.0,
        initial: Initial = "pca",
    ) -> None:
        super().__init__()
        if not 0 < ratio < float("inf"):
            raise InputError(
                f"the learning rate of the codes is {ratio} times the decoder's; expected a positive ratio"
            )
        self.autoencoder, self.reconstruction = autoencoder, reconstruction
        self.make, self.ratio, self.initial = make, ratio, initial
        self.codes = nn.Parameter(torch.zeros(0, autoencoder.latent_dim))
        self.register_load_state_dict_pre_hook(_make_room)

    def setup(self, info: TrainingInfo, rows: Callable[[], Tensor]) -> None:
        """Gives each training example a code, unless a checkpoint provided them."""
        if len(self.codes) == info.count:
            return
        d, generator = self.autoencoder.latent_dim, torch.Generator().manual_seed(info.seed)
        start = principal(rows(), d) if self.initial == "pca" else torch.randn(info.count, d, generator=generator)
        self.codes.data = into_ball(start).to(self.codes)

    def phases(self) -> list[Phase]:
        """One update of the decoder and of the codes, which have a learning rate of their own."""
        return [Phase("autoencoder", list(self.parameters()), self.loss, self._optimiser)]

    def constants(self) -> dict[str, float]:
        """The learning rate, and the ratio of the codes' to it."""
        return super().constants() | {"ratio of the codes' rate": self.ratio}

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction of the batch from its codes."""
        z = self.codes.index_select(0, batch.index)
        return {"reconstruction": reconstruct(self.reconstruction, self.autoencoder.decoded(batch, Dirac(z), z))}

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """The energy distance between fresh samples and the batch."""
        z = self._fresh(batch.noise.normal(self.codes.new_zeros(len(batch.x), self.codes.shape[1])))
        y = self.autoencoder.decode(z)
        return {"discrepancy": energy_distance(gather(batch.x.flatten(1)), gather(y.flatten(1)))}

    def code(self, batch: Batch) -> Tensor:
        """The learnt codes of training examples.

        Raises:
            InputError: an example has no code.
        """
        if int(batch.index.max()) >= len(self.codes):
            raise InputError(
                f"there are {len(self.codes)} codes, but none for example {int(batch.index.max())}: only training "
                "examples have one, once training has started"
            )
        return self.codes.detach().index_select(0, batch.index)

    @torch.no_grad()
    def recalibrated(self) -> LatentOptimisation:
        """A copy with the moments of training codes, whose inversion starts from some of them."""
        other = copy.deepcopy(self).eval()
        generator = torch.Generator().manual_seed(0)
        search = cast(DecoderInversion, other.autoencoder.encoder)
        search.bank.copy_(other._some(len(search.bank), generator))
        if keeps_moments(other):
            recalibrate(other, lambda: other.autoencoder.decode(other._some(BATCH, generator)), CALIBRATION)
        return other

    def _some(self, count: int, generator: torch.Generator) -> Float[Tensor, "b d"]:
        """Codes of random training examples."""
        drawn = torch.randint(len(self.codes), (count,), generator=generator)
        return self.codes.detach()[drawn.to(self.codes.device)]

    def _fresh(self, noise: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Draws from the Gaussian with the codes' mean and covariance, which may be singular."""
        z = self.codes.detach().double()
        mean = z.mean(0)
        variances, axes = torch.linalg.eigh((z - mean).T @ (z - mean) / max(len(z) - 1, 1))
        return (mean + noise.double() @ (axes * variances.clamp_min(0).sqrt()).T).to(noise)

    def _optimiser(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        optimiser = self.make([p for p in parameters if p is not self.codes])
        optimiser.add_param_group({"params": [self.codes], "lr": self.ratio * optimiser.param_groups[0]["lr"]})
        optimiser.register_step_post_hook(lambda *_: self._project())
        return optimiser

    @torch.no_grad()
    def _project(self) -> None:
        self.codes.copy_(into_ball(self.codes))


def principal(x: Float[Tensor, "n m"], d: int) -> Float[Tensor, "n d"]:
    """The first d principal components of the data, 0 where they have fewer; each with a positive largest loading.

    The axes are those of at most 5,000 examples, evenly spaced.
    """
    some = x[:: -(-len(x) // FEW)].double()
    mean = some.mean(0)
    axes = _axes(some - mean, d)
    found = x @ axes.to(x) - (mean @ axes).to(x)
    return nn.functional.pad(found, (0, d - found.shape[1]))


def _axes(data: Float[Tensor, "n m"], d: int) -> Float[Tensor, "m k"]:
    """The principal axes of centred data as columns, the largest variance first; at most d."""
    wide = data.shape[1] > data.shape[0]
    _, vectors = torch.linalg.eigh(data @ data.T if wide else data.T @ data)
    vectors = vectors[:, -min(d, *data.shape) :].flip(1)
    axes = data.T @ vectors if wide else vectors
    axes = axes / axes.norm(dim=0).clamp_min(1e-300)
    return axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()


def _make_room(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Resizes the codes to their number in a checkpoint; they stay the same parameter, which an optimiser has."""
    stored, codes = state.get(f"{prefix}codes"), cast(nn.Parameter, module.codes)
    if stored is not None and stored.shape[1:] == codes.shape[1:] and len(stored) != len(codes):
        codes.data = codes.data.new_zeros(stored.shape)
