"""Kill -9 and resume, bit for bit: one run that is never stopped, and one that is killed again and again.

Every second kill waits for a checkpoint that is half written (a `.part` folder with a file in it); the others come at
a random moment of training. After each, `noiseless resume` goes on from what is there, until the end is reached. The
final checkpoint and the best weights of both runs are then compared, tensor by tensor, without tolerance.

    python benchmarks/kill_resume.py --kills 10 --width 32 --precision bfloat16
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file

NOISELESS = [sys.executable, "-m", "noiseless.cli"]


def training(out: Path, steps: int, width: int, precision: str) -> list[str]:
    """A run on the digits with many checkpoints."""
    settings = f"--steps {steps} --batch 50 --checkpoint-every 3 --validate-every 10 --ema 0.9 --threads 1"
    networks = f"--width {width} --latent-dim 4 --precision {precision}"
    return [*NOISELESS, "train", "rae-l2", "--data", "digits", "--out", str(out), *settings.split(), *networks.split()]


def resuming(out: Path) -> list[str]:
    """Going on with a run."""
    return [*NOISELESS, "resume", str(out)]


def half_written(out: Path) -> list[Path]:
    """Files that are not yet in their place."""
    return [path for path in out.glob(".*safetensors*.part/*") if path.is_file()]


def at_random(within: float) -> Callable[[Path], bool]:
    """Ready at a moment drawn uniformly from the next `within` seconds."""
    until = time.monotonic() + random.uniform(0, within)
    return lambda out: time.monotonic() > until  # noqa: ARG005


def while_writing(within: float) -> Callable[[Path], bool]:
    """Ready at such a moment or after, as soon as a checkpoint is half written."""
    due = at_random(within)
    return lambda out: due(out) and any(path.stat().st_size for path in half_written(out))


def interrupt(command: list[str], out: Path, ready: Callable[[], Callable[[Path], bool]], signum: int) -> int:
    """Sends a signal once training has begun and the moment has come; the exit code."""
    log = out / "log.jsonl"
    before = log.stat().st_mtime_ns if log.is_file() else None
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (log.is_file() and log.stat().st_mtime_ns != before):
        time.sleep(0.002)
    moment = ready()
    while process.poll() is None and not _now(moment, out):
        pass
    process.send_signal(signum)
    return process.wait()


def _now(moment: Callable[[Path], bool], out: Path) -> bool:
    try:
        return moment(out)
    except FileNotFoundError:  # the file took its place meanwhile
        return False


def finish(command: list[str]) -> None:
    """Runs a command to its end."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def differences(a: Path, b: Path) -> list[str]:
    """Tensors that are not the same in two runs, bit for bit."""
    found = []
    for name in ("checkpoint.safetensors", "best.safetensors"):
        left, right = load_file(a / name), load_file(b / name)
        found += sorted(left.keys() ^ right.keys())
        found += [f"{name}: {k}" for k in left.keys() & right.keys() if not torch.equal(left[k], right[k])]
    return found


def main() -> None:
    """Kills, resumes, compares, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--precision", choices=["float32", "bfloat16", "float64"], default="float32")
    parser.add_argument("--within", type=float, default=4.0, help="seconds after the start of training")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random.seed(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        started = time.monotonic()
        finish(training(whole, given.steps, given.width, given.precision))
        print(f"the run that was never stopped took {time.monotonic() - started:.0f} s\n")
        print("| kill | moment | exit code | files half written | last checkpoint |\n|---|---|---|---|---|")
        from noiseless import Run

        command = training(killed, given.steps, given.width, given.precision)
        for k in range(given.kills):
            moment = while_writing if k % 2 else at_random
            code = interrupt(command, killed, partial(moment, given.within), 9)
            names = ", ".join(path.name for path in half_written(killed)) or "none"
            print(f"| {k + 1} | {'writing' if k % 2 else 'random'} | {code} | {names} | step {Run(killed).steps[0]} |")
            command = resuming(killed)
            if code != -9:
                raise SystemExit("the run ended before it was killed: give more --steps")
        finish(command)
        found = differences(whole, killed)
        left = [name for name in os.listdir(killed) if name.startswith(".")]
        print(f"\ndifferent tensors: {found or 'none'}; leftovers: {left or 'none'}")
        sys.exit(bool(found or left))


if __name__ == "__main__":
    main()
