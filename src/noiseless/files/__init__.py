"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from noiseless.errors import InputError, RunError
from noiseless.files.schema import parse

__all__ = [
    "atomic_write",
    "hash_of",
    "locked",
    "read_checked",
    "read_header",
    "read_json",
    "read_tensors",
    "refuse_removal",
    "refuse_special",
    "refuse_undecodable",
    "refuse_unwritable",
    "slug",
    "sweep",
    "unused",
    "write_checked",
    "write_json",
    "write_tensors",
]

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

AT_FDCWD, RENAME_EXCHANGE = -100, 2
REPLACED = "replaced"
LARGEST = 64 * 2**20
"""Bytes of a file of JSON, at most."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Gives a temporary sibling of ``path`` to write, and puts it in place when the block ends well.

    The sibling may be made a file or a folder; an existing ``path`` is replaced. A file is synchronised to the disk
    before it takes the name, so that a power cut or a kill leaves either the old file or the new one. Folders are
    exchanged, or the old one is put back if the new one cannot take its place.

    Raises:
        RunError: the disk is full or read-only, or the folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}; choose another place") from error
    part = scratch / path.name
    try:
        yield part
        if part.is_file():
            with part.open("r+b") as stream:  # Windows synchronises only what is open for writing
                os.fsync(stream.fileno())
        if part.is_dir() and path.is_dir():
            _exchange(part, path)
        else:
            os.replace(part, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"cannot write {path}: {reason}; nothing was changed there") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _exchange(part: Path, path: Path) -> None:
    """Puts the folder ``part`` in the place of the folder ``path``, at once where the system can do that."""
    if _renameat2(part, path):
        return
    old = part.with_name(REPLACED)
    os.replace(path, old)
    try:
        os.replace(part, path)
    except BaseException:  # a signal too: the old folder goes back before anything else happens
        os.replace(old, path)
        raise


def _renameat2(one: Path, other: Path) -> bool:
    """Exchanges two names on Linux; False where that is not to be had."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):  # another system, or an old C library
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def sweep(folder: Path, pattern: str = "**/.*.part", age: float = 0.0) -> None:
    """Removes what a killed process left half written in ``folder`` and below, and puts replaced folders back.

    Arguments:
        folder: where to look.
        pattern: what to look for, of which only names such as ``.NAME.XXXX.part`` should match.
        age: leaves what has been changed within so many seconds, because another process may be writing it.
    """
    for leftover in list(folder.glob(pattern)):
        if age and time.time() - leftover.lstat().st_mtime < age:
            continue
        path = leftover.with_name(leftover.name[1:].rsplit(".", 2)[0])
        if (leftover / REPLACED).exists() and not path.exists():
            os.replace(leftover / REPLACED, path)
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def locked(path: Path, refusal: str = "") -> Iterator[None]:
    """Keeps other processes from ``path`` during the block; it need not exist, and may be replaced.

    The lock is one of the system's on a hidden file beside ``path``, and ends with the process, however that ends.
    Nothing is locked where there are no such locks (Windows, some network file systems), or where nothing can be
    written.

    Arguments:
        path: a file or folder.
        refusal: what the error says if another process holds it; if empty, this one waits.

    Raises:
        RunError: another process holds it.
    """
    place = path.resolve()
    place = place.with_name(f".{place.name}.lock")
    handle = _lock(place, refusal)
    try:
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
            os.close(handle)


def _lock(place: Path, refusal: str) -> int | None:
    """A handle of the file that holds a lock; None where there can be none."""
    if fcntl is None:
        return None
    while True:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
            with contextlib.suppress(FileNotFoundError):  # the process before has removed it in the meantime
                if os.path.samestat(os.fstat(handle), place.stat()):
                    return handle
        except BlockingIOError:
            os.close(handle)
            raise RunError(refusal) from None
        except OSError:
            os.close(handle)
            return None
        os.close(handle)


def refuse_removal(target: Path, needed: Mapping[str, Path]) -> None:
    """Refuses to replace something with all that is in it, where that is still needed; all that overwrites asks this.

    Arguments:
        target: what is to be replaced.
        needed: what may not be in it beside the current folder, by what the error calls it.

    Raises:
        InputError: it is a link to a folder, or it is or contains what is needed.
    """
    if target.is_symlink() and not target.is_file():
        raise InputError(
            f"{target} is a link to {os.readlink(target)}, and a link is not replaced; name the folder itself, or "
            "remove the link"
        )
    for what, path in {"the current folder": Path(), **needed}.items():
        if os.path.exists(path) and path.resolve().is_relative_to(target.resolve()):
            raise InputError(f"{target} cannot be replaced, because {what} is in it; choose another path (out=)")


def refuse_unwritable(path: Path, *, file: bool = False) -> None:
    """Refuses, before any work, a place where nothing could be written in the end.

    Arguments:
        path: a folder, which need not exist yet.
        file: it is to be a file, or a folder that is replaced: its parent is meant.

    Raises:
        RunError: a file stands in its way, or there is no permission.
    """
    place = path.absolute().parent if file else path.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise RunError(f"cannot write {path}: {place} is no folder; choose another place")
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunError(f"cannot write {path}: {place} may not be written to; choose another place")


def unused(path: Path) -> Path:
    """``path``, or where that is taken the first of its name with a number that is not: ``a.json``, ``a-2.json``."""
    taken, number = path, 1
    while taken.exists():
        number += 1
        taken = path.with_stem(f"{path.stem}-{number}")
    return taken


def refuse_special(path: Path, status: os.stat_result | None = None) -> None:
    """Refuses a path that is no folder and no regular file, such as a pipe or a device, without opening it.

    Arguments:
        path: what is to be read.
        status: what is known of it.

    Raises:
        InputError: it is special, or cannot be looked up.
    """
    try:
        mode = (status or path.stat()).st_mode
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path and its permissions") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{path} is a pipe, a socket or a device, or a link to one; give a regular file")


def refuse_undecodable(path: Path) -> None:
    """Refuses a path that is not UTF-8, under which tensors cannot be read.

    Raises:
        InputError: it is not.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"the path {str(path)!r} is not UTF-8, and tensors cannot be read there; rename it") from None


def slug(name: str) -> str:
    """A name as part of a path.

    >>> slug("paper:epochs=50,inducing=500")
    'paper-epochs-50-inducing-500'
    """
    return re.sub(r"[^\w.]+", "-", name)


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented JSON, whole or not at all."""
    with atomic_write(path) as part:
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_checked(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes bytes with their checksum at the end, whole or not at all."""
    digest = hashlib.sha256()
    with atomic_write(path) as part, part.open("wb") as stream:
        for piece in pieces:
            stream.write(piece)
            digest.update(piece)
        stream.write(digest.digest())


def read_checked(path: Path) -> memoryview:
    """The bytes that :func:`write_checked` wrote.

    Raises:
        InputError: the file cannot be read, or is not what was written.
    """
    try:
        content = memoryview(bytearray(path.read_bytes()))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    size = hashlib.sha256().digest_size
    body, expected = content[: max(0, len(content) - size)], content[-size:]
    if hashlib.sha256(body).digest() != expected:
        raise InputError(f"{path} is damaged: its checksum is another; remove it")
    return body


def read_json(path: Path) -> Any:
    """Reads JSON, with an error that names the file."""
    if path.exists():
        refuse_special(path)
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST // 2**20} MiB")
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); restore a copy, or remove it and make it again"
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
    """Writes tensors by name, and counters in the header, whole or not at all."""
    stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_write(path) as part:
        part.write_bytes(safetensors.torch.save(stored, metadata={"noiseless": json.dumps(scalars, allow_nan=False)}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Raises:
        InputError: it does not exist or is damaged.
    """
    return _read(path)[0]


def read_header(path: Path) -> dict[str, Any]:
    """The counters of a file; errors as for :func:`read_tensors`."""
    return _read(path, tensors=False)[1]


def hash_of(tensors: Mapping[str, Tensor]) -> str:
    """A hash of named tensors: of their names, types, shapes and numbers, in whatever order they come."""
    found = hashlib.blake2b(digest_size=8)
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; train or resume the run first")
    refuse_undecodable(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            scalars = parse((file.metadata() or {})["noiseless"])
            if not isinstance(scalars, dict):
                raise ValueError("its header is no JSON object")
            return {key: file.get_tensor(key) for key in file.keys() if tensors}, scalars  # noqa: SIM118
    except KeyError:
        raise InputError(f"{path} was not written by this program; give the folder of a run") from None
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} is damaged ({error}); restore a copy, or train the run anew") from error
