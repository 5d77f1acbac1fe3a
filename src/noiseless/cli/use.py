"""A trained model in use: ``sample``, ``encode``, ``decode``, ``prune`` and ``interpolate``."""

from __future__ import annotations

import hashlib
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from cyclopts import Parameter
from torch import Tensor

from noiseless import data as datasets
from noiseless.cli.console import note, tell, wrote
from noiseless.cli.options import Count, Overwrite, Owning, Seed, Size, Use, UserCode, Using, use_threads
from noiseless.data.arrays import DAMAGE
from noiseless.densities import DENSITY
from noiseless.errors import InputError
from noiseless.files import refuse_removal, refuse_special, slug
from noiseless.model import Model, decoding
from noiseless.model.decoding import Made
from noiseless.runs import Run, Weights, verbs
from noiseless.runs.prune import prune as remove_closed
from noiseless.runs.room import sources
from noiseless.show import export
from noiseless.values import Spec

__all__ = ["decode", "encode", "interpolate", "prune", "sample"]

Density = Annotated[
    str | None,
    Parameter(
        help="One of noiseless list densities, gmm:32 has 32 components; or MODULE:NAME of your own. Default: the "
        "method's first."
    ),
]
Given = Annotated[
    str,
    Parameter(
        help="A data set's name, a folder, an archive, a .npy or .npz file, strings:FILE,grammar=FILE, smiles:FILE; "
        "to a run on strings, a .txt or .smi file of its language."
    ),
]
Decoding = Annotated[
    Literal["best", "sampled"], Parameter(help="Of strings: take the best tokens, or draw them (by --seed).")
]


def sample(
    run: Path,
    /,
    *,
    density: Density = None,
    n: Annotated[int, Count] = 64,
    out: Annotated[
        Path | None,
        Parameter(
            help="A .png (a grid), a .npy, a folder of .png files; .txt or .png of strings. Default: in the run."
        ),
    ] = None,
    decoding: Decoding = "best",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Draw new data from a density of the codes. Strings are written as .txt, or drawn as .png where they can be.

    Example: noiseless sample runs/digits --density gmm -n 64 --out samples.png
    """
    opened, model = use.open(run, own)
    chosen = density or opened.method().densities[0]
    place = out or _picture(run, model, use, decoding, "samples", _density(DENSITY.find(chosen).name), n, seed)
    export.check(place, model.spec, n, overwrite or out is None)
    drawn = verbs.sample(model, n, density=chosen, decoding=decoding, seed=seed)
    note([*opened.record["notes"], model.density(chosen).note, use.few(n)])
    wrote(export.save(drawn, model.spec, place, overwrite or out is None))
    note(_remarks(drawn, model, decoding))


def encode(
    run: Path,
    data: Given | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="The .npy file of the codes, a row for each datum in its order.")],
    size: Size = None,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Write the codes of data; without data, those of the training part, to which densities are fitted.

    A deciphering autoencoder searches for the codes of data that are named, slowly,
    even of the run's own; leave DATA out for those of the training part.

    Example: noiseless encode runs/digits digits --out codes.npy
    """
    opened, model = use.open(run, own)
    codes = Spec("codes", (model.latent_dim,))
    refuse_removal(out, sources(data or ""))
    export.check(out, codes, 1, overwrite)
    encoded = _encoded(opened, model, data, size, use)
    wrote(export.save(encoded, codes, out, overwrite))


def decode(
    run: Path,
    codes: Path,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="A .npy file, a .png (a grid), a folder of .png files; .txt or .png of strings.")
    ],
    decoding: Decoding = "best",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Decode codes into data.

    Example: noiseless decode runs/digits codes.npy --out images
    """
    _, model = use.open(run, own)
    read = _codes(codes)
    if read.shape[1] != model.latent_dim:
        raise InputError(f"{codes} has shape {read.shape}; {run} takes (N, {model.latent_dim})")
    refuse_removal(out, {f"the codes {codes}": codes})
    export.check(out, model.spec, len(read), overwrite)
    made = verbs.decode(model, read, decoding=decoding, seed=seed)
    wrote(export.save(made, model.spec, out, overwrite))
    note([use.few(len(read)), *_remarks(made, model, decoding)])


def prune(
    run: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder of the new run.")],
    weights: Annotated[
        Weights, Parameter(help="Which weights: those of the best validation loss, the last, or their moving average.")
    ] = "best",
    threads: Annotated[int | None, Parameter(help="CPU threads. Default: torch's.")] = None,
    overwrite: Overwrite = False,
    own: Owning = UserCode(),
) -> None:
    """Remove the latent dimensions that a run's mask has closed.

    The new run has a smaller latent size and is the same function of the
    dimensions that are kept; it can be used and resumed as any other.

    Example: noiseless prune runs/maskaae-digits --out runs/pruned
    """
    use_threads(threads)
    pruned = remove_closed(Run(run, own), out, weights, overwrite)
    before, after = pruned.parameters
    if pruned.undecided:
        masks = ", ".join(f"{j} (mask {mu:.2f})" for j, mu in pruned.undecided.items())
        note([f"{len(pruned.undecided)} of the kept dimensions are undecided, {masks}: train anew with more steps"])
    tell(
        f"{len(pruned.kept)} of {pruned.latent_dim} dimensions are kept: {' '.join(map(str, pruned.kept))}",
        f"parameters of the autoencoder: {after:,}, before {before:,}",
        f"largest change of an output over draws of N(0, I): {pruned.change:.2g}",
    )
    wrote(out)


def interpolate(
    run: Path,
    data: Given | None = None,
    /,
    *,
    density: Annotated[
        str | None, Parameter(help="Paths between draws of this density, in place of data: noiseless list densities.")
    ] = None,
    n: Annotated[int, Parameter(name=["-n", "--n"], help="How many pairs.")] = 8,
    steps: Annotated[int, Parameter(help="Points on each path, ends included.")] = 8,
    path: Annotated[
        Literal["spherical", "linear"], Parameter(help="A great circle, or a straight line.")
    ] = "spherical",
    out: Annotated[
        Path | None, Parameter(help="A .png, a .npy of shape (n, steps, ...), a .txt of strings. Default: in the run.")
    ] = None,
    size: Size = None,
    decoding: Decoding = "best",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Interpolate between random pairs of data, or of draws from a density.

    Example: noiseless interpolate runs/digits digits -n 8 --path linear
    """
    if (data is None) == (density is None):
        raise InputError("give either data to interpolate between, or a --density whose draws are meant")
    _, model = use.open(run, own)
    ends = _density(density) if data is None else _data(data, size)
    place = out or _picture(run, model, use, decoding, "interpolation", path, ends, f"{n}x{steps}", seed)
    refuse_removal(place, sources(data or ""))
    export.check(place, model.spec, n * steps, overwrite or out is None, folders=False)
    about: Any = {"n": n, "steps": steps, "path": path, "decoding": decoding, "seed": seed}
    given = None if data is None else _rows(model, data, size, use)
    rows = verbs.interpolate(model, given, density=density, **about)
    wrote(export.save_paths(rows, model.spec, place, overwrite or out is None))
    note(_remarks(rows if isinstance(rows, Tensor) else list(chain(*rows)), model, decoding))


def _picture(run: Path, model: Model, use: Use, decoding: str, *about: object) -> Path:
    """A place in the run whose name tells apart what was asked for differently."""
    other = [use.label] * (use.label != "best") + [decoding] * (decoding != "best")
    return run / "pictures" / f"{slug('-'.join(map(str, [*about, *other])))}.{export.of(model.spec).ending}"


def _density(name: str | None) -> str:
    """A density in a file's name, with a digest where that alone could be another's: box:Box:-1 and box:Box:1."""
    text = str(name)
    return text if slug(text) == text.replace(":", "-") else f"{text}-{_digest(text)}"


def _data(source: str, size: int | None) -> str:
    """Data in a file's name: a name, or the end of a path and a digest of all of it."""
    name = source if source in datasets.names() else f"{Path(source).stem}-{_digest(str(Path(source).resolve()))}"
    return name if size is None else f"{name}-size-{size}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=3).hexdigest()


def _remarks(made: Made, model: Model, chosen: str) -> list[str]:
    return decoding.of(model.spec).remarks(made, model, chosen == "sampled")


def _encoded(run: Run, model: Model, data: str | None, size: int | None, use: Use) -> torch.Tensor:
    if data is None:
        ready = run.ready(use.weights, device=use.place, precision=use.precision, moments=use.moments)
        return run.codes(ready, data_dir=use.data_dir)
    array = _rows(model, data, size, use)
    if not model.amortised:
        slow = f"{len(array):,} data are encoded by search, which is slow"
        note([f"{slow}; for the codes of the training part, without search, leave DATA out"])
    return verbs.encode(model, array)


def _rows(model: Model, data: str, size: int | None, use: Use) -> torch.Tensor | np.ndarray:
    """The rows of data that are named, and what belongs beside them."""
    notes: list[str] = []
    found = model.rows(data, size=size, data_dir=use.data_dir, notes=notes)
    note(notes)
    return found


def _codes(path: Path) -> np.ndarray:
    if path.exists():
        refuse_special(path)
    try:
        codes = np.load(path, allow_pickle=False)
    except DAMAGE as error:
        reason = f" ({error.strerror})" if isinstance(error, OSError) else ""  # NumPy's others advise unsafe loading
        raise InputError(f"{path} cannot be read as an array of codes{reason}; expected a .npy file") from error
    if not isinstance(codes, np.ndarray) or codes.dtype.kind != "f" or codes.ndim != 2 or not len(codes):
        given = f"{codes.shape} of {codes.dtype}" if isinstance(codes, np.ndarray) else "several arrays"
        raise InputError(f"{path} holds {given}; expected floating-point codes of shape (N, d), one .npy array")
    return codes
