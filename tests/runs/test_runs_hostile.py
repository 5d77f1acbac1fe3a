"""Whatever a run's files hold, opening it ends well, or in an error that names the file."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from noiseless import cli, densities
from noiseless.data import Data
from noiseless.errors import InputError, RunError
from noiseless.evaluation.results import record
from noiseless.files import read_header, write_tensors
from noiseless.files.schema import Range, misfit, parse
from noiseless.runs import Run, train
from noiseless.runs.record import read
from noiseless.runs.writer import RunWriter
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
    assert misfit(3, Annotated[int, Range(1, 2)]) == "it is 3, and must be 1 to 2"
    assert misfit(0, Annotated[int, Range(1)] | None) is not None
    assert misfit(None, Annotated[int, Range(1)] | None) is None
    assert parse('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


# tensors, logs, densities and results ---------------------------------------------------------------------------------


def rewritten(path: Path, tensors: dict[str, Tensor] | None = None, **scalars: Any) -> None:
    """A file of tensors with others, or with another header."""
    about = {k: v for k, v in (read_header(path) | scalars).items() if k != "tensors"}
    write_tensors(path, load_file(path) if tensors is None else tensors, about)


@pytest.mark.parametrize(
    ("scalars", "said"),
    [
        ({"step": 1e30}, r"step is 1e\+30, and must be a whole number"),
        ({"step": 10**30}, "step is 1000000000000.*, and must be"),
        ({"step": -1}, "step is -1, and must be 0 to"),
        ({"step": 3}, "its step is 3, and 2 are planned"),
        ({"step": None}, "step is null"),
        ({"best": "x"}, "best is 'x', and must be a number or null"),
        ({"bad": -1}, "bad is -1"),
        ({"rates": [[-0.1]]}, r"rates\[0\]\[0\] is -0.1, and must be 0 to"),
        ({"rates": []}, "the checkpoint does not fit the run"),
        ({"rates": 1}, "rates is 1, and must be a list"),
        ({"schedules": [{"_last_lr": [-1.0]}]}, r"schedules\[0\]._last_lr\[0\] is -1.0"),
        ({"schedules": [1]}, r"schedules\[0\] is 1, and must be an object"),
        ({"optimisers": {"autoencoder": {"group/9/lr": 1}}}, "the checkpoint does not fit the run"),
        ({"log": ["nothing"]}, "the checkpoint does not fit the run"),
        ({"run": 4}, "run is 4, and must be a text"),
    ],
    ids=str,
)
def test_counters_of_another_kind_are_refused(scalars: dict[str, Any], said: str, made: Path) -> None:
    rewritten(made / CHECKPOINT, **scalars)
    before = {path: path.read_bytes() for path in made.iterdir()}
    with pytest.raises(InputError, match=said) as refused:
        Run(made).resume(vectors(), show=False)
    assert CHECKPOINT in str(refused.value)
    assert {path: path.read_bytes() for path in made.iterdir()} == before


def test_a_number_that_is_none_is_refused(made: Path) -> None:
    path = made / CHECKPOINT
    content, best = path.read_bytes(), json.dumps(read_header(path)["best"])
    assert best.encode() in content
    path.write_bytes(content.replace(best.encode(), b"NaN".ljust(len(best))))
    with pytest.raises(InputError, match=r"checkpoint\.safetensors is damaged \(NaN is no number\)"):
        Run(made).resume(vectors(), show=False)


TYPES = [torch.int64, torch.bool, torch.float8_e4m3fn, torch.complex64, torch.float16]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_weights_of_another_type_are_refused(dtype: torch.dtype, made: Path) -> None:
    for name, opened in ((BEST, Run(made).model), (CHECKPOINT, lambda: Run(made).resume(vectors(), show=False))):
        tensors = load_file(made / name)
        key = next(k for k, v in tensors.items() if v.ndim == 2 and not k.startswith(("optimiser", "ema")))
        rewritten(made / name, tensors | {key: tensors[key].to(dtype)})
        with pytest.raises(InputError, match=rf"is of the type {dtype}, and must be torch.float32"):
            opened()


def test_weights_that_are_not_finite_are_refused(made: Path) -> None:
    tensors = load_file(made / BEST)
    key = next(k for k, v in tensors.items() if v.ndim == 2)
    rewritten(made / BEST, tensors | {key: tensors[key] * math.nan})
    with pytest.raises(InputError, match=f"{key} has numbers that are not finite"):
        Run(made).model()


def test_an_average_of_another_type_is_refused(made: Path) -> None:
    tensors = load_file(made / CHECKPOINT)
    rewritten(made / CHECKPOINT, tensors | {"ema/n_averaged": torch.tensor(1.0)})
    with pytest.raises(InputError, match=r"n_averaged is of the type torch\.float32, and must be torch\.int64"):
        Run(made).resume(vectors(), show=False)


MOMENT = "optimiser/autoencoder/0/exp_avg_sq"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: {k: v for k, v in t.items() if not k.startswith("optimiser")}, "is incomplete for every parameter"),
        (lambda t: {k: v for k, v in t.items() if k != MOMENT}, "is incomplete for parameter 0"),
        (lambda t: t | {MOMENT: t[MOMENT][:1]}, "exp_avg_sq is not the state of a parameter of shape"),
        (lambda t: t | {MOMENT: t[MOMENT] - 1}, "exp_avg_sq is not the state of a parameter of shape"),
        (lambda t: t | {MOMENT: t[MOMENT].long()}, "exp_avg_sq is not the state of a parameter of shape"),
        (lambda t: t | {MOMENT: t[MOMENT] * math.nan}, "exp_avg_sq is not the state of a parameter of shape"),
        (lambda t: t | {"optimiser/autoencoder/999/step": torch.zeros(())}, "the checkpoint does not fit the run"),
        (lambda t: t | {"optimiser/autoencoder/x": torch.zeros(())}, "the checkpoint does not fit the run"),
    ],
    ids=map(str, range(8)),
)
def test_a_state_of_the_optimiser_that_is_not_whole_is_refused(change: Any, said: str, made: Path) -> None:
    rewritten(made / CHECKPOINT, change(load_file(made / CHECKPOINT)))
    with pytest.raises(InputError, match=rf"checkpoint\.safetensors: .*{said}"):
        Run(made).resume(vectors(), show=False)


def test_a_missing_tensor_is_noticed(made: Path) -> None:
    tensors, about = load_file(made / CHECKPOINT), read_header(made / CHECKPOINT)
    assert about["tensors"] == len(tensors)
    write_tensors(made / CHECKPOINT, {k: v for k, v in tensors.items() if not k.startswith("ema")}, about)
    with pytest.raises(InputError, match=r"checkpoint\.safetensors is damaged: it has \d+ tensors, and had \d+"):
        Run(made).resume(vectors(), show=False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"step": "4"}', "row 1.step is '4', and must be a whole number"),
        ('{"loss": 4}', "row 1.step is missing"),
        ('{"step": 4, "loss": "x"}', "row 1.loss is 'x'"),
        ('{"step": NaN}', "NaN is no number"),
        ('{"step": 1, "mask": [null]}', r"row 1.mask\[0\] is null"),
    ],
)
def test_a_row_of_the_log_of_another_kind_is_named(line: str, said: str, made: Path) -> None:
    (made / "log.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=rf"log\.jsonl is damaged.*{said}.*; remove it, and the run begins a new one"):
        RunWriter(made, vectors()).rows()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": "4"}, "row 1: n is '4', and must be a whole number"),
        ({"seed": 1.5}, "row 1: seed is 1.5"),
        ({"reference": "tset"}, "row 1: reference is 'tset', and must be 'test' or 'validation' or 'train'"),
        ({"warnings": "few"}, "row 1: warnings is 'few', and must be a list"),
        ({"fd": {}}, r"row 1: fd is \{\}, and must be"),
        ({"weights_hash": 4}, "row 1: weights_hash is 4, and must be a text or null"),
    ],
    ids=str,
)
def test_a_row_of_results_of_another_kind_is_named(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps([{"row": "samples", "n": 10, "seed": 0, "fd": 1.0} | change]))
    with pytest.raises(InputError, match=rf"results\.json is damaged or of another version: {said}"):
        record(tmp_path, [])


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"dim": -1}, "metadata are damaged"),
        ({"dim": 2**40}, "metadata are damaged"),
        ({"n": -1}, "metadata are damaged"),
        ({"weights": 4}, "metadata are damaged"),
        ({"name": "gmm:1000000000", "dim": 2**20}, "names a density that cannot be made"),
        ({"name": "gmm:x"}, "gmm"),
    ],
    ids=str,
)
def test_a_density_of_another_kind_is_refused(about: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "d.safetensors"
    fitted = densities.build("gmm:2", 3).fit(torch.randn(20, 3), torch.Generator().manual_seed(0))
    densities.save(fitted, path, name="gmm:2", codes="mean")
    write_tensors(path, load_file(path), densities.describe(path) | about)
    with pytest.raises(InputError, match=said):
        densities.load(path)


@pytest.mark.parametrize("change", [torch.Tensor.float, torch.Tensor.long, lambda t: t * math.nan])
def test_numbers_of_a_density_of_another_kind_are_refused(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "d.safetensors"
    fitted = densities.build("gmm:2", 3).fit(torch.randn(20, 3), torch.Generator().manual_seed(0))
    densities.save(fitted, path, name="gmm:2", codes="mean")
    tensors = load_file(path)
    write_tensors(path, tensors | {"means": change(tensors["means"])}, densities.describe(path))
    with pytest.raises(InputError, match=r"d\.safetensors does not hold the density 'gmm:2' that it names"):
        densities.load(path)
