"""Samples remember, metrics are discovered, and a row is a function of samples and seed."""

from pathlib import Path

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics import Sample, measure_all, measures, warnings

torch.set_num_threads(1)
COLUMNS = {"fd", "kid", "kid std", "precision", "recall", "f8", "f1/8", "score"}


def normal(n: int, seed: int, classes: int = 0) -> Sample:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator) if classes else None
    return Sample(torch.randn(n, 4, generator=generator), logits)


def test_every_metric_is_found_and_deterministic():
    assert len(measures()) == 5
    row = measure_all(normal(50, 0), normal(50, 1, classes=3), seed=2)
    assert set(row) == COLUMNS
    assert row == measure_all(normal(50, 0), normal(50, 1, classes=3), seed=2)
    assert row["kid std"] is None  # one subset: the whole
    assert all(isinstance(row[column], float) for column in COLUMNS - {"kid std"})
    assert warnings(normal(50, 0), normal(50, 1, classes=3)) == []


def test_what_few_data_lack_is_blank_and_said():
    row = measure_all(normal(2, 0), normal(3, 1), seed=0)
    assert {column for column, value in row.items() if value is not None} == {"fd", "kid", "kid std"}
    assert len(warnings(normal(2, 0), normal(3, 1))) == 3


def test_refuses_one_datum_and_different_features():
    with pytest.raises(InputError, match="at least 2 examples, and the sample has 1"):
        measure_all(normal(5, 0), normal(1, 1), 0)
    with pytest.raises(InputError, match="4 features and the sample 3"):
        measure_all(normal(5, 0), Sample(torch.zeros(5, 3)), 0)


def test_work_on_a_sample_is_done_once():
    calls = []

    def work(sample: Sample, power: int) -> int:
        calls.append(power)
        return sample.n**power

    sample = normal(3, 0)
    assert [sample.once(work, 2), sample.once(work, 2), sample.once(work, 3)] == [9, 9, 27]
    assert calls == [2, 3]


def test_refuses_what_is_not_finite_rows():
    with pytest.raises(InputError, match="1 of 2 examples have features that are infinite or not a number"):
        Sample(torch.tensor([[1.0], [torch.nan]]))
    with pytest.raises(InputError, match="float32 rows"):
        Sample(torch.zeros(2, 2).double())
    with pytest.raises(InputError, match="2 rows of features but 3 of logits"):
        Sample(torch.zeros(2, 2), torch.zeros(3, 2))


def test_joins_saves_and_loads(tmp_path: Path):
    joint = Sample.join([normal(2, 0, 3), normal(4, 1, 3)])
    joint.save(tmp_path / "reference.safetensors")
    again = Sample.load(tmp_path / "reference.safetensors")
    assert torch.equal(again.features, joint.features)
    assert joint.logits is not None
    assert again.logits is not None
    assert torch.equal(again.logits, joint.logits)
    with pytest.raises(InputError, match="some parts"):
        Sample.join([normal(2, 0), normal(2, 0, 3)])
    with pytest.raises(InputError, match="the set to evaluate is empty; give at least one example"):
        Sample.join([])


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "cut").write_bytes(b"\x10\x00")
    for name in ("cut", "missing"):
        with pytest.raises(InputError, match=name):
            Sample.load(tmp_path / name)
