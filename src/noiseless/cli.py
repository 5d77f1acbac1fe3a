"""The command line, generated from signatures.

`train METHOD` takes the arguments of the method's recipe, of its networks and optimiser, and of training; their
docstrings are its help. Errors are one sentence: exit code 2 for input, 1 for what goes wrong while running, 130 and
143 after SIGINT and SIGTERM.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_type_hints

import cyclopts
import numpy as np
import torch
from cyclopts import App, Parameter
from rich.console import Console

from noiseless import data as datasets
from noiseless import densities, figures, gallery, metrics
from noiseless import evaluate as evaluation
from noiseless.autoencoder import Networks
from noiseless.compare import compare
from noiseless.data import Data
from noiseless.errors import InputError, RunError
from noiseless.model import Model
from noiseless.named import is_named, load_callable
from noiseless.objectives.core import Optimiser
from noiseless.recipes.core import Recipe, find, names
from noiseless.runs import Own, Run, Weights
from noiseless.runs import train as train_run
from noiseless.training import Stopped, Training
from noiseless.values import Spec

__all__ = ["main"]

out = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
err = Console(stderr=True, soft_wrap=True, highlight=False)

app = App(
    "noiseless",
    help="Deterministic generative autoencoders: train, sample, evaluate and compare them. "
    "[dim]noiseless VERB --help[/dim] explains each.",
    help_format="rich",
    version_flags=["--version"],
)
Flat = Parameter(name="*")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_exit_code(tokens))


def _exit_code(tokens: list[str]) -> int:
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    try:
        _offer_methods(tokens)
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except Stopped as stop:
        return _say(f"{stop}", 128 + stop.signum)
    except (InputError, cyclopts.CycloptsError) as error:
        return _say(str(error), 2)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except (RunError, OSError, MemoryError, torch.OutOfMemoryError) as error:
        return _say(str(error) or type(error).__name__, 1)
    except Exception as error:
        if os.environ.get("NOISELESS_TRACEBACK"):
            raise
        return _say(f"{type(error).__name__}: {error} (a defect: NOISELESS_TRACEBACK=1 shows where)", 1)
    return 0


def _say(message: str, code: int) -> int:
    err.print(f"noiseless: {message}", style="red" if code in (1, 2) else None, markup=False)
    return code


# train ------------------------------------------------------------------------------------------------------------

training_app = App(
    "train",
    help="Train METHOD on data: noiseless train rae-l2 --data digits --out runs/digits. "
    "A method of your own is MODULE:FUNCTION. noiseless train METHOD --help lists a method's arguments.",
)
app.command(training_app)


def _offer_methods(tokens: list[str]) -> None:
    """Adds a command for every recipe, and for one of the user's own if the command line names it."""
    if tokens[:1] != ["train"]:
        return
    for name, recipe in names().items():
        _offer(name, recipe)
    if len(tokens) > 1 and is_named(tokens[1]):
        _offer(tokens[1], find(tokens[1]))


def _offer(name: str, recipe: Recipe) -> None:
    if name not in training_app:
        training_app.command(_command(name, recipe), name=name)


def _command(name: str, recipe: Recipe) -> Callable[..., None]:
    """A function with the arguments of `train` and of the recipe, that trains it."""
    own = {p.name for p in _recipe_parameters(recipe)}

    def command(**given: Any) -> None:
        arguments = {key: given.pop(key) for key in list(given) if key in own}
        _train(recipe, arguments, **given)

    shared = list(inspect.signature(_train, eval_str=True).parameters.values())[2:]
    parameters = [*shared, *_recipe_parameters(recipe)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__, command.__name__ = inspect.getdoc(recipe), name
    return command


def _recipe_parameters(recipe: Recipe) -> list[inspect.Parameter]:
    hints = get_type_hints(recipe, include_extras=True)
    found = list(inspect.signature(recipe).parameters.values())[1:]
    return [
        p.replace(
            kind=p.KEYWORD_ONLY,
            annotation=Annotated[hints[p.name], Flat] if is_dataclass(hints[p.name]) else hints[p.name],
        )
        for p in found
    ]


def _train(
    recipe: Recipe,
    arguments: dict[str, Any],
    *,
    data: Annotated[str, Parameter(help="A data set's name, a folder, an archive, or a .npy or .npz file.")],
    out: Annotated[Path | None, Parameter(help="The run's folder. Default: runs/METHOD-DATA.")] = None,
    size: Annotated[int | None, Parameter(help="Crop images to squares and resize them to so many pixels.")] = None,
    data_dir: Annotated[Path | None, Parameter(help="Where to look first for the files of a named data set.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the run in --out.", negative="")] = False,
    init_from: Annotated[Path | None, Parameter(help="Start from another run's best weights.")] = None,
    training: Annotated[Training, Flat] = Training(),
) -> None:
    loaded = datasets.load(data, size=size, data_dir=data_dir, seed=training.seed)
    folder = out or Path("runs") / f"{recipe.__name__.replace('_', '-')}-{loaded.spec.name}"
    err.print(datasets.describe(loaded), markup=False)
    try:
        train_run(
            recipe, loaded, folder, training=training, size=size, overwrite=overwrite, init_from=init_from, **arguments
        )
    except Stopped:
        err.print(f"go on with: noiseless resume {folder}", markup=False)
        raise
    _report(folder)


def _report(folder: Path) -> None:
    pictures = sorted(p.name for p in (folder / "pictures").glob("*.png"))
    _tell(f"run: {folder}", f"pictures in {folder / 'pictures'}: {', '.join(pictures)}")
    _tell(f"next: noiseless evaluate {folder}, noiseless sample {folder} --density gmm")


def _tell(*lines: str) -> None:
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


@app.command
def resume(
    run: Path,
    /,
    *,
    steps: Annotated[int, Parameter(help="Go on for so many steps beyond the planned end.")] = 0,
    data_dir: Annotated[Path | None, Parameter(help="Where to look first for the files of a named data set.")] = None,
    own: Annotated[Own, Flat] = Own(),
) -> None:
    """Go on with a run that was stopped or killed, bit for bit: noiseless resume runs/digits."""
    if steps < 0:
        raise InputError(f"steps is {steps}, and must be 0 or more")
    opened = Run(run, own)
    opened.resume(opened.data(data_dir), more=steps)
    done, planned = opened.steps
    _tell(f"{done:,} of {planned:,} steps are done; --steps MORE goes on beyond them")
    _report(run)


# use --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """How a run's model is opened.

    Arguments:
        weights: Those that validated best, the last, or their moving average.
        device: cpu, cuda, mps, ...
        precision: Of the networks.
        threads: CPU threads. Default: torch's.
        data_dir: Where to look first for the files of the run's data, if they are needed.
    """

    weights: Weights = "best"
    device: str = "cpu"
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    threads: int | None = None
    data_dir: Path | None = None

    def open(self, run: Path, own: Own) -> tuple[Run, Model]:
        """The run and its model."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        opened = Run(run, own)
        return opened, opened.model(self.weights, device=self.device, precision=self.precision, data_dir=self.data_dir)


Using = Annotated[Use, Flat]
Owning = Annotated[Own, Flat]
Overwrite = Annotated[bool, Parameter(help="Replace what --out names.", negative="")]
Seed = Annotated[int, Parameter(help="Makes the draws.")]


@app.command
def sample(
    run: Path,
    /,
    *,
    density: Annotated[str, Parameter(help="See noiseless list densities; gmm:32 has 32 components.")] = "gmm",
    n: Annotated[int, Parameter(name=["-n", "--n"], help="How many.")] = 64,
    out: Annotated[
        Path | None, Parameter(help="A .png (grid), a .npy, or a folder of .png. Default: in the run.")
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Draw new data: noiseless sample runs/digits --density gmm -n 64 --out samples.png."""
    _, model = use.open(run, own)
    drawn = model.sample(n, density, seed)
    ending = "png" if model.spec.is_image else "npy"
    path = out or run / "pictures" / f"samples-{density.replace(':', '-')}-{n}-{seed}.{ending}"
    _wrote(gallery.save(drawn, model.spec, path, overwrite or out is None))


@app.command
def encode(
    run: Path,
    data: str,
    /,
    *,
    out: Annotated[Path, Parameter(help="The .npy file of the codes.")],
    size: Annotated[int | None, Parameter(help="Crop and resize images to so many pixels.")] = None,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Codes of all rows of DATA, in their order: noiseless encode runs/digits digits --out codes.npy."""
    _, model = use.open(run, own)
    array = datasets.read(data, size=size, data_dir=use.data_dir).array
    chunks = np.array_split(np.arange(len(array)), -(-len(array) // 5000))
    codes = torch.cat([model.encode(np.asarray(array[chunk])) for chunk in chunks])
    _wrote(gallery.save(codes, Spec("codes", (model.latent,)), _npy(out), overwrite))


@app.command
def decode(
    run: Path,
    codes: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="A .npy file, a .png (grid), or a folder of .png.")],
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Data that codes stand for: noiseless decode runs/digits codes.npy --out images."""
    _, model = use.open(run, own)
    _wrote(gallery.save(model.decode(_codes(codes)), model.spec, out, overwrite))


@app.command
def interpolate(
    run: Path,
    data: str,
    /,
    *,
    n: Annotated[int, Parameter(name=["-n", "--n"], help="How many pairs.")] = 8,
    steps: Annotated[int, Parameter(help="Points on each path, ends included.")] = 8,
    path: Annotated[
        Literal["spherical", "linear"], Parameter(help="A great circle, or a straight line.")
    ] = "spherical",
    out: Annotated[
        Path | None, Parameter(help="A .png or a .npy of shape (n, steps, ...). Default: in the run.")
    ] = None,
    size: Annotated[int | None, Parameter(help="Crop and resize images to so many pixels.")] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Paths between random pairs of DATA: noiseless interpolate runs/digits digits -n 8."""
    _, model = use.open(run, own)
    array = datasets.read(data, size=size, data_dir=use.data_dir).array
    if not 1 <= n <= len(array) // 2:
        raise InputError(f"{n} pairs were asked for, and {data} has {len(array)} data; ask for 1 to {len(array) // 2}")
    chosen = np.random.default_rng(seed).permutation(len(array))[: 2 * n]
    drawn = model.interpolate(np.asarray(array[chosen[:n]]), np.asarray(array[chosen[n:]]), steps, path)
    ending = "png" if model.spec.is_image else "npy"
    place = out or run / "pictures" / f"interpolation-{path}-{n}-{seed}.{ending}"
    _wrote(gallery.save_paths(drawn, model.spec, place, overwrite or out is None))


def _codes(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an array of codes ({error})") from error


def _npy(path: Path) -> Path:
    if path.suffix != ".npy":
        raise InputError(f"codes are written as .npy, and --out is {path}")
    return path


def _wrote(path: Path) -> None:
    _tell(f"wrote {path}")


# evaluate -----------------------------------------------------------------------------------------------------------

COLUMNS = ("row", "density", "fd", "kid", "precision", "recall", "f8", "f1/8", "score", "n")
FeatureName = Annotated[str, Parameter(help="See noiseless list features, or MODULE:FUNCTION of your own.")]


@app.command
def evaluate(
    run: Annotated[Path | None, Parameter(help="The run. May be left out with --samples and --data.")] = None,
    /,
    *,
    density: Annotated[
        list[str] | None, Parameter(help="Densities, each with a --density. Default: the run's.")
    ] = None,
    n: Annotated[int, Parameter(name=["-n", "--n"], help="Data in each row and in the reference.")] = 10_000,
    features: FeatureName | None = None,
    resize: Annotated[int | None, Parameter(help="Side to which EfficientNet's input is resized.")] = None,
    reference: Annotated[evaluation.Reference, Parameter(help="The part that is compared with.")] = "test",
    samples: Annotated[str | None, Parameter(help="Score this folder, archive or .npy instead of a model.")] = None,
    data: Annotated[str | None, Parameter(help="The data to compare with. Default: the run's.")] = None,
    size: Annotated[int | None, Parameter(help="Crop and resize images of --data and --samples.")] = None,
    out: Annotated[Path | None, Parameter(help="The folder of results.json. Default: the run.")] = None,
    seed: Seed = 0,
    use: Using = Use(),
    own: Owning = Own(),
) -> None:
    """Distances to held-out data: noiseless evaluate runs/digits --density gmm --density gaussian -n 10000."""
    if run is None and (samples is None or data is None):
        raise InputError("give a run, or --samples and --data to score data that a run did not make")
    opened = Run(run, own) if run is not None else None
    loaded = datasets.load(data, size=size, data_dir=use.data_dir) if data else cast(Run, opened).data(use.data_dir)
    chosen = _features(features, loaded, resize, use.device)
    if samples is not None:
        rows = evaluation.evaluate_samples(
            datasets.read(samples, size=size).array, loaded, chosen, n=n, part=reference, seed=seed, source=samples
        )
    else:
        opened, model = use.open(cast(Path, run), own)
        names_ = density or list(opened.method().densities)
        rows = evaluation.evaluate(model, loaded, names_, chosen, n=n, part=reference, seed=seed)
        rows = [row | {"weights": use.weights} for row in rows]
        gallery.draw(model, loaded, names_, [], opened.directory / "pictures")
    _show(rows, COLUMNS)
    folder = out or run
    if folder is not None:
        _wrote(evaluation.record(folder, rows))


@app.command(name="compare")
def compare_methods(
    *methods: str,
    data: Annotated[str, Parameter(help="A data set's name, a folder, an archive, or a .npy or .npz file.")],
    out: Annotated[Path | None, Parameter(help="The folder of all runs. Default: runs/compare-DATA.")] = None,
    density: Annotated[list[str] | None, Parameter(help="Densities. Default: each method's.")] = None,
    n: Annotated[int, Parameter(name=["-n", "--n"], help="Data in each row and in the reference.")] = 10_000,
    features: FeatureName | None = None,
    size: Annotated[int | None, Parameter(help="Crop and resize images to so many pixels.")] = None,
    data_dir: Annotated[Path | None, Parameter(help="Where to look first for the files of a named data set.")] = None,
    networks: Annotated[Networks, Flat] = Networks(),
    optimiser: Annotated[Optimiser, Flat] = Optimiser(),
    training: Annotated[Training, Flat] = Training(),
) -> None:
    """Train methods in turn, one table and one picture: noiseless compare ae rae-l2 --data digits --width 32."""
    if not methods:
        raise InputError("name the methods to compare; noiseless list methods shows them")
    loaded = datasets.load(data, size=size, data_dir=data_dir, seed=training.seed)
    folder = out or Path("runs") / f"compare-{loaded.spec.name}"
    chosen = _features(features, loaded, None, "cpu")
    arguments = {"networks": networks, "optimiser": optimiser}
    rows = compare(methods, loaded, folder, chosen, training=training, arguments=arguments, names=density or (), n=n)
    figures.markdown(rows, ("method", *COLUMNS), folder / "table.md")
    _show(rows, ("method", *COLUMNS))
    _wrote(folder)


def _features(name: str | None, data: Data, resize: int | None, device: str) -> metrics.Features:
    chosen = name or ("efficientnet" if data.spec.is_image else "identity")
    own = load_callable(chosen) if is_named(chosen) else None
    return metrics.build(chosen, data.spec, resize=resize, own=own, device=device)


def _show(rows: list[evaluation.Row], columns: Sequence[str]) -> None:
    shown = [c for c in columns if any(row.get(c) is not None for row in rows)]
    out.print(figures.table(rows, shown, within="row"))
    about = rows[0]
    _tell(
        f"reference: {about['n_reference']:,} {about['reference']} data of {about['data']} "
        f"({about['fingerprint']}); features: {about['features']}; seed {about['seed']}"
    )
    for caution in dict.fromkeys(caution for row in rows for caution in row["warnings"]):
        err.print(f"note: {caution}", markup=False)


# list -----------------------------------------------------------------------------------------------------------------


@app.command(name="list")
def list_(what: Literal["methods", "data", "densities", "features"], /) -> None:
    """What there is to choose from: noiseless list methods."""
    catalogue = {
        "methods": lambda: {
            name: (inspect.getdoc(recipe) or "").partition("\n")[0] for name, recipe in names().items()
        },
        "data": datasets.names,
        "densities": densities.names,
        "features": metrics.names,
    }[what]()
    width = max(map(len, catalogue))
    _tell(*(f"{name:{width}}  {text}" for name, text in catalogue.items()))


if __name__ == "__main__":
    main()
