"""Whatever a run's files hold, opening it ends well, or in an error that names the file."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noiseless import cli
from noiseless.data import Data
from noiseless.errors import InputError, RunError
from noiseless.files.schema import Range, misfit, parse
from noiseless.runs import Run, train
from noiseless.runs.record import read
from noiseless.training import Training
from tiny import FAST, NETWORKS, vectors

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which every field of run.json can be changed."""
    out = tmp_path_factory.mktemp("hostile") / "run"
    training = Training(**FAST, steps=2, ema=0.5, clip=1.0, lr_floor=1e-6, lr_factor=0.5, lr_patience=2, patience=9)
    train("rae-gp", vectors(), out, training=training, show=False, draw=False, networks=NETWORKS, beta=0.5)
    return out


@pytest.fixture
def made(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    for path in whole.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field, at every depth; of lists the first two."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    found = copy.deepcopy(value)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return found


WRONG: list[Any] = [None, "x", True, -1, 0, 10**30, 1e300, [], {}, [[]]]


def use(directory: Path, data: Data) -> None:
    """Opens, evaluates what is cheap to, and resumes."""
    opened = Run(directory)
    model = opened.model(data=data)
    model.reconstruct(data.test.take(np.arange(2)))
    assert opened.method().densities
    opened.resume(data, show=False, draw=False)


def test_every_field_of_run_json_may_be_anything(made: Path) -> None:
    record_ = json.loads((made / "run.json").read_text())
    data = vectors()
    files = {path: path.read_bytes() for path in made.iterdir()}
    raw: list[str] = []
    tried = 0
    for path in places(record_):
        for new in WRONG if path[-1] != "compile" else [one for one in WRONG if one is not True]:
            (made / "run.json").write_text(json.dumps(changed(record_, path, new)))
            tried += 1
            try:
                use(made, data)
            except (InputError, RunError):
                pass
            except Exception as error:  # the fault that is looked for
                raw.append(f"{path} = {new!r}: {type(error).__name__}: {str(error)[:200]}")
            else:
                for file, content in files.items():
                    file.write_bytes(content)
    assert not raw, "\n".join(raw)
    assert tried > 500


@pytest.mark.parametrize(
    ("path", "new", "said"),
    [
        (("training", "steps"), "60", r"training.steps is '60', and must be a whole number"),
        (("training", "seed"), -1, "seed is -1, but must be at least 0"),
        (("training", "device"), None, "training.device is null, and must be a text"),
        (("data", "shape"), [5.5], r"data.shape\[0\] is 5.5, and must be a whole number"),
        (("data", "scale"), [1.0], "data.shift and data.scale have other lengths"),
        (("constants",), {"rate": "x"}, "constants.rate is 'x', and must be a number"),
        (("notes",), "a note", "notes is 'a note', and must be a list"),
        (("processes",), 0, "processes is 0, and must be 1 to"),
        (("arguments", "networks"), {"width": "4"}, r"arguments.networks.width is '4', and must be a whole number"),
        (("arguments", "networks"), {"widht": 4}, r"arguments.networks.widht is unknown"),
        (("arguments", "networks"), {"encoder": 4}, "arguments.networks.encoder is 4, and must be"),
    ],
)
def test_a_field_of_another_kind_is_named(path: tuple[str, ...], new: Any, said: str, made: Path) -> None:
    record_ = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps(changed(record_, path, new)))
    with pytest.raises(InputError, match=said) as refused:
        use(made, vectors())
    assert f"{made}/run.json" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000 + "]" * 200_000, "nested more than 64 deep"),
        ("[" * 100 + "]" * 100, "nested more than 64 deep"),
        ('{"format": ' + "1" * 5000 + "}", "digits"),
        ('{"format": NaN}', "NaN is no number"),
        ('{"format": 1e999}', "1e999 is no number"),
        ('{"format": 1, "recipe": "\\ud800"}', "surrogates not allowed"),
    ],
    ids=["brackets", "deep", "digits", "nan", "inf", "surrogate"],
)
def test_json_of_a_hostile_kind_is_refused(
    text: str, said: str, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made / "run.json").write_text(text)
    with pytest.raises(InputError, match=rf"run\.json cannot be read as JSON .*{said}"):
        read(made)
    assert cli.run(["sample", str(made), "-n", "1"]) == 2
    assert "not foreseen" not in capsys.readouterr().err


def test_a_file_of_json_has_a_size(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.files.LARGEST", 100)
    with pytest.raises(InputError, match="it has more than 0 MiB"):
        read(made)


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        (1, int, None),
        (True, int, "it is true, and must be a whole number"),
        (1, float, None),
        (math.inf, float, "it is inf, and must be a number"),
        ("a", int | str | None, None),
        ([1, "a"], list[int], r"[1] is 'a', and must be a whole number"),
        ({"a": [1.5]}, dict[str, list[int]], "a[0] is 1.5, and must be a whole number"),
        ([], dict | None, "it is [], and must be an object or null"),
        (["a"], tuple[str, ...], None),
        (torch.zeros(1), int, None),  # an object of Python's, which no file held
    ],
)
def test_what_fits_a_hint(value: object, hint: Any, said: str | None) -> None:
    assert misfit(value, hint) == said


def test_a_number_has_bounds() -> None:
    from typing import Annotated

    assert misfit(3, Annotated[int, Range(1, 2)]) == "it is 3, and must be 1 to 2"
    assert misfit(0, Annotated[int, Range(1)] | None) is not None
    assert misfit(None, Annotated[int, Range(1)] | None) is None
    assert parse('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
