"""Room for a new run: an empty folder, or a run that may be replaced; nothing that is needed is removed for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

from noiseless.data import names
from noiseless.errors import InputError
from noiseless.files import locked, refuse_removal, refuse_undecodable
from noiseless.training import Engine

__all__ = ["held", "refuse_existing", "sources"]

LEFT = (".run.json.*.part", ".initial.safetensors.*.part", "initial.safetensors")
"""What older versions left of a run that was killed before it had a run.json."""


def refuse_existing(directory: Path, overwrite: bool, needed: Mapping[str, Path]) -> None:
    """Refuses a folder that holds something, unless it is a run that may be replaced.

    Arguments:
        directory: the folder.
        overwrite: whether a run may be replaced.
        needed: what may not be in it, by what errors call it.

    Raises:
        InputError: it holds something else, is a link, holds what is needed, such as the current folder, or has a path
            that is not UTF-8.
    """
    refuse_undecodable(directory)
    if directory.exists() or directory.is_symlink():
        if (not directory.is_dir() or any(directory.iterdir())) and not overwrite:
            raise InputError(
                f"{directory} exists already; choose another folder (out=), or replace it (overwrite=True)"
            )
        refuse_removal(directory, needed)
        if not _replaceable(directory):
            raise InputError(f"{directory} is not a run, and is not replaced; choose another folder (out=)")


@contextmanager
def held(directory: Path, engine: Engine) -> Iterator[None]:
    """Holds a run's folder while something is trained in it or put in its place.

    Arguments:
        directory: the folder.
        engine: the processes that share the run, of which the first holds it.

    Raises:
        RunError: another process holds it.
    """
    with ExitStack() as stack:
        with engine.main_first():
            if engine.main:
                said = f"{directory} is being trained or replaced by another process; wait until that ends, or stop it"
                stack.enter_context(locked(directory, said))
        yield


def _replaceable(directory: Path) -> bool:
    """Whether a folder is empty, a run, or what a kill left of one."""
    if not directory.is_dir():
        return False
    names = [path.name for path in directory.iterdir()]
    return "run.json" in names or all(any(fnmatch(name, left) for left in LEFT) for name in names)


def sources(source: str, init_from: Path | None = None, data_dir: Path | None = None) -> dict[str, Path]:
    """The files and folders that a command reads, by what errors call them.

    Arguments:
        source: of data, as :func:`noiseless.data.load` takes it: a path, or one after a colon or an equals sign.
        init_from: the run whose weights are read, if any.
        data_dir: the folder of named data sets, if one was given.
    """
    parts = () if source in names() else (source, *source.split(","))
    words = [word for part in parts for word in (part, part.rpartition(":")[2], part.rpartition("=")[2])]
    read = {f"the data {word}": Path(word).expanduser() for word in words if word}
    read |= {f"the data folder {data_dir}": data_dir} if data_dir is not None else {}
    return read | ({f"init_from={init_from}": init_from} if init_from is not None else {})
