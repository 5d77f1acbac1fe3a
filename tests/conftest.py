"""Shapes and types of every call into the package are checked, on one thread, with a cache of the session's own."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NOISELESS_CACHE"] = tempfile.mkdtemp(prefix="noiseless-cache-")

import shutil
from functools import partial

import pytest
from jaxtyping import install_import_hook

install_import_hook("noiseless", "beartype.beartype")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deciphering autoencoders take their moments from few data, and search for codes in few steps."""
    # imported here, because the process that hands out tests to others reads this file too
    from noiseless.nn.inversion import DecoderInversion
    from noiseless.objectives.deciphering import objective
    from noiseless.recipes import deciphering as recipe

    monkeypatch.setattr(objective, "CALIBRATION", 2)
    monkeypatch.setattr(objective, "BATCH", 50)
    monkeypatch.setattr(recipe, "DecoderInversion", partial(DecoderInversion, steps=3))


@pytest.fixture(autouse=True)
def _pictures(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Runs draw nothing at their end, which is slow, but in tests marked ``pictures``."""
    if request.node.get_closest_marker("pictures") is None:
        monkeypatch.setattr("noiseless.runs.pictures.draw", lambda *given: given[-1])


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["NOISELESS_CACHE"], ignore_errors=True)
