"""The table of structured objects of RAE (Ghosh et al., ICLR 2020, section 6.2), https://arxiv.org/abs/1903.12436.

Grammar RAE, GVAE, GCVVAE and the character VAE on expressions or molecules: exact reconstructions of held-out strings,
the share of valid ones among samples and mid-points, and of unique and new ones; then what optimisation in the latent
space finds, as published: the share of valid points, their average score, and the best three. The latter is read from
what `noiseless optimise RUN` left in the runs, and blank where it was not done.

Published numbers are those of the paper as submitted, but for GCVVAE's, which were added later and are quoted from
memory. They are of the optimisation alone: the paper gives no validity of samples. Its molecules are those of ZINC,
which a user has to bring (--data smiles:250k_rndm_zinc_drugs_clean.smi); MOSES, the default, is another set.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from noiseless import data as datasets
from noiseless.autoencoder import Networks
from noiseless.data import Data
from noiseless.errors import InputError, RunError
from noiseless.evaluate.results import known, noted, record
from noiseless.evaluate.strings import STRINGS, evaluate_strings
from noiseless.files import read_json
from noiseless.optimise.protocol import place
from noiseless.reproduce.cells import told
from noiseless.reproduce.command import refuse_overwrite
from noiseless.reproduce.request import Report
from noiseless.reproduce.studies.structured import DENSITIES, OBJECTIVES, Cell, Structured
from noiseless.reproduce.studies.structured_page import content, page
from noiseless.runs import Run, train
from noiseless.runs.record import plain
from noiseless.strings.language import is_expressions, is_molecules
from noiseless.training import Stopped, Training
from noiseless.training.settings import Optimiser

__all__ = ["rae_structured"]


def rae_structured(request: Structured) -> Report:
    """The table of structured objects of Ghosh et al. (2020): four methods on expressions or molecules.

    A run of each row and seed lies in runs/rae-structured-OBJECTS-SCALE/METHOD-SEED.
    """
    refuse_overwrite("rae-structured", request)
    folder = request.folder("rae-structured")
    load = cache(lambda source, seed: _loaded(request, source, seed))
    cells = [
        _tried(request, label, recipe, seed, folder, load(request.source(recipe), seed))
        for seed in request.seeds
        for label, recipe in request.methods.items()
    ]
    if not any(cell.rows for cell in cells):
        raise RunError("; ".join(cell.reason for cell in cells))
    return Report(page(request, cells), content(request, cells))


def _loaded(request: Structured, source: str, seed: int) -> Data:
    data = datasets.load(source, data_dir=request.data_dir, seed=seed)
    if not {"expressions": is_expressions, "molecules": is_molecules}[request.objects](data.spec):
        raise InputError(f"{source} are no {request.objects}; give other --objects, or other --data")
    return data


def optimised(run: Run, request: Structured) -> Mapping[str, Any]:
    """What `noiseless optimise` found in the run's latent space: terms, trials and best objects; empty if nothing.

    Raises:
        InputError: its report is damaged.
    """
    path = place(run.directory, OBJECTIVES[request.objects], request.search) / "report.json"
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
        terms = {name: content[name] for name in ("objective", "search", "batch", "votes", "goal")}
        trials = [row for row in content["rows"] if row["trial"] in content["rounds"]]
        best = {name: content[name][:3] for name in ("best", "best new")}
        return terms | {"rounds": max(map(len, content["rounds"].values())), "trials": trials} | best
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}); make it again with noiseless optimise") from error


def _tried(request: Structured, label: str, recipe: str, seed: int, folder: Path, data: Data) -> Cell:
    """The cell, or why there is none: a run that fails leaves the others."""
    try:
        return _measured(request, label, recipe, seed, folder, data)
    except Stopped:
        raise
    except RuntimeError as error:
        return Cell(label, seed, (), reason=f"not measured: {label}, seed {seed}: {' '.join(str(error).split())}")


def _measured(request: Structured, label: str, recipe: str, seed: int, folder: Path, data: Data) -> Cell:
    place, setting = folder / f"{recipe}-{seed}", request.setting
    finished = (place / "run.json").is_file() and Run(place).steps[0] >= Run(place).steps[1]
    run = _trained(request, recipe, seed, place, data)
    rows = known(place, data.fingerprint, STRINGS, DENSITIES, n=setting.n, seed=seed) if finished else []
    if not rows:
        model = run.model(device=run.training.device, data=data)
        made = evaluate_strings(model, data, DENSITIES, n=setting.n, seed=seed)
        rows = noted(made, "best", run.record["notes"])
        record(run.directory, rows)
    about = {"run": run.directory.name, "seed": seed, "fingerprint": data.fingerprint, "steps": run.steps[1]}
    about["train"] = len(data.train)
    return Cell(label, seed, rows, optimised(run, request), about)


def _trained(request: Structured, recipe: str, seed: int, place: Path, data: Data) -> Run:
    """The run of a row: new, gone on with, or as it is found.

    Raises:
        InputError: the folder holds another run.
    """
    setting = request.setting
    arguments: dict[str, Any] = {"networks": Networks(width=setting.width)}
    if request.lr is not None:
        arguments["optimiser"] = Optimiser(lr=request.lr)
    if not (place / "run.json").is_file():
        training = Training(
            steps=setting.steps, batch=request.batch, seed=seed, threads=request.threads, device=request.device
        )
        return train(recipe, data, place, training=training, data_dir=request.data_dir, **arguments)
    run = Run(place)
    there = run.record
    compared = [
        ("recipe", there["recipe"], recipe),
        ("data", there["data"]["fingerprint"], data.fingerprint),
        ("seed", there["training"]["seed"], seed),
        ("arguments", told(recipe, there["defaults"] | there["arguments"]), told(recipe, plain(arguments))),
        ("steps", there["training"]["steps"], setting.steps or there["training"]["steps"]),
        ("batch", there["training"]["batch"], request.batch or there["training"]["batch"]),
    ]
    for name, then, now in compared:
        if then != now:
            raise InputError(
                f"{place} is another run: its {name} is {then}, and this row's is {now}; choose other --runs"
            )
    if run.steps[0] < run.steps[1]:
        run.resume(data)
    return run
