r"""The sliced Wasserstein distance between codes and prior: the term of SWAE.

.. math::
    SW_2^2(q, p) = \int_{S^{d-1}} W_2^2(\theta_\# q, \theta_\# p) \, d\theta
    \approx \frac1{L n} \sum_{l=1}^L \sum_{i=1}^n \big(\langle \theta_l, z \rangle_{(i)}
        - \langle \theta_l, p \rangle_{(i)}\big)^2, \qquad p_i \sim N(0, I)

with L directions :math:`\theta_l`, uniform on the unit sphere and redrawn in every step, along which codes and samples
of the prior are projected; :math:`(i)` is the i-th smallest of the n projections. In one dimension the optimal plan
pairs sorted samples, so that each direction needs a sort and no optimisation. The distance is 0 for equal samples only
in the limit of many directions, and for finite n it is positive even if codes follow the prior.

If the two distributions differ by a shift m, the distance is :math:`\|m\|^2 / d`: in high dimensions most directions
see little of a difference. It is computed on the global batch of all processes.

Source: Sliced-Wasserstein autoencoder: an embarrassingly simple generative model (Kolouri, Pope, Martin, Rohde, 2018),
section 3 and algorithm 1, https://arxiv.org/abs/1804.01947. The algorithm sums over directions and examples; here it is
their mean.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.nn.distributed import gather
from noiseless.values import Trace

__all__ = ["PENALTIES", "SlicedWasserstein", "sliced_wasserstein"]


def sliced_wasserstein(
    a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], directions: Float[Tensor, "l d"]
) -> Float[Tensor, ""]:
    r"""The mean over directions of the squared 2-Wasserstein distance between the projections of two samples.

    Arguments:
        a, b: the samples, of equal size.
        directions: unit vectors :math:`\theta_l`.

    Raises:
        InputError: the samples differ in size.
    """
    if len(a) != len(b):
        raise InputError(
            f"the sliced distance pairs the codes of two samples of one size, not of {len(a)} and {len(b)}"
        )
    left, right = ((z @ directions.T).sort(dim=0).values for z in (a, b))
    return (left - right).square().mean()


class SlicedWasserstein:
    """The squared distance between the codes of a batch and as many samples of N(0, I).

    Arguments:
        projections: number of directions, L, 1 or more.

    Raises:
        InputError: there is no direction.
    """

    def __init__(self, projections: int = 50) -> None:
        if projections < 1:
            raise InputError(f"projections is {projections}, but must be 1 or more")
        self.projections = projections

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG002
        """The distance, along directions that are the same on every process."""
        z, p = gather(trace.z), gather(trace.batch.noise.normal(trace.z.detach()))
        return sliced_wasserstein(z, p, self._directions(trace))

    def _directions(self, trace: Trace) -> Float[Tensor, "l d"]:
        shape, device = (self.projections, trace.z.shape[1]), trace.z.device
        generator = trace.batch.noise.generator(device)
        drawn = torch.randn(shape, generator=generator, device=device, dtype=trace.z.dtype)
        return drawn / drawn.norm(dim=1, keepdim=True)


PENALTIES = {"sliced-wasserstein": SlicedWasserstein}
