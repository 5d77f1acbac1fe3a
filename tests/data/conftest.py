"""No network, no real cache and no real data folders in any test of the data."""

from __future__ import annotations

import pytest

from noiseless.data import cifar10, idx, sources


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path_factory.mktemp("isolated")
    monkeypatch.setenv("NOISELESS_CACHE", str(nowhere / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("NOISELESS_DATA", raising=False)
    monkeypatch.setattr(sources, "SYSTEM", nowhere / "system")
    monkeypatch.setattr(cifar10, "ADDRESS", "http://127.0.0.1:9/")
    for name in idx.ADDRESSES:
        monkeypatch.setitem(idx.ADDRESSES, name, "http://127.0.0.1:9/")
