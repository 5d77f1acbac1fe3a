"""What callers give to a density's methods: codes of any kind that torch takes as a matrix, and a generator.

Every density, a user's own included, is called through these functions, so that none has to check them itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseless.errors import InputError

__all__ = ["guard"]


def guard(density: type) -> None:
    """Makes the methods of a class of densities check what they are called with."""
    for name, guarded in (("fit", _fitting), ("sample", _sampling), ("log_prob", _judging)):
        if name in vars(density):
            setattr(density, name, guarded(vars(density)[name]))


def _fitting(fit: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fit)
    def called(self: Any, z: Any, generator: object = None) -> Any:
        return fit(self, _matrix(z, self.dim), _generator(generator, "fit(z"))

    return called


def _sampling(sample: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(sample)
    def called(self: Any, n: int, generator: object = None) -> Any:
        if n < 1:
            raise InputError(f"{n} samples were asked for; ask for 1 or more")
        return sample(self, n, _generator(generator, f"sample({n}"))

    return called


def _judging(log_prob: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(log_prob)
    def called(self: Any, z: Any) -> Any:
        return log_prob(self, _matrix(z, self.dim))

    return called


def _matrix(z: Any, dim: int) -> Tensor:
    """Codes as a tensor (n, d) of floating-point numbers."""
    try:
        codes = z if isinstance(z, Tensor) else torch.as_tensor(np.asarray(z))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"codes are a {type(z).__name__}; expected a tensor or an array of shape (n, {dim})"
        ) from error
    if codes.ndim != 2 or codes.shape[1] != dim:
        raise InputError(f"codes must have shape (n, {dim}), not {tuple(codes.shape)}")
    return codes if codes.is_floating_point() else codes.double()


def _generator(given: object, call: str) -> torch.Generator:
    if not isinstance(given, torch.Generator):
        what = "no generator" if given is None else f"a {type(given).__name__} as the generator"
        raise InputError(
            f"{call}) was called with {what}; give one, which makes the draws repeatable: "
            f"{call}, torch.Generator().manual_seed(0))"
        )
    return given
