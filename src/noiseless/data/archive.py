r"""The images in a folder, a zip or a tar archive, as names and contents, read in memory.

Images of a zip archive or a folder are sorted by name. A tar archive is streamed once, because compression makes random
access too expensive, so its images come in its own order. A ``\\`` in a name separates folders as ``/`` does: some
archives from Windows are written so. Hidden files and ``__MACOSX`` are skipped; files without an image suffix are
skipped and counted. What is not a regular file is refused, and never opened. An archive is refused entirely if a member
is a link, has an absolute name or contains ``..``, because it could then point outside the archive.
"""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from noiseless.data.decode import MAX_BYTES, suffixes
from noiseless.errors import InputError
from noiseless.files import refuse_special

__all__ = ["TAR", "ZIP", "Header", "Members", "listing", "members", "refuse_bomb", "stem"]

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
DEEPEST = 100
GIB, MOST_GROWTH = 1 << 30, 200
MOST_NAME = 1 << 20
DAMAGE = (OSError, EOFError, UnicodeError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Members:
    """The images of a folder or archive.

    Arguments:
        count: their number, None if it is unknown before reading.
        items: their names and contents.
        others: how many files of other suffixes were skipped, complete when all items have been read.
    """

    count: int | None
    items: Iterator[tuple[str, bytes]]
    others: Counter[str]


def members(path: Path) -> Members:
    """The images of a folder or archive, or a file that is one itself.

    Raises:
        InputError: it is unreadable, damaged or of another kind, or a member points outside it.
    """
    others: Counter[str] = Counter()
    if path.is_dir():
        files = listing(path, others)
        return Members(len(files), _from_folder(path, files), others)
    if path.name.lower().endswith(ZIP):
        entries = _zip_entries(path, others)
        return Members(len(entries), _from_zip(path, entries), others)
    if path.name.lower().endswith(TAR):
        return Members(None, _from_tar(path, others), others)
    return Members(1, _from_folder(path.parent, {path.name: path.stat()}), others)


def stem(path: Path) -> str:
    """A path's name without the suffix of an archive, an array or an image.

    >>> stem(Path("photos/cats.tar.xz")), stem(Path("photos/v1.2"))
    ('cats', 'v1.2')
    """
    name = path.resolve().name
    suffix = max(
        (s for s in (*ZIP, *TAR, ".npy", ".npz", *suffixes()) if name.lower().endswith(s)), key=len, default=""
    )
    return name[: len(name) - len(suffix)] or name


def listing(folder: Path, others: Counter[str] | None = None) -> dict[str, os.stat_result]:
    """The images below ``folder`` by relative names, sorted; links to folders are followed once.

    Arguments:
        folder: where to look.
        others: counts the suffixes of files that are not images.

    Raises:
        InputError: a folder or file cannot be read, an image is not a regular file, or folders are nested too deeply.
    """
    found: dict[str, os.stat_result] = {}
    try:
        _walk(folder, PurePosixPath(), {os.path.realpath(folder)}, found, Counter() if others is None else others)
    except OSError as error:
        raise InputError(
            f"{error.filename or folder} cannot be read ({error.strerror}); check its permissions"
        ) from error
    return dict(sorted(found.items()))


def _walk(
    folder: Path, within: PurePosixPath, seen: set[str], found: dict[str, os.stat_result], others: Counter[str]
) -> None:
    if len(within.parts) > DEEPEST:
        raise InputError(f"{folder} lies more than {DEEPEST} folders deep; move the images up, or remove it")
    with os.scandir(folder) as scan:
        entries = list(scan)
    for entry in entries:
        name = within / entry.name
        if entry.is_dir():
            real = os.path.realpath(entry.path)
            if not _hidden(name) and real not in seen:
                seen.add(real)
                _walk(Path(entry.path), name, seen, found, others)
        elif _wanted(name, others):
            found[str(name)] = entry.stat()
            refuse_special(Path(entry.path), found[str(name)])


def _wanted(name: PurePosixPath, others: Counter[str]) -> bool:
    """Whether a file is an image by its name; if it is not, and not hidden, it is counted among the others."""
    if _hidden(name):
        return False
    image = name.suffix.lower() in suffixes()
    if not image:
        others[name.suffix.lower()] += 1
    return image


def _hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _inside(name: str) -> PurePosixPath:
    """The name of a member, whichever separator it is written with."""
    return PurePosixPath(name.replace("\\", "/"))


def refuse_bomb(what: Path | str, packed: int, unpacked: int) -> None:
    """Refuses what grows out of proportion when it is unpacked, before it fills the memory.

    Arguments:
        what: what error messages call it.
        packed, unpacked: its size in bytes, before and after.

    Raises:
        InputError: it has more than a GiB, and ``MOST_GROWTH`` times its packed size.
    """
    if unpacked > GIB and unpacked > MOST_GROWTH * packed:
        raise InputError(
            f"{what} has {packed:,} bytes and unpacks to {unpacked:,} or more, over {MOST_GROWTH} times as many, which "
            f"is not read; if the data are meant so, give them unpacked"
        )


def _refuse_large(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise InputError(f"{name} has {size} bytes, more than the {MAX_BYTES} allowed per image; shrink or remove it")


def _refuse_outside(path: Path, name: str, plain: bool) -> None:
    parts = _inside(name)
    if not plain or parts.is_absolute() or ".." in parts.parts or name[1:2] == ":":
        raise InputError(
            f"{path} has the member {name!r}, which is a link or device or points outside the archive; nothing of "
            f"it is used: create an archive that contains only images"
        )


def _from_folder(path: Path, files: dict[str, os.stat_result]) -> Iterator[tuple[str, bytes]]:
    for name, status in files.items():
        _refuse_large(str(path / name), status.st_size)
        try:
            yield str(_inside(name)), (path / name).read_bytes()
        except OSError as error:
            raise InputError(f"{path / name} cannot be read ({error.strerror}); check its permissions") from error


def _zip_entries(path: Path, others: Counter[str]) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except DAMAGE as error:
        raise _damaged(path, error) from error
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        _refuse_outside(path, entry.orig_filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
    refuse_bomb(path, path.stat().st_size, sum(entry.file_size for entry in entries))
    files = [entry for entry in entries if not entry.filename.endswith(("/", "\\"))]
    images = [entry for entry in files if _wanted(_inside(entry.filename), others)]
    return sorted(images, key=lambda entry: str(_inside(entry.filename)))


def _from_zip(path: Path, entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            _refuse_large(f"{path}:{entry.filename}", entry.file_size)
            try:
                content = archive.read(entry)
            except (*DAMAGE, RuntimeError) as error:  # RuntimeError: encrypted, or an unknown compression
                raise _damaged(f"{path}:{entry.filename}", error) from error
            yield str(_inside(entry.filename)), content


_END, _HEADER, _READ = tarfile.EOFHeaderError, tarfile.HeaderError, tarfile.ReadError  # type: ignore[attr-defined]


_LONG = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class Header(tarfile.TarInfo):
    """The header of a member, which is refused if it is damaged or too long."""

    # Python's reader treats a damaged or missing header after the first as the end of the archive; here only the two
    # blocks of zeros that terminate an archive are its end.
    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Header:
        """The next header."""
        try:
            return super().fromtarfile(tarfile)
        except _END:
            raise
        except _HEADER as error:
            raise _READ(f"it ends or is damaged after {tarfile.offset} bytes: {error}") from error

    def _proc_member(self, tarfile: tarfile.TarFile) -> tarfile.TarInfo:
        # Extended headers and long names are read into memory as a whole.
        if self.type in _LONG and self.size > MOST_NAME:
            raise _READ(f"a header after {tarfile.offset} bytes has {self.size:,} bytes, more than {MOST_NAME:,}")
        found: Header = super()._proc_member(tarfile)  # type: ignore[misc]
        return found


def _from_tar(path: Path, others: Counter[str]) -> Iterator[tuple[str, bytes]]:
    member = None
    try:
        # Read forward only, once; tarfile's own stream mode, "r|*", copies its buffer at every read.
        with tarfile.open(path, "r:*", tarinfo=Header) as archive:
            for member in archive:
                _refuse_outside(path, member.name, member.isfile() or member.isdir())
                refuse_bomb(path, path.stat().st_size, member.offset_data + member.size)
                if member.isfile() and _wanted(_inside(member.name), others):
                    _refuse_large(f"{path}:{member.name}", member.size)
                    stream = archive.extractfile(member)
                    if stream is not None:
                        yield str(_inside(member.name)), stream.read()
    except InputError:
        raise
    except (*DAMAGE, ValueError, OverflowError) as error:
        raise _damaged(path if member is None else f"{path} (at or after {member.name})", error) from error


def _damaged(what: Path | str, error: Exception) -> InputError:
    reason = str(error).partition("\n")[0].rstrip(":")
    return InputError(f"{what} is damaged or cannot be read ({reason}); create or download the archive again")
