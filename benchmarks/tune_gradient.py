"""Chooses RAE-GP's weight: samples of a mixture against validation data, for several weights and seeds.

    python benchmarks/tune_gradient.py --data-name mnist --out docs/results/gradient-weight.md

The published weights belong to another form of the penalty, so the weight of the paper's form has to be chosen; it is
given relative to N, the numbers of a datum, as the published ones are. Runs are kept and not trained again.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from cyclopts import run

from noiseless import Networks, Training, data, metrics, train
from noiseless.evaluation.distances import evaluate
from noiseless.runs import Run
from noiseless.show import tables

WEIGHTS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3)


def main(
    *,
    data_name: str = "mnist",
    weights: tuple[float, ...] = WEIGHTS,
    seeds: tuple[int, ...] = (0,),
    steps: int = 1000,
    width: int = 16,
    every: int = 4,
    n: int = 2500,
    threads: int | None = None,
    folder: Path = Path("runs/gradient-weight"),
    out: Path | None = None,
) -> None:
    """Trains one RAE-GP a weight and seed, and prints the table."""
    started = time.monotonic()
    torch.set_num_threads(threads or torch.get_num_threads())
    loaded = data.load(data_name)
    features = metrics.build("efficientnet", loaded.spec, resize=96)
    rows = []
    for weight in weights:
        for seed in seeds:
            place = folder / f"{loaded.spec.name}-{weight:g}-{seed}"
            trained = place / "checkpoint.safetensors"
            run_ = (
                Run(place) if trained.is_file() else _train(loaded, place, weight, seed, steps, width, every, threads)
            )
            found = evaluate(run_.model(data=loaded), loaded, ["gmm", "gaussian"], features, n=n, part="validation")
            rows += [
                {"weight / N": f"{weight:g}", **row.to_json(), "seed": str(seed)}
                for row in found
                if row.protocol.row != "training data"
            ]
    columns = ("weight / N", "seed", "row", "density", "fd", "kid", "precision", "recall")
    table = tables.markdown(rows, columns, within="row")
    about = (
        f"{loaded.spec.name}, width {width}, {steps} steps of 100, penalty on every {every}th step, n = {n} against "
        f"validation, {features.name}; torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{time.monotonic() - started:.0f} s.\n"
    )
    print(table, about, sep="\n\n")
    if out is not None:
        shown = " ".join(f"--weights {weight:g}" for weight in weights) + " " + " ".join(f"--seeds {s}" for s in seeds)
        command = f"python benchmarks/tune_gradient.py --data-name {data_name} {shown} --steps {steps} --n {n}"
        head = f"# The weight of RAE-GP's penalty\n\n`{command} --threads {torch.get_num_threads()} --out {out}`\n"
        out.write_text(f"{head}\n{about}\n{table}\n", encoding="utf-8")


def _train(
    loaded: data.Data, place: Path, weight: float, seed: int, steps: int, width: int, every: int, threads: int | None
) -> Run:
    return train(
        "rae-gp",
        loaded,
        place,
        training=Training(steps=steps, seed=seed, threads=threads, schedule="exponential", lr_factor=0.5),
        overwrite=place.exists(),
        networks=Networks(width=width),
        gradient=weight * loaded.spec.size,
        probes=1,
        every=every,
    )


if __name__ == "__main__":
    run(main)
