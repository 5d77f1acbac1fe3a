"""Evaluation functions: of a run or a model, of data from elsewhere, and of several methods side by side.

They return the rows that the command line prints, each a :class:`~noiseless.evaluation.results.Result`, and record
those of a run in its folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noiseless import data as datasets
from noiseless import metrics
from noiseless.autoencoder import Networks
from noiseless.data import Data, modality
from noiseless.errors import InputError
from noiseless.evaluation import compare as comparison
from noiseless.evaluation import evaluation, latent
from noiseless.evaluation.distances import second_look
from noiseless.evaluation.results import Reference, Result, noted, record
from noiseless.files import refuse_unwritable
from noiseless.metrics import Features
from noiseless.model import Model
from noiseless.registry import Choice, settings
from noiseless.runs import Run
from noiseless.runs.record import folder_of
from noiseless.runs.verbs import Trained
from noiseless.strings import codec_of, refuse_other
from noiseless.training import Optimiser, Training, check_device, threads
from noiseless.training.settings import best_device

__all__ = ["compare", "evaluate", "evaluate_codes", "evaluate_samples", "features_for", "reference_for", "rows_of"]


def evaluate(
    trained: Trained,
    data: object = None,
    *,
    density: Choice | Sequence[Choice] = (),
    n: int = 10_000,
    features: Choice | Features | None = None,
    metric: Choice | Sequence[Choice] = (),
    resize: int | None = None,
    reference: Reference = "test",
    size: int | None = None,
    data_dir: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
    show: bool = True,
) -> list[Result]:
    """Distances between what a run or model generates and held-out data; for strings, which are valid, unique and new.

    Rows are reconstructions, samples under each density and mid-points of pairs; the first, training data themselves,
    is what a perfect generator would get. Those of a run are added to its ``results.json``, or to that in ``out``.

    Arguments:
        trained: a run's folder, a run, or a model.
        data: what to compare with, as :func:`noiseless.data.load` takes it; by default the run's.
        density: one or several, by name or as objects; by default the method's, and gmm for a model.
        n: data in every row and in the reference, at most as many as the reference has.
        features: what data are compared by, by name, as a function of a batch or as what
            :func:`noiseless.metrics.build` gave; by default efficientnet for images and identity for vectors.
        metric: further metrics, by name or as objects.
        resize: the side that EfficientNet sees; 128 by default.
        reference: the part that is compared with.
        size: resizes images; as in training by default.
        data_dir: where to look for named data sets first.
        seed: chooses data, pairs and draws.
        device: where to compute; that of a model is its own.
        out: a folder for ``results.json``; by default the run's, and none for a model.
        show: progress on the terminal.

    Returns:
        The rows; and those under features of another kind, if the model was trained on those requested.

    Raises:
        InputError: the data cannot be compared, or a density cannot be fitted.
    """
    run = None if isinstance(trained, Model) else trained if isinstance(trained, Run) else Run(folder_of(trained))
    folder = Path(out) if out is not None else None if run is None else run.directory
    if folder is not None:
        refuse_unwritable(folder / "results.json", file=True)
    found = reference_for(run, data, size, data_dir)
    place = best_device() if device == "auto" else device
    about: Any = {"n": n, "part": reference, "seed": seed, "metric": _several(metric), "resize": resize, "show": show}
    if run is None:
        assert isinstance(trained, Model)
        rows = rows_of(trained, found, _several(density) or ["gmm"], features, **about)
        return _recorded(rows, folder)
    model = run.model(device=place, data=found if run.holds(found) else None, data_dir=data_dir)
    rows = rows_of(model, found, _several(density) or run.method().densities, features, **about)
    return _recorded(noted(rows, "best", model.weights_hash, run.record["notes"]), folder)


def _recorded(rows: list[Result], folder: Path | None) -> list[Result]:
    if folder is not None:
        record(folder, rows)
    return rows


def rows_of(
    model: Model,
    data: Data,
    densities: Sequence[Choice],
    features: Choice | Features | None = None,
    *,
    metric: Sequence[Choice] = (),
    resize: int | None = None,
    n: int = 10_000,
    part: Reference = "test",
    seed: int = 0,
    show: bool = True,
) -> list[Result]:
    """The rows of a model; arguments and errors as for :func:`evaluate`."""
    kind, more = evaluation.of(data.spec), [metrics.build_metric(name) for name in metric]
    chosen = features_for(features, data, resize, str(model.device))
    about: Any = {"n": n, "part": part, "seed": seed, "more": more, "show": show}
    for density in densities:
        if isinstance(density, str):
            model.density(density)  # one that cannot be fitted is found out first
    rows = kind.rows(model, data, densities, chosen, **about)
    other = second_look([model.trained_on], data, chosen) if chosen is not None else None
    return rows + (kind.rows(model, data, densities, other, **about) if other is not None else [])


def evaluate_codes(
    model: Model, data: Data, *, n: int = 10_000, part: Reference = "test", seed: int = 0, picture: Path | None = None
) -> list[Result]:
    """Codes of held-out data beside as many draws of N(0, I); see :func:`noiseless.evaluation.latent.latent`."""
    return latent.latent(model, data, n=n, part=part, seed=seed, picture=picture)


def evaluate_samples(
    samples: object,
    data: object,
    *,
    n: int = 10_000,
    features: Choice | Features | None = None,
    metric: Choice | Sequence[Choice] = (),
    resize: int | None = None,
    reference: Reference = "test",
    size: int | None = None,
    data_dir: Path | None = None,
    seed: int = 0,
    device: str = "auto",
) -> list[Result]:
    """The same distances for data that no run of this library made.

    Arguments:
        samples: what is judged, as :func:`noiseless.data.load` takes it; of strings a text file, or a list.
        data: what it is compared with, of the same shape.
        n, features, metric, resize, reference, size, data_dir, seed, device: as for :func:`evaluate`.

    Raises:
        InputError: they cannot be compared.
    """
    found = datasets.load(data, size=size, data_dir=data_dir)
    chosen = features_for(features, found, resize, best_device() if device == "auto" else device)
    more = [metrics.build_metric(name) for name in _several(metric)]
    about: Any = {"size": size, "n": n, "part": reference, "seed": seed, "more": more}
    return evaluation.of(found.spec).rows_of_samples(samples, found, chosen, **about)


def compare(
    methods: Choice | Sequence[Choice],
    data: object,
    out: str | Path,
    *,
    density: Choice | Sequence[Choice] = (),
    n: int = 10_000,
    features: Choice | Features | None = None,
    metric: Choice | Sequence[Choice] = (),
    size: int | None = None,
    data_dir: Path | None = None,
    networks: Networks | Mapping[str, Any] = Networks(),
    optimiser: Optimiser | Mapping[str, Any] = Optimiser(),
    training: Training | Mapping[str, Any] = Training(),
    show: bool = True,
) -> dict[str, list[Result]]:
    """Trains methods in turn, or resumes them, and evaluates them alike; finished work is reused.

    Arguments:
        methods: names or functions, one or several.
        data: what all are trained on, as :func:`noiseless.data.load` takes it.
        out: the folder of the comparison: a run for each method, results.json, and samples.png.
        density, n, features, metric: as for :func:`evaluate`.
        size, data_dir, training: as for :func:`noiseless.train`.
        networks, optimiser: of every method that takes such; these and training may be mappings.
        show: progress on the terminal.

    Returns:
        The rows by method.

    Raises:
        InputError: ``out`` holds something else, or a comparison on other data or with other arguments.
    """
    trained = settings(Training, training, "training")
    found = datasets.load(data, size=size, data_dir=data_dir, seed=trained.seed)
    chosen = features_for(features, found, None, best_device() if trained.device == "auto" else trained.device)
    about: Any = {"training": trained, "size": size, "names": _several(density), "n": n, "show": show}
    about["more"] = [metrics.build_metric(name) for name in _several(metric)]
    arguments: Any = {"networks": settings(Networks, networks, "networks")}
    arguments["optimiser"] = settings(Optimiser, optimiser, "optimiser")
    with threads(trained.threads):
        return comparison.compare(_several(methods), found, Path(out), chosen, arguments=arguments, **about)


def reference_for(run: Run | None, data: object, size: int | None, data_dir: Path | None) -> Data:
    """What a run is compared with: its own data, or others in the same parts, so that no training data may test.

    Raises:
        InputError: a model alone has no data, or strings are in another language.
    """
    if data is None and run is not None:
        return run.data(data_dir)
    if data is None:
        raise InputError("a model does not have its data; give the run, or the data to compare with")
    size = size or (run.record["data"]["size"] if run is not None else None)
    seed, like = (run.training.seed, run.spec) if run is not None else (0, None)
    found = datasets.load(data, size=size, data_dir=data_dir, seed=seed, like=like)
    if run is not None:
        refuse_other(codec_of(found.spec), run.spec, str(run.directory))
    return found


def features_for(
    chosen: Choice | Features | None, data: Data, resize: int | None = None, device: str = "cpu"
) -> Features | None:
    """The requested features, or the default; None for kinds of data that are evaluated without features.

    Raises:
        InputError: there are no such features, or they are not for such data.
    """
    usual = modality.of(data.spec).features
    if not usual and chosen is not None:
        raise InputError(f"{data.spec.name} are {data.spec.modality}, which are judged as such; leave out features=")
    if not usual or isinstance(chosen, Features):
        return chosen if isinstance(chosen, Features) else None
    check_device(device)
    return metrics.build(usual[0] if chosen is None else chosen, data.spec, resize=resize, device=device)


def _several(chosen: Choice | Sequence[Choice]) -> list[Choice]:
    return [chosen] if isinstance(chosen, str) or callable(chosen) else list(chosen)
