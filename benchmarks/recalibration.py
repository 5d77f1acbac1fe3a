"""What recalibrating the running moments of batch norms costs and gains.

Trains one method several times from one seed, which gives the same weights every time, and prints the held-out squared
error and validation loss by the number of training batches over which the moments are averaged anew (0: the running
averages of the steps), with the CPU time that training took, as a ratio to that of 0:

    python benchmarks/recalibration.py --data FOLDER --size 64 --width 16 --steps 500
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

from noiseless import Networks, Training, train
from noiseless.data import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="rae")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--size", type=int)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--validate-every", type=int)
    parser.add_argument("--batches", type=int, nargs="+", default=[0, 5, 10, 20])
    given = parser.parse_args()
    data = load(given.data, size=given.size, data_dir=given.data_dir)
    print(f"{given.method} on {data.source}, {len(data.train)} training data, width {given.width}, {given.steps} steps")
    print("| batches | squared error, test | validation loss | CPU time |\n|---|---|---|---|")
    first = 0.0
    for batches in given.batches:
        training = Training(
            steps=given.steps, validate_every=given.validate_every, recalibrate=batches, threads=1, device="cpu"
        )
        with tempfile.TemporaryDirectory() as scratch:
            out, start = Path(scratch) / "run", time.process_time()
            networks = Networks(width=given.width)
            train(given.method, data, out, training=training, networks=networks, show=False, draw=False)
            took = time.process_time() - start
            rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
            error = squared_error(out, data)
        first = first or took
        loss = [row["validation/loss"] for row in rows if "validation/loss" in row][-1]
        print(f"| {batches} | {error:.4g} | {loss:.4g} | {took / first:.3f} |", flush=True)


def squared_error(out: Path, data: object) -> float:
    """The squared error of the test part, summed over an example's values in units of the network."""
    from noiseless import load as load_run

    ae, held = load_run(out, weights="last").autoencoder, data.test
    x = data.spec.normalise(torch.from_numpy(held.take(range(len(held)))))
    with torch.no_grad():
        parts = [(ae.decode(ae.encode(part).mean) - part).square().flatten(1).sum(1) for part in x.split(100)]
    return float(torch.cat(parts).mean())


if __name__ == "__main__":
    main()
