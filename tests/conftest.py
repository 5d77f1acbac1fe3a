"""Shapes and types of every call into the package are checked, on one thread, with a cache of the session's own."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NOISELESS_CACHE"] = tempfile.mkdtemp(prefix="noiseless-cache-")

from jaxtyping import install_import_hook

install_import_hook("noiseless", "beartype.beartype")

import shutil  # noqa: E402
from functools import partial  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402

from noiseless.nn.inversion import DecoderInversion  # noqa: E402
from noiseless.objectives.deciphering import objective  # noqa: E402
from noiseless.recipes import deciphering as recipe  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deciphering autoencoders take their moments from few data, and search for codes in few steps."""
    monkeypatch.setattr(objective, "CALIBRATION", 2)
    monkeypatch.setattr(objective, "BATCH", 50)
    monkeypatch.setattr(recipe, "DecoderInversion", partial(DecoderInversion, steps=3))


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["NOISELESS_CACHE"], ignore_errors=True)
