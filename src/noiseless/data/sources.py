r"""Search paths for the files of named data sets, and downloads.

For a data set NAME these folders are searched in this order: ``DATA_DIR/NAME``, ``DATA_DIR`` (given by the user),
``$NOISELESS_DATA/NAME``, ``$NOISELESS_DATA``, ``CACHE/NAME``, ``/usr/share/datasets/NAME``. CACHE is
``$NOISELESS_CACHE`` or, by default, the user's cache folder; with ``NOISELESS_CACHE=off`` decoded images are not
cached, and downloads are stored in the default folder. A download is verified, and renamed to its final name only when
complete.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import platformdirs

from noiseless.data.progress import bar
from noiseless.errors import InputError
from noiseless.files import atomic_write, sweep

__all__ = ["absent", "cache", "download", "folders", "keeps_decoded"]

SYSTEM = Path("/usr/share/datasets")
CHUNK = 1 << 18
PATIENCE = 30.0
KEPT = ("cifar10", "decoded", "fashion-mnist", "features", "identities", "lpips", "mnist", "tokens")
"""Folders of the cache in which files are written."""
STALE = 86400.0
"""Seconds after which what is half written there belongs to no process that still runs."""


def cache() -> Path:
    """The folder for downloads and decoded images."""
    given = os.environ.get("NOISELESS_CACHE", "")
    chosen = given if given and given != "off" else platformdirs.user_cache_dir("noiseless")
    return _swept(Path(chosen).expanduser())


@functools.cache
def _swept(folder: Path) -> Path:
    """The folder without what killed processes left in it half written, once in a process."""
    for place in (folder / name for name in KEPT):
        sweep(place, age=STALE)
    return folder


def keeps_decoded() -> bool:
    """Whether decoded images are cached."""
    return os.environ.get("NOISELESS_CACHE") != "off"


def folders(name: str, data_dir: Path | None) -> list[Path]:
    """The folders to search for the data set ``name``, in order.

    Raises:
        InputError: ``data_dir`` is given but is not a folder.
    """
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"the data folder {data_dir} does not exist; give a folder that contains {name} to --data-dir")
    environment = os.environ.get("NOISELESS_DATA")
    roots = [data_dir, Path(environment).expanduser() if environment else None]
    near = [place for root in roots if root is not None for place in (root / name, root)]
    return [*near, cache() / name, SYSTEM / name]


def absent(name: str, files: str, searched: Sequence[Path], reason: str) -> InputError:
    """The error for missing files, which says what to put where."""
    places = ", ".join(str(place) for place in searched)
    return InputError(
        f"the data set {name!r} is not on this machine, {reason}; put {files} into {cache() / name}, or name their "
        f"folder with --data-dir or $NOISELESS_DATA (searched: {places})"
    )


def download(address: str, path: Path, digest: str) -> None:
    """Downloads ``address`` to ``path``, atomically.

    Arguments:
        address: the URL.
        path: the file to write.
        digest: the expected checksum, or its beginning, as ``algorithm:hexadecimal``.

    Raises:
        InputError: there is no network, the server refuses, or the checksum differs.
        RunError: the file cannot be written.
    """
    algorithm, _, expected = digest.partition(":")
    check = hashlib.new(algorithm)
    with _opened(address) as response, atomic_write(path) as part, part.open("wb") as stream:
        for chunk in _chunks(address, response):
            check.update(chunk)
            stream.write(chunk)
        if not check.hexdigest().startswith(expected):
            raise InputError(
                f"{address} has the {algorithm} checksum {check.hexdigest()}, expected {expected}; the download is "
                f"incomplete or the file has changed: try again, or get the file elsewhere"
            )


def _opened(address: str) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(address, timeout=PATIENCE)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error


def _chunks(address: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    length = response.headers.get("Content-Length")
    with bar(Path(address).name, int(length) if length else None, in_bytes=True) as advance:
        try:
            while chunk := response.read(CHUNK):
                yield chunk
                advance(len(chunk))
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> InputError:
    return InputError(f"{address} cannot be downloaded ({error})")
