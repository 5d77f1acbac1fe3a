r"""Paths between codes: straight lines and great circles.

.. math::
    \text{linear:}\quad z_t = (1 - t) a + t b \qquad
    \text{spherical:}\quad z_t = \frac{\sin((1 - t)\omega)}{\sin\omega} a + \frac{\sin(t\omega)}{\sin\omega} b,
    \quad \omega = \arccos\frac{\langle a, b\rangle}{\|a\| \|b\|}

High-dimensional codes lie near a sphere, whose inside a straight line crosses: its midpoint has a smaller norm than
any code the decoder was trained on. The great circle keeps to the norms of its ends. Where the ends are parallel or
opposite the spherical path is the straight one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["PATHS", "PathKind", "linear", "spherical"]


def linear(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
    """The point at ``t`` in [0, 1] on the straight line from ``a`` to ``b``."""
    return torch.lerp(a, b, t)


def spherical(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
    r"""The point at ``t`` in [0, 1] on the great circle from ``a`` to ``b`` (Shoemake, 1985).

    >>> spherical(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    tensor([[0.7071, 0.7071]])
    """
    cosine = torch.cosine_similarity(a.double(), b.double(), dim=1, eps=1e-12).clamp(-1, 1)
    omega = torch.arccos(cosine)[:, None]
    sine = torch.sin(omega)
    path = torch.sin((1 - t) * omega) / sine * a + torch.sin(t * omega) / sine * b
    return torch.where(sine.abs() < 1e-6, linear(a.double(), b.double(), t), path).to(a.dtype)


PathKind = Literal["spherical", "linear"]
PATHS: dict[PathKind, Callable[[Tensor, Tensor, float], Tensor]] = {"spherical": spherical, "linear": linear}
