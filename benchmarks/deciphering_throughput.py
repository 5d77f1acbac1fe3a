"""Patterns as stored indices beside dense masks: speed of a deciphering encoder's training step, and memory.

Three designs feed the same encoder: `indices`, this library's, gathered and expanded on the device; `dense on the
host`, a boolean mask of all channels for every datum in main memory, of which a batch is gathered, moved and converted;
`dense by datum`, the same masks fetched one datum at a time and stacked, as a data loader does, which is how the
authors' code feeds them. A step is forward and backward; `masks` is the time for a batch's masks alone.

python benchmarks/deciphering_throughput.py --width 32 --threads 1 --out docs/results/deciphering-throughput.md
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from cyclopts import run
from torch import Tensor

from noiseless.nn.deciphering import PatternEncoder, widths
from noiseless.objectives.deciphering.patterns import Layout, Patterns
from noiseless.show import tables

Masks = Callable[[Tensor], list[Tensor]]


def main(
    *,
    count: int = 50_000,
    batch: int = 256,
    width: int = 128,
    active: tuple[int, ...] = (1, 4, 16),
    side: int = 32,
    repeats: int = 10,
    threads: int | None = None,
    device: str = "cpu",
    out: Path | None = None,
) -> None:
    """Prints a row for each design: images a second, milliseconds for masks, and the patterns' memory."""
    torch.set_num_threads(threads or torch.get_num_threads())
    place = torch.device(device)
    patterns = Patterns(Layout(widths(width)[:3], active))
    patterns.assign(count, torch.Generator().manual_seed(0))
    dense = [torch.cat([p.bool() for p in parts]) for parts in zip(*_dense(patterns, count), strict=True)]
    stored = patterns.to(place)
    designs: dict[str, tuple[Masks, int]] = {
        "indices": (lambda index: stored.of(index, torch.float32), sum(r.nbytes for r in patterns.rows)),
        "dense on the host": (_gathered(dense, place), sum(m.nbytes for m in dense)),
        "dense by datum": (_stacked(dense, place), sum(m.nbytes for m in dense)),
    }
    network = PatternEncoder((3, side, side), 128, width).to(place, memory_format=torch.channels_last)
    noise = torch.randn(batch, 3, side, side, device=place).contiguous(memory_format=torch.channels_last)
    rows = []
    for name, (masks, memory) in designs.items():
        step = _times(lambda masks=masks: _step(network, masks, noise, count), repeats, place)
        alone = _times(lambda masks=masks: masks(_index(count, batch, place)), 10 * repeats, place)
        rows.append(
            {
                "design": name,
                "images/s": round(batch / step),
                "masks, ms": round(1e3 * alone, 2),
                "MB": round(memory / 1e6, 2),
                "GB for 10 million": round(memory / count * 1e7 / 1e9, 2),
            }
        )
    where = (
        torch.cuda.get_device_name()
        if place.type == "cuda"
        else f"{platform.machine()}, {torch.get_num_threads()} threads"
    )
    table = tables.markdown(rows)
    about = (
        f"Width {width}, {active} active, {count:,} data, batches of {batch} images of {side}x{side}; medians "
        f"of {repeats} steps; float32; torch {torch.__version__}, {where}."
    )
    print(table, about, sep="\n\n")
    if out is not None:
        out.write_text(f"# Patterns: indices beside dense masks\n\n{__doc__}\n{table}\n\n{about}\n", encoding="utf-8")


def _dense(patterns: Patterns, count: int) -> list[list[Tensor]]:
    return [patterns.of(part, torch.float32) for part in torch.arange(count).split(5000)]


def _index(count: int, batch: int, device: torch.device) -> Tensor:
    return torch.randint(count, (batch,), device=device)


def _gathered(dense: list[Tensor], device: torch.device) -> Masks:
    def masks(index: Tensor) -> list[Tensor]:
        host = index.cpu()
        return [stage[host].to(device).float() for stage in dense]

    return masks


def _stacked(dense: list[Tensor], device: torch.device) -> Masks:
    def masks(index: Tensor) -> list[Tensor]:
        items = [[stage[i] for stage in dense] for i in index.tolist()]
        return [torch.stack(stage).to(device).float() for stage in zip(*items, strict=True)]

    return masks


def _step(network: PatternEncoder, masks: Masks, noise: Tensor, count: int) -> None:
    network.zero_grad()
    network(masks(_index(count, len(noise), noise.device)), noise).square().mean().backward()


def _times(step: Callable[[], object], repeats: int, device: torch.device) -> float:
    found = []
    for k in range(repeats + 2):
        began = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if k > 1:
            found.append(time.perf_counter() - began)
    return median(found)


if __name__ == "__main__":
    run(main)
