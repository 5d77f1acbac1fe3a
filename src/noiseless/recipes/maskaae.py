r"""MaskAAE (Mondal et al., UAI 2020), https://arxiv.org/abs/1912.04564: how many latent dimensions the data need.

An encoder plays against a Wasserstein critic of its codes while a mask on codes and prior closes the dimensions that
the data do not need; the losses are in :mod:`noiseless.objectives.maskaae`. `wae_wgan` is the same without mask: the
baseline of the paper, whose samples are worse with a latent size on either side of the right one.

The paper's weights stand beside a mean over a datum's N numbers, and so do the arguments here; inside they are
converted to our sum: :math:`\lambda N` for the variance of closed dimensions, :math:`\lambda / N` for the
reconstruction in the mask's loss, which alone has no other weight. RMSProp with the paper's rates, 5e-4 for autoencoder
and mask and 1e-4 for encoder and critic; batches of 64; perceptrons of 4 x 1024 with Glorot-normal weights for vectors
and grey images up to 28x28 pixels, the convolutional networks of Ghosh et al. for other images, since those of the
paper are not known.

Two forms differ in what decides the number of active dimensions. `paper` is the code's: its polarising weight begins at
once, so that every dimension whose mask starts above 1/2 is soon driven to 1, and it needs 500,000 steps. `robust`,
ours and the default, lets reconstruction and critic sort the dimensions for 60% of its 20,000 steps before anything is
polarised, with a faster mask and a smaller weight of the reconstruction against the critic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.bottlenecks.masked import MaskedDecoder
from noiseless.nn.critic import LatentCritic
from noiseless.nn.mlp import glorot_normal
from noiseless.objectives.core import Optimiser
from noiseless.objectives.maskaae import MaskAAE, Optimisers, Polarising, Weights
from noiseless.penalties.critic import Game, Logistic, Wasserstein
from noiseless.recipes.core import Method
from noiseless.recipes.image import Constants, Critic, constants_for, frame
from noiseless.training import Training
from noiseless.values import Spec

__all__ = ["maskaae", "wae_wgan"]

LR, CRITIC_LR = 5e-4, 1e-4
BATCH, ROUNDS, DEPTH = 64, 5, 4
CAPACITY = {"mnist": 64, "cifar10": 256, "celeba": 128}
"""Latent sizes to begin with, larger than needed; ours."""
SHARED = "the phases of a step share one batch and its encodings; in the paper each has a fresh batch"
GAMES: dict[str, Callable[[], Game]] = {"wasserstein": Wasserstein, "jensen-shannon": Logistic}


@dataclass(frozen=True)
class Form:
    """What decides how many dimensions stay active.

    Arguments:
        steps: of training.
        mask_lr: learning rate of the mask.
        reconstruction: its weight in the mask's loss, beside a mean over a datum's numbers.
        polarising: the schedule of the polarising weight for a latent size.
        note: what belongs beside every number.
    """

    steps: int
    mask_lr: float
    reconstruction: float
    polarising: Callable[[int], Polarising]
    note: str = ""


FORMS = {
    "robust": Form(
        20_000,
        2e-3,
        200.0,
        lambda m: Polarising(2 / m, every=500, start=12_000),
        "the mask's rate, weight and polarising schedule are ours, not the paper's",
    ),
    "paper": Form(500_000, 5e-4, 1000.0, Polarising.paper),
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
    variance: float = 100.0,
    generator_lr: float = CRITIC_LR,
    critic_lr: float = CRITIC_LR,
    critic_width: int | None = None,
    critic_depth: int = DEPTH,
    critic_rounds: int = ROUNDS,
    share_batch: bool = False,
    reconstruction: str = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Adversarial autoencoder with a mask that finds the number of latent dimensions (MaskAAE).

    Arguments:
        game: wasserstein: a critic of differences; jensen-shannon: one of log-odds, as an AAE's.
        form: robust: rates, weights and schedule that are ours; paper: those of the paper's code, for 500,000 steps.
        mask_reconstruction: Weight of the mean error of a number in the mask's loss; larger keeps more dimensions.
            Default: 200; form paper: 1000.
        mask_lr: Learning rate of the mask. Default: 0.002; form paper: 0.0005.
        polarising_start: Step before which the polarising weight is 0. Default: 12,000; form paper: 0. With
            other --steps, give some 60% of them.
        polarising_every: Steps in which the polarising weight doubles. Default: 500; form paper: 450 and more, with the
            latent size.
        variance: Weight of the mean variance of codes in closed dimensions.
        generator_lr: Learning rate of the encoder against the critic.
        critic_lr: Learning rate of the critic.
        critic_width: Units of the critic's hidden layers. Default: those of a perceptron, 8 times the networks' width.
        critic_depth: Hidden layers of the critic.
        critic_rounds: Updates of the critic in a step.
        share_batch: One batch and its encodings for all phases of a step, faster; not the paper's fresh ones.
        reconstruction: Distance of outputs to data, as squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Take the latent size to begin with that is ours for this data set.
    """
    chosen, networks, optimiser = FORMS[form], _paper(spec, networks), _rmsprop(optimiser)
    latent = networks.latent or min(CAPACITY[constants_for(spec, constants)], spec.size)
    parts = frame(spec, replace(networks, latent=latent), optimiser, constants, reconstruction)
    model = parts.autoencoder
    masked = Autoencoder(model.encoder, MaskedDecoder(latent, model.decoder), model.bottleneck, model.logits)
    share = mask_reconstruction if mask_reconstruction is not None else chosen.reconstruction
    objective = MaskAAE(
        masked,
        LatentCritic(latent, critic_width or 8 * networks.width, critic_depth),
        parts.reconstruction,
        GAMES[game](),
        Optimisers(
            autoencoder=lambda p: optimiser.build(p, LR),
            critic=parts.at(critic_lr),
            generator=parts.at(generator_lr),
            mask=parts.at(mask_lr if mask_lr is not None else chosen.mask_lr),
        ),
        Weights(variance * spec.size, share / spec.size, parts.discrepancy),
        _schedule(chosen.polarising(latent), polarising_start, polarising_every),
        critic_rounds,
        share_batch,
    )
    glorot_normal(objective)
    start = objective.polarising.start
    late = f"the mask is polarised from step {start:,} on, and undecided before" if start else ""
    notes = tuple(filter(None, [chosen.note, late, SHARED if share_batch else "", *parts.borrowed]))
    return Method(objective, _training(chosen.steps), ("normal", "gmm", "gaussian"), notes)


def wae_wgan(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    generator_lr: float = CRITIC_LR,
    critic_lr: float = CRITIC_LR,
    critic_width: int | None = None,
    critic_depth: int = DEPTH,
    critic_rounds: int = ROUNDS,
    reconstruction: str = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Adversarial autoencoder with a Wasserstein critic: MaskAAE without mask (WAE-WGAN).

    Arguments:
        generator_lr: Learning rate of the encoder against the critic.
        critic_lr: Learning rate of the critic.
        critic_width: Units of the critic's hidden layers. Default: those of a perceptron, 8 times the networks' width.
        critic_depth: Hidden layers of the critic.
        critic_rounds: Updates of the critic in a step.
        reconstruction: Distance of outputs to data, as squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Take the latent size that Ghosh et al. have for this data set.
    """
    networks, optimiser = _paper(spec, networks), _rmsprop(optimiser)
    parts = frame(spec, networks, optimiser, constants, reconstruction)
    width = critic_width or 8 * networks.width
    critic = Critic(width, critic_depth, critic_lr, Wasserstein(), generator_lr, rounds=critic_rounds)
    method = parts.adversarial(critic, LR, _training(FORMS["robust"].steps))
    glorot_normal(method.objective)
    return method


def _paper(spec: Spec, networks: Networks) -> Networks:
    """The paper's perceptrons where its data are alike, unless others were asked for."""
    alike = max(spec.shape) <= 28 and spec.shape[0] == 1 if spec.is_image else not spec.tokens
    return replace(networks, net=networks.net or ("mlp" if alike else None), depth=networks.depth or DEPTH)


def _rmsprop(optimiser: Optimiser) -> Optimiser:
    return replace(optimiser, optimiser=optimiser.optimiser or "rmsprop")


def _training(steps: int) -> Training:
    return Training(steps=steps, batch=BATCH, schedule="constant")


def _schedule(default: Polarising, start: int | None, every: int | None) -> Polarising:
    given = {name: value for name, value in (("start", start), ("every", every)) if value is not None}
    return replace(default, **given)
