r"""The images in a folder, a zip or a tar archive, as names and contents, read in memory.

Images of a zip archive or a folder are sorted by name. A tar archive is streamed once, because compression makes random
access too expensive, so its images come in its own order. Hidden files, ``__MACOSX`` and files without an image suffix
are skipped. An archive is refused entirely if a member is a link, has an absolute name or contains ``..``, because it
could then point outside the archive.
"""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from noiseless.data.decode import MAX_BYTES, SUFFIXES
from noiseless.errors import InputError

__all__ = ["TAR", "ZIP", "Members", "listing", "members", "stem"]

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
DAMAGE = (OSError, EOFError, UnicodeError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Members:
    """The images of a folder or archive: their number (None if unknown before reading), names and contents."""

    count: int | None
    items: Iterator[tuple[str, bytes]]


def members(path: Path) -> Members:
    """The images of a folder or archive.

    Raises:
        InputError: it is unreadable, damaged or of another kind, or a member points outside it.
    """
    if path.is_dir():
        files = listing(path)
        return Members(len(files), _from_folder(path, files))
    if path.name.lower().endswith(ZIP):
        entries = _zip_entries(path)
        return Members(len(entries), _from_zip(path, entries))
    return Members(None, _from_tar(path))


def stem(path: Path) -> str:
    """A path's name without the suffix of an archive.

    >>> stem(Path("photos/cats.tar.xz")), stem(Path("photos/v1.2"))
    ('cats', 'v1.2')
    """
    name = path.resolve().name
    suffix = max((s for s in (*ZIP, *TAR, ".npy", ".npz") if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)] or name


def listing(folder: Path) -> dict[str, os.stat_result]:
    """The images below ``folder`` by relative names, sorted; links to folders are followed once.

    Raises:
        InputError: a folder or file cannot be read.
    """
    found: dict[str, os.stat_result] = {}
    try:
        _walk(folder, PurePosixPath(), {os.path.realpath(folder)}, found)
    except OSError as error:
        raise InputError(
            f"{error.filename or folder} cannot be read ({error.strerror}); check its permissions"
        ) from error
    return dict(sorted(found.items()))


def _walk(folder: Path, within: PurePosixPath, seen: set[str], found: dict[str, os.stat_result]) -> None:
    for entry in os.scandir(folder):
        name = within / entry.name
        if entry.is_dir():
            real = os.path.realpath(entry.path)
            if not _hidden(name) and real not in seen:
                seen.add(real)
                _walk(Path(entry.path), name, seen, found)
        elif _wanted(name):
            found[str(name)] = entry.stat()


def _wanted(name: PurePosixPath) -> bool:
    return name.suffix.lower() in SUFFIXES and not _hidden(name)


def _hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _refuse_large(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise InputError(f"{name} has {size} bytes, more than the {MAX_BYTES} allowed per image; shrink or remove it")


def _refuse_outside(path: Path, name: str, plain: bool) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if not plain or parts.is_absolute() or ".." in parts.parts or name[1:2] == ":":
        raise InputError(
            f"{path} has the member {name!r}, which is a link or device or points outside the archive; nothing of "
            f"it is used: create an archive that contains only images"
        )


def _from_folder(path: Path, files: dict[str, os.stat_result]) -> Iterator[tuple[str, bytes]]:
    for name, status in files.items():
        _refuse_large(str(path / name), status.st_size)
        try:
            yield name, (path / name).read_bytes()
        except OSError as error:
            raise InputError(f"{path / name} cannot be read ({error.strerror}); check its permissions") from error


def _zip_entries(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except DAMAGE as error:
        raise _damaged(path, error) from error
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        _refuse_outside(path, entry.orig_filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
    images = [entry for entry in entries if not entry.is_dir() and _wanted(PurePosixPath(entry.filename))]
    return sorted(images, key=lambda entry: str(PurePosixPath(entry.filename)))


def _from_zip(path: Path, entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            _refuse_large(f"{path}:{entry.filename}", entry.file_size)
            try:
                content = archive.read(entry)
            except (*DAMAGE, RuntimeError) as error:  # RuntimeError: encrypted, or an unknown compression
                raise _damaged(f"{path}:{entry.filename}", error) from error
            yield str(PurePosixPath(entry.filename)), content


_END, _HEADER, _READ = tarfile.EOFHeaderError, tarfile.HeaderError, tarfile.ReadError  # type: ignore[attr-defined]


class _Header(tarfile.TarInfo):
    # Python's reader treats a damaged or missing header after the first as the end of the archive; here only the two
    # blocks of zeros that terminate an archive are its end.
    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tarfile)
        except _END:
            raise
        except _HEADER as error:
            raise _READ(f"it ends or is damaged after {tarfile.offset} bytes: {error}") from error


def _from_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    member = None
    try:
        # Read forward only, once; tarfile's own stream mode, "r|*", copies its buffer at every read.
        with tarfile.open(path, "r:*", tarinfo=_Header) as archive:
            for member in archive:
                _refuse_outside(path, member.name, member.isfile() or member.isdir())
                if member.isfile() and _wanted(PurePosixPath(member.name)):
                    _refuse_large(f"{path}:{member.name}", member.size)
                    stream = archive.extractfile(member)
                    if stream is not None:
                        yield str(PurePosixPath(member.name)), stream.read()
    except DAMAGE as error:
        raise _damaged(path if member is None else f"{path} (at or after {member.name})", error) from error


def _damaged(what: Path | str, error: Exception) -> InputError:
    reason = str(error).partition("\n")[0].rstrip(":")
    return InputError(f"{what} is damaged or cannot be read ({reason}); create or download the archive again")
