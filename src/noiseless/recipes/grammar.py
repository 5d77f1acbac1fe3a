r"""Autoencoders of strings: GVAE and CVAE of Kusner et al. (ICML 2017), GRAE and GCVVAE of Ghosh et al. (2020).

.. math:: L = L_{REC} + \beta L_Z + \lambda L_{REG}

=============  =====================  ==============================================  ============================
method         tokens                 posterior; :math:`L_Z`                          :math:`L_{REG}`
=============  =====================  ==============================================  ============================
grae           rules of a derivation  point; :math:`\tfrac12 \|z\|_2^2`               :math:`\|\theta_{dec}\|_2^2`
gvae           rules of a derivation  :math:`N(\mu, \operatorname{diag} \sigma^2)`;   none
                                      divergence from N(0, I)
gcv-vae        rules of a derivation  :math:`N(\mu, \sigma^2 I)`;                     none
                                      divergence from N(0, I)
character-vae  characters             :math:`N(\mu, \operatorname{diag} \sigma^2)`;   none
                                      divergence from N(0, I)
=============  =====================  ==============================================  ============================

Networks, learning rate, epochs and batch sizes are those of the code of Kusner et al. (:mod:`noiseless.nn.sequence`),
which Ghosh et al. say they use as well. That code minimises T times the mean over steps and D tokens of a binary
cross-entropy, plus the mean over the d latent dimensions of the divergence. Multiplied by D and written with sums, this
is the reconstruction ``binary`` with a divergence of weight

.. math:: \beta = D / d: \quad 12/25, \; 76/56 \;\text{(rules)}, \quad 15/25, \; 35/56 \;\text{(characters)}

for expressions and molecules, which is the default of all four methods. The code also multiplies the noise of the codes
by 0.01, but not in the divergence, so the published GVAE and CVAE are nearly deterministic. ``noise_scale=1`` gives the
standard variational autoencoder, and additionally ``reconstruction=categorical, beta=1`` its evidence lower bound. The
weights of GRAE and the standard deviation of GCVVAE's codes were not published; those here are ours.

Sources: Grammar Variational Autoencoder, https://arxiv.org/abs/1703.01925, and its code; From Variational to
Deterministic Autoencoders, section 6.2, https://arxiv.org/abs/1903.12436.
"""

from __future__ import annotations

from collections.abc import Callable

from noiseless.autoencoder import Autoencoder, Networks, build
from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.autoencoder.bottlenecks.gaussian import ConstantVariance, Variational
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.objectives import reconstruction as reconstructions
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.penalties.norm import DecoderNorm, code_norm
from noiseless.objectives.regularised import Regularised, Term
from noiseless.recipes.constants import latent_of_strings
from noiseless.recipes.method import Method
from noiseless.registry import Choice
from noiseless.training import Training
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["character_vae", "gcv_vae", "grae", "gvae"]

MODALITY = "strings"
"""The kind of data that these methods are for."""

LR = 1e-3
DECAY = 1e-5
"""Ours: the weight of the decoder's squared norm in grae."""
SIGMA = 0.1
"""Ours: the standard deviation of gcv-vae's codes. With 0.7, as for images, expressions are not learnt."""
OURS = "the weights of grae were not published: these were chosen by this library"
NEARLY = "the noise of the codes is 0.01 times their deviation, as published: nearly deterministic"


def grae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    decay: float = DECAY,
    reconstruction: Choice = "binary",
) -> Method:
    """Grammar RAE: derivations, code norm and a penalty on the decoder's weights (GRAE, i.e. RAE-L2 on a grammar).

    Arguments:
        beta: Weight of half the squared norm of the code. Default: D / d, as gvae weights the norm of its mean.
        decay: Weight of the squared norm of the decoder's parameters.
        reconstruction: binary (as in the code), categorical (the likelihood) or squared-error.
    """
    autoencoder = _built(spec, networks, Deterministic)
    terms = {"code": Term(_weight(beta, spec, autoencoder), code_norm), "decoder": Term(decay, DecoderNorm())}
    return _method(spec, autoencoder, reconstruction, terms, optimiser, ("gmm", "gaussian", "normal"), OURS)


def gvae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    noise_scale: float = 0.01,
    reconstruction: Choice = "binary",
) -> Method:
    """Grammar VAE: derivations and Gaussian codes (GVAE; Kusner et al., 2017).

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: D / d, the published one in our sums.
        noise_scale: Factor on the noise of the codes: 0.01 as published, 1 for a standard variational autoencoder.
        reconstruction: binary (as in the code), categorical (the likelihood) or squared-error.
    """
    if spec.alphabet:
        raise InputError(f"gvae is for derivations, and {spec.name} are characters; train character-vae, or grae")
    return _variational(spec, networks, optimiser, beta, noise_scale, reconstruction)


def gcv_vae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    sigma: float = SIGMA,
    reconstruction: Choice = "binary",
) -> Method:
    """Grammar CV-VAE: derivations and Gaussian codes of constant variance (GCVVAE; Ghosh et al., 2020).

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: D / d, as gvae.
        sigma: Standard deviation of the codes.
        reconstruction: binary (as in the code), categorical (the likelihood) or squared-error.
    """
    autoencoder = _built(spec, networks, lambda d: ConstantVariance(d, sigma))
    terms = {"kl": Term(_weight(beta, spec, autoencoder), kl)}
    note = "the standard deviation of gcv-vae's codes was not published: this one was chosen by this library"
    return _method(spec, autoencoder, reconstruction, terms, optimiser, ("gmm", "gaussian", "normal"), note)


def character_vae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    noise_scale: float = 0.01,
    reconstruction: Choice = "binary",
) -> Method:
    """Character VAE: characters and Gaussian codes, no grammar (the papers' CVAE; Gómez-Bombarelli et al., 2018).

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: D / d, the published one in our sums.
        noise_scale: Factor on the noise of the codes: 0.01 as published, 1 for a standard variational autoencoder.
        reconstruction: binary (as in the code), categorical (the likelihood) or squared-error.
    """
    if spec.tokens and not spec.alphabet:
        raise InputError(
            f"character-vae is for characters, and {spec.name} are derivations; "
            f"add codec=characters to the data, as in expressions:codec=characters, or train gvae"
        )
    return _variational(spec, networks, optimiser, beta, noise_scale, reconstruction)


def _variational(
    spec: Spec,
    networks: Networks,
    optimiser: Optimiser,
    beta: float | None,
    noise_scale: float,
    reconstruction: Choice,
) -> Method:
    autoencoder = _built(spec, networks, lambda d: Variational(d, noise_scale))
    terms = {"kl": Term(_weight(beta, spec, autoencoder), kl)}
    notes = (NEARLY,) if noise_scale == 0.01 else ()
    return _method(spec, autoencoder, reconstruction, terms, optimiser, ("normal", "gmm", "gaussian"), *notes)


def _built(spec: Spec, networks: Networks, bottleneck: Callable[[int], Bottleneck]) -> Autoencoder:
    if not spec.tokens:
        kind = spec.modality
        raise InputError(f"structured methods are for strings, and {spec.name} are {kind}; train rae-l2, vae or cv-vae")
    return build(spec, networks, bottleneck(networks.latent_dim or latent_of_strings(spec)))


def _weight(given: float | None, spec: Spec, autoencoder: Autoencoder) -> float:
    return given if given is not None else spec.tokens / autoencoder.latent_dim


def _method(
    spec: Spec,
    autoencoder: Autoencoder,
    reconstruction: Choice,
    terms: dict[str, Term],
    optimiser: Optimiser,
    densities: tuple[str, ...],
    *notes: str,
) -> Method:
    distance = reconstructions.build(reconstruction, spec)
    objective = Regularised(autoencoder, distance.of, terms, lambda p: optimiser.build(p, LR))
    return Method(objective, _training(spec), densities, notes)


def _training(spec: Spec) -> Training:
    """The published training settings for expressions (short strings) or molecules (long strings)."""
    epochs, batch, patience = (100, 500, 3) if spec.is_long else (50, 600, 1)
    return Training(epochs=epochs, batch=batch, schedule="plateau", lr_factor=0.2, lr_patience=patience, lr_floor=1e-4)
