"""Shapes and types of every call into the package are checked, on one thread, with a cache of the session's own."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NOISELESS_CACHE"] = tempfile.mkdtemp(prefix="noiseless-cache-")

from jaxtyping import install_import_hook

install_import_hook("noiseless", "beartype.beartype")

import shutil  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["NOISELESS_CACHE"], ignore_errors=True)
