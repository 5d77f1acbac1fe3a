r"""Paths between codes: straight lines, and great circles with a norm that changes evenly.

.. math::
    \text{linear:}\quad z_t = (1 - t) a + t b \qquad
    \text{spherical:}\quad z_t = \big((1 - t) \|a\| + t \|b\|\big)
    \left( \frac{\sin((1 - t)\omega)}{\sin\omega} \frac{a}{\|a\|}
    + \frac{\sin(t\omega)}{\sin\omega} \frac{b}{\|b\|} \right),
    \quad \omega = \arccos\frac{\langle a, b\rangle}{\|a\| \|b\|}

High-dimensional codes lie near a sphere, whose inside a straight line crosses: its midpoint has a smaller norm than
any code that the decoder was trained on. The spherical path turns the direction along the great circle and changes the
norm linearly. (The formula of Shoemake, 1985, is the same for ends of equal norms; applied to ends of unequal norms in
almost opposite directions, its midpoints are far longer than either end.) If the ends are parallel or opposite, or one
is zero, the spherical path is the straight line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

__all__ = ["PATHS", "PathKind", "linear", "spherical"]


def linear(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
    """The point at ``t`` in [0, 1] on the straight line from ``a`` to ``b``."""
    return torch.lerp(a, b, t)


def spherical(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
    r"""The point at ``t`` in [0, 1] on the spherical path from ``a`` to ``b``.

    >>> spherical(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    tensor([[0.7071, 0.7071]])
    """
    a64, b64 = a.double(), b.double()
    from_, to = a64.norm(dim=1, keepdim=True), b64.norm(dim=1, keepdim=True)
    u, v = a64 / from_, b64 / to
    omega = torch.arccos((u * v).sum(1, keepdim=True).clamp(-1, 1))
    sine = torch.sin(omega)
    direction = functional.normalize(torch.sin((1 - t) * omega) * u + torch.sin(t * omega) * v, dim=1)
    path = torch.lerp(from_, to, t) * direction
    straight = (sine < 1e-6) | ~sine.isfinite()  # parallel or opposite, or a code is zero
    return torch.where(straight, linear(a64, b64, t), path).to(a.dtype)


PathKind = Literal["spherical", "linear"]
PATHS: dict[PathKind, Callable[[Tensor, Tensor, float], Tensor]] = {"spherical": spherical, "linear": linear}
