r"""Data by name or path, in three parts that never overlap.

A data set's own test part is kept; where there is none, a tenth of the training data is drawn for it. Where there is
no validation part, one is then drawn from what is left: 10,000 data for the standard sets, a tenth elsewhere, at
least one. Draws depend on the seed only. All parts are views into one array, so that it is held once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import ArrayLike

from noiseless.data import arrays, function, intake, intensities, modality, pictures
from noiseless.data.cache import content
from noiseless.data.raw import TEST, TRAIN, VALIDATION, LoadOptions, Raw
from noiseless.errors import InputError
from noiseless.files import refuse_special
from noiseless.registry import Choice, Kind, offered, options
from noiseless.values import Spec

__all__ = ["DATA", "Data", "LoadOptions", "Raw", "Split", "describe", "load", "names", "read"]


@dataclass(frozen=True)
class Split:
    """A part of the data: a view into the whole array.

    Arguments:
        raw: images (M, C, H, W) in uint8 or float32, float32 vectors (M, D), or tokens (M, T) in uint8; may be mapped
            from a file.
        indices: the rows that belong to this part, ascending int64.
        labels: the class of each of these rows in int64, or None where not all have one.
    """

    raw: np.ndarray
    indices: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, positions: ArrayLike) -> np.ndarray:
        """The raw data at ``positions`` within this part, copied, in C order."""
        return np.ascontiguousarray(self.raw[self.indices[np.asarray(positions, dtype=np.int64)]])

    def some(self, n: int, seed: int = 0) -> np.ndarray:
        """Up to ``n`` random rows: data are often sorted by class, so that the first ones are of one class."""
        return self.take(choice(len(self), n, seed))


def choice(count: int, n: int, seed: int) -> np.ndarray:
    """Up to ``n`` of ``count`` positions, in an order that is random too; both depend on the seed alone."""
    return np.random.default_rng(seed).permutation(count)[:n]


@dataclass(frozen=True)
class Data:
    """A data set: what a datum looks like, three parts, and a fingerprint.

    Arguments:
        spec: name, shape, and for vectors the mean and standard deviation of the training part.
        train, validation, test: the parts.
        fingerprint: 16 hexadecimal digits, a hash of the array, the labels and the parts, wherever the files lie.
        source: what the user gave.
        notes: what a user should hear about the data.
        in_memory: whether they were given as an object, so that a run cannot find them again by ``source``.
    """

    spec: Spec
    train: Split
    validation: Split
    test: Split
    fingerprint: str
    source: str
    notes: tuple[str, ...] = ()
    in_memory: bool = False


def load(
    source: object,
    *,
    size: int | None = None,
    data_dir: Path | None = None,
    seed: int = 0,
    labels: object = None,
    name: str | None = None,
    like: Spec | None = None,
) -> Data:
    """The data set ``source``, in its parts.

    Arguments:
        source: a name (see :func:`names`), with options after a colon if the data set has any; else a path to a folder,
            a .zip, a .tar (plain, .gz, .xz, .bz2) of images, or to .npy or .npz arrays; else the name of an installed
            package's or ``MODULE:NAME``; or a function that returns a :class:`Raw`. A folder with a known name is
            ``./NAME``. Or data in memory: an array, a tensor, a frame, a torch ``Dataset``, a split of a Hugging Face
            data set (:mod:`noiseless.data.intake`), or a :class:`Raw`.
        size: the height and width to which images of files, PIL images, and CelebA, are resized.
        data_dir: where to look first for the files of a named data set.
        seed: what the parts that the set lacks are drawn by.
        labels: of data in memory, an integer for each example.
        name: of data in memory. The name of a known data set selects its paper's constants.
        like: of the data that they are used with: a frame's columns are taken by these names.

    Raises:
        InputError: there is no such data, or it cannot be read or split; a frame has other columns.
    """
    if isinstance(source, Data):
        return source
    raw = read(source, size=size, data_dir=data_dir, labels=labels, name=name)
    raw = raw.in_order(like.columns, "the run") if like is not None else raw
    train, validation, test = _split(raw, seed)
    fingerprint, spec, named = _fingerprint(raw, (train, validation, test)), _spec(raw, train), _named(source)
    called = intake.described(source) if named is None else _anchored(named)
    return Data(spec, train, validation, test, fingerprint, called, raw.notes, in_memory=named is None)


def read(
    source: object,
    *,
    size: int | None = None,
    data_dir: Path | None = None,
    labels: object = None,
    name: str | None = None,
) -> Raw:
    """All rows of ``source``, before they are parted; arguments and errors as for :func:`load`."""
    if size is not None and size < 1:
        raise InputError(f"the size {size} is not an image size; give a whole number of pixels, such as size=32")
    named = _named(source)
    if named is None:
        raw = intake.taken(source, size=size, labels=labels, name=name)
    elif labels is not None or name is not None:
        raise InputError(f"labels and name are for data at hand, and {named} says them itself; leave them out")
    else:
        raw = _raw(named, LoadOptions(size, data_dir))
    _refuse_other_size(raw, size)
    if raw.array.ndim == 4 and raw.array.dtype == np.uint8:
        intensities.refuse_faint(raw.name, raw.array)
    return raw


def _named(source: object) -> Choice | None:
    """What the user gave as a name, a path or a function; None for data in memory."""
    if isinstance(source, str | PurePath):
        return os.fspath(source)
    return source if callable(source) else None


def names() -> dict[str, str]:
    """Every named data set and its one-line description.

    >>> names()["digits"]
    'Handwritten digits: 1,797 grey images of 8x8, 10 classes (comes with scikit-learn).'
    """
    return {name: (loader.__doc__ or "").partition("\n")[0] for name, loader in sorted(_loaders().items())}


def describe(data: Data) -> str:
    """One line on a data set: its parts, shape, classes and fingerprint."""
    sizes = [f"{len(part):,} {name}" for part, name in _named_parts(data)]
    kind = modality.of(data.spec).described(data.spec)
    labels = data.train.labels
    classes = "no classes" if labels is None else f"{len(np.unique(labels))} classes"
    return f"{data.spec.name}: {', '.join(sizes)} {kind}, {classes}, fingerprint {data.fingerprint}"


def _named_parts(data: Data) -> tuple[tuple[Split, str], ...]:
    return (data.train, "train"), (data.validation, "validation"), (data.test, "test")


def _loaders() -> dict[str, Callable[..., Raw]]:
    return offered("noiseless.data", "DATASETS")


DATA = Kind("data set", "noiseless.data", _loaders)
"""Where data sets are found."""


def _raw(source: Choice, request: LoadOptions) -> Raw:
    if not isinstance(source, str):
        return function.load(DATA.find(source), request)
    path = Path(source).expanduser()
    if source not in _loaders() and _exists(path):
        refuse_special(path)
        return arrays.load(path) if path.suffix.lower() in (".npy", ".npz") else pictures.load(path, request.size)
    try:
        part = DATA.find(source)
    except InputError as error:
        raise InputError(f"{error}; nor is there a file or folder {source!r}") from error
    if part.own:
        return function.load(part, request)
    found: Raw = part.build(request)
    return found


def _anchored(chosen: Choice) -> str:
    """The name of a source with the paths among its options made absolute, so that a run finds them from everywhere."""
    if not isinstance(chosen, str):
        return DATA.find(chosen).name
    source = chosen
    name = source.partition(":")[0]
    if name == source or name not in _loaders() or _exists(Path(source).expanduser()):
        return source
    given = options("data set", source, _loaders()[name])
    if not {"path", "grammar"} & given.keys():
        return source
    files = {k: str(Path(v).expanduser().resolve()) for k, v in given.items() if k in ("path", "grammar") and v}
    return f"{name}:" + ",".join(f"{k}={v}" for k, v in (given | files).items())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path and its permissions") from error


def _refuse_other_size(raw: Raw, size: int | None) -> None:
    shape = raw.array.shape[1:]
    if size is not None and shape[1:] != (size, size):
        kind = "images of" if len(shape) == 3 else "vectors of" if raw.codec is None else "strings of up to"
        raise InputError(f"{raw.name} has {kind} {'x'.join(map(str, shape))} and is not resized; leave out size=")


def _split(raw: Raw, seed: int) -> tuple[Split, Split, Split]:
    parts = np.zeros(len(raw.array), dtype=np.int8) if raw.parts is None else raw.parts.copy()
    _refuse_columns(raw, parts)
    rng = np.random.default_rng(seed)
    if not (parts == TEST).any():
        _draw(raw.name, parts, TEST, None, rng)
    if not (parts == VALIDATION).any():
        _draw(raw.name, parts, VALIDATION, raw.held_out, rng)
    train, validation, test = (_part(raw, parts == code) for code in (TRAIN, VALIDATION, TEST))
    if len(train) == 0:
        raise _too_few(raw.name, parts)
    return train, validation, test


def _refuse_columns(raw: Raw, parts: np.ndarray) -> None:
    for name, column in (("labels", raw.labels), ("parts", parts)):
        if column is not None and (column.shape != (len(raw.array),) or column.dtype.kind not in "iub"):
            raise InputError(
                f"{raw.name} has {len(raw.array)} data and {name} of shape {column.shape} in {column.dtype}; give one "
                f"whole number each"
            )
    if not np.isin(parts, (TRAIN, VALIDATION, TEST)).all():
        raise InputError(
            f"{raw.name} has the parts {np.unique(parts).tolist()}; expected {TRAIN}, {VALIDATION}, {TEST}"
        )


def _draw(name: str, parts: np.ndarray, code: int, count: int | None, rng: np.random.Generator) -> None:
    rows = np.flatnonzero(parts == TRAIN)
    if len(rows) < 2:
        raise _too_few(name, parts)
    # A part of a data set cannot give as many held-out examples as the whole one: a tenth, then.
    drawn = count if count is not None and 2 * count <= len(rows) else max(1, len(rows) // 10)
    parts[rng.permutation(rows)[:drawn]] = code


def _too_few(name: str, parts: np.ndarray) -> InputError:
    return InputError(
        f"{name} has too few examples to divide ({len(parts)}); give at least one each for training, validation and "
        f"testing"
    )


def _part(raw: Raw, member: np.ndarray) -> Split:
    labels = None if raw.labels is None else raw.labels[member].astype(np.int64)
    indices = np.flatnonzero(member).astype(np.int64)
    return Split(raw.array, indices, None if labels is None or (labels < 0).any() else labels)


def _spec(raw: Raw, train: Split) -> Spec:
    shape = raw.array.shape[1:]
    if len(shape) == 3:
        return Spec(raw.name, shape)
    if raw.codec is not None:
        grammar, alphabet = raw.codec.grammar, raw.codec.alphabet
        return Spec(raw.name, shape, (), (), raw.codec.size, grammar.text if grammar else "", alphabet, raw.kind)
    x = raw.array[train.indices].astype(np.float64)
    # A constant column's computed deviation may be a rounding error instead of 0.
    scale = np.where(np.ptp(x, axis=0) == 0, 1.0, x.std(axis=0))
    return Spec(raw.name, shape, tuple(x.mean(axis=0).tolist()), tuple(scale.tolist()), columns=raw.columns)


def _fingerprint(raw: Raw, parts: tuple[Split, ...]) -> str:
    digest = hashlib.sha256()
    columns = [raw.labels.astype(np.int64)] if raw.labels is not None else []
    if raw.codec is not None:
        digest.update(repr((raw.codec.grammar and raw.codec.grammar.text, raw.codec.alphabet)).encode())
    for array in (raw.array, *columns, *(part.indices for part in parts)):
        for piece in content(array):
            digest.update(piece)
    return digest.hexdigest()[:16]
