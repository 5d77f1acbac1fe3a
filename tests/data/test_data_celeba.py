from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import encoded, picture, write_tree, write_zip

import noiseless.data as nd
from noiseless.errors import InputError

PARTITION = "".join(f"{i:06}.jpg {0 if i <= 5 else 1 if i <= 7 else 2}\n" for i in range(1, 11))


def faces() -> dict[str, bytes]:
    return {f"img_align_celeba/{i:06}.jpg": encoded(picture(i, 218, 178, 3), "JPEG") for i in range(1, 11)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tree(tmp_path, faces() | {"list_eval_partition.txt": PARTITION.encode()})


def test_the_official_parts(folder: Path) -> None:
    data = nd.load("celeba", data_dir=folder)
    assert data.spec.shape == (3, 64, 64)
    assert data.train.indices.tolist() == [0, 1, 2, 3, 4]
    assert data.validation.indices.tolist() == [5, 6]
    assert data.test.indices.tolist() == [7, 8, 9]
    assert data.train.labels is None
    assert nd.load("celeba", data_dir=folder, size=32).spec.shape == (3, 32, 32)


def test_the_window(tmp_path: Path) -> None:
    image = np.zeros((218, 178, 3), np.uint8)
    image[39:179, 19:159] = 255
    files = {f"img_align_celeba/{i:06}.jpg": encoded(image) for i in range(1, 11)}
    write_tree(tmp_path, files | {"list_eval_partition.txt": PARTITION.encode()})
    assert nd.load("celeba", data_dir=tmp_path).train.raw.min() == 255


def test_zip_and_folder_are_one(folder: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "zipped"
    write_tree(zipped / "Eval", {"list_eval_partition.txt": PARTITION.encode()})
    write_tree(zipped / "Img", {})
    (zipped / "Img").mkdir()
    write_zip(zipped / "Img" / "img_align_celeba.zip", faces())
    assert nd.load("celeba", data_dir=zipped).fingerprint == nd.load("celeba", data_dir=folder).fingerprint


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'celeba' .*authors.*put img_align_celeba .folder or zip. and list_eval"):
        nd.load("celeba", data_dir=tmp_path)


def test_a_listed_image_is_missing(folder: Path) -> None:
    (folder / "img_align_celeba" / "000004.jpg").unlink()
    with pytest.raises(InputError, match=r"holds no 000004.jpg"):
        nd.load("celeba", data_dir=folder)


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("000001.jpg 3\n", "line 1"), ("000001.jpg", "line 1")]
)
def test_damaged_partition(folder: Path, text: str, message: str) -> None:
    (folder / "list_eval_partition.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        nd.load("celeba", data_dir=folder)


def test_images_of_another_size(folder: Path) -> None:
    (folder / "img_align_celeba" / "000003.jpg").write_bytes(encoded(picture(0, 64, 64, 3), "JPEG"))
    with pytest.raises(InputError, match=r"000003.jpg is 64x64 .*expected 178x218"):
        nd.load("celeba", data_dir=folder)
