"""What an evaluation costs: images/s of the features, and seconds of every metric at 10,000 images.

    python benchmarks/evaluate_throughput.py [--n 10000] [--threads 2]

Prints a Markdown table. Every rate is the median of interleaved rounds, so that a busy machine slows all of them alike.
The second row of a table reuses what the first has derived from the reference.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from cyclopts import App

from noiseless.metrics import Features, Measure, Sample, build, measures
from noiseless.values import Spec

SPEC = Spec("cifar10", (3, 32, 32))
SIDES = (128, 96)
ROUNDS, IMAGES = 7, 128

app = App(help=__doc__)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def hardware() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores; torch {torch.__version__}, {torch.get_num_threads()} threads"


def autocast(features: Features, x: torch.Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        features(x)


def rates() -> list[tuple[str, float]]:
    """Median images/s of each size and precision, in turns."""
    x = torch.rand(IMAGES, *SPEC.shape)
    features = [build("efficientnet", SPEC, resize=side) for side in SIDES]
    works = {f"{f.name}, float32": lambda f=f: f(x) for f in features}
    works |= {f"{f.name}, bfloat16 autocast": lambda f=f: autocast(f, x) for f in features}
    for work in works.values():
        work()
    rounds = [[seconds(work) for work in works.values()] for _ in range(ROUNDS)]
    return [(name, IMAGES / median(times)) for name, times in zip(works, zip(*rounds, strict=True), strict=True)]


def sample(n: int, size: int, shift: float, generator: torch.Generator) -> Sample:
    mix = torch.randn(size, size, generator=torch.Generator().manual_seed(0)) / size**0.5
    x = torch.randn(n, size, generator=generator) @ mix + shift
    return Sample(x.relu_(), torch.randn(n, 1000, generator=generator))


def timings(n: int, size: int) -> list[tuple[str, float, float]]:
    """Seconds of each metric for the first and for the second row against one reference."""
    generator = torch.Generator().manual_seed(1)
    real, first, second = (sample(n, size, shift, generator) for shift in (0.0, 0.1, 0.2))
    return [
        (title(m), seconds(lambda m=m: m(real, first, 0)), seconds(lambda m=m: m(real, second, 0))) for m in measures()
    ]


def title(measure: Measure) -> str:
    return measure.__module__.rpartition(".")[2].replace("_", " ")


@app.default
def main(n: int = 10_000, size: int = 1280, threads: int = 2) -> None:
    """Prints the table.

    Parameters
    ----------
    n: how many data on either side.
    size: how many features.
    threads: how many of torch's threads.
    """
    torch.set_num_threads(threads)
    print(f"{hardware()}\n\n| features | images/s |\n|---|---|")
    for name, rate in rates():
        print(f"| {name} | {rate:.0f} |", flush=True)
    print(f"\n| metric at n = {n}, {size} features | first row, s | further rows, s |\n|---|---|---|")
    rows = timings(n, size)
    for name, once, again in [*rows, ("all", sum(r[1] for r in rows), sum(r[2] for r in rows))]:
        print(f"| {name} | {once:.1f} | {again:.1f} |", flush=True)


if __name__ == "__main__":
    app()
