r"""GLO: optimising the latent space of generative networks (Bojanowski, Joulin, Lopez-Paz, Szlam, ICML 2018).

Every training example has a code of its own, which is learnt together with the decoder by stochastic gradients and
projected to the unit ball after every step (:mod:`noiseless.objectives.latent_optimisation`). There is no encoder.
Samples come from a Gaussian with full covariance, fitted to the codes.

From the paper (https://arxiv.org/abs/1707.05776): the loss, squared error or Laplacian pyramid
(:mod:`noiseless.objectives.reconstruction.laplacian`); the ball; the start from principal components; plain stochastic
gradient descent; learning rates of 1 for the decoder and 10 for the codes, which the re-implementation
https://github.com/tneumann/minimal_glo has too, for a loss that is a mean over pixels; batches of 128; the density.

This library's choice: the learning rate of the decoder, because our losses are sums over N pixels (:data:`RATE`, chosen
on validation data); epochs, networks and latent size are those of the other methods. An adaptive optimiser, such as
Adam, wants rates of its own (1e-3 and a ratio of 1 did as well on MNIST), since its steps do not shrink with the loss.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.autoencoder.bottlenecks.ball import UnitBall, into_ball
from noiseless.data import modality
from noiseless.errors import InputError
from noiseless.nn.inversion import DecoderInversion
from noiseless.objectives.latent_optimisation import Initial, LatentOptimisation
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["glo"]

RATE, MOST = 30.0, 0.03
"""The decoder's learning rate times N, and the largest one. In a trial on MNIST (perceptrons, 1,500 steps of 100,
validation images) rates of 10 / N to 100 / N served both terms; 300 / N did not, nor do rates above 0.1 for vectors."""
BATCH = 128


def glo(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    initial: Initial = "pca",
    ratio: float = 10.0,
    reconstruction: Choice | None = None,
    constants: Constants | None = None,
) -> Method:
    """Generative latent optimisation: a learnt code for every training example, and no encoder (GLO).

    Arguments:
        initial: Where codes start. pca: principal components of the data; normal: N(0, I). Both are projected to the
            unit ball.
        ratio: Learning rate of the codes, relative to the decoder's.
        reconstruction: Reconstruction term: laplacian, squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
            Default: laplacian for images, squared-error for vectors.
        constants: Use the latent size and the number of epochs of this data set.
    """
    if modality.of(spec).discrete:
        raise InputError(f"glo is for images and vectors, and {spec.name} are sequences of tokens; use grae")
    if networks.encoder is not None:
        raise InputError("glo has no encoder of data; leave out encoder=")
    chosen = reconstruction or ("laplacian" if modality.of(spec).pixels else "squared-error")
    parts = builder(spec, networks, optimiser, constants, chosen, UnitBall)
    decoder, logits = parts.autoencoder.decoder, parts.autoencoder.logits
    search = DecoderInversion(functools.partial(_inside, decoder.forward), parts.autoencoder.latent_dim, logits)
    model = Autoencoder(search, decoder, parts.autoencoder.bottleneck, logits)
    make = _maker(optimiser, min(MOST, RATE / spec.size))
    objective = LatentOptimisation(model, parts.reconstruction, make, ratio, initial)
    notes = ("the learning rate is this library's choice",) if optimiser.lr is None else ()
    training = parts.training(batch=BATCH, schedule="constant")
    return Method(objective, training, ("gaussian", "gmm"), (*notes, *parts.borrowed))


def _inside(decode: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """What is decoded from the code that the unit ball has in place of h."""
    return decode(into_ball(h))


def _maker(optimiser: Optimiser, lr: float) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    """The paper's optimiser, or the one that the user chose."""
    if optimiser.optimiser is not None:
        return lambda parameters: optimiser.build(parameters, lr)
    rate = optimiser.lr if optimiser.lr is not None else lr
    return lambda parameters: torch.optim.SGD(parameters, rate, weight_decay=optimiser.weight_decay or 0.0)
