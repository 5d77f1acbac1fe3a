"""Images/s of training: noiseless beside a hand-written torch loop and pythae 0.1.2, in turns.

    python benchmarks/train_throughput.py [--widths 16,32,128] [--windows 30] [--out docs/results/speed.md]

Every competitor trains the same encoder and decoder (the paper's 32x32 net at a width, and a perceptron on vectors of
64 numbers), batch 100, in a process of its own. All processes of a network live at the same time and train one at a
time, a window of some steps, in an order drawn anew for every round: what else the machine does slows all of them
alike, and ratios are taken within a round. pythae is installed from PyPI into .venvs/pythae on the first run.

A window of ours is what `noiseless train` runs: `fit`, from one row of its log to the next. The bare loop minimises
RAE-L2's loss with torch.optim.Adam in float32. pythae's window is an epoch of its own trainer and DataLoader over as
many batches; its RAE_GP differentiates with respect to the image, through encoder and decoder, ours with respect to
the code.
"""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
BATCH, DATA = 100, 6000
VECTOR, MLP_HIDDEN, MLP_DEPTH = 64, 256, 2
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12}  # dense bfloat16 products, by the data sheets
EXACT: dict[str, Any] = {"method": "rae-gp", "probes": 0}
BARE, REFERENCE = "bare loop, float32", "noiseless rae"


@dataclass(frozen=True)
class Setting:
    """What all competitors of a table share. A width of 0 is the perceptron."""

    width: int
    channels: int = 1
    latent_dim: int = 16
    steps: int = 8
    device: str = "cpu"
    threads: int = 2

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, 32, 32) if self.width else (VECTOR,)


@dataclass(frozen=True)
class Competitor:
    """A process that trains: its row's name, its loop with arguments, and of what a window's steps are a multiple.

    Steps of 1 make a window of a single step, for what is very slow.
    """

    name: str
    loop: str
    arguments: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None


def competitors(setting: Setting, exact: bool) -> list[Competitor]:
    """The rows of a table."""
    rows = [
        Competitor(BARE, "bare"),
        Competitor("bare loop, float32, channels-last, fused Adam", "bare", {"tuned": True}),
        Competitor("noiseless rae-l2", "ours", {"method": "rae-l2"}),
        Competitor("noiseless rae-l2, float32", "ours", {"method": "rae-l2", "precision": "float32"}),
        Competitor(REFERENCE, "ours", {"method": "rae"}),
        Competitor("noiseless rae-gp, the code's form, every step", "ours", {"method": "rae-gp", "form": "code"}),
        Competitor("noiseless rae-gp, estimate, every step", "ours", {"method": "rae-gp", "probes": 1}),
        Competitor(
            "noiseless rae-gp, estimate, every 4th step", "ours", {"method": "rae-gp", "probes": 1, "every": 4}, 4
        ),
        *(Competitor(f"pythae {name}", "pythae", {"model": name}) for name in ("AE", "RAE_L2", "RAE_GP")),
    ]
    if exact:
        rows += [
            Competitor(
                f"noiseless rae-gp, exact Jacobian, every step{label}",
                "ours",
                EXACT | precision,
                1 if setting.width else None,
            )
            for label, precision in (("", {}), (", bfloat16", {"precision": "bfloat16"}))
        ]
    if setting.device != "cpu":
        rows.append(Competitor("bare loop, bfloat16, channels-last, fused Adam", "bare", {"tuned": True, "bf16": True}))
    return rows


# The independent copy of the networks, in torch's own modules.


class View(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], *self.shape)


class Rescale(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 1


class Crop(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[..., :32, :32]


def normed(convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01), nn.ReLU(inplace=True)]


def networks(setting: Setting) -> tuple[nn.Sequential, nn.Sequential]:
    if not setting.width:
        return perceptron(VECTOR, setting.latent_dim), perceptron(setting.latent_dim, VECTOR)
    w, c = setting.width, setting.channels
    sizes = [c, w, 2 * w, 4 * w, 8 * w]
    halvings = [m for i, o in pairwise(sizes) for m in normed(nn.Conv2d(i, o, 4, 2, 1), o)]
    doublings = [m for i, o in ((8 * w, 4 * w), (4 * w, 2 * w)) for m in normed(nn.ConvTranspose2d(i, o, 4, 2, 1), o)]
    last = [nn.ConvTranspose2d(2 * w, c, 4, 1, 1), Crop(), nn.Sigmoid()]
    encoder = nn.Sequential(Rescale(), *halvings, nn.Flatten(), nn.Linear(32 * w, setting.latent_dim))
    return encoder, nn.Sequential(nn.Linear(setting.latent_dim, 512 * w), View(8 * w, 8, 8), *doublings, *last)


def perceptron(inputs: int, outputs: int) -> nn.Sequential:
    hidden = [m for _ in range(MLP_DEPTH - 1) for m in (nn.Linear(MLP_HIDDEN, MLP_HIDDEN), nn.ReLU(inplace=True))]
    return nn.Sequential(nn.Linear(inputs, MLP_HIDDEN), nn.ReLU(inplace=True), *hidden, nn.Linear(MLP_HIDDEN, outputs))


def raw(setting: Setting) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if not setting.width:
        return torch.randn(DATA, VECTOR, generator=generator)
    return torch.randint(256, (DATA, *setting.shape), dtype=torch.uint8, generator=generator)


# The loops. Each is given `window`, which it calls after every window of steps and which returns when the next is due.


def bare(setting: Setting, window: Callable[[], None], tuned: bool = False, bf16: bool = False) -> None:
    device = torch.device(setting.device)
    layout = torch.channels_last if tuned and setting.width else torch.contiguous_format
    encoder, decoder = (network.to(device, memory_format=layout) for network in networks(setting))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 5e-4, fused=tuned or None)
    data = raw(setting).to(device)
    while True:
        for index in torch.randperm(len(data), device=device).split(BATCH):
            x = data[index].float().div(255) if setting.width else data[index]
            x = x.contiguous(memory_format=layout)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                z = encoder(x)
                y = decoder(z)
            decay = sum(p.square().sum() for p in decoder.parameters())
            loss = (x - y.float()).square().sum() / BATCH + 0.01 * z.square().sum() / BATCH + 1e-4 * decay
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            window()


def ours(setting: Setting, window: Callable[[], None], method: str, precision: str = "auto", **arguments: Any) -> None:
    import numpy as np

    from noiseless.autoencoder import Networks
    from noiseless.data import Data, Split
    from noiseless.recipes.method import find
    from noiseless.training import Training, fit
    from noiseless.values import Spec

    class Windows:
        """A keeper that keeps nothing, and waits where a run would log."""

        def log(self, row: dict[str, Any]) -> None:  # noqa: ARG002
            for _ in range(setting.steps):
                window()

        def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None: ...
        def best(self, tensors: dict[str, Tensor]) -> None: ...
        def picture(self, objective: nn.Module, step: int) -> None: ...

    vector = {} if setting.width else {"shift": (0.0,) * VECTOR, "scale": (1.0,) * VECTOR}
    spec = Spec("mnist" if setting.channels == 1 else "cifar10", setting.shape, **vector)
    array = raw(setting).numpy()
    parts = [Split(array, np.arange(start, stop)) for start, stop in ((0, DATA - 200), (DATA - 200, DATA - 100))]
    data = Data(spec, *parts, parts[1], fingerprint="", source="")
    width = setting.width or MLP_HIDDEN // 8
    sizes = Networks(latent_dim=setting.latent_dim, width=width, depth=MLP_DEPTH)
    if method == "rae-gp":
        arguments["gradient"] = 1e-3
    objective = find(method)(spec, sizes, **arguments).objective
    training = Training(
        steps=10**9,
        batch=BATCH,
        log_every=setting.steps,
        validate_every=10**9,
        checkpoint_every=10**9,
        precision=precision,
        device=setting.device,
        threads=setting.threads,
    )
    fit(objective, data, training, Windows(), show=False)


def pythae(setting: Setting, window: Callable[[], None], model: str) -> None:
    import pythae.models as models
    from pythae.data.datasets import BaseDataset
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig, CoupledOptimizerTrainer, CoupledOptimizerTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.network(x))

    class Decoder(BaseDecoder):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.network(z))

    config = getattr(models, f"{model}_Config" if model != "AE" else "AEConfig")
    encoder, decoder = networks(setting)
    built = getattr(models, model)(
        config(input_dim=setting.shape, latent_dim=setting.latent_dim), Encoder(encoder), Decoder(decoder)
    )
    coupled = model == "RAE_L2"
    trainer, settings = (
        (CoupledOptimizerTrainer, CoupledOptimizerTrainerConfig) if coupled else (BaseTrainer, BaseTrainerConfig)
    )
    x = raw(setting)[torch.arange(BATCH * setting.steps) % DATA]
    dataset = BaseDataset(x.float().div(255) if setting.width else x, torch.zeros(len(x)))
    chosen = settings(
        output_dir=tempfile.mkdtemp(), per_device_train_batch_size=BATCH, num_epochs=1, no_cuda=setting.device == "cpu"
    )
    running = trainer(built, dataset, training_config=chosen)
    running.prepare_training()
    assert len(running.train_loader) == setting.steps
    for epoch in range(10**9):
        running.train_step(epoch)
        for _ in range(setting.steps):
            window()


LOOPS = {"bare": bare, "ours": ours, "pythae": pythae}


def child(order: str) -> None:
    """Trains as ordered, a window for every line on standard input; writes its seconds and the peak memory in MiB."""
    given = json.loads(order)
    setting = Setting(**given["setting"])
    torch.manual_seed(0)
    torch.set_num_threads(setting.threads)
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    clock = _windows(setting, channel)
    next(clock)
    LOOPS[given["loop"]](setting, lambda: next(clock), **given["arguments"])


def _windows(setting: Setting, channel: Any) -> Iterator[None]:
    while True:
        if not sys.stdin.readline():
            os._exit(0)
        start = time.perf_counter()
        for _ in range(setting.steps):
            yield
        if setting.device != "cpu":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        peak = resident() if setting.device == "cpu" else torch.cuda.max_memory_allocated() / 2**20
        channel.write(json.dumps([seconds, peak]) + "\n")
        channel.flush()


def resident() -> float:
    """Peak MiB of this process's memory. On Linux getrusage would start from the parent's peak, which exec hands on."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Runner:
    """A competitor's process."""

    def __init__(self, competitor: Competitor, setting: Setting, log: Path, script: str = __file__) -> None:
        steps = -(-setting.steps // competitor.steps) * competitor.steps if competitor.steps else setting.steps
        steps = 1 if competitor.steps == 1 else steps
        self.images, self.peak, self.log = steps * BATCH, 0.0, log
        chosen = asdict(setting) | {"steps": steps}
        order = {"setting": chosen, "loop": competitor.loop, "arguments": competitor.arguments}
        python = environment() if competitor.loop == "pythae" else sys.executable
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [str(python), script, "--child", json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": str(setting.threads), "PYTHONWARNINGS": "ignore"},
            )

    def window(self) -> float:
        """Images/s of one window."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a competitor stopped: {self.process.args!r}; see its errors in {self.log}")
        seconds, self.peak = json.loads(line)
        return self.images / seconds

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def environment() -> Path:
    """The Python of pythae's own environment, which is made where it is missing."""
    folder = ROOT / ".venvs" / "pythae"
    python = folder / "bin" / "python"
    if not list(folder.glob("lib/*/site-packages/pythae/__init__.py")):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        packages = ["-c", str(ROOT / "constraints.txt"), "pythae==0.1.2"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def measure(
    setting: Setting, rows: list[Competitor], windows: int, log: Path, script: str = __file__
) -> tuple[dict[str, list[float]], dict]:
    """Images/s of every window by competitor, round by round, and peak MiB."""
    runners = {row.name: Runner(row, setting, log, script) for row in rows}
    rates: dict[str, list[float]] = {name: [] for name in runners}
    order = list(runners)
    for turn in range(windows + 1):
        random.Random(turn).shuffle(order)
        for name in order:
            rate = runners[name].window()
            if turn:
                rates[name].append(rate)
    for runner in runners.values():
        runner.close()
    return rates, {name: runner.peak for name, runner in runners.items()}


def flops(setting: Setting) -> float:
    """Floating-point operations of a step, counted on the bare networks."""
    from torch.utils.flop_counter import FlopCounterMode

    encoder, decoder = networks(setting)
    with FlopCounterMode(display=False) as counter:
        decoder(encoder(torch.zeros(BATCH, *setting.shape))).sum().backward()
    return float(counter.get_total_flops())


def ratio(rates: list[float], others: list[float]) -> str:
    quotients = [a / b for a, b in zip(rates, others, strict=True)]
    if len(quotients) < 2:
        return f"{quotients[0]:.2f}"
    low, middle, high = quantiles(quotients, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def table(setting: Setting, rates: dict[str, list[float]], peaks: dict[str, float]) -> str:
    """Rows of Markdown. Ratios are medians over rounds, with quartiles."""
    per_image = flops(setting) / BATCH
    lines = [
        "| | images/s | to the bare loop | to our rae | GFLOP/s | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, found in rates.items():
        of_ours = ratio(found, rates[REFERENCE]) if name.startswith("noiseless") else ""
        speed = f"{median(found) * per_image / 1e9:.0f}" if "gp" not in name.lower() else ""
        peak = next((p for key, p in PEAKS.items() if setting.device != "cpu" and key in device_name()), None)
        if peak and speed:
            speed += f" ({median(found) * per_image / peak:.0%} of peak)"
        images = f"{median(found):.0f}"
        lines.append(f"| {name} | {images} | {ratio(found, rates[BARE])} | {of_ours} | {speed} | {peaks[name]:.0f} |")
    return "\n".join(lines)


def device_name() -> str:
    return torch.cuda.get_device_name()


def hardware(setting: Setting) -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    bf16 = "with" if torch.cpu._is_avx512_bf16_supported() else "without"
    cpu = f"{model}, {os.cpu_count()} cores {bf16} AVX512-BF16, {setting.threads} threads; torch {torch.__version__}"
    return cpu if setting.device == "cpu" else f"{device_name()}; {cpu}"


def settings(
    widths: list[int], device: str, threads: int, channels: int, latent_dim: int
) -> Iterator[tuple[str, Setting]]:
    for width in widths:
        steps = max(1, 64 // width) if device == "cpu" else 50
        name = f"{channels}x32x32, latent {latent_dim}, width {width}"
        yield name, Setting(width, channels, latent_dim, steps, device, threads)
    yield f"vectors of {VECTOR}, perceptron of {MLP_DEPTH} x {MLP_HIDDEN}", Setting(0, 1, 16, 200, device, threads)


def main(
    *,
    widths: str = "16,32,128",
    windows: int = 30,
    out: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    channels: int = 1,
    latent_dim: int = 16,
    only: str = "",
    exact_up_to: int = 32,
) -> None:
    """Measures and prints Markdown tables.

    Arguments:
        widths: Channels of the first convolution, separated by commas.
        windows: Rounds, in each of which every competitor trains one window; one more goes before, for warming up.
        out: Write the tables here too.
        device: cpu or cuda.
        threads: CPU threads of every competitor. Default: torch's.
        channels: Channels of the images.
        latent_dim: Size of a code.
        only: Comma-separated words: competitors whose names hold one of them, beside the bare loop and our rae.
        exact_up_to: Width up to which the exact Jacobian norm is measured.
    """
    start, words = time.perf_counter(), [word for word in only.split(",") if word]
    log = Path(os.environ.get("TMPDIR", "/tmp")) / f"train_throughput.{os.getpid()}.log"
    count = threads or torch.get_num_threads()
    command = "python benchmarks/train_throughput.py " + " ".join(sys.argv[1:])
    chosen = list(settings([int(w) for w in widths.split(",") if w], device, count, channels, latent_dim))
    parts = [f"# Speed of training\n\n`{command.strip()}`\n\n{hardware(chosen[0][1])}; batch {BATCH}."]
    for name, setting in chosen:
        rows = competitors(setting, exact=setting.width <= exact_up_to)
        rows = [r for r in rows if not words or r.name in (BARE, REFERENCE) or any(w in r.name for w in words)]
        rates, peaks = measure(setting, rows, windows, log)
        caption = f"{windows} interleaved windows of {setting.steps} steps (medians; ratios within a round, quartiles)"
        parts.append(f"## {name}\n\n{caption}\n\n{table(setting, rates, peaks)}")
        print(parts[-1], flush=True)
        if out is not None:
            took = f"Took {(time.perf_counter() - start) / 60:.0f} minutes."
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text("\n\n".join([*parts, took]) + "\n")
    print(f"\n{hardware(chosen[0][1])}; took {(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        import cyclopts

        cyclopts.run(main)
