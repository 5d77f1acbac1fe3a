"""A method of one's own in one file: an autoencoder with a penalty that favours sparse codes.

noiseless train own_method:sparse_ae --data digits --width 16 --weight 0.3 --out runs/sparse
noiseless sample runs/sparse --recipe own_method:sparse_ae
"""

from __future__ import annotations

from torch import Tensor

from noiseless.autoencoder import Autoencoder, Networks, build
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.objectives.reconstruction.pixel import squared_error
from noiseless.objectives.regularised import Regularised, Term
from noiseless.recipes import Method
from noiseless.training import Training
from noiseless.training.settings import Optimiser
from noiseless.values import Spec, Trace


def absolute_code(trace: Trace, autoencoder: Autoencoder) -> Tensor:  # noqa: ARG001
    """The mean over the batch of the sum of absolute values of a code."""
    return trace.z.abs().sum() / len(trace.z)


def sparse_ae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float = 0.1,
) -> Method:
    """Autoencoder with sparse codes.

    Arguments:
        weight: Weight of the codes' absolute values.
    """
    autoencoder = build(spec, networks, Deterministic(networks.latent_dim or 16))
    terms = {"sparsity": Term(weight, absolute_code)}
    objective = Regularised(autoencoder, squared_error, terms, lambda p: optimiser.build(p, lr=1e-3))
    return Method(objective, Training(epochs=100, batch=100, schedule="plateau"))
