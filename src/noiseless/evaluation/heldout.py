"""Held-out data for an evaluation: which rows, in which pairs, and their features, kept in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from noiseless.data import Data, Split
from noiseless.data.dataset import choice
from noiseless.data.sources import cache, keeps_decoded
from noiseless.errors import InputError, RunError
from noiseless.evaluation.results import Reference
from noiseless.metrics import Features, Sample
from noiseless.model import Model

__all__ = ["batches", "check_count", "codes_of", "held_out", "pairs", "raw_batches", "reference"]


def reference(data: Data, part: Reference, n: int, features: Features, seed: int) -> Sample:
    """The features of ``n`` data of a part, drawn by ``seed``; kept in the user's cache."""
    split = getattr(data, part)
    key = f"2-{data.fingerprint}-{part}-{n}-{seed}-{features.name}-{torch.__version__}"
    path = cache() / "features" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.sample"
    cacheable = keeps_decoded() and ":" not in features.name  # a function of the user's own may change under its name
    if cacheable and path.is_file():
        with contextlib.suppress(InputError):  # a damaged entry is made again
            return Sample.load(path)
    sample = features.over(raw_batches(data, split, choice(len(split), n, seed)))
    if cacheable:
        with contextlib.suppress(RunError):  # a cache that cannot be written is done without
            sample.save(path)
    return sample


def check_count(n: int) -> None:
    """Refuses fewer than two data."""
    if n < 2:
        raise InputError(f"distances between sets need at least 2 data, and n is {n}")


def held_out(data: Data, part: Reference) -> tuple[str, Split]:
    """The part itself with its name; the test part where it is what the model was trained on."""
    name = "test" if part == "train" else part
    return name, getattr(data, name)


def pairs(count: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``n`` random pairs of different positions."""
    rng = np.random.default_rng([seed, 1])
    left = rng.integers(count, size=n)
    return left, (left + rng.integers(1, max(count, 2), size=n)) % count


def codes_of(model: Model, split: Split, seed: int) -> Tensor:
    """The codes of held-out data; of as many training data, where codes are known by search alone."""
    if not model.amortised:
        return model.density("empirical").sample(len(split), torch.Generator().manual_seed(seed))
    return torch.cat([model.encoded(raw) for raw in batches(split, np.arange(len(split)))])


def batches(split: Split, positions: np.ndarray, size: int = 500) -> Iterator[np.ndarray]:
    """The rows at some positions of a part, as they are stored, in batches."""
    for start in range(0, len(positions), size):
        yield split.take(positions[start : start + size])


def raw_batches(data: Data, split: Split, positions: np.ndarray) -> Iterator[Tensor]:
    """The same as network inputs."""
    for raw in batches(split, positions):
        yield data.spec.normalise(torch.from_numpy(raw))
