from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noiseless.errors import InputError, RunError, unknown
from noiseless.files import atomic_write, read_checked, read_json, refuse_special, sweep, write_checked, write_json


def test_a_file_appears_whole_and_takes_the_old_one_s_place(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for text in ("one", "two"):
        with atomic_write(path) as part:
            part.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert path.read_text() == text
    assert os.listdir(path.parent) == ["file"]


def test_a_folder_appears_whole_and_takes_the_old_one_s_place(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("one", "two"):
        with atomic_write(path) as part:
            part.mkdir()
            (part / name).touch()
        assert os.listdir(path) == [name]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(error: Exception) -> None:
        with atomic_write(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    with pytest.raises(RunError, match=r"cannot write .*file: No space left on device"):
        fail(OSError(28, "No space left on device"))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="choose another place"), atomic_write(tmp_path / "file" / "below"):
        pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no small disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    path = small_disk / "file"
    with atomic_write(path) as part:
        part.write_bytes(b"old")
    with pytest.raises(RunError, match="No space left on device"), atomic_write(path) as part:
        part.write_bytes(bytes(1 << 20))
    assert path.read_bytes() == b"old"
    assert os.listdir(small_disk) == ["file"]


def test_sweep_removes_leftovers_alone(tmp_path: Path) -> None:
    for folder in (tmp_path / ".a.x.part", tmp_path / "below" / ".b.y.part"):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    (tmp_path / "kept.part").touch()
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["below", "kept.part"]
    assert os.listdir(tmp_path / "below") == []


def test_json_round_trips_and_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"x": [1, None]})
    assert read_json(path) == {"x": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"x": float("nan")})
    assert read_json(path) == {"x": [1, None]}
    path.write_text("{")
    with pytest.raises(InputError, match=r"a\.json cannot be read as JSON"):
        read_json(path)
    with pytest.raises(InputError, match="does not exist"):
        read_json(tmp_path / "b.json")


def test_unknown_names_the_nearest() -> None:
    assert str(unknown("method", "rae-l", ["rae-l2", "ae"])).startswith(
        "unknown method 'rae-l' (did you mean 'rae-l2'?)"
    )
    assert "did you mean" not in str(unknown("method", "xyz", ["rae-l2"]))
    assert str(unknown("row", "b", ["a, m = 2", "c"])).endswith("known: 'a, m = 2', 'c'")


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "folder", os.replace
    path.mkdir()
    (path / "old").touch()

    def failing(error: BaseException) -> Callable[[Path, Path], None]:
        def moved(source: Path, target: Path) -> None:
            if target == path and source.name == "folder":
                raise error
            replace(source, target)

        return moved

    monkeypatch.setattr("noiseless.files._renameat2", lambda *_: False)
    for error, raised in ((OSError(5, "Input/output error"), RunError), (KeyboardInterrupt(), KeyboardInterrupt)):
        monkeypatch.setattr(os, "replace", failing(error))
        with pytest.raises(raised), atomic_write(path) as part:
            part.mkdir()
        assert os.listdir(path) == ["old"]
        assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_that_a_kill_left_beside_its_place_is_put_back(tmp_path: Path) -> None:
    left = tmp_path / ".a.folder.x1y2.part" / "replaced"
    left.mkdir(parents=True)
    (left / "old").touch()
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["a.folder"]
    assert os.listdir(tmp_path / "a.folder") == ["old"]


def test_bytes_come_back_with_their_checksum_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_checked(path, [b"some ", memoryview(b"bytes")])
    assert bytes(read_checked(path)) == b"some bytes"
    content = path.read_bytes()
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 4]) + content[k + 1 :])
        with pytest.raises(InputError, match="kept is damaged: its checksum is another; remove it"):
            read_checked(path)
    for short in (b"", content[:5]):
        path.write_bytes(short)
        with pytest.raises(InputError, match="damaged"):
            read_checked(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_checked(tmp_path / "missing")


def test_sweep_leaves_what_another_process_may_be_writing(tmp_path: Path) -> None:
    old, fresh = tmp_path / "features" / ".a.1.part", tmp_path / "features" / ".b.2.part"
    old.mkdir(parents=True)
    fresh.mkdir()
    os.utime(old, (0, 0))
    sweep(tmp_path, age=3600.0)
    assert not old.exists()
    assert fresh.exists()


@pytest.mark.skipif(os.name == "nt", reason="no pipes by name")
def test_a_pipe_is_refused_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(InputError, match=r"run.json is a pipe, a socket or a device"):
        read_json(tmp_path / "run.json")
    with pytest.raises(InputError, match="missing cannot be read"):
        refuse_special(tmp_path / "missing")
