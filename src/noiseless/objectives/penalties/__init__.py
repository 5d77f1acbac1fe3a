"""Terms added to the reconstruction: one idea a file."""

from noiseless.objectives.penalties.critic import Game, Logistic, Wasserstein
from noiseless.objectives.penalties.entropy import NegativeEntropy
from noiseless.objectives.penalties.gradient import JacobianNorm, SquaredOutputGradient
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.penalties.mmd import MMD, mmd
from noiseless.objectives.penalties.norm import DecoderNorm, code_norm
from noiseless.objectives.penalties.sampled_kl import sampled_kl
from noiseless.objectives.penalties.shape import Covariance, Marginals, Target
from noiseless.objectives.penalties.sliced import SlicedWasserstein, sliced_wasserstein

__all__ = [
    "MMD",
    "Covariance",
    "DecoderNorm",
    "Game",
    "JacobianNorm",
    "Logistic",
    "Marginals",
    "NegativeEntropy",
    "SlicedWasserstein",
    "SquaredOutputGradient",
    "Target",
    "Wasserstein",
    "code_norm",
    "kl",
    "mmd",
    "sampled_kl",
    "sliced_wasserstein",
]
