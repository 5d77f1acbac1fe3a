from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from data_files import idx_bytes, write_idx

import noiseless.data as nd
from noiseless.data import idx, sources
from noiseless.errors import InputError


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dotted", [True, False])
def test_every_spelling(tmp_path: Path, zipped: bool, dotted: bool) -> None:
    write_idx(tmp_path / "mnist", zipped, dotted)
    data = nd.load("mnist", data_dir=tmp_path)
    assert data.spec.shape == (1, 28, 28)
    assert (len(data.train), len(data.validation), len(data.test)) == (27, 3, 6)
    assert data.test.indices.tolist() == list(range(30, 36))
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [0, 1, 2, 3, 4, 5]


def test_ten_thousand_are_held_out(tmp_path: Path) -> None:
    write_idx(tmp_path, zipped=False)
    (tmp_path / idx.FILES[0]).write_bytes(idx_bytes(np.zeros((20_000, 2, 2), np.uint8)))
    (tmp_path / idx.FILES[1]).write_bytes(idx_bytes(np.zeros(20_000, np.uint8)))
    (tmp_path / idx.FILES[2]).write_bytes(idx_bytes(np.zeros((6, 2, 2), np.uint8)))
    data = nd.load("mnist", data_dir=tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (10_000, 10_000, 6)


def test_places_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = write_idx(tmp_path / "system" / "mnist", seed=1).parent
    monkeypatch.setattr(sources, "SYSTEM", system)
    fingerprints = [nd.load("mnist").fingerprint]
    write_idx(sources.cache() / "mnist", seed=2)
    fingerprints.append(nd.load("mnist").fingerprint)
    monkeypatch.setenv("NOISELESS_DATA", str(write_idx(tmp_path / "environment", seed=3)))
    fingerprints.append(nd.load("mnist").fingerprint)
    given = write_idx(tmp_path / "given", seed=4)
    fingerprints.append(nd.load("mnist", data_dir=given).fingerprint)
    assert len(set(fingerprints)) == 4


def test_the_fingerprint_does_not_know_the_place(tmp_path: Path) -> None:
    first, second = write_idx(tmp_path / "a"), write_idx(tmp_path / "b", zipped=False)
    assert nd.load("mnist", data_dir=first).fingerprint == nd.load("mnist", data_dir=second).fingerprint


def test_mnist_is_never_taken_for_fashion_mnist(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "mnist")
    with pytest.raises(InputError, match=r"'fashion-mnist' is not on this machine"):
        nd.load("fashion-mnist", data_dir=folder)


def test_without_files_and_network(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"'mnist' is not on this machine, and http.*put train-images.*data_dir="
    ) as info:
        nd.load("mnist", data_dir=tmp_path)
    assert str(sources.cache() / "mnist") in str(info.value)
    assert not list(sources.cache().rglob("*"))[1:]


def test_no_such_data_dir(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the data folder .*missing does not exist"):
        nd.load("mnist", data_dir=tmp_path / "missing")


def damaged(folder: Path, file: int, change: bytes | None, zipped: bool) -> Path:
    write_idx(folder, zipped)
    path = folder / (idx.FILES[file] + ".gz" * zipped)
    path.write_bytes(path.read_bytes()[:-20] if change is None else change)
    return path


@pytest.mark.parametrize(
    ("file", "change", "zipped", "message"),
    [
        (0, None, False, "announces 23520 bytes and holds 23500"),
        (0, None, True, "cannot be read"),
        (2, b"nonsense", False, "is not an idx file of bytes with 3 axes"),
        (2, b"nonsense", True, "cannot be read"),
        (1, idx_bytes(np.zeros((30, 28, 28), np.uint8)), False, "is not an idx file of bytes with 1 axes"),
        (1, idx_bytes(np.zeros(30, np.uint8)) + b"more", False, "announces 30 bytes and holds more"),
        (0, bytes([0, 0, 8, 3]) + b"\xff" * 12, False, "more than the"),
        (1, b"", False, "is not an idx file"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: int, change: bytes | None, zipped: bool, message: str) -> None:
    path = damaged(tmp_path, file, change, zipped)
    with pytest.raises(InputError, match=message) as info:
        nd.load("mnist", data_dir=tmp_path)
    assert str(path) in str(info.value)


def test_as_many_labels_as_images(tmp_path: Path) -> None:
    damaged(tmp_path, 1, idx_bytes(np.zeros(29, np.uint8)), zipped=False)
    with pytest.raises(InputError, match=r"labels of shape \(29,\) in uint8 for 30 examples"):
        nd.load("mnist", data_dir=tmp_path)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = write_idx(tmp_path / "served")
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/", folder
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def digests(folder: Path) -> tuple[str, ...]:
    return tuple("sha256:" + sha256((folder / f"{file}.gz").read_bytes()).hexdigest() for file in idx.FILES)


def test_download(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = server
    monkeypatch.setitem(idx.ADDRESSES, "fashion-mnist", address)
    monkeypatch.setitem(idx.DIGESTS, "fashion-mnist", digests(folder))
    downloaded = nd.load("fashion-mnist")
    assert sorted(path.name for path in (sources.cache() / "fashion-mnist").iterdir()) == sorted(
        f"{file}.gz" for file in idx.FILES
    )
    monkeypatch.setitem(idx.ADDRESSES, "fashion-mnist", "http://127.0.0.1:9/")
    assert nd.load("fashion-mnist").fingerprint == downloaded.fingerprint
    assert nd.load("mnist", data_dir=folder).fingerprint == downloaded.fingerprint


def test_download_with_another_checksum_leaves_nothing(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(idx.ADDRESSES, "mnist", server[0])
    with pytest.raises(InputError, match=r"has the sha256 checksum .* expected 440fcabf"):
        nd.load("mnist")
    assert not list((sources.cache() / "mnist").iterdir())


def test_download_of_what_is_not_there(server: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be downloaded .HTTP Error 404"):
        sources.download(server[0] + "missing.gz", tmp_path / "missing.gz", "sha256:0")
    assert not (tmp_path / "missing.gz").exists()


def test_a_download_that_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(address: str, timeout: float) -> object:
        raise ConnectionResetError("connection reset")

    monkeypatch.setattr(sources.urllib.request, "urlopen", cut)
    with pytest.raises(InputError, match=r"cannot be downloaded .connection reset"):
        sources.download("http://127.0.0.1:9/x", tmp_path / "x", "sha256:0")


def test_gzipped_files_are_read_as_they_are(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(idx.read_idx(tmp_path / "x.gz", axes=3), array)
