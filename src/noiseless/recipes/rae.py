r"""Regularized Autoencoders (Ghosh, Sajjadi, Vergari, Black, Schölkopf, ICLR 2020), https://arxiv.org/abs/1903.12436.

.. math::
    L_{RAE} = L_{REC} + \beta L_Z + \lambda L_{REG}, \qquad
    L_{REC} = \|x - D(E(x))\|_2^2, \quad L_Z = \tfrac12 \|z\|_2^2

======  =========  ==========================================
method  code norm  :math:`L_{REG}`
======  =========  ==========================================
ae      no         none
ae-l2   no         :math:`\|\theta_{dec}\|_2^2`
rae     yes        none
rae-l2  yes        :math:`\|\theta_{dec}\|_2^2`
rae-gp  yes        :math:`\|\nabla_z D(z)\|_F^2`
rae-sn  yes        none; spectral normalisation of all layers
======  =========  ==========================================

All are deterministic and sample from a density fitted to the training codes afterwards: a mixture of ten Gaussians, or
a single one. Weights, learning rates and epochs are those of the authors' code, converted from its means to sums (see
:class:`PublishedRAE`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from noiseless.autoencoder import Networks
from noiseless.errors import InputError
from noiseless.nn.sequence import allow_second_gradients
from noiseless.nn.spectral import normalise
from noiseless.objectives.penalties import penalty as penalties
from noiseless.objectives.penalties.gradient import JacobianNorm, SquaredOutputGradient
from noiseless.objectives.penalties.norm import DecoderNorm, code_norm
from noiseless.objectives.penalties.penalty import PenaltyChoice
from noiseless.objectives.regularised import Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import MethodBuilder, builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["ae", "ae_l2", "rae", "rae_gp", "rae_l2", "rae_sn"]


@dataclass(frozen=True)
class PublishedRAE:
    r"""One method's constants on one data set, in the units of the authors' code.

    Arguments:
        beta: :math:`\beta_c`, weight of the mean over latent dimensions of :math:`z^2`, the reconstruction being a mean
            over pixels. Ours is :math:`\beta = 2 N \beta_c / d`.
        decay: :math:`\lambda_c`, weight of the sum of squared decoder kernels. Ours is :math:`\lambda = N \lambda_c`.
        gradient: weight of the penalty in the authors' code
            (:class:`~noiseless.objectives.penalties.gradient.SquaredOutputGradient`), which is a mean as above; ours is
            N times that.
        epochs: number of epochs, if it differs from the data set's.
    """

    beta: float = 0.0
    decay: float = 0.0
    gradient: float | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class Setting:
    """The constants of a data set in the authors' code.

    Arguments:
        lr: the learning rate of all methods.
        methods: the constants of each method.
    """

    lr: float
    methods: dict[str, PublishedRAE]


PUBLISHED: dict[str, Setting] = {
    "mnist": Setting(
        lr=5e-4,
        methods={
            "ae": PublishedRAE(),
            "ae-l2": PublishedRAE(decay=1e-7),
            "rae": PublishedRAE(beta=5e-4),
            "rae-l2": PublishedRAE(beta=1e-4, decay=1e-7),
            "rae-gp": PublishedRAE(beta=1e-4, gradient=0.5e-7),
            "rae-sn": PublishedRAE(beta=0.009),
        },
    ),
    "cifar10": Setting(
        lr=5e-4,
        methods={
            "ae": PublishedRAE(),
            "ae-l2": PublishedRAE(decay=1e-6),
            "rae": PublishedRAE(beta=1e-2),
            "rae-l2": PublishedRAE(beta=1e-3, decay=1e-6),
            "rae-gp": PublishedRAE(beta=9e-4, epochs=70),  # the code's gradient weight is 0: no value to use
            "rae-sn": PublishedRAE(beta=0.03),
        },
    ),
    "celeba": Setting(
        lr=1e-3,
        methods={
            "ae": PublishedRAE(),
            "ae-l2": PublishedRAE(decay=1e-6, epochs=100),
            "rae": PublishedRAE(beta=1e-4),
            "rae-l2": PublishedRAE(beta=1e-4, decay=1e-7),
            "rae-gp": PublishedRAE(beta=1e-4, gradient=1e-7),
            "rae-sn": PublishedRAE(beta=2.4e-3),
        },
    ),
}

# Ours, chosen on validation data (see docs/faithful.md). Relative to the number of values of an example.
JACOBIAN_WEIGHT = 1e-4


@dataclass(frozen=True)
class _Paper:
    """The constants of a method in the paper's code for these data, in our units.

    Arguments:
        name: the method's name.
        shared: the parts that all methods share.
    """

    name: str
    shared: MethodBuilder

    @property
    def setting(self) -> Setting:
        return PUBLISHED[self.shared.constants]

    @property
    def published(self) -> PublishedRAE:
        return self.setting.methods[self.name]

    def beta(self, given: float | None) -> Term:
        published = 2 * self.shared.size * self.published.beta / self.shared.autoencoder.latent_dim
        return Term(given if given is not None else published, code_norm)

    def decay(self, given: float | None, over: Literal["all", "kernels"]) -> Term:
        norm = DecoderNorm(over)
        norm.parameters(self.shared.autoencoder.decoder)  # raises an error before anything is written
        return Term(given if given is not None else self.shared.size * self.published.decay, norm)

    def gradient(self, form: Literal["paper", "code"], probes: int | None, every: int, given: float | None) -> Term:
        penalty = JacobianNorm(probes) if form == "paper" else SquaredOutputGradient()
        if given is not None:
            return Term(given, penalty, every)
        if form == "paper":
            return Term(JACOBIAN_WEIGHT * self.shared.spec.size, penalty, every)
        if self.published.gradient is None:
            raise InputError(
                f"the gradient weight for {self.shared.constants} is 0 in the authors' code, so there is no default; "
                "give one with gradient="
            )
        return Term(self.published.gradient * self.shared.size, penalty, every)

    def method(self, terms: dict[str, Term], weights: tuple[float | None, ...], notes: tuple[str, ...] = ()) -> Method:
        """The method; default weights (for those that are None) are calibrated for the squared error."""
        training = self.shared.training(epochs=self.published.epochs)
        return self.shared.regularised(terms, self.setting.lr, training, notes=notes, calibrated=None not in weights)


def ae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    penalty: tuple[PenaltyChoice, ...] = (),
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Autoencoder trained for reconstruction only, or with penalties of your choice.

    Arguments:
        penalty: One or several penalties, each with its weight, such as code-norm@0.1: names from noiseless list
            penalties, or your own MODULE:NAME.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's latent dimension, learning rate and epochs for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction)
    return _Paper("ae", parts).method(penalties.build(penalty), ())


def ae_l2(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    decay: float | None = None,
    decay_over: Literal["all", "kernels"] = "all",
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Autoencoder with a penalty on the decoder's weights (AE-L2).

    Arguments:
        decay: Weight of the squared norm of the decoder's parameters. Default: the paper's.
        decay_over: all: all parameters of the decoder (paper); kernels: only its convolution kernels (authors' code).
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    paper = _Paper("ae-l2", builder(spec, networks, optimiser, constants, reconstruction))
    return paper.method({"decoder": paper.decay(decay, decay_over)}, (decay,))


def rae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Regularized autoencoder without a regulariser of the decoder: reconstruction and code norm (RAE).

    Arguments:
        beta: Weight of half the squared norm of the code. Default: the paper's.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    paper = _Paper("rae", builder(spec, networks, optimiser, constants, reconstruction))
    return paper.method({"code": paper.beta(beta)}, (beta,))


def rae_l2(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    decay: float | None = None,
    decay_over: Literal["all", "kernels"] = "all",
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Regularized autoencoder with a penalty on the decoder's weights (RAE-L2).

    Arguments:
        beta: Weight of half the squared norm of the code. Default: the paper's.
        decay: Weight of the squared norm of the decoder's parameters. Default: the paper's.
        decay_over: all: all parameters of the decoder (paper); kernels: only its convolution kernels (authors' code).
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    paper = _Paper("rae-l2", builder(spec, networks, optimiser, constants, reconstruction))
    return paper.method({"code": paper.beta(beta), "decoder": paper.decay(decay, decay_over)}, (beta, decay))


def rae_sn(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Regularized autoencoder with spectral normalisation of all layers (RAE-SN).

    Arguments:
        beta: Weight of half the squared norm of the code. Default: the paper's.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    paper = _Paper("rae-sn", builder(spec, networks, optimiser, constants, reconstruction))
    normalise(paper.shared.autoencoder)
    return paper.method({"code": paper.beta(beta)}, (beta,))


def rae_gp(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    gradient: float | None = None,
    form: Literal["paper", "code"] = "paper",
    probes: int | None = None,
    every: int = 1,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Regularized autoencoder with a penalty on the decoder's gradient with respect to the code (RAE-GP).

    Arguments:
        beta: Weight of half the squared norm of the code. Default: the paper's.
        gradient: Weight of the penalty. Default: for form paper our value, because the published weights belong to the
            other form; for form code the authors' value, except for CIFAR-10, whose published value is 0, so that it
            must be given.
        form: paper: the squared norm of the decoder's Jacobian; code: what the authors' code computes, the mean
            square of the gradient of the sum of squared outputs.
        probes: Number of random probes for estimating the norm of the Jacobian; 0 computes it exactly. Default: exact
            for up to 64 outputs from a decoder without batch norm, otherwise 1.
        every: Apply the penalty only in every EVERY-th step, with a weight increased by the same factor.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    paper = _Paper("rae-gp", builder(spec, networks, optimiser, constants, reconstruction))
    allow_second_gradients(paper.shared.autoencoder.decoder)
    ours = form == "paper" and gradient is None
    notes = ("the weight of the gradient penalty was chosen by this library, not by the paper",) if ours else ()
    terms = {"code": paper.beta(beta), "gradient": paper.gradient(form, probes, every, gradient)}
    return paper.method(terms, (beta, gradient), notes)
