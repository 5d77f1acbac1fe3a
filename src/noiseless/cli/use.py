"""A trained model in use: `sample`, `encode`, `decode`, `prune` and `interpolate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
import torch
from cyclopts import Parameter

from noiseless import data as datasets
from noiseless import gallery
from noiseless.cli.console import note, tell, wrote
from noiseless.cli.options import Count, Overwrite, Own, Owning, Seed, Size, Use, Using
from noiseless.errors import InputError
from noiseless.model import Model
from noiseless.prune import prune as remove_closed
from noiseless.runs import Run, Weights
from noiseless.values import Spec

__all__ = ["decode", "encode", "interpolate", "prune", "sample"]

Density = Annotated[str, Parameter(help="One of noiseless list densities; gmm:32 has 32 components.")]
Given = Annotated[str, Parameter(help="A data set's name, a folder, an archive, a .npy or .npz file.")]


def sample(
    run: Path,
    /,
    *,
    density: Density = "gmm",
    n: Annotated[int, Count] = 64,
    out: Annotated[
        Path | None,
        Parameter(help="A .png (a grid), a .npy, or a folder of .png files. Default: a picture in the run."),
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Draw new data from a density of the codes.

    Example: noiseless sample runs/digits --density gmm -n 64 --out samples.png
    """
    opened, model = use.open(run, own)
    ending = "png" if model.spec.is_image else "npy"
    place = out or run / "pictures" / f"samples-{density.replace(':', '-')}-{n}-{seed}.{ending}"
    gallery.check(place, model.spec, n, overwrite or out is None)
    drawn = model.sample(n, density, seed)
    note([*opened.record["notes"], model.density(density).note])
    wrote(gallery.save(drawn, model.spec, place, overwrite or out is None))


def encode(
    run: Path,
    data: Given | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="The .npy file of the codes, a row for each datum in its order.")],
    size: Size = None,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Write the codes of data; without data, those of the training part, to which densities are fitted.

    A deciphering autoencoder knows the codes of its training data by their number,
    and searches for those of other data.

    Example: noiseless encode runs/digits digits --out codes.npy
    """
    opened, model = use.open(run, own)
    codes = Spec("codes", (model.latent,))
    gallery.check(out, codes, 1, overwrite)
    encoded = _encoded(opened, model, data, size, use)
    wrote(gallery.save(encoded, codes, out, overwrite))


def decode(
    run: Path,
    codes: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="A .npy file, a .png (a grid), or a folder of .png files.")],
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Write the data that codes stand for.

    Example: noiseless decode runs/digits codes.npy --out images
    """
    _, model = use.open(run, own)
    read = _codes(codes)
    gallery.check(out, model.spec, len(read), overwrite)
    wrote(gallery.save(model.decode(read), model.spec, out, overwrite))


def prune(
    run: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder of the new run.")],
    weights: Annotated[
        Weights, Parameter(help="Those that validated best, the last, or their moving average.")
    ] = "best",
    overwrite: Overwrite = False,
    own: Owning = Own(),
) -> None:
    """Remove the latent dimensions that a run's mask has closed, for good.

    The new run has a smaller latent size and is the same function of the
    dimensions that are kept; it can be used and resumed as any other.

    Example: noiseless prune runs/maskaae-digits --out runs/pruned
    """
    pruned = remove_closed(Run(run, own), out, weights, overwrite)
    before, after = pruned.parameters
    if pruned.undecided:
        note([f"{pruned.undecided} of the kept dimensions are half open (mask below 0.9): train on for a decided mask"])
    tell(
        f"{len(pruned.kept)} of {pruned.latent} dimensions are kept: {' '.join(map(str, pruned.kept))}",
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
        Path | None, Parameter(help="A .png, or a .npy of shape (n, steps, ...). Default: in the run.")
    ] = None,
    size: Size = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Write the paths between random pairs of data, or of draws from a density.

    Example: noiseless interpolate runs/digits digits -n 8 --path linear
    """
    if (data is None) == (density is None):
        raise InputError("give either data to interpolate between, or a --density whose draws are meant")
    opened, model = use.open(run, own)
    ending = "png" if model.spec.is_image else "npy"
    place = out or run / "pictures" / f"interpolation-{path}-{n}-{seed}.{ending}"
    gallery.check(place, model.spec, n * steps, overwrite or out is None, folders=False)
    if data is not None:
        left, right = _pairs(_array(opened, data, size, use), n, seed, data)
        drawn = model.interpolate(left, right, steps, path)
    else:
        z = model.density(cast(str, density)).sample(2 * n, torch.Generator().manual_seed(seed))
        drawn = model.between(z[:n], z[n:], steps, path)
    wrote(gallery.save_paths(drawn, model.spec, place, overwrite or out is None))


def _encoded(run: Run, model: Model, data: str | None, size: int | None, use: Use) -> torch.Tensor:
    if data is None:
        ready = run.ready(use.weights, device=use.place, precision=use.precision, moments=use.moments)
        return run.codes(ready, data_dir=use.data_dir)
    array = _array(run, data, size, use)
    chunks = np.array_split(np.arange(len(array)), -(-len(array) // 5000))
    return torch.cat([model.encode(np.asarray(array[chunk])) for chunk in chunks])


def _array(run: Run, data: str, size: int | None, use: Use) -> np.ndarray:
    """All rows of `data`, images resized as the run's were where the user says nothing else."""
    return datasets.read(data, size=size or run.record["data"]["size"], data_dir=use.data_dir).array


def _pairs(array: np.ndarray, n: int, seed: int, data: str) -> tuple[np.ndarray, np.ndarray]:
    most = len(array) // 2
    if not 1 <= n <= most:
        raise InputError(f"{n} pairs were asked for, and {data} has {len(array)} data; ask for 1 to {most}")
    chosen = np.random.default_rng(seed).permutation(len(array))[: 2 * n]
    return np.asarray(array[chosen[:n]]), np.asarray(array[chosen[n:]])


def _codes(path: Path) -> np.ndarray:
    try:
        codes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as an array of codes ({error}); expected a .npy file") from error
    if not isinstance(codes, np.ndarray) or codes.dtype.kind != "f" or codes.ndim != 2 or not len(codes):
        given = f"{codes.shape} of {codes.dtype}" if isinstance(codes, np.ndarray) else "several arrays"
        raise InputError(f"{path} holds {given}; expected floating-point codes of shape (N, d), one .npy array")
    return codes
