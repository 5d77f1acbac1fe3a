"""How fast strings are decoded, in batches against one by one, and a GRU decoder trained, against a loop over steps.

    python benchmarks/strings_throughput.py [--codes 10000] [--one-by-one 200] [--steps 20] [--threads 1]
        [--objects expressions,molecules] [--width 128] [--out docs/results/strings-speed.md]

Decoding is from codes to strings, network included: `Model.strings` on all codes, and on the first ones a code at a
time, whose time is scaled to all. Training is a step of grae as `noiseless train` takes it (forward, backward, Adam),
beside the same step with three recurrent cells called at every time step. Weights are not trained; medians of 3.
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
from torch import Tensor, nn

from noiseless import Networks
from noiseless.model import Model
from noiseless.nn.sequence import GRU
from noiseless.recipes.method import find
from noiseless.show import tables
from noiseless.strings import GrammarCodec, shipped
from noiseless.values import Batch, Noise, Spec

LENGTHS = {"expressions": (15, 600), "molecules": (277, 50)}
"""T, and the batch of a training step (the paper's is 500 for molecules, which takes minutes on a CPU)."""


def main(
    *,
    codes: int = 10_000,
    one_by_one: int = 200,
    steps: int = 20,
    threads: int = 1,
    objects: str = "expressions,molecules",
    width: int = 128,
    out: Path | None = None,
) -> None:
    """Prints the tables."""
    torch.set_num_threads(threads)
    kinds = objects.split(",")
    decoded = tables.markdown([decoding(kind, width, codes, one_by_one) for kind in kinds])
    trained = tables.markdown([training(kind, width, steps) for kind in kinds])
    print(decoded, trained, sep="\n\n")
    if out is not None:
        given = f"--codes {codes} --one-by-one {one_by_one} --steps {steps} --threads {threads} --objects {objects}"
        head = [
            "# The speed of strings",
            f"`python benchmarks/strings_throughput.py {given} --width {width} --out {out}`",
            f"{hardware()}; {threads} thread(s); networks of width {width}, not trained.",
        ]
        parts = [*head, "Codes to strings:", decoded, "Training steps of grae:", trained]
        out.write_text("\n\n".join(parts) + "\n")


def spec_of(kind: str) -> Spec:
    grammar = shipped("expressions" if kind == "expressions" else "smiles")
    return Spec(kind, (LENGTHS[kind][0],), (), (), grammar.size, grammar.text)


def decoding(kind: str, width: int, codes: int, few: int) -> dict[str, Any]:
    """A row: seconds for all codes in batches and, scaled, one by one."""
    torch.manual_seed(0)
    objective = find("grae")(spec_of(kind), Networks(width=width)).objective
    model = Model(objective.autoencoder, spec_of(kind), lambda _: None)
    z = torch.randn(codes, model.latent_dim)
    batched = timed(lambda: model.strings(z, torch.Generator().manual_seed(0)), 3 if kind == "expressions" else 1)

    def singly() -> None:
        generator = torch.Generator().manual_seed(0)
        for code in z[:few]:
            model.strings(code[None], generator)

    single = timed(singly, 1) * codes / few
    ended = sum(string is not None for string in model.strings(z[:1000], torch.Generator().manual_seed(0)))
    return {
        "objects": kind,
        "codes": codes,
        "in batches, s": batched,
        f"one by one, s (from {few})": single,
        "times faster": single / batched,
        "complete, % of 1000": 100 * ended / min(1000, codes),
    }


class Loop(nn.Module):
    """Three cells, called at every time step: the same function as :class:`GRU`, with its weights."""

    def __init__(self, gru: GRU) -> None:
        super().__init__()
        self.cells = nn.ModuleList()
        for w, v in zip(gru.inputs, gru.recurrent, strict=True):
            cell = nn.GRUCell(w.in_features, gru.hidden)
            cell.load_state_dict({"weight_ih": w.weight, "weight_hh": v.weight, "bias_ih": w.bias, "bias_hh": v.bias})
            self.cells.append(cell)

    def forward(self, x: Tensor) -> Tensor:
        states = [x.new_zeros(len(x), cell.hidden_size) for cell in self.cells]
        out = []
        for t in range(x.shape[1]):
            below = x[:, t]
            for k, cell in enumerate(self.cells):
                below = states[k] = cell(below, states[k])
            out.append(below)
        return torch.stack(out, dim=1)


def training(kind: str, width: int, steps: int) -> dict[str, Any]:
    """A row: steps a second of our layer and of the loop, and that both compute the same loss."""
    length, batch = LENGTHS[kind]
    codec = GrammarCodec(shipped("expressions" if kind == "expressions" else "smiles"), length)
    steps = steps if kind == "expressions" else max(1, steps // 10)
    generator = torch.Generator().manual_seed(0)
    x = codec.choose(torch.randn(batch, length, codec.size, generator=generator)).float()
    rates, losses = [], []
    for looped in (False, True):
        torch.manual_seed(0)
        objective = find("grae")(spec_of(kind), Networks(width=width)).objective.train()
        if looped:
            objective.autoencoder.decoder.recurrent = Loop(objective.autoencoder.decoder.recurrent)
        (phase,) = objective.phases()
        optimiser = phase.optimiser(phase.parameters)

        def step(phase: Any = phase, optimiser: Any = optimiser) -> float:
            optimiser.zero_grad()
            loss = torch.stack(list(phase.loss(Batch(x, torch.arange(batch), 0, Noise(0))).values())).sum()
            loss.backward()
            optimiser.step()
            return loss.item()

        losses.append(step())
        rates.append(steps / timed(lambda step=step: [step() for _ in range(steps)], 3 if kind == "expressions" else 1))
    assert abs(losses[0] - losses[1]) < 1e-3 * abs(losses[0]), losses
    return {
        "objects": kind,
        "T": length,
        "batch": batch,
        "steps/s": rates[0],
        "steps/s of a loop over time": rates[1],
        "times faster": rates[0] / rates[1],
    }


def timed(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return median(times)


if __name__ == "__main__":
    run(main)
