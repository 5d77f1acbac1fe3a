"""The scores and identities of the training objects, computed once per score and cached.

Scoring a quarter of a million molecules takes minutes, so both are stored in a file next to the trials.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from noiseless.files import atomic_write, read_header, read_tensors
from noiseless.optimisation.problem import Tell
from noiseless.optimisation.scores import Score

__all__ = ["key", "scored"]


def key(identity: str) -> int:
    """A 64-bit hash of an object's identity, for membership tests without storing strings."""
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "little", signed=True)


def scored(
    strings: Sequence[str], score: Score, path: Path, terms: dict[str, str], tell: Tell
) -> tuple[Float64[Tensor, " n"], Int64[Tensor, " n"]]:
    """Scores (NaN where undefined) and identities of ``strings``, read from ``path`` if its terms match.

    Arguments:
        strings: the training strings.
        score: the score to compute.
        path: the file.
        terms: what the file must have been computed from: the score's name and the data's fingerprint.
        tell: receives the progress.
    """
    if path.is_file() and read_header(path) == terms:
        kept = read_tensors(path)
        return kept["scores"], kept["identities"]
    scores, identities = [], []
    for done, string in enumerate(strings, start=1):
        scores.append(score(string) if score.valid(string) else float("nan"))
        identities.append(key(score.identity(string)))
        tell("scoring training data", done, len(strings))
    found = {"scores": torch.tensor(scores, dtype=torch.float64), "identities": torch.tensor(identities)}
    with atomic_write(path) as part:
        part.write_bytes(safetensors.torch.save(found, metadata={"noiseless": json.dumps(terms)}))
    return found["scores"], found["identities"]
