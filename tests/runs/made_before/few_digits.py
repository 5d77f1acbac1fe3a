"""Data of the run `deciphering`: few images make a small checkpoint."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from noiseless.data import Raw


def few_digits() -> Raw:
    """Thirty grey images of 8x8."""
    return Raw("digits", (load_digits().images[:30, None] * 255 / 16).astype(np.uint8))
