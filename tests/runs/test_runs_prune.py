"""Pruned runs: the same functions of the dimensions that are kept, in a smaller network, a run like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from noiseless.autoencoder import Networks
from noiseless.cli import run as command
from noiseless.errors import InputError
from noiseless.files import read_header, read_tensors, write_tensors
from noiseless.runs import Run, train
from noiseless.runs.prune import MASK, prune
from noiseless.runs.user_code import UserCode
from noiseless.training import Training
from tiny import FAST, images, run, vectors, weights

NETWORKS = Networks(latent_dim=6, width=2)
KEPT = [0, 2, 5]


def masked(folder: Path, closed: float = 0.0, kind: Any = images, last: float = 5.0, **networks: Any) -> Run:
    """A run whose mask is open in three of six dimensions, the last of them with an M of its own."""
    sizes = Networks(latent_dim=6, width=2, **networks)
    made = run("maskaae", kind(), folder, networks=sizes, steps=4, arguments={"critic_width": 8})
    for name, prefix in (("best", ""), ("checkpoint", "model/")):
        path = folder / f"{name}.safetensors"
        tensors = load_file(path)
        m = torch.full((6,), -float(np.log1p(-closed)))
        m[KEPT] = torch.tensor([5.0, 5.0, last])
        tensors[f"{prefix}autoencoder.decoder.mask.m"] = m
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))["__metadata__"]
        save_file(tensors, path, metadata=header)
    return made


@pytest.mark.parametrize("net", ["mlp", "conv-small", "conv-large"])
def test_a_pruned_run_is_the_same_function_of_active_codes(net: Any, tmp_path: Path) -> None:
    old = masked(tmp_path / "old", net=net)
    pruned = prune(old, tmp_path / "new")
    assert (pruned.kept, pruned.latent_dim, pruned.undecided) == (KEPT, 6, {})
    assert pruned.change < 1e-6
    raw = images().test.take(np.arange(20))
    x, z = images().spec.normalise(torch.from_numpy(raw)), torch.randn(50, 6)
    for precision, dtype, tolerance in (("float32", torch.float32, 1e-6), ("float64", torch.float64, 1e-12)):
        models = [r.model(precision=precision) for r in (old, pruned.run)]
        before, after = (model.autoencoder for model in models)
        with torch.no_grad():
            codes = [autoencoder.encode(x.to(dtype)).mean for autoencoder in (before, after)]
            y = [before.decode(z.to(dtype)), after.decode(z[:, KEPT].to(dtype))]
        torch.testing.assert_close(codes[1], codes[0][:, KEPT], rtol=0, atol=tolerance)
        torch.testing.assert_close(y[1], y[0], rtol=0, atol=tolerance)
        torch.testing.assert_close(models[1].reconstruct(raw), models[0].reconstruct(raw), rtol=0, atol=1e-6)


def test_the_networks_are_smaller_at_their_code(tmp_path: Path) -> None:
    pruned = prune(masked(tmp_path / "old", net="mlp"), tmp_path / "new")
    best = load_file(tmp_path / "new/best.safetensors")
    shapes = {tuple(v.shape) for k, v in best.items() if 3 in v.shape}
    assert {(3, 16), (16, 3), (3,)} <= shapes
    assert not any(6 in v.shape for v in best.values())
    old, new = pruned.parameters
    assert old - new == 3 * 16 + 3 + 3 * 16 + 3  # encoder's rows and biases, decoder's columns, mask


def test_a_pruned_run_is_a_run_like_any_other(tmp_path: Path) -> None:
    masked(tmp_path / "old", kind=vectors)
    assert command(["prune", str(tmp_path / "old"), "--out", str(tmp_path / "new")]) == 0
    new = Run(tmp_path / "new")
    assert new.record["arguments"]["networks"]["latent_dim"] == 3
    assert new.record["pruned"] == {"latent_dim": 6, "kept": KEPT, "weights": "best"}
    assert "pruned from 6 to 3 latent dimensions" in new.record["notes"]
    assert "trained on, the mean of the variance is over 3 dimensions" in new.record["notes"]  # not: form paper
    assert not any(name.startswith("polarising") for name in new.record["arguments"])  # the plan's alone
    assert new.steps == (4, 4)
    model = new.model(data=vectors())
    assert model.sample(7, "normal").shape == (7, 5)
    assert model.sample(7, "gmm:2").shape == (7, 5)
    assert (tmp_path / "new/densities/gmm-2.safetensors").is_file()
    new.resume(vectors(), steps=2, show=False)
    assert new.steps == (6, 6)
    assert weights(tmp_path / "new")["checkpoint"]["optimiser/mask/0/square_avg"].shape == (3,)


def test_what_a_small_mask_let_through_is_said(tmp_path: Path) -> None:
    old = masked(tmp_path / "old", closed=0.09, net="mlp")
    pruned = prune(old, tmp_path / "new")
    assert pruned.kept == KEPT
    z = torch.randn(1000, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        change = pruned.run.model().autoencoder.decode(z[:, KEPT]) - old.model().autoencoder.decode(z)
    assert pruned.change == pytest.approx(change.abs().max().item(), rel=1e-4)
    assert pruned.change > 1e-5


def test_an_undecided_mask_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masked(tmp_path / "some", last=float(np.log(2)), net="mlp")
    assert command(["prune", str(tmp_path / "some"), "--out", str(tmp_path / "new"), "--threads", "1"]) == 0
    assert (
        "1 of the kept dimensions are undecided, 5 (mask 0.50): train anew with more steps" in capsys.readouterr().err
    )
    all_open = masked(tmp_path / "none", closed=0.84, net="mlp")
    said = r"\(masks 0.84 to 0.99\): there is nothing to remove; 3 of them are undecided: train anew with more steps"
    with pytest.raises(InputError, match=said):
        prune(all_open, tmp_path / "other")


def test_a_pruned_run_of_form_paper_keeps_the_schedule_and_says_what_differs(tmp_path: Path) -> None:
    sizes = Networks(latent_dim=30, width=2)
    made = run("maskaae", vectors(size=30), tmp_path / "old", networks=sizes, steps=1, arguments={"form": "paper"})
    for name, key, m in (("best", MASK.removeprefix("model/"), [4.0, 4.0]), ("checkpoint", MASK, [4.0, 0.0, 4.0])):
        path = tmp_path / f"old/{name}.safetensors"
        tensors = read_tensors(path) | {key: torch.tensor(m + [0.0] * (30 - len(m)))}
        write_tensors(path, tensors, read_header(path) if name == "checkpoint" else {})
    pruned = prune(made, tmp_path / "new")
    old, new = (r.method().objective.polarising for r in (made, pruned.run))
    assert (new.start, new.every) == (old.start, old.every) == (0, 4 * 3375)
    notes = pruned.run.record["notes"]
    assert "trained on, the mean of the variance is over 2 dimensions; form paper polarises from 2/2" in notes
    assert "the checkpoint had 1 more active dimensions than what was pruned: it goes on without them" in notes


@pytest.mark.parametrize("net", ["mlp", "conv-small"])
def test_the_average_is_cut_too(net: Any, tmp_path: Path) -> None:
    sizes = Networks(latent_dim=6, width=2, net=net)
    made = run("maskaae", images(), tmp_path / "old", networks=sizes, steps=4, ema=0.5, arguments={"critic_width": 8})
    for file in ("best", "checkpoint"):
        path = tmp_path / f"old/{file}.safetensors"
        tensors = load_file(path)
        for name in [k for k in tensors if k.endswith("decoder.mask.m")]:
            tensors[name] = torch.tensor([4.0, 0.0, 4.0, 0.0, 0.0, 4.0])
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))["__metadata__"]
        save_file(tensors, path, metadata=header)
    pruned = prune(made, tmp_path / "new", "average")
    assert pruned.run.model("average").latent_dim == 3
    assert pruned.run.model("last").latent_dim == 3


def test_what_cannot_be_pruned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no mask"):
        prune(run("ae", images(), tmp_path / "ae", steps=1), tmp_path / "new")
    whole = run("maskaae", vectors(), tmp_path / "whole", steps=1, arguments={"critic_width": 8})
    with pytest.raises(InputError, match=r"3 of the 3 dimensions .* nothing to remove"):
        prune(whole, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.tex").touch()
    old = masked(tmp_path / "old", net="mlp")
    for overwrite, said in ((False, "exists already"), (True, "is not a run")):
        with pytest.raises(InputError, match=said):
            prune(old, tmp_path / "home", overwrite=overwrite)
    prune(old, tmp_path / "whole", overwrite=True)
    assert Run(tmp_path / "whole").model().latent_dim == 3


def stubborn(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
    """A decoder whose hidden layer follows the latent size."""
    size = int(np.prod(shape))
    return nn.Sequential(nn.Linear(latent_dim, 2 * latent_dim), nn.Linear(2 * latent_dim, size), nn.Unflatten(1, shape))


def test_networks_of_one_s_own_that_do_not_follow_are_refused(tmp_path: Path) -> None:
    sizes = Networks(latent_dim=6, width=2, net="mlp", decoder=stubborn)
    settings = Training(**FAST, steps=2)
    train("maskaae", vectors(), tmp_path / "old", training=settings, networks=sizes, critic_width=8, show=False)
    path = tmp_path / "old/best.safetensors"
    tensors = load_file(path)
    tensors["autoencoder.decoder.mask.m"][:2] = 0
    save_file(tensors, path, metadata={"noiseless": "{}"})
    with pytest.raises(InputError, match=r"shrink from 12 to 8 .*: only layers"):
        prune(Run(tmp_path / "old", UserCode(decoder=stubborn)), tmp_path / "new")
    assert not (tmp_path / "new").exists()
