r"""MaskAAE (Mondal et al., UAI 2020), https://arxiv.org/abs/1912.04564: how many latent dimensions the data need.

An encoder plays against a Wasserstein critic of its codes while a mask on codes and prior closes the dimensions that
the data do not need; the losses are in :mod:`noiseless.objectives.maskaae`. ``wae_wgan`` is the same without mask: the
baseline of the paper, whose samples are worse with a latent size on either side of the right one.

The paper's weights stand beside a mean over a datum's N numbers, and so do the arguments here; inside they are
converted to our sum: :math:`\lambda N` for the variance of closed dimensions, :math:`\lambda / N` for the
reconstruction in the mask's loss, which alone has no other weight. RMSProp with the paper's rates, 5e-4 for autoencoder
and mask and 1e-4 for encoder and critic; batches of 64; perceptrons of 4 x 1024 with Glorot-normal weights for vectors
and grey images up to 28x28 pixels, the convolutional networks of Ghosh et al. for other images, since those of the
paper are not known.

Two forms differ in what decides the number of active dimensions. ``paper`` is the code's: its polarising weight begins
at once, so that every dimension whose mask starts above 1/2 is soon driven to 1, and it needs 500,000 steps.
``robust``, ours and the default, lets reconstruction and critic sort the dimensions for 60% of its 20,000 steps before
anything is polarised, with a faster mask that is almost open everywhere at first, so that its start does not choose;
critic and encoder circle around each other, most of all where every dimension is needed: so both have larger rates than
the paper's, of vectors the critic the larger; all rates but the critic's fall to 0 over the last fifth; and what is
kept is a moving average. The weight of reconstruction, 60 for vectors and 300 for images, was chosen by trials on
``synthetic`` and on MNIST (docs/results/maskaae.md). The codes of images start far from N(0, I), and a mask that closes
faster than the encoder moves closes too much: hence their encoder's larger rate and their mask's later closing.

For images the weight of the variance of closed dimensions is 1 in place of 100, at which a dimension costs as much from
a mask of 2/3 down as all digits' reconstruction does (:mod:`noiseless.objectives.maskaae` has the formula): what is
undecided is made constant, and how much is lost in this way depends on how many dimensions there were. At 1 the term
reaches what is nearly closed, as it is meant to, and the rest may return.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from noiseless.autoencoder import Autoencoder, Networks
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
"""Latent sizes to begin with, larger than needed; ours."""
STRICTNESS = 20.0
"""What validation multiplies wae-mmd's weight of the discrepancy by; ours: else reconstruction alone decides."""
SHARED = "the phases of a step share one batch and its encodings; in the paper each has a fresh batch"
GAMES: dict[str, Callable[[], Game]] = {"wasserstein": Wasserstein, "jensen-shannon": Logistic}


@dataclass(frozen=True)
class Balance:
    """How reconstruction and critic are weighed against each other, and how fast each player moves.

    Arguments:
        reconstruction: its weight in the mask's loss, beside a mean over a datum's numbers.
        mask, critic, generator: learning rates of the mask, of the critic, and of the encoder against it.
        start: the bounds of the mask's M at the start.
        variance: the weight of the mean variance of codes in closed dimensions, beside the same mean.
    """

    reconstruction: float
    mask: float = LR
    critic: float = CRITIC_LR
    generator: float = CRITIC_LR
    start: tuple[float, float] = START
    variance: float = 100.0


@dataclass(frozen=True)
class Form:
    """What decides how many dimensions stay active.

    Arguments:
        steps: of training.
        images, vectors: the balance, by what a datum is.
        polarising: the schedule of the polarising weight for a latent size and so many steps.
        schedule: of the rates.
        ema: decay of the average of the weights; None: the weights themselves are kept.
        note: what belongs beside every number.
    """

    steps: int
    images: Balance
    vectors: Balance
    polarising: Callable[[int, int], Polarising]
    schedule: Literal["constant", "cooldown"] = "constant"
    ema: float | None = None
    note: str = ""

    def balance(self, spec: Spec) -> Balance:
        """That of these data."""
        return self.images if spec.modality == "images" else self.vectors

    @property
    def training(self) -> Training:
        """How long, at which rates, and what is kept."""
        return Training(steps=self.steps, batch=BATCH, schedule=self.schedule, ema=self.ema)


FORMS = {
    "robust": Form(
        20_000,
        Balance(300.0, mask=3e-3, critic=3e-4, generator=3e-4, start=(4.0, 5.0), variance=1.0),
        Balance(60.0, mask=3e-3, critic=4e-4, generator=1.5e-4, start=(2.5, 3.5)),
        lambda m, steps: Polarising.late(steps),  # noqa: ARG005
        "cooldown",
        0.998,
        "rates and weights of the mask's game and its polarising schedule are ours, not the paper's",
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
    """Adversarial autoencoder with a mask that finds the number of latent dimensions (MaskAAE).

    Arguments:
        game: wasserstein: a critic of differences; jensen-shannon: one of log-odds, as an AAE's.
        form: robust: rates, weights and schedule that are ours; paper: those of the paper's code, for 500,000 steps.
        mask_reconstruction: Weight of the mean error of a number in the mask's loss; larger keeps more dimensions.
            Default: 300; for vectors, which are standardised, 60; form paper: 1000.
        mask_lr: Learning rate of the mask. Default: 0.003; form paper: 0.0005.
        polarising_start: Step before which the polarising weight is 0. Default: 60% of the steps; form paper: 0.
        polarising_every: Steps in which the polarising weight doubles. Default: an eightieth of all; form paper: 300
            up to 20 latent dimensions, then about 450 for each, at most 40,000.
        variance: Weight of the mean variance of codes in closed dimensions. Default: 100; for images 1, so that
            dimensions that are not closed yet keep their codes and may open again; form paper: 100.
        generator_lr: Learning rate of the encoder against the critic. Default: 0.00015; for images, whose codes have
            further to go, 0.0003; form paper: 0.0001.
        critic_lr: Learning rate of the critic. Default: 0.0004; for images 0.0003; form paper: 0.0001.
        critic_width: Units of the critic's hidden layers. Default: those of a perceptron, 8 times the networks' width.
        critic_depth: Hidden layers of the critic.
        critic_rounds: Updates of the critic in a step.
        share_batch: One batch and its encodings for all phases of a step, faster; not the paper's fresh ones.
        reconstruction: Distance of outputs to data, as squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Take the latent size to begin with that is ours for this data set.
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
    undecayed = replace(optimiser, lr=mask_lr, weight_decay=None)  # decay would close dimensions for no reason
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
    """Adversarial autoencoder with a Wasserstein critic: MaskAAE without mask (WAE-WGAN).

    Arguments:
        form: Whose rates, schedule, steps and average of the weights it shares: maskaae's robust ones, or the paper's.
        generator_lr: Learning rate of the encoder against the critic. Default: 0.00015; for images, whose codes have
            further to go, 0.0003; form paper: 0.0001.
        critic_lr: Learning rate of the critic. Default: 0.0004; for images 0.0003; form paper: 0.0001.
        critic_width: Units of the critic's hidden layers. Default: those of a perceptron, 8 times the networks' width.
        critic_depth: Hidden layers of the critic.
        critic_rounds: Updates of the critic in a step.
        reconstruction: Distance of outputs to data, as squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Take the latent size that Ghosh et al. have for this data set.
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
    """What has to be said of the weights of the mask's loss where they were chosen beside other terms."""
    beside = [
        "a cross-entropy" if form == "paper" and reconstruction != "bernoulli" else "",
        "the Wasserstein game" if game != "wasserstein" else "",
    ]
    given = " and ".join(filter(None, beside))
    return f"the weights of the mask's loss were chosen beside {given}" if given else ""


def _paper(spec: Spec, networks: Networks) -> Networks:
    """The paper's perceptrons where its data are alike, unless others were asked for."""
    alike = sizes_of(spec).perceptrons(spec)
    return replace(networks, net=networks.net or ("mlp" if alike else None), depth=networks.depth or DEPTH)


def _rmsprop(optimiser: Optimiser) -> Optimiser:
    return replace(optimiser, optimiser=optimiser.optimiser or "rmsprop")


def _schedule(default: Polarising, start: int | None, every: int | None) -> Polarising:
    given = {name: value for name, value in (("start", start), ("every", every)) if value is not None}
    return replace(default, **given)
