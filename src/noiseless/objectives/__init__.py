"""What is minimised, over which parameters, in which order: one update scheme a file."""

from noiseless.objectives.adversarial import Adversarial, AdversarialOptimisers
from noiseless.objectives.deciphering import Deciphering, Plan
from noiseless.objectives.latent_optimisation import LatentOptimisation
from noiseless.objectives.maskaae import LossWeights, MaskAAE, MaskAAEOptimisers, Polarising
from noiseless.objectives.objective import Objective, Phase, TrainingInfo
from noiseless.objectives.regularised import Penalty, Regularised, Term, reconstruct

__all__ = [
    "Adversarial",
    "AdversarialOptimisers",
    "Deciphering",
    "LatentOptimisation",
    "LossWeights",
    "MaskAAE",
    "MaskAAEOptimisers",
    "Objective",
    "Penalty",
    "Phase",
    "Plan",
    "Polarising",
    "Regularised",
    "Term",
    "TrainingInfo",
    "reconstruct",
]
