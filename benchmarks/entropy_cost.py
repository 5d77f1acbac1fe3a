"""What EAE's entropy penalty adds to a step: its forward and backward pass beside a step without it.

    python benchmarks/entropy_cost.py [--width 128] [--batches 100,1000] [--latents 16,64,128]
        [--repeats 5] [--out docs/results/entropy-cost.md]

The step is one of `noiseless train eae --weight 0` on 1x32x32 images: forward, backward and Adam, in the precision that
training chooses. The penalty is timed by itself, on codes of the same batch, because its share is below what two
timings of whole steps could tell apart. Medians; steps and penalties take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from cyclopts import run
from evaluate_throughput import hardware

from noiseless import Networks
from noiseless.metrics.entropy import entropy
from noiseless.recipes.method import find
from noiseless.show import tables
from noiseless.training.settings import _gains_from_bfloat16, best_device
from noiseless.values import Batch, Noise, Spec

SPEC = Spec("mnist", (1, 32, 32))


def main(
    *,
    width: int = 128,
    batches: str = "100,1000",
    latents: str = "16,64,128",
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Prints the table."""
    rows = [measure(width, int(b), int(d), repeats) for b in batches.split(",") for d in latents.split(",")]
    table = tables.markdown(rows)
    print(table)
    if out is not None:
        given = f"--width {width} --batches {batches} --latents {latents} --repeats {repeats} --out {out}"
        head = [
            "# The cost of the entropy penalty",
            f"`python benchmarks/entropy_cost.py {given}`",
            f"{hardware()}; 1x32x32, width {width}.",
        ]
        out.write_text("\n\n".join([*head, table]) + "\n")


def measure(width: int, batch: int, latent_dim: int, repeats: int) -> dict[str, Any]:
    """A row: medians of both, and their ratio."""
    device = torch.device(best_device())
    objective = find("eae")(SPEC, Networks(latent_dim=latent_dim, width=width), weight=0.0).objective.train().to(device)
    objective.to(memory_format=torch.channels_last)
    low = _gains_from_bfloat16(objective, str(device))
    objective.autoencoder.autocast = torch.bfloat16 if low else None
    (phase,) = objective.phases()
    optimiser = phase.optimiser(phase.parameters)
    x = torch.rand(batch, *SPEC.shape, device=device).contiguous(memory_format=torch.channels_last)
    z = torch.randn(batch, latent_dim, device=device, requires_grad=True)

    def step() -> None:
        optimiser.zero_grad()
        torch.stack(list(phase.loss(Batch(x, torch.arange(batch), 0, Noise(0))).values())).sum().backward()
        optimiser.step()

    def penalty() -> None:
        entropy(z).backward()

    step(), penalty()
    times = [(timed(step, device), timed(penalty, device)) for _ in range(repeats)]
    whole, part = (median(column) for column in zip(*times, strict=True))
    return {
        "batch": batch,
        "latent_dim": latent_dim,
        "step, ms": f"{1e3 * whole:.0f}",  # text: no column has a best
        "penalty, ms": f"{1e3 * part:.2f}",
        "penalty / step, %": f"{100 * part / whole:.3f}",
    }


def timed(function: Callable[[], None], device: torch.device) -> float:
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    run(main)
