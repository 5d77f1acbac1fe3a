"""Small data and small methods, for tests that train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from noiseless.autoencoder import Networks
from noiseless.data import Data, Split
from noiseless.errors import InputError
from noiseless.objectives.objective import TrainingInfo
from noiseless.recipes.method import Method, names
from noiseless.runs import Run, train
from noiseless.strings import CharacterCodec, Codec, GrammarCodec, shipped
from noiseless.training import Training
from noiseless.values import Spec

NETWORKS = Networks(latent_dim=3, width=4)
FAST: dict[str, Any] = {"batch": 20, "device": "cpu", "precision": "float32", "threads": 1}


def data(raw: np.ndarray, spec: Spec, held: int = 20) -> Data:
    n = len(raw) - 2 * held
    parts = [Split(raw, np.arange(a, b)) for a, b in ((0, n), (n, n + held), (n + held, n + 2 * held))]
    return Data(spec, *parts, fingerprint=f"{abs(hash(raw.tobytes())):016x}"[:16], source="tiny")


def images(n: int = 120, shape: tuple[int, ...] = (1, 8, 8), name: str = "mnist", held: int = 20) -> Data:
    rng = np.random.default_rng(0)
    code = rng.normal(size=(n, 2))
    basis = rng.normal(size=(2, int(np.prod(shape))))
    return data((255 / (1 + np.exp(-code @ basis))).astype(np.uint8).reshape(n, *shape), Spec(name, shape), held)


def vectors(n: int = 120, size: int = 5, held: int = 20) -> Data:
    rng = np.random.default_rng(0)
    raw = (rng.normal(size=(n, 2)) @ rng.normal(size=(2, size)) + 3).astype(np.float32)
    return data(raw, Spec("vectors", (size,), tuple(raw.mean(0).tolist()), tuple(raw.std(0).tolist())), held)


def strings(codec: Codec, n: int = 120, held: int = 20) -> Data:
    rng = np.random.default_rng(0)
    texts = [f"{a}{op}{b}" for a, op, b in zip(*(rng.choice(list(k), n) for k in ("x12", "+*", "x3")), strict=True)]
    grammar = codec.grammar.text if codec.grammar is not None else ""
    spec = Spec("expressions", (codec.length,), (), (), codec.size, grammar, codec.alphabet)
    return data(codec.encode(texts), spec, held)


def derivations(n: int = 120, held: int = 20) -> Data:
    return strings(GrammarCodec(shipped("expressions"), 9), n, held)


def spelled(n: int = 120, held: int = 20) -> Data:
    return strings(CharacterCodec("x+*123()sinep ", 7, shipped("expressions")), n, held)


KINDS = {"images": images, "vectors": vectors, "derivations": derivations, "spelled": spelled}


def takes(name: str, kind: str) -> bool:
    """Whether a recipe is for such data; each recipe is for some."""
    try:
        method(name, KINDS[kind]().spec)
    except InputError:
        return False
    return True


ALSO_STRINGS = ("ae", "rae", "eae")
"""Of the methods for numbers, those whose contract is kept on strings too; the rest only costs time."""


def kinds(name: str) -> list[str]:
    """The data on which a recipe's contract is tested: numbers, or strings where it takes no images."""
    found = [kind for kind in KINDS if takes(name, kind)]
    assert found, name
    if "images" in found:
        return ["images", "vectors"] + ["derivations"] * (name in ALSO_STRINGS)
    return found[:1]


def method(name: str, spec: Spec, seed: int = 0, **arguments: Any) -> Method:
    """A small method, which has met as many data as images and vectors above have for training."""
    torch.manual_seed(seed)
    made = names()[name](spec, NETWORKS, **arguments)
    rows = torch.rand(80, spec.size, generator=torch.Generator().manual_seed(seed))
    made.objective.setup(TrainingInfo(80, 20, seed), lambda: rows)
    return made


def run(name: str, on: Data, out: Path, networks: Networks = NETWORKS, **training: Any) -> Run:
    arguments, draw, until = training.pop("arguments", {}), training.pop("draw", True), training.pop("until", None)
    settings = Training(**FAST | training)
    return train(name, on, out, training=settings, until=until, show=False, draw=draw, networks=networks, **arguments)


def failing(function: Callable[..., Any], recipe: str, error: Exception) -> Callable[..., Any]:
    """`train`, which raises for one recipe."""

    def broken(name: str, *given: Any, **named: Any) -> Any:
        if name == recipe:
            raise error
        return function(name, *given, **named)

    return broken


def weights(directory: Path) -> dict[str, dict[str, Tensor]]:
    return {name: load_file(directory / f"{name}.safetensors") for name in ("checkpoint", "best")}


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=0, msg=lambda text, name=name: f"{name}: {text}")
