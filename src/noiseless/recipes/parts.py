"""What the recipes share: the papers' constants for each data set, and how a method is built from its parts.

The papers use MNIST, CIFAR-10 and CelebA. Other data get the constants of the most similar of these: mnist for grey
images, vectors and strings, celeba for images above 48 pixels, cifar10 for the rest.
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
    """A critic of codes, and the losses and learning rates of the adversarial training.

    Arguments:
        width, depth: units per hidden layer, and number of hidden layers.
        lr: its learning rate, which the method's lr does not change.
        game: the losses.
        generator_lr: learning rate of the separate update of the encoder; None makes it part of the autoencoder's.
        weight: weight of the encoder's loss.
        rounds: updates of the critic per step.
        strictness: factor on wae-mmd's weight of the discrepancy in validation.
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
    """The parts of a method, to which terms are added.

    Arguments:
        spec: describes an example.
        constants: the data set whose published constants are used.
        autoencoder: the autoencoder, with the method's bottleneck.
        reconstruction: the reconstruction term.
        optimiser: the user's choice of optimiser.
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
        """The papers' number of epochs."""
        return EPOCHS[self.constants]

    @property
    def borrowed(self) -> tuple[str, ...]:
        """A note if no constants were published for this kind of data; empty otherwise."""
        kind = self.spec.modality
        text = f"weights and learning rates are those of {self.constants} images: none are published for {kind}"
        return () if sizes_of(self.spec).published else (text,)

    @property
    def size(self) -> int:
        """N, the factor that converts a weight relative to the authors' mean over pixels to one relative to our sum.

        They pad MNIST's 28 pixels to 32, which increases the number of averaged values to 1,024 without adding any
        error.
        """
        return sizes_of(self.spec).averaged(self.spec)

    @property
    def channels(self) -> int:
        """The channels of images; 1 for other data."""
        return sizes_of(self.spec).channels(self.spec)

    @property
    def discrepancy(self) -> float:
        """The weight of the squared discrepancy in wae-mmd of Ghosh et al., relative to our sum."""
        return DISCREPANCY[self.constants] * self.size

    def training(self, epochs: int | None = None, batch: int | None = None, schedule: str = "plateau") -> Training:
        """The papers' training settings, with given arguments in place of theirs."""
        return Training(epochs=epochs or self.epochs, batch=batch or 100, schedule=schedule)  # type: ignore[arg-type]

    def regularised(
        self,
        terms: dict[str, Term],
        lr: float,
        training: Training | None = None,
        densities: tuple[Choice, ...] = ("gmm", "gaussian", "normal"),
        notes: tuple[str, ...] = (),
        calibrated: bool = False,
    ) -> Method:
        """Adds ``terms`` to the reconstruction; ``calibrated`` if no weight assumes another reconstruction."""
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
        """The method that trains the encoder against ``critic``; validated like wae-mmd, with a larger weight."""
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
        """A note if the weights were published for another reconstruction; empty otherwise."""
        said = f"default weights of the terms are for the squared error, and the reconstruction is {self.distance}"
        return () if self.distance == "squared-error" else (said,)

    def at(self, lr: float) -> Make:
        """The requested optimiser, at this rate, whatever its own is."""
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
    """The parts that the arguments of a recipe define.

    Arguments:
        spec, networks, optimiser, constants, reconstruction: the recipe's arguments.
        bottleneck: builds the bottleneck for a latent dimension.
    """
    name = constants_for(spec, constants)
    distance = reconstructions.build(reconstruction, spec)
    latent_dim = networks.latent_dim or sizes_of(spec).latent_dim(spec, LATENT[name])
    autoencoder = build(spec, networks, bottleneck(latent_dim), distance.logits)
    return MethodBuilder(spec, name, autoencoder, distance.of, optimiser, distance.name)
