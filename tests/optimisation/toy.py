"""A problem whose answer is known: codes that decode to rounded numbers, scored by their distance from a target."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from noiseless import densities
from noiseless.optimisation import Problem
from noiseless.optimisation.objects import key
from noiseless.optimisation.scores import Score
from noiseless.optimisation.sparse_gp import SparseGP

TARGET = torch.tensor([0.6, -0.5, 0.4], dtype=torch.float64)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact(x: Tensor, y: Tensor, noise: float) -> SparseGP:
    """The process whose inducing points are the data, with the exact posterior."""
    eye = torch.eye(len(x), dtype=torch.float64)
    return SparseGP(x, 0.5, eye / math.sqrt(noise), y / noise, noise)


def squared_exponential(x: Tensor, other: Tensor, gp: SparseGP) -> Tensor:
    distances = ((x[:, None] - other[None]).square() / gp.log_squares.exp()).sum(dim=2)
    return gp.log_amplitude.exp() * torch.exp(-0.5 * distances)


def spelt(codes: Tensor) -> list[str]:
    return [" ".join(f"{number:.2f}" for number in code) for code in codes.tolist()]


def decode(codes: Tensor, generator: torch.Generator) -> list[str | None]:
    """Codes as numbers of two digits, with a little noise; one in ten is lost."""
    noisy = codes + 0.01 * torch.randn(codes.shape, generator=generator, dtype=torch.float64)
    lost = torch.rand(len(codes), generator=generator) < 0.1
    return [None if gone else string for string, gone in zip(spelt(noisy), lost.tolist(), strict=True)]


def distance(string: str) -> float:
    """The squared distance from the target."""
    numbers = torch.tensor([float(word) for word in string.split()], dtype=torch.float64)
    return float((numbers - TARGET[: len(numbers)]).square().sum())


def problem(n: int = 200, d: int = 3, upwards: bool = False, **changes: Any) -> Problem:
    """Training codes are uniform on [-1, 1], but none is near the target."""
    uniform = 2 * torch.rand(4 * n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    codes = uniform[(uniform - TARGET[:d]).square().sum(dim=1) > 0.3][:n]
    strings = spelt(codes)
    sign = -1.0 if upwards else 1.0
    score = Score(lambda s: sign * distance(s), "maximise" if upwards else "minimise", votes=3)
    fitted = densities.build("gaussian", d).fit(codes, torch.Generator().manual_seed(0))
    given = Problem(
        codes,
        torch.tensor([score(string) for string in strings], dtype=torch.float64),
        torch.tensor([key(string) for string in strings]),
        decode,
        score,
        lambda _: fitted,
        "toy",
    )
    return replace(given, **changes)
