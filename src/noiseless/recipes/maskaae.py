r"""MaskAAE (Mondal et al., UAI 2020), https://arxiv.org/abs/1912.04564: learning the number of latent dimensions.

An encoder is trained against a Wasserstein critic of its codes, while a mask on codes and prior closes the dimensions
that the data do not need; the losses are in :mod:`noiseless.objectives.maskaae`. ``wae_wgan`` is the same method
without the mask, the paper's baseline, whose samples get worse if the latent dimension is too small or too large.

The paper's weights refer to a reconstruction that is a mean over the N values of an example, and so do the arguments
here. Internally they are converted to our sum: :math:`\lambda N` for the variance of closed dimensions, and
:math:`\lambda / N` for the reconstruction in the mask's loss, where it is the only weighted term. RMSProp with the
paper's learning rates, 5e-4 for autoencoder and mask and 1e-4 for encoder and critic; batches of 64; perceptrons of 4 x
1024 with Glorot-normal weights for vectors and grey images up to 28x28 pixels, and the convolutional networks of Ghosh
et al. for other images, because the paper's networks for them are not known.

There are two forms, which differ in how the number of active dimensions is decided:

* ``paper`` follows the authors' code: the polarising weight starts immediately, so every dimension whose mask starts
  above 1/2 is soon driven to 1, and 500,000 steps are needed.
* ``robust``, ours and the default, lets reconstruction and critic separate the dimensions for 60% of its 20,000 steps
  before polarisation starts. The mask has a larger learning rate and starts almost fully open, so that its random
  initialisation does not decide. Critic and encoder tend to oscillate, above all if every dimension is needed; both
  therefore have larger learning rates than in the paper (for vectors the critic's is the larger), all learning rates
  except the critic's decay to 0 over the last fifth, and a moving average of the weights is used. The weight of the
  reconstruction, 60 for vectors and 300 for images, was chosen by trials on ``synthetic`` and on MNIST
  (docs/results/maskaae.md). The codes of images start far from N(0, I), and a mask that closes faster than the encoder
  adapts closes too many dimensions; images therefore use a larger learning rate for the encoder and a mask that closes
  later.

For images the weight of the variance of closed dimensions is 1 instead of 100. At 100 a dimension with a mask of 2/3 or
less costs as much as the whole reconstruction of digits (:mod:`noiseless.objectives.maskaae` has the formula):
undecided dimensions become constant, and how many are lost this way depends on how many there were. At 1 the term only
affects dimensions that are nearly closed, as intended, and the others can reopen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.data import modality
from noiseless.nn.critic import LatentCritic
from noiseless.nn.mask import START, MaskedDecoder
from noiseless.nn.mlp import glorot_normal
from noiseless.objectives.maskaae import LossWeights, MaskAAE, MaskAAEOptimisers, Polarising
from noiseless.objectives.penalties.critic import Game, Logistic, Wasserstein
from noiseless.recipes.constants import Constants, constants_for, sizes_of
from noiseless.recipes.method import Method
from noiseless.recipes.parts import Critic, builder
from noiseless.registry import Choice
from noiseless.training import Training
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["maskaae", "wae_wgan"]

LR, CRITIC_LR = 5e-4, 1e-4
BATCH, ROUNDS, DEPTH = 64, 5, 4
CAPACITY = {"mnist": 64, "cifar10": 256, "celeba": 128}
"""Initial latent dimensions, larger than needed; ours."""
STRICTNESS = 20.0
"""Factor on wae-mmd's weight of the discrepancy in validation; ours. At 1 only the reconstruction would decide."""
SHARED = "the phases of a step share one batch and its codes; in the paper each has a fresh batch"
GAMES: dict[str, Callable[[], Game]] = {"wasserstein": Wasserstein, "jensen-shannon": Logistic}


@dataclass(frozen=True)
class Balance:
    """The weights of reconstruction and critic against each other, and their learning rates.

    Arguments:
        reconstruction: its weight in the mask's loss, relative to a mean over the values of an example.
        mask, critic, generator: learning rates of the mask, of the critic, and of the encoder against it.
        start: bounds of the mask's M at initialisation.
        variance: the weight of the mean variance of codes in closed dimensions, relative to the same mean.
    """

    reconstruction: float
    mask: float = LR
    critic: float = CRITIC_LR
    generator: float = CRITIC_LR
    start: tuple[float, float] = START
    variance: float = 100.0


@dataclass(frozen=True)
class Form:
    """A set of constants that determine how many dimensions stay active.

    Arguments:
        steps: number of training steps.
        images, vectors: the balance for images and for vectors.
        polarising: returns the schedule of the polarising weight for a latent dimension and a number of steps.
        schedule: the learning-rate schedule.
        ema: decay of the moving average of the weights; None uses the weights themselves.
        note: the note recorded with every result.
    """

    steps: int
    images: Balance
    vectors: Balance
    polarising: Callable[[int, int], Polarising]
    schedule: Literal["constant", "cooldown"] = "constant"
    ema: float | None = None
    note: str = ""

    def balance(self, spec: Spec) -> Balance:
        """The balance for these data."""
        return self.images if modality.of(spec).pixels else self.vectors

    @property
    def training(self) -> Training:
        """The form's training settings."""
        return Training(steps=self.steps, batch=BATCH, schedule=self.schedule, ema=self.ema)


FORMS = {
    "robust": Form(
        20_000,
        Balance(300.0, mask=3e-3, critic=3e-4, generator=3e-4, start=(4.0, 5.0), variance=1.0),
        Balance(60.0, mask=3e-3, critic=4e-4, generator=1.5e-4, start=(2.5, 3.5)),
        lambda m, steps: Polarising.late(steps),  # noqa: ARG005
        "cooldown",
        0.998,
        "learning rates and weights of the mask's game and its polarising schedule were chosen by this library, not by "
        "the paper",
    ),
    "paper": Form(500_000, Balance(1000.0), Balance(1000.0), lambda m, steps: Polarising.paper(m)),  # noqa: ARG005
}


def maskaae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    game: Literal["wasserstein", "jensen-shannon"] = "wasserstein",
    form: Literal["robust", "paper"] = "robust",
    mask_reconstruction: float | None = None,
    mask_lr: float | None = None,
    polarising_start: int | None = None,
    polarising_every: int | None = None,
    variance: float | None = None,
    generator_lr: float | None = None,
    critic_lr: float | None = None,
    critic_width: int | None = None,
    critic_depth: int = DEPTH,
    critic_rounds: int = ROUNDS,
    share_batch: bool = False,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Adversarial autoencoder with a mask that learns the number of latent dimensions (MaskAAE).

    Arguments:
        game: Losses of critic and encoder. wasserstein: as in WGAN-GP; jensen-shannon: as in an AAE.
        form: robust: our learning rates, weights and schedule; paper: those of the paper's code, for 500,000 steps.
        mask_reconstruction: Weight of the mean error per value in the mask's loss; a larger weight keeps more
            dimensions. Default: 300; for vectors, which are standardised, 60; form paper: 1000.
        mask_lr: Learning rate of the mask. Default: 0.003; form paper: 0.0005.
        polarising_start: Step at which the polarising weight starts; it is 0 before. Default: 60% of the steps; form
            paper: 0.
        polarising_every: Steps after which the polarising weight doubles. Default: an eightieth of all steps; form
            paper: 300 for up to 20 latent dimensions, then about 450 per dimension, at most 40,000.
        variance: Weight of the mean variance of codes in closed dimensions. Default: 100; for images 1, so that
            dimensions that are not closed yet keep their codes and may open again; form paper: 100.
        generator_lr: Learning rate of the encoder against the critic. Default: 0.00015; for images, whose codes start
            further from the prior, 0.0003; form paper: 0.0001.
        critic_lr: Learning rate of the critic. Default: 0.0004; for images 0.0003; form paper: 0.0001.
        critic_width: Units per hidden layer of the critic. Default: 8 times the width of the networks, as in a
            perceptron.
        critic_depth: Number of hidden layers of the critic.
        critic_rounds: Updates of the critic per step.
        share_batch: Use the same batch and its codes for all phases of a step. Faster, but the paper uses fresh
            batches.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use our initial latent dimension for this data set.
    """
    chosen, networks, optimiser = FORMS[form], _paper(spec, networks), _rmsprop(optimiser)
    balance = chosen.balance(spec)
    latent_dim = networks.latent_dim or min(CAPACITY[constants_for(spec, constants)], spec.size)
    parts = builder(spec, replace(networks, latent_dim=latent_dim), optimiser, constants, reconstruction)
    model = parts.autoencoder
    masked = Autoencoder(
        model.encoder, MaskedDecoder(latent_dim, model.decoder, balance.start), model.bottleneck, model.logits
    )
    share = mask_reconstruction if mask_reconstruction is not None else balance.reconstruction
    hidden = variance if variance is not None else balance.variance
    undecayed = replace(optimiser, lr=mask_lr, weight_decay=None)  # weight decay would close dimensions without reason
    objective = MaskAAE(
        masked,
        LatentCritic(latent_dim, 8 * networks.width if critic_width is None else critic_width, critic_depth),
        parts.reconstruction,
        GAMES[game](),
        MaskAAEOptimisers(
            autoencoder=lambda p: optimiser.build(p, LR),
            critic=parts.at(balance.critic if critic_lr is None else critic_lr),
            generator=parts.at(balance.generator if generator_lr is None else generator_lr),
            mask=lambda p: undecayed.build(p, balance.mask),
        ),
        LossWeights(hidden * spec.size, share / spec.size, STRICTNESS * parts.discrepancy),
        lambda steps: _schedule(chosen.polarising(latent_dim, steps), polarising_start, polarising_every),
        chosen.steps,
        critic_rounds,
        share_batch,
    )
    glorot_normal(objective)
    said = [chosen.note, _uncalibrated(form, game, parts.distance), SHARED if share_batch else ""]
    notes = (*filter(None, said), *parts.uncalibrated, *parts.borrowed)
    return Method(objective, chosen.training, ("normal", "gmm", "gaussian"), notes)


def wae_wgan(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    form: Literal["robust", "paper"] = "robust",
    generator_lr: float | None = None,
    critic_lr: float | None = None,
    critic_width: int | None = None,
    critic_depth: int = DEPTH,
    critic_rounds: int = ROUNDS,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Adversarial autoencoder with a Wasserstein critic: MaskAAE without its mask (WAE-WGAN).

    Arguments:
        form: Learning rates, schedule, steps and moving average as in maskaae: robust (ours) or paper.
        generator_lr: Learning rate of the encoder against the critic. Default: 0.00015; for images, whose codes start
            further from the prior, 0.0003; form paper: 0.0001.
        critic_lr: Learning rate of the critic. Default: 0.0004; for images 0.0003; form paper: 0.0001.
        critic_width: Units per hidden layer of the critic. Default: 8 times the width of the networks, as in a
            perceptron.
        critic_depth: Number of hidden layers of the critic.
        critic_rounds: Updates of the critic per step.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the latent dimension of Ghosh et al. for this data set.
    """
    networks, optimiser = _paper(spec, networks), _rmsprop(optimiser)
    parts = builder(spec, networks, optimiser, constants, reconstruction)
    width = 8 * networks.width if critic_width is None else critic_width
    balance = FORMS[form].balance(spec)
    lr = balance.critic if critic_lr is None else critic_lr
    against = balance.generator if generator_lr is None else generator_lr
    critic = Critic(width, critic_depth, lr, Wasserstein(), against, rounds=critic_rounds, strictness=STRICTNESS)
    method = parts.adversarial(critic, LR, FORMS[form].training)
    glorot_normal(method.objective)
    return method


def _uncalibrated(form: str, game: str, reconstruction: str) -> str:
    """A note if the weights of the mask's loss were chosen for other terms; empty otherwise."""
    beside = [
        "a cross-entropy" if form == "paper" and reconstruction != "bernoulli" else "",
        "the Wasserstein game" if game != "wasserstein" else "",
    ]
    given = " and ".join(filter(None, beside))
    return f"the weights of the mask's loss were chosen for {given}" if given else ""


def _paper(spec: Spec, networks: Networks) -> Networks:
    """The paper's perceptrons for data like the paper's, unless other networks were requested."""
    if networks.encoder is not None and networks.decoder is not None:
        return networks
    net = networks.net or ("mlp" if sizes_of(spec).perceptrons(spec) else None)
    return replace(networks, net=net, depth=networks.depth or (DEPTH if net == "mlp" else None))


def _rmsprop(optimiser: Optimiser) -> Optimiser:
    return replace(optimiser, optimiser=optimiser.optimiser or "rmsprop")


def _schedule(default: Polarising, start: int | None, every: int | None) -> Polarising:
    given = {name: value for name, value in (("start", start), ("every", every)) if value is not None}
    return replace(default, **given)
