"""Training on batches, an optimiser and a callback of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from test_training_loop import Kept
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from noiseless.errors import InputError
from noiseless.objectives.objective import Objective
from noiseless.training import BatchStream, Optimiser, State, Training, fit
from noiseless.values import Batch, Spec
from tiny import FAST, assert_same, images, method, vectors

SPEC = Spec("vectors", (5,))
ROWS = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(60) % 3


def fitted(batches: Any, name: str = "rae", kept: Kept | None = None, **given: Any) -> State:
    also = {key: given.pop(key) for key in ("validation", "callback", "every") if key in given}
    objective = method(name, SPEC, **given.pop("arguments", {})).objective
    settings = {**FAST, "steps": 7} | given
    return fit(objective, batches, Training(**settings), kept, show=False, **also)


FORMS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "tensors": lambda x, y: x,
    "pairs": lambda x, y: (x, y),
    "lists": lambda x, y: [x, y],
    "dictionaries": lambda x, y: {"label": y, "x": x},
    "one tensor": lambda x, y: {"x": x, "names": ["a"] * len(x)},
    "arrays": lambda x, y: x.numpy()[:, ::-1].copy()[:, ::-1],
    "batches": lambda x, y: Batch(x),
}


@pytest.mark.parametrize("form", FORMS)
def test_batches_come_in_every_form(form: str) -> None:
    pairs = list(zip(ROWS.split(20), LABELS.split(20), strict=True))
    state = fitted([FORMS[form](x, y) for x, y in pairs])
    assert_same(state.objective.state_dict(), fitted([x for x, _ in pairs]).objective.state_dict())
    assert state.step == 7  # of three batches an epoch: they are iterated again


def test_a_loader_says_how_long_an_epoch_is_and_how_large_a_batch() -> None:
    loader = DataLoader(TensorDataset(ROWS, LABELS), batch_size=16, shuffle=True)
    state = fitted(loader, steps=None, epochs=3)
    assert state.step == 12
    assert state.training.batch == 16
    assert state.training.schedule == "constant"


def test_images_in_bytes_are_divided() -> None:
    raw = torch.randint(256, (8, 1, 8, 8), dtype=torch.uint8)
    x, index = BatchStream([raw])(0, 0)
    assert torch.equal(x, raw / 255)
    assert index.tolist() == list(range(8))


@pytest.mark.parametrize("kind", [torch.int64, torch.int16])
def test_images_in_whole_numbers_follow_the_rule_of_all_images(kind: torch.dtype) -> None:
    raw = torch.arange(2 * 64).reshape(2, 1, 8, 8)
    stream = BatchStream([raw.to(kind)])
    torch.testing.assert_close(stream(0, 0)[0], raw.float() / 255)


def test_each_phase_has_a_fresh_batch_and_shared_ones_the_same() -> None:
    stream = BatchStream(ROWS.split(20))
    drawn = [stream(0, 0)[0], stream(0, 1)[0], stream(0, 0)[0], stream(1, 0)[0]]
    for found, expected in zip(drawn, (0, 1, 0, 2), strict=True):
        assert torch.equal(found, ROWS.split(20)[expected])


def test_validation_drives_the_schedule_and_the_best_weights() -> None:
    kept = Kept()
    fitted(ROWS.split(20), kept=kept, validation=[ROWS[:10], ROWS[10:15]], validate_every=3, schedule="plateau")
    assert [row["step"] for row in kept.rows if "validation/loss" in row] == [3, 6, 7]
    assert kept.bests
    rows = vectors()
    kept = Kept()
    fitted(ROWS.split(20), kept=kept, validation=rows, validate_every=7)
    assert "validation/reconstruction" in kept.rows[-1]


def test_the_mean_of_validation_is_over_data_not_batches() -> None:
    even, uneven = (Kept(), Kept())
    fitted(ROWS.split(20), kept=even, validation=ROWS[:30].split(30))
    fitted(ROWS.split(20), kept=uneven, validation=[ROWS[:25], ROWS[25:30]])
    assert even.rows[-1]["validation/loss"] == pytest.approx(uneven.rows[-1]["validation/loss"], rel=1e-5)


def test_without_validation_the_last_weights_are_the_best() -> None:
    kept = Kept()
    state = fitted(ROWS.split(20), kept=kept)
    assert_same(kept.bests[-1], dict(state.objective.state_dict()))
    assert "validation/loss" not in kept.rows[-1]


class Unending:
    """An iterable that does not say how long it is."""

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            yield ROWS[:20]


@pytest.mark.parametrize(
    ("batches", "given", "message"),
    [
        ([], {}, "the list has no more batches in step 1"),
        (iter(ROWS.split(20)), {}, r"no more batches in step 4; give something that can be iterated again"),
        ([LABELS], {}, r"a batch is of shape \(60,\) in torch.int64; expected a tensor \(B, ...\)"),
        ([{"a": ROWS, "b": ROWS}], {}, r"a dictionary of a: of shape \(60, 5\)"),
        (["secret"], {}, r"a batch is a str; expected"),
        (Unending(), {"steps": None, "epochs": 1}, "does not say how many batches it has; give steps"),
        (ROWS.split(20), {"schedule": "plateau"}, "plateau follows the validation loss, and there are no validation"),
        (ROWS.split(20), {"patience": 3}, "patience follows the validation loss"),
        (ROWS.split(20), {"validation": iter([ROWS]), "validate_every": 3}, "list_iterator can be iterated once"),
        (ROWS.split(1), {"arguments": {}, "name": "eae"}, "too small for a term of the loss"),
        (ROWS.split(20), {"name": "deciphering"}, "identifies training data by their index"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_batches_that_cannot_be_used_are_refused(batches: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted(batches, **given)


def test_a_batch_of_another_shape_than_the_data_is_refused() -> None:
    with pytest.raises(InputError, match=r"a batch has shape \(20, 5\); expected \(B, 1, 8, 8\), as the data have"):
        BatchStream([ROWS[:20]], images().spec)(0, 0)


def test_an_optimiser_of_ones_own() -> None:
    sgd = Optimiser(partial(torch.optim.SGD, lr=0.01, momentum=0.9))
    state = fitted(ROWS.split(20), arguments={"optimiser": sgd})
    assert [type(optimiser) for optimiser in state.optimisers] == [torch.optim.SGD]
    several = fitted(ROWS.split(20), "wae-gan", arguments={"optimiser": sgd})
    assert [type(optimiser) for optimiser in several.optimisers] == [torch.optim.SGD] * 2


# callbacks ------------------------------------------------------------------------------------------------------------


class Calls:
    """A callback that remembers, and raises in a step."""

    def __init__(self, failing: int = 0) -> None:
        self.steps: list[int] = []
        self.terms: list[Mapping[str, float]] = []
        self.failing = failing

    def __call__(self, step: int, terms: Mapping[str, float], objective: Objective) -> None:
        assert not objective.training
        self.steps.append(step)
        self.terms.append(terms)
        torch.rand(3)  # training does not depend on the global generator
        if step == self.failing:
            raise ZeroDivisionError


@pytest.mark.parametrize("name", ["rae", "wae-gan"])
def test_a_callback_sees_steps_terms_and_the_model_and_changes_nothing(name: str) -> None:
    calls, kept, alone = Calls(), Kept(), Kept()
    state = fitted(vectors(), name, kept, callback=calls, every=3, log_every=4, ema=0.5)
    plain = fitted(vectors(), name, alone, log_every=4, ema=0.5)
    assert calls.steps == [3, 6]
    assert {"autoencoder/reconstruction"} <= calls.terms[0].keys()
    assert_same(state.tensors(), plain.tensors())
    for row, other in zip(kept.rows, alone.rows, strict=True):
        assert {k: v for k, v in row.items() if "/" in k} == {k: v for k, v in other.items() if "/" in k}


def test_the_terms_are_those_of_the_step() -> None:
    calls, kept = Calls(), Kept()
    fitted(vectors(), kept=kept, callback=calls, every=1, log_every=1)
    for terms, row in zip(calls.terms, kept.rows, strict=True):
        assert terms == {key: row[key] for key in terms}


def test_what_a_callback_raises_comes_after_a_checkpoint() -> None:
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        fitted(vectors(), kept=kept, callback=Calls(failing=4), every=2)
    assert kept.steps == [4]
    start = kept.checkpoints[-1]
    objective = method("rae", SPEC).objective
    resumed = fit(objective, vectors(), Training(**FAST, steps=7), start=start, show=False)
    assert_same(resumed.objective.state_dict(), fitted(vectors()).objective.state_dict())


def test_a_batch_may_be_dark() -> None:
    light = torch.randint(256, (4, 1, 8, 8), dtype=torch.uint8)
    dark = torch.ones(4, 1, 8, 8, dtype=torch.uint8)
    stream = BatchStream([light, dark, dark.to(torch.int64)])
    drawn = [stream(step, 0)[0] for step in range(3)]
    assert torch.equal(drawn[0], light / 255)
    assert torch.equal(drawn[1], dark / 255)
    assert torch.equal(drawn[2], dark / 255)
