"""The digits that come with scikit-learn: 1,797 grey images of 8x8, for offline trials.

Their values 0 to 16 are mapped to round(255 v / 16). There is no official test split, so a tenth is drawn by seed.

Reference: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import numpy as np

from noiseless.data.raw import LoadOptions, Raw

__all__ = ["DATASETS", "digits"]


def digits(request: LoadOptions) -> Raw:  # noqa: ARG001
    """Handwritten digits: 1,797 grey images of 8x8, 10 classes (comes with scikit-learn)."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    images = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return Raw("digits", images, labels.astype(np.int64))


DATASETS = {"digits": digits}
