from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from noiseless.nn import BatchNorm
from noiseless.nn.distributed import keeps_moments, recalibrate
from noiseless.objectives.objective import Objective
from noiseless.training import State, Training, fit
from noiseless.training.feed import BatchLoader
from noiseless.training.recalibration import SLOT
from tiny import FAST, assert_same, images, method, vectors

MOMENTS = ("mean", "var", "spread", "batches")
BATCH = 20


def trained(name: str = "rae", recalibrate: int = 20, steps: int = 3, **given: Any) -> State:
    chosen = images() if name != "eae" else vectors()
    training = Training(**{**FAST, "steps": steps, "batch": BATCH, "recalibrate": recalibrate, **given})
    return fit(method(name, chosen.spec).objective, chosen, training, show=False)


def first_inputs(objective: Objective, steps: int, count: int) -> list[Tensor]:
    """What the first batch norm of the encoder is given by the batches after ``steps`` steps."""
    chosen, seen = images(), []
    feed = BatchLoader(chosen.train, chosen.spec, BATCH, 0, torch.device("cpu"))
    norm = next(part for part in objective.autoencoder.encoder.modules() if isinstance(part, BatchNorm))
    hook = norm.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    objective.eval()
    with torch.no_grad():
        for k in range(count):
            objective.autoencoder.encoder(feed(steps + k, SLOT)[0])
    hook.remove()
    return seen


@pytest.mark.parametrize("ema", [None, 0.9])
def test_moments_are_means_over_training_batches_under_the_weights_as_they_are(ema: float | None) -> None:
    state = trained(recalibrate=2, ema=ema)
    for objective in {state.objective, state.validated}:
        inputs = first_inputs(objective, 3, 2)
        norm = next(part for part in objective.autoencoder.encoder.modules() if isinstance(part, BatchNorm))
        mean, var = norm.moments()
        axes = [0, *range(2, inputs[0].ndim)]
        torch.testing.assert_close(mean, torch.stack([x.mean(axes) for x in inputs]).mean(0))
        torch.testing.assert_close(var, torch.stack([x.var(axes) for x in inputs]).mean(0))


@pytest.mark.parametrize("name", ["rae", "rae-sn", "eae", "vae", "wae-gan"])
def test_training_is_the_same_with_and_without(name: str) -> None:
    """Weights, power iterations and every other buffer but the moments are equal to the bit."""
    renewed, lagging = (trained(name, count, validate_every=2).objective.state_dict() for count in (20, 0))
    kept = {k: v for k, v in renewed.items() if k.rpartition(".")[2] not in MOMENTS}
    assert len(kept) < len(renewed)
    assert_same(kept, {k: lagging[k] for k in kept})


def test_no_more_than_an_epoch_is_taken() -> None:
    chosen = images()
    per_epoch = len(chosen.train) // BATCH
    assert per_epoch < 1000
    assert_same(trained(recalibrate=1000).objective.state_dict(), trained(recalibrate=per_epoch).objective.state_dict())


def test_batches_of_ones_own_are_the_last_that_were_drawn() -> None:
    chosen = images()
    rows = chosen.spec.normalise(torch.from_numpy(chosen.train.take(range(60)))).split(20)
    training = Training(**{**FAST, "steps": 5, "recalibrate": 2})
    state = fit(method("rae", chosen.spec).objective, list(rows), training, show=False)
    expected = method("rae", chosen.spec).objective
    expected.load_state_dict(state.objective.state_dict())
    given = iter([rows[0], rows[1]])
    recalibrate(expected.autoencoder.encoder, lambda: expected.autoencoder.encoder(next(given)), 2)
    found = state.objective.autoencoder.encoder.state_dict()
    torch.testing.assert_close(dict(expected.autoencoder.encoder.state_dict()), dict(found))


def test_torch_s_own_batch_norm_is_recalibrated_too() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    assert keeps_moments(network)
    rows = torch.randn(4, 10, 3)
    given = iter(rows)
    recalibrate(network, lambda: network(next(given)), 4)
    hidden = network[0](rows)
    torch.testing.assert_close(network[1].running_mean, hidden.mean((0, 1)))
    torch.testing.assert_close(network[1].running_var, hidden.var(1).mean(0))
    assert network[1].momentum == 0.1
    assert not keeps_moments(network[0])
