"""What the recipes share: the papers' sizes for each data set, and how an autoencoder and its terms become a method.

The papers measure on MNIST, CIFAR-10 and CelebA. Where the data are none of these, the constants of the nearest kind
are taken: mnist for grey images, vectors and strings, celeba for images above 48 pixels, cifar10 for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from noiseless.autoencoder import Autoencoder, Networks, build
from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.nn.critic import LatentCritic
from noiseless.objectives import reconstruction as reconstructions
from noiseless.objectives.adversarial import Adversarial, AdversarialOptimisers, Make
from noiseless.objectives.penalties.critic import Game
from noiseless.objectives.penalties.mmd import MMD
from noiseless.objectives.reconstruction import Reconstruction
from noiseless.objectives.regularised import Regularised, Term
from noiseless.recipes.constants import DISCREPANCY, EPOCHS, LATENT, Constants, constants_for, sizes_of
from noiseless.recipes.method import Method
from noiseless.registry import Choice
from noiseless.training import Training
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["Critic", "MethodBuilder", "builder"]


@dataclass(frozen=True)
class Critic:
    """A critic of codes and how it is played against.

    Arguments:
        width, depth: of its hidden layers.
        lr: its learning rate, which --lr leaves alone.
        game: the losses.
        generator_lr: rate of the encoder's own update; None: it is part of the autoencoder's.
        weight: of the encoder's loss.
        rounds: its updates in a step.
        strictness: what validation multiplies wae-mmd's weight of the discrepancy by.
    """

    width: int
    depth: int
    lr: float
    game: Game
    generator_lr: float | None = None
    weight: float = 1.0
    rounds: int = 1
    strictness: float = 1.0


@dataclass(frozen=True)
class MethodBuilder:
    """A method's parts before its terms.

    Arguments:
        spec: what a datum looks like.
        constants: the paper's data set whose constants are taken.
        autoencoder: with the method's bottleneck.
        reconstruction: the distance of outputs to data.
        optimiser: the user's choice of it.
        distance: the name of ``reconstruction``.
    """

    spec: Spec
    constants: str
    autoencoder: Autoencoder
    reconstruction: Reconstruction
    optimiser: Optimiser
    distance: str

    @property
    def epochs(self) -> int:
        """The papers' epochs."""
        return EPOCHS[self.constants]

    @property
    def borrowed(self) -> tuple[str, ...]:
        """What has to be said of constants on data for which none were published."""
        kind = self.spec.modality
        text = f"weights and rates are those of {self.constants} images: none are published for {kind}"
        return () if sizes_of(self.spec).published else (text,)

    @property
    def size(self) -> int:
        """N, which makes a weight beside the authors' mean over an image one beside our sum.

        They pad MNIST's 28 pixels to 32, which adds to the values that are averaged and nothing to what is lost: 1,024.
        """
        return sizes_of(self.spec).averaged(self.spec)

    @property
    def channels(self) -> int:
        """The channels of images; 1 for other data."""
        return sizes_of(self.spec).channels(self.spec)

    @property
    def discrepancy(self) -> float:
        """The weight of the squared discrepancy of codes and prior, in wae-mmd of Ghosh et al., beside our sum."""
        return DISCREPANCY[self.constants] * self.size

    def training(self, epochs: int | None = None, batch: int | None = None, schedule: str = "plateau") -> Training:
        """The papers' training, with what is given in its place."""
        return Training(epochs=epochs or self.epochs, batch=batch or 100, schedule=schedule)  # type: ignore[arg-type]

    def regularised(
        self,
        terms: dict[str, Term],
        lr: float,
        training: Training | None = None,
        densities: tuple[str, ...] = ("gmm", "gaussian", "normal"),
        notes: tuple[str, ...] = (),
        calibrated: bool = False,
    ) -> Method:
        """Adds ``terms`` to the reconstruction; ``calibrated`` if no weight was made for another one."""
        objective = Regularised(self.autoencoder, self.reconstruction, terms, lambda p: self.optimiser.build(p, lr))
        notes = (*notes, *(() if calibrated or not terms else self.uncalibrated), *self.borrowed)
        return Method(objective, training or self.training(), densities, notes)

    def adversarial(
        self,
        critic: Critic,
        lr: float,
        training: Training | None = None,
        notes: tuple[str, ...] = (),
        calibrated: bool = False,
    ) -> Method:
        """The method that plays ``critic`` against the encoder, validated as wae-mmd with a stricter discrepancy."""
        objective = Adversarial(
            self.autoencoder,
            LatentCritic(self.autoencoder.latent_dim, critic.width, critic.depth),
            self.reconstruction,
            critic.game,
            AdversarialOptimisers(
                autoencoder=lambda p: self.optimiser.build(p, lr),
                critic=self.at(critic.lr),
                generator=None if critic.generator_lr is None else self.at(critic.generator_lr),
            ),
            critic.weight,
            discrepancy=Term(critic.strictness * self.discrepancy, MMD()),
            rounds=critic.rounds,
        )
        notes = (*notes, *(() if calibrated else self.uncalibrated), *self.borrowed)
        return Method(objective, training or self.training(), ("normal", "gmm", "gaussian"), notes)

    @property
    def uncalibrated(self) -> tuple[str, ...]:
        """What belongs beside the numbers where weights were published for another reconstruction."""
        said = f"default weights of the terms are for the squared error, and the reconstruction is {self.distance}"
        return () if self.distance == "squared-error" else (said,)

    def at(self, lr: float) -> Make:
        """The optimiser asked for, at this rate whatever --lr says."""
        chosen = replace(self.optimiser, lr=None)
        return lambda p: chosen.build(p, lr)


def builder(
    spec: Spec,
    networks: Networks,
    optimiser: Optimiser,
    constants: Constants | None,
    reconstruction: Choice,
    bottleneck: Callable[[int], Bottleneck] = Deterministic,
) -> MethodBuilder:
    """The parts that the arguments of a recipe ask for.

    Arguments:
        spec, networks, optimiser, constants, reconstruction: the recipe's.
        bottleneck: makes the bottleneck for a latent size.
    """
    name = constants_for(spec, constants)
    distance = reconstructions.build(reconstruction, spec)
    latent_dim = networks.latent_dim or sizes_of(spec).latent_dim(spec, LATENT[name])
    autoencoder = build(spec, networks, bottleneck(latent_dim), distance.logits)
    return MethodBuilder(spec, name, autoencoder, distance.of, optimiser, distance.name)
