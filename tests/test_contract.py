"""What every recipe promises, discovered: whoever adds one adds no test here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from noiseless.objectives.objective import Objective
from noiseless.recipes.method import names
from noiseless.runs import Run, train
from noiseless.training import State, Training, fit
from noiseless.training.engine import Engine
from noiseless.training.feed import BatchLoader
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Noise
from tiny import FAST, KINDS, NETWORKS, assert_same, kinds, method, run, weights

NAMES = list(names())
TAKEN = {name: kinds(name) for name in NAMES}
CASES = pytest.mark.parametrize(("name", "kind"), [(n, k) for n in NAMES for k in TAKEN[n]])


def batch_of(kind: str, step: int = 0) -> Batch:
    data = KINDS[kind]()
    x, index = BatchLoader(data.train, data.spec, 20, 0, torch.device("cpu"))(step, 0)
    return Batch(x, index, step, Noise(step))


@CASES
def test_each_phase_gives_gradients_to_its_parameters_and_to_no_other(name: str, kind: str) -> None:
    objective = method(name, KINDS[kind]().spec).objective.train()
    for phase in objective.phases():
        mine = set(map(id, phase.parameters))
        for parameter in objective.parameters():
            parameter.grad = None
            parameter.requires_grad_(id(parameter) in mine)
        values = phase.loss(batch_of(kind))
        assert all(value.ndim == 0 for value in values.values())
        torch.stack(list(values.values())).sum().backward()
        for label, parameter in objective.named_parameters():
            if id(parameter) in mine:
                assert parameter.grad is not None, label
                assert parameter.grad.isfinite().all(), label
                assert phase.name
            else:
                assert parameter.grad is None, label


@CASES
def test_training_lowers_the_reconstruction(name: str, kind: str) -> None:
    chosen = Optimiser("adam" if name == "glo" else None, lr=3e-3)  # its default is plain gradient descent
    made = method(name, KINDS[kind]().spec, optimiser=chosen)
    data = KINDS[kind](60 if made.objective.draws_codes else 120)  # by heart one learns fewer
    rows: list[dict[str, Any]] = []
    settings = Training(**FAST, steps=60, log_every=10, schedule="constant")
    fit(made.objective, data, settings, _Rows(rows), show=False)
    losses = [next(v for k, v in row.items() if k.endswith("/reconstruction")) for row in rows]
    assert losses[-1] < 0.8 * losses[0]


class _Rows:
    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        self.saved = tensors, scalars

    def best(self, tensors: dict[str, Tensor]) -> None:
        self.kept = tensors

    def picture(self, objective: Objective, step: int) -> None:
        pass


@CASES
def test_state_round_trips(name: str, kind: str) -> None:
    data = KINDS[kind]()
    settings = Training(**FAST, steps=4, ema=0.9, schedule="plateau")
    state = fit(method(name, data.spec).objective, data, settings, show=False)
    other = State(method(name, data.spec, seed=1).objective, state.training)
    other.load({k: v.clone() for k, v in state.tensors().items()}, state.scalars())
    assert_same(dict(state.tensors()), dict(other.tensors()))
    assert other.scalars() == state.scalars()


@CASES
def test_codes_are_deterministic_in_evaluation(name: str, kind: str) -> None:
    objective = method(name, KINDS[kind]().spec).objective
    objective.train()
    objective.phases()[0].loss(batch_of(kind))
    objective.eval()
    batch = batch_of(kind)
    with torch.no_grad():
        first = objective.code(batch)
        again = objective.code(Batch(batch.x, batch.index, None, Noise(99)))
        alone = torch.cat([objective.code(Batch(x[None], i[None])) for x, i in zip(batch.x, batch.index, strict=True)])
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    torch.testing.assert_close(first, alone, rtol=1e-4, atol=1e-5)


@CASES
def test_two_runs_of_one_seed_are_the_same_and_of_another_are_not(name: str, kind: str) -> None:
    data = KINDS[kind]()

    def trained(seed: int) -> dict[str, Tensor]:
        made = method(name, data.spec, seed)
        return dict(fit(made.objective, data, Training(**FAST, steps=6, seed=seed), show=False).tensors())

    one, other = trained(0), trained(1)
    assert_same(one, trained(0))
    assert any(not torch.equal(one[k], other[k]) for k in one)


RESUMED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *((name, {}, {}) for name in NAMES),
    *((name, {"precision": "bfloat16"}, {}) for name in NAMES),
    *(("rae-l2", {}, {"optimiser": Optimiser(optimiser)}) for optimiser in ("adam", "adamw", "rmsprop")),
    *(("rae", {"schedule": schedule}, {}) for schedule in ("plateau", "exponential", "constant")),
    ("rae", {"schedule": "cooldown", "lr_cooldown": 0.9}, {}),
    ("rae", {"schedule": "plateau", "lr_patience": 1}, {"optimiser": Optimiser(lr=0.5)}),
    ("rae-l2", {"ema": 0.9}, {}),
    ("rae-sn", {"ema": 0.9, "precision": "bfloat16"}, {"optimiser": Optimiser("adamw", weight_decay=0.1)}),
    ("rae-gp", {"clip": 0.1}, {"probes": 2, "every": 4}),
    ("grae", {"ema": 0.9}, {"reconstruction": "categorical"}),
    ("gvae", {}, {"noise_scale": 1.0}),
]


@pytest.mark.parametrize(("name", "settings", "arguments"), RESUMED, ids=str)
def test_a_resumed_run_is_the_run_that_never_stopped(
    name: str, settings: dict[str, Any], arguments: dict[str, Any], tmp_path: Path
) -> None:
    data = KINDS[TAKEN[name][0]]()
    settings = {"validate_every": 5, **settings}
    run(name, data, tmp_path / "whole", steps=10, arguments=arguments, **settings)
    halves = run(name, data, tmp_path / "halves", steps=10, until=5, arguments=arguments, **settings)
    resumed = Run(tmp_path / "halves")
    assert halves.steps == (5, 10)
    resumed.resume(data, show=False)
    assert resumed.steps == (10, 10)
    for made, other in zip(weights(tmp_path / "whole").values(), weights(tmp_path / "halves").values(), strict=True):
        assert_same(made, other)


@pytest.mark.pictures
@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_rebuilt_from_its_folder(name: str, tmp_path: Path) -> None:
    data = KINDS[TAKEN[name][0]]()
    made = run(name, data, tmp_path / "run", steps=3)
    model = Run(tmp_path / "run").model(data=data)
    assert_same(dict(Run(tmp_path / "run").objective().state_dict()), load_file(tmp_path / "run" / "best.safetensors"))
    raw = data.test.take(np.arange(5))
    torch.testing.assert_close(model.reconstruct(raw), made.model(data=data).reconstruct(raw), rtol=0, atol=0)
    ready = made.ready()
    if ready.autoencoder.amortised:  # densities are fitted to the very codes that the model gives
        whole = data.train.take(np.arange(len(data.train)))
        torch.testing.assert_close(made.codes(ready, data), model.encode(whole), rtol=0, atol=0)
    assert model.sample(7, "gaussian").shape == (7, *data.spec.outputs)
    assert Engine().main


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_argument_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="betta"):
        train(name, KINDS[TAKEN[name][0]](), tmp_path / "run", training=Training(**FAST), networks=NETWORKS, betta=1.0)
    assert not (tmp_path / "run").exists()
