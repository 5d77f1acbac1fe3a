"""Data of one's own by a function: discs of random size and place.

noiseless train rae-l2 --data own_data:discs --width 16 --latent-dim 4 --out runs/discs
"""

import numpy as np

from noiseless.data import Raw


def discs() -> Raw:
    """2,000 grey images of 16x16; what is drawn has three degrees of freedom."""
    rng = np.random.default_rng(0)
    centre, radius = rng.uniform(4, 12, (2000, 2, 1, 1)), rng.uniform(2, 4, (2000, 1, 1))
    row, column = np.mgrid[:16, :16]
    distance = np.hypot(row - centre[:, 0], column - centre[:, 1])
    images = np.clip(radius + 0.5 - distance, 0, 1)
    return Raw("discs", images.astype(np.float32))
