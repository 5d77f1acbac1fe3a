"""PNG files, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from jaxtyping import Float
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from noiseless.errors import InputError
from noiseless.files import atomic_write

__all__ = ["own_style", "refuse_broken", "written"]


@contextmanager
def own_style() -> Iterator[None]:
    """Draws with matplotlib's own settings, whatever a ``matplotlibrc`` in the working folder sets."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def written(picture: Image.Image | Figure, path: str | Path) -> Path:
    """Writes a picture or a figure as a PNG file, whole or not at all."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"pictures are PNG files: {path} must end in .png")
    with atomic_write(path) as part:
        if isinstance(picture, Figure):
            picture.savefig(part, format="png")
        else:
            picture.save(part, format="PNG", optimize=True)
    return path


def refuse_broken(values: Float[Tensor, "n ..."], what: str) -> None:
    """Refuses values that are not finite."""
    broken = int((~values.flatten(1).isfinite()).any(dim=1).sum())
    if broken:
        raise InputError(f"{broken} of {len(values)} {what} have values that are not finite; check the model")
