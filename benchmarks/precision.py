"""Whether bfloat16 autocast changes a result: the same runs in float32 and in bfloat16, for several seeds.

python benchmarks/precision.py --data-name digits --out docs/results/precision.md
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import mean, stdev
from typing import Literal

import torch
from cyclopts import run

from noiseless import Networks, Training, data, metrics, train
from noiseless.evaluation.distances import evaluate
from noiseless.show import tables

PRECISIONS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")


def main(
    *,
    data_name: str = "digits",
    seeds: tuple[int, ...] = (0, 1, 2),
    steps: int = 1500,
    width: int = 16,
    n: int = 10_000,
    threads: int | None = None,
    folder: Path = Path("runs/precision"),
    out: Path | None = None,
) -> None:
    """Trains rae-l2 in both precisions and prints means and standard deviations over seeds."""
    started = time.monotonic()
    torch.set_num_threads(threads or torch.get_num_threads())
    loaded = data.load(data_name)
    features = metrics.build("efficientnet", loaded.spec)
    found: dict[tuple[str, str], list[float]] = {}
    for precision in PRECISIONS:
        for seed in seeds:
            settings = Training(steps=steps, seed=seed, precision=precision, threads=threads)
            place = folder / f"{loaded.spec.name}-{precision}-{seed}"
            networks = Networks(width=width)
            model = train("rae-l2", loaded, place, training=settings, overwrite=True, networks=networks).model(
                data=loaded
            )
            for row in evaluate(model, loaded, ["gmm", "gaussian"], features, n=n):
                about = row.protocol
                name = f"{about.row}, {about.density}" if about.density else about.row
                found.setdefault((name, precision), []).append(row.values["fd"])
    names = [name for name, precision in found if precision == "float32" and name != "training data"]
    rows = [{"row": name} | {p: _spread(found[name, p]) for p in PRECISIONS} for name in names]
    table = tables.markdown(rows)
    about = (
        f"Fréchet distance, mean and standard deviation over seeds {', '.join(map(str, seeds))}: {loaded.spec.name}, "
        f"width {width}, {steps} steps of 100, {features.name}, n = {min(n, len(loaded.test))} against test; torch "
        f"{torch.__version__}, {torch.get_num_threads()} threads, {time.monotonic() - started:.0f} s."
    )
    print(table, about, sep="\n\n")
    if out is not None:
        out.write_text(f"# bfloat16 against float32\n\n{__doc__}\n{table}\n\n{about}\n", encoding="utf-8")


def _spread(values: list[float]) -> str:
    return f"{mean(values):.1f} ± {stdev(values):.1f}"


if __name__ == "__main__":
    run(main)
