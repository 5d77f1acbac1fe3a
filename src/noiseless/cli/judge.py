"""Judgement: ``evaluate`` one run, or data from elsewhere, and ``compare`` methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import Parameter

from noiseless import data as datasets
from noiseless.autoencoder import Networks
from noiseless.cli.console import narrow, note, show, tell, wrote
from noiseless.cli.options import (
    Building,
    DataDir,
    Densities,
    Owning,
    Seed,
    Size,
    Source,
    Use,
    UserCode,
    Using,
    panel,
    use_threads,
)
from noiseless.errors import InputError
from noiseless.evaluation.results import CODES, Reference, Result, key, noted, record
from noiseless.evaluation.verbs import compare as compare_methods
from noiseless.evaluation.verbs import evaluate_codes, evaluate_samples, reference_for, rows_of
from noiseless.files import refuse_unwritable
from noiseless.runs import Run, pictures
from noiseless.show import tables
from noiseless.training import Stopped, Training
from noiseless.training.settings import Optimiser

__all__ = ["compare", "evaluate"]

LATENT = ("entropy", "energy", "shape", "nac", "active", "|mean|", "min var", "max var")
METRICS = ("fd", "kid", "precision", "recall", "f8", "f1/8", "score")
"""In this order; other metrics come after them."""
UNSEEN = ("kid std",)
"""Of metrics, what is kept and not shown."""
OF_STRINGS = ("exact", "in language", "valid", "unique", "novel")
FeatureName = Annotated[
    str | None,
    Parameter(
        help="One of noiseless list features, or MODULE:NAME of your own. Default: efficientnet for images, "
        "identity for vectors, which are compared standardised."
    ),
]
MoreMetrics = Annotated[
    tuple[str, ...],
    Parameter(
        help="Metrics beside those of noiseless list metrics: MODULE:NAME of your own, or an installed package's.",
        consume_multiple=True,
        negative=(),
        show_default=False,
    ),
]
Many = Annotated[
    int,
    Parameter(name=["-n", "--n"], help="Data in each row and in the reference, or as many as the reference has."),
]


def evaluate(
    run: Annotated[Path | None, Parameter(help="The run. May be left out with --samples and --data.")] = None,
    /,
    *,
    density: Densities = (),
    n: Many = 10_000,
    features: FeatureName = None,
    metric: MoreMetrics = (),
    resize: Annotated[
        int | None, Parameter(help="Side to which EfficientNet's input is resized. Default: 128.")
    ] = None,
    reference: Annotated[Reference, Parameter(help="The part that is compared with.")] = "test",
    samples: Annotated[
        str | None,
        Parameter(help="Score this folder, archive, .npy file, or text file of strings instead of what the run makes."),
    ] = None,
    data: Annotated[str | None, Parameter(help="The data to compare with. Default: the run's.")] = None,
    size: Size = None,
    out: Annotated[Path | None, Parameter(help="The folder of results.json and pictures. Default: the run.")] = None,
    seed: Seed = 0,
    use: Using = Use(),
    own: Owning = UserCode(),
) -> None:
    """Measure distances between a run's output and held-out data; for strings, which are valid and novel.

    Rows are reconstructions, samples under each density and mid-points of pairs;
    the first row, training data themselves, is what a perfect generator would
    get. On tiny sets reconstructions can beat it: they are made from the very
    data they are compared with. Distances (fd, kid) are better when lower, all
    else when higher.

    f8: from 0 to 1, recall above all: is all of the data covered?
    f1/8: from 0 to 1, precision above all: does all that is made look like data?
    score: from 1 up: clear and varied to the classifier behind the features?

    Strings have shares from 0 to 1 instead, each decoded by the best tokens and
    by tokens drawn:

    exact: reconstructions that equal their original.
    in language: decoded to a string of the grammar.
    valid: the same, or for molecules what RDKit accepts.
    unique: different ones among the valid, which depends on n.
    novel: those of them that are not in the training part.

    A second table has codes of held-out data beside as many draws of N(0, I).

    entropy: an estimate in nats, too high where draws are few.
    energy: squared energy distance to N(0, I), about 0 for its draws.
    shape: the same after standardisation: about 0 for any Gaussian.
    nac: mean absolute correlation of active dimensions.
    active: dimensions with a variance above 0.01.
    |mean|, min var, max var: the extremes over dimensions.

    Example: noiseless evaluate runs/digits --density gmm gaussian -n 1000
    """
    if run is None and (samples is None or data is None):
        raise InputError("give a run, or --samples and --data to score data that a run did not make")
    use_threads(use.threads)
    if samples is not None and density:
        raise InputError("--samples are scored as they are; leave out --density, which is for a run's own samples")
    opened = Run(run, own) if run is not None else None
    if out is not None or run is not None:
        refuse_unwritable(cast(Path, out or run) / "results.json", file=True)
    loaded = reference_for(opened, data, size, use.data_dir)
    about: Any = {"n": n, "seed": seed}
    judged: Any = {"features": features, "metric": metric, "resize": resize}
    if samples is not None:
        size = size or (opened.record["data"]["size"] if opened is not None else None)
        place: Any = {"size": size, "reference": reference, "device": use.place}
        rows = evaluate_samples(samples, loaded, **judged, **place, **about)
        return _shown(rows, [], out or run)
    opened, model = use.open(cast(Path, run), own)
    if not model.amortised:
        note(["no row reconstruction: held-out data would be encoded by search"])
    names, noted_by = density or opened.method().densities, (use.label, model.weights_hash, opened.record["notes"])
    rows = noted(rows_of(model, loaded, names, **judged, part=reference, **about), *noted_by)
    place = out or opened.directory
    record(place, rows)  # at once, whatever becomes of the pictures
    folder = pictures.draw(model, loaded, names, [], place / "pictures")
    codes = noted(evaluate_codes(model, loaded, picture=folder / "latent.png", part=reference, **about), *noted_by)
    return _shown(rows, codes, place, folder)


def _shown(rows: Sequence[Result], codes: Sequence[Result], folder: Path | None, drawn: Path | None = None) -> None:
    """Records rows, then prints them, a table for each kind of features; a closed pipe thus loses none."""
    written = [] if folder is None else [record(folder, rows)]
    written += [record(folder, codes, CODES)] if folder is not None and codes else []
    if drawn is not None:
        wrote(drawn)
    for kind in dict.fromkeys(row.protocol.features for row in rows):
        _show({"": [row for row in rows if row.protocol.features == kind]})
    tell(*key(_columns(_flat({"": rows}))))
    if codes:
        _show_latent(codes)
        tell(*key(LATENT))
    for path in written:
        wrote(path)


def compare(
    *methods: Annotated[str, Parameter(help="Names of noiseless list methods, or MODULE:NAME of your own.")],
    data: Source,
    out: Annotated[Path | None, Parameter(help="The folder of all runs. Default: runs/compare-DATA.")] = None,
    density: Densities = (),
    n: Many = 10_000,
    features: FeatureName = None,
    metric: MoreMetrics = (),
    size: Size = None,
    data_dir: DataDir = None,
    networks: Building = Networks(),
    optimiser: Annotated[Optimiser, panel("Optimiser", 3)] = Optimiser(),
    training: Annotated[Training, panel("Training", 4)] = Training(),
) -> None:
    """Train methods in turn, and print one table and draw one picture of them.

    The same command again continues where it was stopped; further methods join the same comparison.

    Example: noiseless compare ae rae-l2 --data digits --width 16 --steps 400 -n 180 --out runs/compared
    """
    if not methods:
        raise InputError("name the methods to compare; noiseless list methods shows them")
    use_threads(training.threads)
    loaded = datasets.load(data, size=size, data_dir=data_dir, seed=training.seed)
    folder = out or Path("runs") / f"compare-{loaded.spec.name}"
    note([datasets.describe(loaded), *loaded.notes])
    try:
        found = compare_methods(
            methods,
            loaded,
            folder,
            density=density,
            n=n,
            features=features,
            metric=metric,
            size=size,
            networks=networks,
            optimiser=optimiser,
            training=training,
        )
    except Stopped:
        note(["go on with the same command"])
        raise
    kinds = list(dict.fromkeys(row.protocol.features for rows in found.values() for row in rows))
    by_kind = {
        kind: {method: [row for row in mine if row.protocol.features == kind] for method, mine in found.items()}
        for kind in kinds
    }
    ordered = [row | {"group": (kind, row["row"])} for kind, rows in by_kind.items() for row in _flat(rows)]
    labels = ("features",) * (len(kinds) > 1) + ("row", "density", "decoding")
    columns = _columns(ordered, *labels)
    tables.markdown(ordered, columns, folder / "table.md", within="group", key=key(columns))  # before a pipe may close
    for rows in by_kind.values():
        _show(rows)
    tell(*key(_columns(ordered)))
    wrote(folder / "results.json")
    wrote(folder / "table.md")
    if (folder / "samples.png").is_file():
        wrote(folder / "samples.png")


def _columns(rows: Sequence[Mapping[str, Any]], *labels: str) -> list[str]:
    """Columns that say something: those with a value, and n where it is not the same in every row."""
    others = {c: None for row in rows for c, value in row.items() if isinstance(value, float) and c not in UNSEEN}
    wanted = dict.fromkeys(("method", *labels, *METRICS, *OF_STRINGS, *others))
    filled = [c for c in wanted if any(row.get(c) is not None for row in rows)]
    return [*filled, "n"] if len({row["n"] for row in rows}) > 1 else filled


def _flat(rows: Mapping[str, Sequence[Result]]) -> list[dict[str, Any]]:
    """Rows for a table, each with its method where there are several."""
    return [{"method": method or None, **row.to_json()} for method, mine in rows.items() for row in mine]


def _show(rows: Mapping[str, Sequence[Result]]) -> None:
    """Rows by method; of one run, whose method needs no saying, under no name."""
    kinds = ("row", "density", "decoding")
    labelled = [row | {"data": ", ".join(filter(None, (row.get(kind) for kind in kinds)))} for row in _flat(rows)]
    show(tables.table(labelled, _columns(labelled, "data"), within="row", compact=narrow()))
    found = [row for mine in rows.values() for row in mine]
    about, counts = found[0].protocol, dict.fromkeys(f"{row.protocol.n:,}" for row in found)
    tell(
        f"n: {', '.join(counts)}; reference: {about.n_reference:,} {about.reference} data of {about.data} "
        f"({about.fingerprint}); features: {about.features}; seed: {about.seed}"
        + (f"; weights: {about.weights}" if about.weights is not None else "")
    )
    note(caution for row in found for caution in (*row.warnings, *row.notes))


def _show_latent(rows: Sequence[Result]) -> None:
    labelled = [row.to_json() | {"latent": row.protocol.row} for row in rows]
    show(tables.table(labelled, ["latent", *LATENT], within="latent", compact=narrow()))  # a group a row: none is best
    about = rows[0]
    tell(
        f"n: {about.protocol.n:,} codes of {about.protocol.part} data and as many draws; "
        f"dimensions: {about.values['dimensions']}; "
        f"entropy of N(0, I) itself: {about.number('normal entropy'):.2f} nats, which few draws overestimate"
    )
