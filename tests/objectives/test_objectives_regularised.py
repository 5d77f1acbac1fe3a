from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.objectives.penalties.norm import code_norm
from noiseless.objectives.reconstruction.pixel import squared_error
from noiseless.objectives.regularised import Regularised, Term
from noiseless.training.settings import Optimiser
from noiseless.values import Batch


def objective(**terms: Term) -> Regularised:
    torch.manual_seed(0)
    model = Autoencoder(nn.Linear(4, 2), nn.Linear(2, 4), Deterministic(2)).double()
    return Regularised(model, squared_error, terms, lambda p: Optimiser().build(p, 0.1))


def batch(step: int | None) -> Batch:
    return Batch(torch.rand(5, 4, dtype=torch.float64), torch.arange(5), step)


def test_squared_error_is_a_sum_over_dimensions_and_a_mean_over_the_batch() -> None:
    x, y = torch.rand(2, 5, 3, 4, 4, dtype=torch.float64)
    expected = ((x - y) ** 2).flatten(1).sum(1).mean()
    torch.testing.assert_close(squared_error(y, x), expected, rtol=1e-12, atol=0)


def test_terms_are_weighted_and_zero_weights_are_not_computed() -> None:
    def refuse(*_: object) -> torch.Tensor:
        raise AssertionError

    made = objective(code=Term(3.0, code_norm), off=Term(0.0, refuse))
    given = batch(0)
    values = made.loss(given)
    assert list(values) == ["reconstruction", "code"]
    trace = made.autoencoder(given)
    torch.testing.assert_close(values["code"], 3 * code_norm(trace, made.autoencoder), rtol=1e-12, atol=0)


def test_a_lazy_term_keeps_its_mean_over_steps_and_is_plain_in_validation() -> None:
    made = objective(code=Term(2.0, code_norm, every=4))
    given = batch(None)
    plain = made.validate(given)["code"]
    each = [made.loss(Batch(given.x, given.index, step)).get("code", torch.tensor(0.0)) for step in range(8)]
    assert [bool(v) for v in each] == [True, False, False, False] * 2
    torch.testing.assert_close(torch.stack([v.double() for v in each]).mean(), plain, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("rmsprop", "RMSprop")])
def test_optimisers_by_name_with_the_rate_asked_for(name: str, kind: str) -> None:
    parameters = [nn.Parameter(torch.zeros(2))]
    default = Optimiser(name, weight_decay=0.5).build(parameters, 0.1)
    assert type(default).__name__ == kind
    assert default.param_groups[0]["lr"] == 0.1
    assert default.param_groups[0]["weight_decay"] == 0.5
    assert Optimiser(name, lr=0.2).build(parameters, 0.1).param_groups[0]["lr"] == 0.2


def test_codes_are_the_means() -> None:
    made = objective()
    given = batch(None)
    assert torch.equal(made.code(given), made.autoencoder.encode(given.x).mean)


def test_an_optimiser_of_ones_own_is_a_callable() -> None:
    parameters = [nn.Parameter(torch.zeros(2))]
    made = Optimiser(partial(torch.optim.SGD, lr=0.3, momentum=0.9)).build(parameters, 0.1)
    assert isinstance(made, torch.optim.SGD)
    assert made.param_groups[0]["lr"] == 0.3
    with pytest.raises(InputError, match="returned a float; expected a torch"):
        Optimiser(lambda p: 0.1).build(parameters, 0.1)
    with pytest.raises(InputError, match="set those of your own optimiser in it"):
        Optimiser(torch.optim.SGD, lr=0.1)
