from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from data_files import class_files, encoded, picture, write_tar, write_tree

import noiseless.data as nd
from noiseless.data import pictures, sources


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "set.tar.xz", class_files())


def entries() -> list[Path]:
    return sorted((sources.cache() / "decoded").glob("*"))


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, framing: object) -> nd.Raw:
        raise AssertionError("decoded again")

    monkeypatch.setattr(pictures, "_made", refuse)


def test_a_second_load_decodes_nothing(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nd.load(str(archive))
    forbid(monkeypatch)
    second = nd.load(str(archive))
    assert isinstance(second.train.raw, np.memmap)
    assert first.fingerprint == second.fingerprint
    assert first.spec == second.spec
    np.testing.assert_array_equal(first.train.labels, second.train.labels)


def test_options_and_changes_make_entries(archive: Path) -> None:
    nd.load(str(archive))
    nd.load(str(archive), size=4)
    os.utime(archive, ns=(0, 10**9))
    nd.load(str(archive))
    assert len(entries()) == 3


def test_a_changed_image_in_a_folder(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "set", class_files())
    before = nd.load(str(folder)).fingerprint
    (folder / "cat" / "00.png").write_bytes(encoded(picture(9)))
    os.utime(folder / "cat" / "00.png", ns=(0, 10**9))
    assert nd.load(str(folder)).fingerprint != before


def test_turned_off(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = nd.load(str(archive)).fingerprint
    monkeypatch.setenv("NOISELESS_CACHE", "off")
    data = nd.load(str(archive))
    assert data.fingerprint == expected
    assert not isinstance(data.train.raw, np.memmap)


@pytest.mark.parametrize("file", ["array.npy", "labels.npy", "check", "name"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "removed"])
def test_a_damaged_entry_is_made_again(archive: Path, file: str, damage: str) -> None:
    expected = nd.load(str(archive))
    path = entries()[0] / file
    content = bytearray(path.read_bytes())
    if damage == "removed":
        path.unlink()
    else:
        content[-3] ^= 1
        path.write_bytes(content[:-2] if damage == "truncated" else content)
    again = nd.load(str(archive))
    assert again.fingerprint == expected.fingerprint
    assert again.spec == expected.spec


def test_a_cache_that_cannot_be_written(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path / "file"))
    assert len(nd.load(str(archive)).train) == 17


def test_what_killed_processes_left_in_the_cache_is_removed(archive: Path) -> None:
    left = sources.cache() / "decoded" / ".key.x.part"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    sources._swept.cache_clear()
    nd.load(str(archive))
    assert not left.exists()
