"""Perceptual distances against their definition, and the files of LPIPS."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from noiseless.errors import InputError
from noiseless.nn.alexnet import CHANNELS, AlexNet
from noiseless.nn.efficientnet import STAGES, pretrained
from noiseless.objectives import reconstruction
from noiseless.objectives.reconstruction.perceptual import Perceptual, distance, efficientnet, trained_on
from noiseless.values import Spec

lpips_module = sys.modules["noiseless.objectives.reconstruction.lpips"]

IMAGE = Spec("mnist", (1, 28, 28))


def images(n: int = 3, channels: int = 1, side: int = 28, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def test_the_distance_is_that_of_the_definition() -> None:
    f, g = (torch.randn(2, 3, 4, 5, dtype=torch.float64) for _ in range(2))
    w = torch.tensor([0.5, 2.0, 0.0], dtype=torch.float64)
    expected = []
    for i in range(2):
        total = 0.0
        for r in range(4):
            for c in range(5):
                a, b = f[i, :, r, c], g[i, :, r, c]
                total += float((w * (a / a.norm() - b / b.norm()).square()).sum())
        expected.append(total / 20)
    found = distance([f, f], [g, f], [w, w])
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-8, atol=0)


def test_efficientnet_s_stages_have_their_widths_and_lead_to_its_features() -> None:
    network = pretrained()
    x = torch.randn(2, 3, 64, 64)
    stages = network.stages(x)
    assert [s.shape[1] for s in stages] == [stage[-1] for stage in STAGES]
    assert [s.shape[2] for s in stages] == [32, 16, 8, 4, 4, 2, 2]
    rest = list(network.trunk)[-2:]
    torch.testing.assert_close(nn.Sequential(*rest)(stages[-1]).mean((2, 3)), network(x)[0])


def test_efficientnet_is_zero_for_the_same_image_and_grows_with_noise() -> None:
    term, x = efficientnet(32.0), images()
    assert term(x, x) == 0
    found = [
        float(term(x + s * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)), x)) for s in (0.1, 0.4)
    ]
    assert 0 < found[0] < found[1]
    torch.testing.assert_close(term(x[:1], x[1:2]) / 784, term(x[1:2], x[:1]) / 784)
    y = images(seed=1).requires_grad_()
    term(y, x).backward()
    assert y.grad is not None
    assert y.grad.isfinite().all()
    assert y.grad.abs().amax((1, 2, 3)).min() > 0
    wide = efficientnet(32.0)(images().double(), images(seed=1).double())
    torch.testing.assert_close(wide, term(images(), images(seed=1)).double(), rtol=1e-4, atol=0)


def test_perceptual_terms_are_named_with_their_side_and_strangers_refused() -> None:
    made = reconstruction.build("efficientnet:96", IMAGE)
    assert isinstance(made.of, Perceptual)
    assert (made.of.side, made.logits, trained_on(made.of)) == (96, False, "efficientnet-lite0")
    assert trained_on(reconstruction.build("squared-error", IMAGE).of) is None
    for name in ("efficientnet:50", "efficientnet:0", "efficientnet:64.5"):
        with pytest.raises(InputError, match="multiple of 32"):
            reconstruction.build(name, IMAGE)
    with pytest.raises(InputError, match="images of 1 or 3 channels"):
        efficientnet(32.0)(torch.rand(2, 5), torch.rand(2, 5))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two files of LPIPS, with random weights, where they are looked for."""
    torch.manual_seed(0)
    folder = tmp_path / "lpips"
    folder.mkdir()
    state = AlexNet().state_dict() | {"classifier.1.weight": torch.zeros(2, 2)}
    torch.save(state, folder / lpips_module.ALEXNET)
    heads = {f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1) for k, c in enumerate(CHANNELS)}
    torch.save(heads, folder / lpips_module.HEAD)
    monkeypatch.setenv("NOISELESS_DATA", str(tmp_path))
    return folder


def test_lpips_is_the_published_formula(files: Path) -> None:
    x, y = images(side=64, channels=3), images(side=64, channels=3, seed=1)
    network, heads = lpips_module.weights(files / lpips_module.ALEXNET, files / lpips_module.HEAD)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    total = torch.zeros(3)
    pair = [network((2 * v - 1 - shift.view(3, 1, 1)) / scale.view(3, 1, 1)) for v in (x, y)]
    for a, b, w in zip(*pair, heads, strict=True):
        a, b = (v / (v.square().sum(1, keepdim=True).sqrt() + 1e-10) for v in (a, b))
        total += nn.functional.conv2d((a - b).square(), w.view(1, -1, 1, 1)).mean((2, 3))[:, 0]
    term = reconstruction.build("lpips:64", Spec("cifar10", (3, 64, 64))).of
    torch.testing.assert_close(term(y, x), x[0].numel() * total.mean(), rtol=1e-4, atol=0)
    assert trained_on(term) == "lpips-alexnet"


def test_alexnet_s_activations_have_their_sizes() -> None:
    found = AlexNet()(torch.rand(1, 3, 128, 128))
    assert [tuple(f.shape[1:]) for f in found] == [(64, 31, 31), (192, 15, 15), (384, 7, 7), (256, 7, 7), (256, 7, 7)]
    assert all(f.min() >= 0 for f in found)


def test_files_that_are_nowhere_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(address: str, path: Path, digest: str) -> None:
        raise InputError(f"{address} cannot be downloaded (no network)")

    monkeypatch.setenv("NOISELESS_DATA", str(tmp_path))
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(lpips_module, "download", unreachable)
    with pytest.raises(
        InputError, match=r"needs the file alexnet-owt-7be5be79.pth.*to .*cache/lpips/alexnet.*efficientnet"
    ):
        reconstruction.build("lpips", IMAGE)


def test_files_that_hold_something_else_are_refused(files: Path) -> None:
    torch.save({"a": torch.zeros(1)}, files / lpips_module.HEAD)
    with pytest.raises(InputError, match="do not hold the weights of LPIPS"):
        reconstruction.build("lpips", IMAGE)
    (files / lpips_module.HEAD).write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot be read as weights of LPIPS: it is damaged"):
        reconstruction.build("lpips", IMAGE)
    torch.save({"a": Path("x")}, files / lpips_module.HEAD)
    with pytest.raises(InputError, match="holds more than tensors, which is not loaded") as refused:
        reconstruction.build("lpips", IMAGE)
    for advice in ("weights_only", "safe_globals", "trust"):
        assert advice not in str(refused.value)
