"""An objective in a loop of one's own."""

from __future__ import annotations

import pytest
import torch

from noiseless.errors import InputError
from noiseless.values import Batch, Noise, Spec
from tiny import method

SPEC = Spec("vectors", (5,))


def test_an_objective_of_one_phase_gives_its_terms() -> None:
    objective, x = method("rae", SPEC).objective, torch.rand(6, 5)
    batch = Batch(x, torch.arange(6), 3, Noise(1))
    (phase,) = objective.phases()
    torch.testing.assert_close(objective(batch), phase.loss(batch), rtol=0, atol=0)
    torch.testing.assert_close(objective(x), phase.loss(Batch(x)), rtol=0, atol=0)  # deterministic: noise is no matter
    assert list(objective(x)) == ["reconstruction", "code"]


def test_every_update_of_a_variational_model_has_noise_of_its_own() -> None:
    objective, x = method("vae", SPEC).objective, torch.rand(6, 5)
    first, second = (objective(x)["reconstruction"].item() for _ in range(2))
    assert first != second
    torch.manual_seed(3)
    seeded = objective(x)["reconstruction"].item()
    torch.manual_seed(3)
    assert objective(x)["reconstruction"].item() == seeded


def test_several_phases_have_no_single_loss() -> None:
    objective = method("wae-gan", SPEC).objective
    with pytest.raises(InputError, match=r"phases critic, autoencoder.*for phase in objective\.phases\(\)"):
        objective(torch.rand(6, 5))


def test_what_knows_its_data_by_number_takes_no_tensor() -> None:
    objective, x = method("deciphering", SPEC).objective, torch.rand(6, 5)
    with pytest.raises(InputError, match=r"give Batch\(x, index\)"):
        objective(x)
    assert objective(Batch(x, torch.arange(6), 0, Noise(0)))["reconstruction"].isfinite()
