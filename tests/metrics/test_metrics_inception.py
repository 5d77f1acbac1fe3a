"""Inception through torch-fidelity, with random weights of the right shapes; without it, the message."""

import importlib.util
from pathlib import Path

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics.features import build
from noiseless.nn.inception import WEIGHTS, pretrained
from noiseless.values import Spec

torch.set_num_threads(1)
MISSING = importlib.util.find_spec("torch_fidelity") is None
SPEC = Spec("grey", (1, 8, 8))
extra = pytest.mark.skipif(MISSING, reason="needs noiseless[inception]")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights where the library looks for them, drawn by torch-fidelity's own constructor."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    drawn = {}

    def keep(self: torch.nn.Module, state: object) -> None:
        drawn.update(self.state_dict())

    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *a, **k: {})
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", keep)
        module.FeatureExtractorInceptionV3("random", ["2048"])
    torch.save(drawn, tmp_path / WEIGHTS)
    monkeypatch.setenv("NOISELESS_DATA", str(tmp_path))
    return tmp_path / WEIGHTS


@pytest.mark.skipif(not MISSING, reason="torch-fidelity is installed")
def test_the_message_names_the_extra():
    with pytest.raises(InputError, match=r"pip install noiseless\[inception\]"):
        build("inception", SPEC)


@extra
def test_shapes_and_determinism(weights: Path):
    features = build("inception", SPEC)
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    sample = features(x)
    assert features.name == "inception-v3@299"
    assert sample.features.shape == (3, 2048)
    assert sample.logits is not None
    assert sample.logits.shape == (3, 1008)
    torch.testing.assert_close(features.over(x.split(1)).features, sample.features, rtol=0, atol=1e-4)
    assert torch.equal(features(x).features, sample.features)


@extra
def test_a_damaged_file_is_named(tmp_path: Path):
    for content in (b"", b"not weights"):
        (tmp_path / WEIGHTS).write_bytes(content)
        with pytest.raises(InputError, match=WEIGHTS):
            pretrained(tmp_path / WEIGHTS)
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / WEIGHTS)
    with pytest.raises(InputError, match="does not hold the weights"):
        pretrained(tmp_path / WEIGHTS)
