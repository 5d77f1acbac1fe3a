"""Trains every method for 50 steps, and compares losses and weights with a record to the bit.

A refactoring has to reproduce both to the bit. Rounding depends on the processor, so a record holds for one kind of it:

    python benchmarks/same_losses.py record RECORD.json    # before a change
    python benchmarks/same_losses.py compare RECORD.json   # after it: exit code 1 where anything differs

`losses.json` beside this file was recorded after validation got the same batches on any number of processes: before and
after, weights and training losses of all 54 runs were equal to the bit. With --only METHOD ... a part of it is made
again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from noiseless import Networks, Training, train
from noiseless.recipes import names

METHODS = tuple(names())
STRINGS = ("character-vae", "gcv-vae", "grae", "gvae")
DATA = {
    "images": "digits",
    "vectors": "synthetic:n=4,size=1000,test=100",
    "expressions": "expressions:size=600",
    "characters": "expressions:size=600,codec=characters",
}
TRAINING = Training(
    steps=50, batch=50, threads=1, device="cpu", precision="float32", log_every=10, validate_every=25, recalibrate=0
)
TIMES = ("seconds", "images_per_s", "samples_per_s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("record", "compare"))
    parser.add_argument("path", type=Path, nargs="?", default=Path(__file__).with_name("losses.json"))
    parser.add_argument("--only", nargs="+", default=METHODS)
    given = parser.parse_args()
    if given.verb == "record":
        given.path.write_text(json.dumps(measured(given.only), indent=1) + "\n", encoding="utf-8")
        return
    then, differing = json.loads(given.path.read_text(encoding="utf-8")), []
    now = measured(given.only)
    for name in now["runs"]:
        same = now["runs"][name] == then["runs"].get(name)
        differing += [] if same else [name]
        print(f"{'equal' if same else 'DIFFERENT'}  {name}")
    if then["machine"] != now["machine"]:
        print(f"the record is of another machine, {then['machine']}; this is {now['machine']}")
    sys.exit(f"{len(differing)} of {len(now['runs'])} differ: {', '.join(differing)}" if differing else 0)


def measured(methods: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        runs = {f"{method}, {kind}": trained(method, kind) for method in methods for kind in kinds(method)}
    return {"machine": machine(), "torch": torch.__version__, "runs": runs}


def kinds(method: str) -> list[str]:
    if method == "character-vae":
        return ["characters"]
    if method in STRINGS:
        return ["expressions"]
    return ["images", "vectors"] + ["expressions"] * (method != "deciphering")


def trained(method: str, kind: str) -> dict[str, Any]:
    """The rows of the log without times, and a digest of the last weights."""
    out = Path(f"{method}-{kind}")
    train(method, DATA[kind], out, training=TRAINING, networks=Networks(width=8), show=False, draw=False)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(out / "checkpoint.safetensors").items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    kept = [{name: value for name, value in row.items() if name not in TIMES} for row in rows]
    return {"rows": kept, "weights": digest.hexdigest()}


def machine() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.machine())


if __name__ == "__main__":
    main()
