"""Two processes do what one does: gradients of one float64 step, validation, and one run of the command line.

Run as a script, this file is a worker: it writes the gradients of its cases, averaged over processes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from noiseless.autoencoder import Networks
from noiseless.files import read_header
from noiseless.nn.distributed import gather, single_process, world
from noiseless.recipes.method import names
from noiseless.training import Engine, Training, fit
from noiseless.training.feed import BatchLoader, mix
from noiseless.training.loop import _introduce, _prepare
from noiseless.training.validation import Validation
from noiseless.values import Batch, Noise
from tiny import FAST, derivations, images, vectors

CPU = torch.device("cpu")
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "rae-l2": ("rae-l2", {}),
    "rae-sn": ("rae-sn", {}),
    "rae-gp, estimate": ("rae-gp", {"gradient": 0.3, "probes": 2}),
    "rae-gp, exact": ("rae-gp", {"gradient": 0.3, "probes": 0}),
    "rae-gp, code's form": ("rae-gp", {"gradient": 0.3, "form": "code"}),
    "vae": ("vae", {"beta": 0.3}),
    "vae, learnt variance": ("vae", {"reconstruction": "gaussian-learnt"}),
    "info-vae": ("info-vae", {"alpha": 0.5, "weight": 3.0, "beta": 0.3}),
    "wae-mmd": ("wae-mmd", {}),
    "swae": ("swae", {"projections": 5}),
    "wae-gan": ("wae-gan", {"critic_width": 8}),
    "aae": ("aae", {"critic_width": 8}),
    "aae, Gaussian codes": ("aae", {"critic_width": 8, "posterior": "gaussian"}),
    "maskaae": ("maskaae", {"critic_width": 8}),
    "maskaae, Jensen-Shannon": ("maskaae", {"critic_width": 8, "game": "jensen-shannon", "form": "paper"}),
    "maskaae, one batch": ("maskaae", {"critic_width": 8, "share_batch": True}),
    "wae-wgan": ("wae-wgan", {"critic_width": 8}),
    "vae-flow": ("vae-flow", {"beta": 0.3}),
    "deciphering": ("deciphering", {"mirrored": False}),
    "deciphering, other patterns": ("deciphering", {"pattern": "gaussian", "input": "constant", "mirrored": False}),
    "gmm-ae": ("gmm-ae", {"components": 4}),
    "glo": ("glo", {"reconstruction": "squared-error"}),
    "eae": ("eae", {}),
    "eae, two neighbours, Laplace": ("eae", {"k": 2, "normalisation": "l1"}),
    "grae": ("grae", {}),
    "gvae, likelihood": ("gvae", {"noise_scale": 1.0, "reconstruction": "categorical"}),
}
NUMBERS = ("conv-small", "conv-large", "mlp")
STRUCTURED = ("grae", "gvae, likelihood", "rae-sn", "eae")
GIVEN = [(case, net) for case in CASES for net in NUMBERS if case not in ("grae", "gvae, likelihood")]
GIVEN += [(case, "gru-small") for case in STRUCTURED]


def gradients(case: str, net: str, batch: int = 8) -> dict[str, Tensor]:
    """Gradients and moments after one pass, per phase, and the terms of validation, by name."""
    engine = Engine("cpu")
    name, arguments = CASES[case]
    data = derivations(held=21) if net == "gru-small" else vectors(held=21)
    data = images(shape=(1, 10, 8), held=21) if net.startswith("conv") else data
    torch.manual_seed(0)
    own = "deciphering" in name and net != "mlp"  # it has convolutional networks of its own
    networks = Networks(latent_dim=3, width=2, net=None if own else net)
    objective = names()[name](data.spec, networks, **arguments).objective
    training = Training(batch=batch, precision="float64", device="cpu")
    _prepare(objective, training, CPU)
    _introduce(objective, data, training, engine)
    terms = Validation(data, training, engine, CPU)(objective)
    if net == "mlp":
        assert terms.get("validation/entropy", 0.0) < 3, "a datum that is left over met its own copy"
    plain = {"validation/reconstruction", "validation/code"}  # draws depend on how data are shared out
    plain = set() if "vae" in name or "learnt" in case or "Gaussian" in case else plain & terms.keys()
    found = {f"validation: {k}": torch.tensor(terms[k], dtype=torch.float64) for k in plain}
    feed = BatchLoader(data.train, data.spec, batch, 0, CPU, engine.rank, engine.world)
    for slot, phase in enumerate(objective.phases()):
        x, index = feed(0, slot)
        objective.zero_grad()
        values = phase.loss(Batch(x.double(), index, 0, Noise(mix(0, 0, slot), engine.rank, engine.world)))
        torch.stack(list(values.values())).sum().backward()
        if engine.world > 1:
            engine.average_gradients(phase.parameters)
        label = {id(p): k for k, p in objective.named_parameters()}
        found |= {f"{phase.name}: {label[id(p)]}": p.grad for p in phase.parameters if p.grad is not None}
        found |= {f"{phase.name}: mean of {k}": engine.mean(v.detach()) for k, v in values.items()}
    for k, v in objective.named_buffers():
        real = v.is_floating_point()  # patterns are whole numbers of up to 2^62: their last digits
        found[f"moments: {k}" if real else f"patterns: {k}"] = v if real else (v.long() % 1000).double()
    return found


def trained_alone() -> float:
    """The weights of a short training that no other process takes part in, in one number."""
    data = images(shape=(1, 10, 8))
    torch.manual_seed(0)
    objective = names()["eae"](data.spec, Networks(latent_dim=3, width=2)).objective
    with single_process():
        assert (world(), Engine("cpu").world, Engine("cpu").main) == (1, 1, True)
        fit(objective, data, Training(**FAST, steps=6, validate_every=2, log_every=2), show=False)
    return torch.cat([p.detach().flatten() for p in objective.parameters()]).double().square().sum().item()


def worker(out: Path) -> None:
    """Writes the gradients of every case, and what the engine's own functions give."""
    torch.set_num_threads(1)
    engine = Engine("cpu")
    for case, net in GIVEN:
        found = {k: v.contiguous() for k, v in gradients(case, net).items()}
        save_file(found, out / f"{case}-{net}-{engine.rank}.safetensors")
    x = torch.tensor([[1.0 + engine.rank]], requires_grad=True)
    (gather(x) * torch.tensor([[3.0], [5.0]])).sum().backward()
    facts = {"world": engine.world, "any": [engine.any(engine.rank == 1), engine.any(False)], "grad": x.grad.item()}
    if engine.main:  # the other one does not wait: a collective in there would not return
        facts["alone"] = trained_alone()
        assert world() == 2
    try:
        with engine.main_first():
            order = sorted(path.name for path in out.glob("order*"))
            (out / f"order{engine.rank}").touch()
        with engine.main_first():
            if engine.main:
                raise ValueError("no data")
    except (ValueError, RuntimeError) as error:
        facts |= {"error": type(error).__name__, "message": str(error), "order": order}
    (out / f"facts{engine.rank}.json").write_text(json.dumps(facts))
    torch.distributed.destroy_process_group()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes have left their gradients."""
    out = tmp_path_factory.mktemp("two")
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(out)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=250)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
    return out


@pytest.mark.parametrize(("case", "net"), GIVEN)
def test_two_processes_have_the_gradients_of_one(case: str, net: str, two: Path) -> None:
    one = gradients(case, net)
    for rank in range(2):
        both = load_file(two / f"{case}-{net}-{rank}.safetensors")
        assert both.keys() == one.keys()
        for phase in {name.partition(": ")[0] for name in one}:
            mine = {name: value for name, value in one.items() if name.startswith(f"{phase}: ")}
            scale = max(1.0, *(value.abs().max().item() for value in mine.values()))
            for name, value in mine.items():
                torch.testing.assert_close(both[name], value, rtol=0, atol=1e-12 * scale, msg=f"{name}, rank {rank}")


def test_half_a_batch_has_other_gradients() -> None:
    whole, half = (gradients("rae-l2", "conv-small", batch) for batch in (8, 4))
    assert any((whole[k] - half[k]).abs().max() > 1e-3 for k in whole if k.startswith("autoencoder: "))


def test_the_engine_agrees_and_lets_the_first_go_first(two: Path) -> None:
    first, second = (json.loads((two / f"facts{rank}.json").read_text()) for rank in range(2))
    for facts in (first, second):
        assert facts["world"] == 2
        assert facts["any"] == [True, False]
    assert (first["grad"], second["grad"]) == (6.0, 10.0)  # summed over processes: averaged afterwards
    assert (first["order"], second["order"]) == ([], ["order0"])
    assert (first["error"], first["message"]) == ("ValueError", "no data")
    assert (second["error"], second["message"]) == ("RunError", "the first process failed; its message says why")


def test_one_of_two_processes_trains_alone_as_a_single_one_does(two: Path) -> None:
    assert json.loads((two / "facts0.json").read_text())["alone"] == trained_alone()


SETTINGS = ["--width", "4", "--latent-dim", "4", "--batch", "20", "--threads", "1", "--log-every", "3"]


def launcher(*arguments: str) -> list[str]:
    """Two processes; accelerate's --multi_gpu takes CPUs where there is no GPU, and its --cpu starts one process."""
    how = [
        "--multi_gpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    how += ["--main_process_port", str(free_port()), "-m", "noiseless.cli"]
    return [sys.executable, "-m", "accelerate.commands.launch", *how, *arguments]


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(launcher(*arguments), capture_output=True, text=True, check=False, timeout=280)


@pytest.mark.skipif(torch.cuda.is_available(), reason="wants two processes, and there may be one GPU")
@pytest.mark.timeout(600)
def test_the_command_line_makes_one_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ["rae-l2", "--data", "digits", "--out", str(out), "--steps", "9", *SETTINGS]
    done = launch("train", *given)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("digits: 1,457 train") == 1
    assert done.stdout.count(f"run: {out}") == 1
    assert json.loads((out / "run.json").read_text())["processes"] == 2
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [3, 6, 9]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["run.json", "log.jsonl", "checkpoint.safetensors", "best.safetensors", "densities", "pictures"]
    )
    refused = launch("train", *given)
    assert refused.returncode != 0
    assert refused.stderr.count("exists already") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="wants two processes, and there may be one GPU")
@pytest.mark.timeout(600)
def test_a_signal_saves_on_several_processes_and_the_run_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ["rae-l2", "--data", "digits", "--out", str(out), "--steps", "100000", *SETTINGS]
    process = subprocess.Popen(launcher("train", *given), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not ((out / "log.jsonl").is_file() and (out / "log.jsonl").stat().st_size):
        time.sleep(0.05)
    process.terminate()
    assert process.wait() != 0
    step = read_header(out / "checkpoint.safetensors")["step"]
    assert step % 3 == 0
    record = json.loads((out / "run.json").read_text())
    record["training"]["steps"] = step + 3
    (out / "run.json").write_text(json.dumps(record))
    again = launch("resume", str(out))
    assert again.returncode == 0, again.stderr
    assert read_header(out / "checkpoint.safetensors")["step"] == step + 3


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
    os._exit(0)  # as the command line does with several processes, and why
