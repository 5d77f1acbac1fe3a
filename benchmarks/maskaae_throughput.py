"""Images/s of MaskAAE: noiseless beside a hand-written torch loop in float32, and what one batch for all phases gains.

    python benchmarks/maskaae_throughput.py [--nets 2x256,4x1024] [--windows 20] [--threads 1]
        [--out docs/results/maskaae-speed.md]

The manner of train_throughput.py, whose processes take turns: all train the same perceptrons on vectors of 784
numbers, batch 100, latent size 32; a step is one update of the autoencoder, five of the critic, one of the generator
and one of the mask. An image is counted once a step, however many batches the step takes. The loop is what a reader of
the paper would write: torch.nn, torch.optim.RMSprop, every phase on a fresh batch, `torch.autograd.grad` over a phase's
own parameters.

What sharing the batch does to the result is another command's matter, a few minutes on one core:

    python benchmarks/maskaae_throughput.py --quality 5400 [--seeds 0,1,2]

It trains `maskaae` on `synthetic:n=8` with m = 16 both ways, and prints active dimensions and distances.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
import train_throughput as base
from torch import Tensor, nn
from train_throughput import Competitor, Setting, child, hardware, ratio

SIZE, LATENT, ROUNDS = 784, 32, 5
BARE = "hand-written loop, float32"
ROWS = [
    Competitor(BARE, "bare"),
    Competitor("noiseless maskaae, float32", "ours", {"method": "maskaae", "precision": "float32"}),
    Competitor(
        "noiseless maskaae, float32, share_batch",
        "ours",
        {"method": "maskaae", "precision": "float32", "share_batch": True},
    ),
]


def resized(net: str) -> None:
    """Makes every perceptron of this process DEPTHxWIDTH, on vectors of 784 numbers."""
    depth, width = map(int, net.split("x"))
    base.VECTOR, base.MLP_HIDDEN, base.MLP_DEPTH = SIZE, width, depth


def perceptron(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        dense = nn.Linear(inputs, outputs)
        nn.init.xavier_normal_(dense.weight)
        nn.init.zeros_(dense.bias)
        layers += [dense, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def bare(setting: Setting, window: Callable[[], None]) -> None:
    """MaskAAE as one would write it by hand."""
    hidden, d = [base.MLP_HIDDEN] * base.MLP_DEPTH, setting.latent_dim
    device = torch.device(setting.device)
    encoder, decoder = perceptron(SIZE, *hidden, d).to(device), perceptron(d, *hidden, SIZE).to(device)
    critic = perceptron(d, *[base.MLP_HIDDEN] * 4, 1).to(device)
    m = (5 * torch.rand(d, device=device)).requires_grad_()
    data = base.raw(setting).to(device)

    def optimiser(parameters: list[Tensor], lr: float) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr, alpha=0.9)

    both, theirs = [*encoder.parameters(), *decoder.parameters()], list(critic.parameters())
    steps = {"both": optimiser(both, 5e-4), "critic": optimiser(theirs, 1e-4)}
    steps |= {"encoder": optimiser(list(encoder.parameters()), 1e-4), "mask": optimiser([m], 2e-3)}

    def batch() -> Tensor:
        return data[torch.randint(len(data), (base.BATCH,), device=device)]

    def update(name: str, loss: Tensor, parameters: list[Tensor]) -> None:
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        steps[name].step()

    while True:
        x = batch()
        mu, z = 1 - torch.exp(-m), encoder(x)
        hidden_variance = (torch.exp(-10 * mu**2) * (z - z.mean(0)) ** 2).mean()
        loss = ((decoder(mu * z) - x) ** 2).sum(1).mean() + 100 * SIZE * hidden_variance
        update("both", loss, both)
        for _ in range(ROUNDS):
            with torch.no_grad():
                mu, z = 1 - torch.exp(-m), encoder(batch())
                z, p = mu * z, mu * torch.randn_like(z)
            u = torch.lerp(p, z, torch.rand(len(z), 1, device=device)).requires_grad_()
            (slope,) = torch.autograd.grad(critic(u).sum(), u, create_graph=True)
            loss = critic(z).mean() - critic(p).mean() + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()
            update("critic", loss, theirs)
        mu = (1 - torch.exp(-m)).detach()
        update("encoder", -critic(mu * encoder(batch())).mean(), list(encoder.parameters()))
        x = batch()
        mu = 1 - torch.exp(-m)
        with torch.no_grad():
            z = encoder(x)
        distance = critic(mu * torch.randn_like(z)).mean() - critic(mu * z).mean()
        error = ((decoder(mu * z) - x) ** 2).sum(1).mean()
        update("mask", 200 / SIZE * error + (1 + distance) ** 2 + 2 / d * (mu * (1 - mu)).abs().sum(), [m])
        with torch.no_grad():
            m.clamp_(min=0)
        window()


base.LOOPS["bare"] = bare


def shared(steps: int, seeds: list[int], threads: int) -> str:
    """A table of runs with fresh batches and with a shared one."""
    from noiseless import Networks, Training, data, metrics, train
    from noiseless.evaluation.heldout import reference
    from noiseless.metrics.frechet import frechet_distance
    from noiseless.reproduction.studies.maskaae_capacity import SIZES
    from noiseless.show import tables

    vectors = data.load("synthetic:n=8")
    features = metrics.build("raw", vectors.spec)
    real, rows = reference(vectors, "test", 50_000, features, 0), []
    for share in (False, True):
        for seed in seeds:
            size, every = SIZES["small"], max(1, steps // 8)
            training = Training(
                steps=steps, batch=size.batch, ema=size.ema, seed=seed, threads=threads, validate_every=every
            )
            schedule = {"critic_depth": 2}
            with tempfile.TemporaryDirectory() as folder:
                networks = Networks(latent_dim=16, width=32, depth=2)
                given: dict[str, Any] = {"networks": networks, "share_batch": share, **schedule}
                run = train("maskaae", vectors, Path(folder) / "run", training=training, show=False, **given)
                model = run.model(data=vectors)
                drawn = vectors.spec.normalise(model.sample(real.n, "normal", seed))
            active = int(model.autoencoder.decoder.mask.active.sum())
            distance = frechet_distance(real, features(drawn))
            how = "one batch for all phases" if share else "a fresh batch for each phase"
            rows.append({"batches": how, "seed": seed, "active": active, "fd": distance})
    return tables.markdown(rows, within="seed")


def table(rates: dict[str, list[float]], peaks: dict[str, float]) -> str:
    lines = ["| | images/s | to the hand-written loop | peak MiB |", "|---|---:|---:|---:|"]
    for name, found in rates.items():
        lines.append(f"| {name} | {median(found):.0f} | {ratio(found, rates[BARE])} | {peaks[name]:.0f} |")
    return "\n".join(lines)


def main(
    *,
    nets: str = "2x256,4x1024",
    windows: int = 20,
    threads: int = 1,
    device: str = "cpu",
    quality: int | None = None,
    seeds: str = "0,1,2",
    out: Path | None = None,
) -> None:
    """Measures and prints Markdown tables.

    Arguments:
        nets: Perceptrons as DEPTHxWIDTH, separated by commas.
        windows: Rounds, in each of which every competitor trains one window; one more goes before, for warming up.
        threads: CPU threads of every competitor.
        device: cpu or cuda.
        quality: In place of speed: steps of a training on synthetic data, both ways.
        seeds: Of these trainings, separated by commas.
        out: Write the tables here too.
    """
    setting = Setting(0, 1, LATENT, 10, device, threads)
    command = "python benchmarks/maskaae_throughput.py " + " ".join(sys.argv[1:])
    parts = [f"# Speed of MaskAAE\n\n`{command.strip()}`\n\n{hardware(setting)}; batch {base.BATCH}."]
    if quality is not None:
        torch.set_num_threads(threads)
        parts[0] = (
            parts[0]
            .replace("Speed of MaskAAE", "MaskAAE with one batch for all phases")
            .replace(f"batch {base.BATCH}", "synthetic:n=8, m = 16, 2 x 256, batch 64, n = 50,000, features raw")
        )
        parts.append(shared(quality, [int(s) for s in seeds.split(",")], threads))
    else:
        log = Path(os.environ.get("TMPDIR", "/tmp")) / f"maskaae_throughput.{os.getpid()}.log"
        for net in nets.split(","):
            os.environ["MASKAAE_NET"] = net
            rates, peaks = base.measure(setting, ROWS, windows, log, __file__)
            caption = (
                f"{windows} interleaved windows of {setting.steps} steps (medians; ratios within a round, quartiles)"
            )
            parts.append(f"## {net}, vectors of {SIZE}, latent size {LATENT}\n\n{caption}\n\n{table(rates, peaks)}")
    text = "\n\n".join(parts) + "\n"
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        resized(os.environ["MASKAAE_NET"])
        child(sys.argv[2])
    else:
        import cyclopts

        cyclopts.run(main)
