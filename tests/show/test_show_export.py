"""Where data are written: by ending, refused before any work, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noiseless.errors import InputError
from noiseless.show import export
from noiseless.values import Spec

GREY, VECTORS, MANY = Spec("g", (1, 4, 4)), Spec("v", (3,), (0.0,) * 3, (1.0,) * 3), Spec("m", (4, 4, 4))


def test_a_folder_of_pictures_holds_what_was_drawn(tmp_path: Path) -> None:
    images = torch.rand(3, 1, 4, 4)
    export.save(images, GREY, tmp_path / "out")
    read = np.stack([np.asarray(Image.open(path)) for path in sorted((tmp_path / "out").iterdir())])
    assert read.shape == (3, 4, 4)
    assert np.abs(read / 255 - images[:, 0].numpy()).max() <= 0.5 / 255 + 1e-6


def test_arrays_are_exact(tmp_path: Path) -> None:
    values = torch.randn(5, 3)
    assert (np.load(export.save(values, VECTORS, tmp_path / "v.npy")) == values.numpy()).all()


@pytest.mark.parametrize(
    ("name", "spec", "count", "said"),
    [
        ("a.jpg", GREY, 3, "expected a .npy or .png file"),
        ("a.png", VECTORS, 3, "are vectors"),
        ("a", VECTORS, 3, "are vectors"),
        ("a", MANY, 3, "4 channels"),
        ("a.png", GREY, 10_001, "too many"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, spec: Spec, count: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        export.check(tmp_path / name, spec, count)


def test_only_pictures_are_replaced(tmp_path: Path) -> None:
    export.save(torch.rand(2, 1, 4, 4), GREY, tmp_path / "out")
    with pytest.raises(InputError, match="exists already"):
        export.save(torch.rand(2, 1, 4, 4), GREY, tmp_path / "out")
    export.save(torch.rand(1, 1, 4, 4), GREY, tmp_path / "out", overwrite=True)
    assert len(list((tmp_path / "out").iterdir())) == 1
    (tmp_path / "out/notes.txt").write_text("x")
    with pytest.raises(InputError, match="other things"):
        export.save(torch.rand(1, 1, 4, 4), GREY, tmp_path / "out", overwrite=True)
