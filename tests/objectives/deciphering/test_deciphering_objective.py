"""Deciphering: shifts, the plan of training, what is drawn, and that the encoder never sees a datum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Networks
from noiseless.densities import build
from noiseless.densities.empirical import Empirical
from noiseless.densities.pattern import Pattern
from noiseless.errors import InputError
from noiseless.evaluation.distances import evaluate
from noiseless.metrics import build as features
from noiseless.model import Model
from noiseless.nn.deciphering import GroupedDecoder, PatternEncoder, Shifted, widths
from noiseless.nn.distributed import BatchNorm, recalibrate, take_moments
from noiseless.nn.inversion import DecoderInversion
from noiseless.objectives.deciphering.objective import Deciphering, Plan, energy_distance, shifted
from noiseless.objectives.objective import TrainingInfo
from noiseless.recipes.method import names
from noiseless.runs import Run
from noiseless.training import State, Training, fit
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Noise, Spec
from tiny import FAST, NETWORKS, assert_same, images, method, run, weights

PLAIN: dict[str, Any] = {"reconstruction": "squared-error"}


def objective(seed: int = 0, shape: tuple[int, ...] = (1, 8, 8), **arguments: Any) -> Deciphering:
    made = method("deciphering", Spec("mnist", shape), seed, **{**PLAIN, **arguments}).objective
    assert isinstance(made, Deciphering)
    return made


def batch(n: int = 20, step: int | None = 0, shape: tuple[int, ...] = (1, 8, 8), first: int = 0) -> Batch:
    x = torch.rand(n, *shape, generator=torch.Generator().manual_seed(1))
    return Batch(x, torch.arange(first, first + n), step, Noise(3))


def test_the_paper_s_networks_have_its_numbers_of_parameters() -> None:
    def count(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    cipher = PatternEncoder((3, 32, 32), 128)
    decoder = Shifted(GroupedDecoder(256, (3, 32, 32)), 1)
    assert round(count(cipher.stages) / 1e6, 1) == 15.3
    assert round((count(cipher) + count(decoder)) / 1e6, 2) == 18.11
    groups = [m.groups for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert groups == [8, 4, 2, 1]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 10, 24)])
def test_images_come_out_in_their_own_size(shape: tuple[int, ...]) -> None:
    cipher, decoder = PatternEncoder(shape, 5, 4), GroupedDecoder(5, shape, 4)
    masks = [torch.ones(2, n) for n in widths(4)[:3]]
    assert decoder(cipher(masks)).shape == (2, *shape)
    clamped = decoder.eval()(50 * torch.randn(4, 5))
    assert 0 <= clamped.min() <= clamped.max() <= 1


@pytest.mark.parametrize("convolutional", [False, True])
def test_a_learnt_input_lets_patterns_through(convolutional: bool) -> None:
    cipher = PatternEncoder((1, 8, 8), 5, 8, learnt=True, convolutional=convolutional)
    masks = [torch.randn(20, n) for n in widths(8)[:3]]
    z = cipher(masks)
    assert (z.std(0) > 0.05).all()
    z.square().sum().backward()
    assert max(p.grad.abs().max() for p in cipher.parameters() if p.grad is not None) < 1e4


def test_shifts_reflect_as_torch_pads() -> None:
    x = torch.rand(3, 2, 6, 9)
    by = torch.tensor([4, 0, -3])
    for axis, pad in ((3, (4, 4, 0, 0)), (2, (0, 0, 4, 4))):
        found = shifted(x, by, axis)
        padded = nn.functional.pad(x, pad, mode="reflect")
        for k in range(3):
            start = 4 - int(by[k])
            assert torch.equal(found[k], padded[k].narrow(axis - 1, start, x.shape[axis]))


def test_the_decoder_is_told_the_shift_and_50_is_none() -> None:
    made = objective(shift="both")
    _, r = made._moved(torch.rand(400, 1, 8, 8), Noise(0))
    assert r is not None
    assert r.shape == (400, 2)
    assert sorted(r.unique().tolist()) == [0, 25, 50, 75, 100]  # -2 to 2 of 8 pixels
    decoder = made.autoencoder.decoder.eval()
    z = torch.randn(3, 3)
    torch.testing.assert_close(decoder(z), decoder(z, torch.full((3, 2), 50.0)), rtol=0, atol=0)
    assert not torch.equal(decoder(z), decoder(z, torch.full((3, 2), 75.0)))


def test_the_encoder_never_sees_a_datum() -> None:
    made = objective(shift="horizontal", shift_epochs=9)
    seen: list[list[Tensor]] = []
    made.cipher.register_forward_pre_hook(lambda _, given: seen.append([*given[0], given[1]]))
    one, other, another = batch(), batch(), batch(first=20)
    other.x = 1 - other.x
    losses = [made.loss(b)["reconstruction"].item() for b in (one, other, another)]
    assert all(torch.equal(a, b) for a, b in zip(seen[0], seen[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(seen[0], seen[2], strict=True))
    assert losses[0] != losses[1]
    made.eval()
    assert torch.equal(made.code(one), made.code(other))


def test_the_second_part_has_no_shifts_and_begins_anew() -> None:
    made = objective(shift="horizontal", shift_epochs=3)
    made.setup(TrainingInfo(80, 20, 0), lambda: torch.rand(80, 64))
    assert made.restarts() == {12}
    made.loss(batch(step=11))
    assert made._moved(batch().x, Noise(0))[1].unique().numel() > 1  # type: ignore[union-attr]
    made.loss(batch(step=12))
    x, r = made._moved(batch().x, Noise(0))
    assert torch.equal(x, batch().x)
    assert r is not None
    assert r.unique().tolist() == [50]


def test_optimiser_and_average_begin_anew_at_a_restart() -> None:
    data = images()
    settings = Training(**FAST, steps=8, ema=0.5, schedule="constant")
    state = fit(objective(shift="horizontal", shift_epochs=1), data, settings, show=False)
    steps = {int(s["step"]) for s in state.optimisers[0].state.values()}
    assert state.restarts == {4}
    assert steps == {4}
    assert state.average is not None
    assert int(state.average.n_averaged) == 4


def test_the_best_weights_are_of_the_part_that_was_asked_for() -> None:
    state = State(objective(), Training(schedule="constant"))
    state.restarts, state.best, state.bad = frozenset({4}), -1.0, 3
    state.step = 3
    state.begin()
    assert (state.best, state.bad) == (-1.0, 3)
    state.step = 4
    state.begin()
    assert (state.best, state.bad) == (float("inf"), 0)


def test_moments_are_those_of_the_shifts_that_weights_come_of() -> None:
    made = objective(shift="both", shift_epochs=3)
    made.setup(TrainingInfo(80, 20, 0), lambda: torch.rand(80, 64))
    told: list[Tensor | None] = []
    made.autoencoder.decoder.register_forward_pre_hook(lambda _, given: told.append(given[1] if given[1:] else None))
    z = made.draw(50, torch.Generator().manual_seed(0))
    for step, of_training in ((11, True), (12, False)):  # the last of the first part, the first of the second
        made.loss(batch(step=step))
        told.clear()
        made._decoded(z, torch.Generator().manual_seed(0))
        assert (told[0] is not None) == of_training
    made.loss(batch(step=11))
    assert made.shifting
    made._decoded(z, torch.Generator().manual_seed(0))
    r = cast(Tensor, told[-1])
    assert r.shape == (50, 2)
    assert set(r.unique().tolist()) == {0, 25, 50, 75, 100}  # two pixels of eight, either way
    made.eval()
    moments = [
        torch.cat([m.moments()[0] for m in other.autoencoder.decoder.modules() if isinstance(m, BatchNorm)])
        for other in (made.recalibrated(), made.recalibrated(), _unshifted(made).recalibrated())
    ]
    assert torch.equal(moments[0], moments[1])
    assert not torch.allclose(moments[0], moments[2])


def _unshifted(made: Deciphering) -> Deciphering:
    state = made.state_dict()
    assert state.pop("shifting")
    made.load_state_dict(state)  # as older checkpoints have it
    assert not made.shifting
    return made


def test_the_average_shares_the_patterns_and_a_checkpoint_has_them_for_both(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ema": 0.5, "draw": False, "arguments": PLAIN}
    made = run("deciphering", images(), tmp_path / "run", steps=3, **settings)
    state = State(objective(), Training(ema=0.5, schedule="constant"))
    assert state.average is not None
    own, average = (cast(Deciphering, m) for m in (state.objective, state.average.module))
    assert [r.data_ptr() for r in own.patterns.rows] == [r.data_ptr() for r in average.patterns.rows]
    state.load(state.tensors(), state.scalars())
    average = cast(Deciphering, state.average.module)
    assert [r.data_ptr() for r in own.patterns.rows] == [r.data_ptr() for r in average.patterns.rows]
    stored = weights(made.directory)["checkpoint"]
    assert_same({"": stored["model/patterns.stage2"]}, {"": stored["ema/module.patterns.stage2"]})
    assert len(cast(Deciphering, made.objective("average")).patterns) == 80


def test_weight_decay_grows_by_epochs_and_the_embedding_has_its_own_rate() -> None:
    plan = Plan(decay=0.08, decay_epochs=4)
    assert [round(plan.weight_decay(e), 4) for e in (0, 1, 2, 4, 9)] == [0, 0.02, 0.04, 0.08, 0.08]
    made = objective(decay_epochs=2, shift="horizontal", shift_epochs=9, optimiser=Optimiser(lr=1e-2, weight_decay=0.5))
    state = fit(made, images(), Training(**FAST, steps=5), show=False)
    groups = state.optimisers[0].param_groups
    assert [g["lr"] for g in groups] == [1e-2, 1e-3]
    assert [g["weight_decay"] for g in groups] == [0.25, 0.25]  # epoch 1 of 2
    assert type(state.optimisers[0]).__name__ == "AdamW"


def test_mirrored_epochs_mirror_images_and_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    made = objective(mirrored=True, shift="none")
    seen: list[tuple[Tensor, Tensor]] = []
    made.reconstruction = lambda y, x: (seen.append((y, x)), y.sum())[1]
    for step in (3, 4):  # epochs 0 and 1
        made.loss(batch(step=step))
    assert torch.equal(seen[0][1], batch().x)
    assert torch.equal(seen[1][1], batch().x.flip(-1))
    assert not torch.equal(seen[0][0], seen[1][0])


def test_resuming_across_the_restart_is_never_having_stopped(tmp_path: Path) -> None:
    arguments = {**PLAIN, "shift": "both", "shift_epochs": 1, "decay_epochs": 3, "mirrored": True, "clusters": 4}
    settings: dict[str, Any] = {"validate_every": 3, "ema": 0.9, "ema_form": "ramped", "arguments": arguments}
    settings["draw"] = False
    run("deciphering", images(), tmp_path / "whole", steps=9, **settings)
    for stop in (3, 6):
        run("deciphering", images(), tmp_path / f"{stop}", steps=stop, **settings)
        Run(tmp_path / f"{stop}").resume(images(), steps=9 - stop, show=False, draw=False)
        for one, other in zip(
            weights(tmp_path / "whole").values(), weights(tmp_path / f"{stop}").values(), strict=True
        ):
            assert_same(one, other)
    kept = weights(tmp_path / "whole")["best"]
    assert kept["patterns.stage0"].shape == (80, 1)
    assert kept["patterns.stage0"].dtype == torch.uint8


def test_running_moments_let_a_single_pattern_be_drawn_and_the_batch_s_do_not() -> None:
    made = objective().recalibrated()
    u = [made.draw(n, torch.Generator().manual_seed(0)) for n in (1, 1)]
    assert torch.equal(*u)
    z = made.draw(40, torch.Generator().manual_seed(0))
    y = made.autoencoder.decode(z)
    alone = torch.cat([made.autoencoder.decode(row[None]) for row in z])
    torch.testing.assert_close(y, alone, rtol=1e-4, atol=1e-4)  # kernels differ with the batch
    for module in made.modules():
        if isinstance(module, BatchNorm):
            module.of_batch = True
    other = made.autoencoder.decode(z[:20].repeat(2, 1))
    assert (made.autoencoder.decode(z) - other)[:20].abs().max() > 0.1  # the same codes in other company


@pytest.mark.parametrize("n", [51, 101])
def test_moments_of_the_batch_leave_no_datum_alone(n: int) -> None:
    made = objective().recalibrated()
    take_moments(made, of_batch=True)
    model = Model(made.autoencoder, Spec("mnist", (1, 8, 8)), lambda _: Pattern(3).bind(made), batch=50)
    assert len(model.sample(n, "pattern")) == n
    with pytest.raises(InputError, match="a batch of one example has no variance"):
        model.sample(1, "pattern")


def test_recalibrated_moments_are_the_means_over_batches() -> None:
    norm = BatchNorm(3)
    batches = [torch.randn(50, 3) * k + k for k in (1, 2, 3)]
    fed = iter(batches)
    recalibrate(norm, lambda: norm(next(fed)), 3)
    mean, var = norm.moments()
    torch.testing.assert_close(mean, torch.stack([b.mean(0) for b in batches]).mean(0))
    torch.testing.assert_close(var, torch.stack([b.var(0) for b in batches]).mean(0))
    assert norm.momentum == 0.01
    assert not norm.training


def test_recalibration_leaves_the_training_alone() -> None:
    made = objective().train()
    before = {k: v.clone() for k, v in made.state_dict().items()}
    other = made.recalibrated()
    assert_same(before, dict(made.state_dict()))
    assert any(not torch.equal(v, before[k]) for k, v in other.state_dict().items())
    assert made.training


def test_the_search_finds_a_code_that_gives_the_datum() -> None:
    decoder = nn.Sequential(nn.Linear(3, 10), nn.Tanh())
    search = DecoderInversion(decoder.forward, 3, steps=200).eval()
    search.bank.copy_(torch.randn(256, 3, generator=torch.Generator().manual_seed(0)))
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    x = decoder(z).detach()
    with torch.inference_mode():
        found = search(x)
    torch.testing.assert_close(decoder(found), x, rtol=0, atol=1e-3)
    assert torch.equal(found, search(x))
    assert all(p.grad is None for p in decoder.parameters())


@pytest.mark.parametrize("shift", ["none", "horizontal"])
def test_the_search_leaves_codes_whose_data_are_all_clamped(shift: str) -> None:
    made = objective(shift=shift).recalibrated()
    search, decoder = made.autoencoder.encoder, made.autoencoder.decoder
    assert isinstance(search, DecoderInversion)
    last = next(m for m in reversed(list(decoder.modules())) if isinstance(m, nn.Conv2d))
    nn.init.constant_(last.bias, -99.0)  # type: ignore[arg-type]
    assert made.autoencoder.decode(search.bank).max() == 0
    found = search(torch.ones(4, 1, 8, 8))
    assert (found[:, None] - search.bank).abs().amax(2).min() > 1e-3


def test_the_energy_distance_is_zero_for_equal_laws_and_that_of_the_definition() -> None:
    x, y = (torch.randn(400, 6, dtype=torch.float64) for _ in range(2))
    assert abs(energy_distance(x, y)) < 0.05
    assert energy_distance(x, y + 1) > 1
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0], [5.0]])
    assert energy_distance(a, b).item() == 2 * (3 + 5 + 2 + 4) / 4 - 1 - 2
    assert energy_distance(a[:1], b) == 0


def test_densities_draw_fresh_codes_and_training_codes(tmp_path: Path) -> None:
    made = run("deciphering", images(), tmp_path / "run", steps=4, draw=False, arguments=PLAIN)
    model = made.model(data=images())
    fresh, again = (model.density("pattern").sample(30, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(fresh, again)
    objective = made.objective().eval()
    codes = made.codes(objective, images())
    drawn = model.density("empirical").sample(80, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn[drawn[:, 0].argsort()], codes[codes[:, 0].argsort()], rtol=0, atol=1e-5)
    assert model.sample(1, "pattern").shape == (1, 1, 8, 8)
    assert (fresh[:, None] - codes).abs().amax(2).min() > 0


def test_a_density_of_patterns_can_draw_clusters_as_often_as_the_data(tmp_path: Path) -> None:
    arguments = PLAIN | {"clusters": 2}
    made = run("deciphering", images(), tmp_path / "run", steps=4, draw=False, arguments=arguments)
    for _ in range(2):  # fitted, then read from the run
        model = made.model(data=images())
        even, uneven = (model.draw(30, name) for name in ("pattern", "pattern:even=false"))
        assert not torch.equal(even, uneven)
        wanted = made.ready().draw(30, torch.Generator().manual_seed(0), even=False)  # type: ignore[operator]
        torch.testing.assert_close(uneven, wanted)


def test_a_density_of_patterns_belongs_to_deciphering(tmp_path: Path) -> None:
    made = run("ae", images(), tmp_path / "run", steps=2, draw=False)
    with pytest.raises(InputError, match=r"and .*run \(ae\) has none; use another"):
        made.model(data=images()).sample(3, "pattern")
    with pytest.raises(InputError, match="call bind"):
        Pattern(3).sample(2, torch.Generator())
    with pytest.raises(InputError, match="no log-density"):
        Pattern(3).log_prob(torch.zeros(2, 3))


def test_the_empirical_density_keeps_some_codes_and_repeats_them_evenly() -> None:
    z = torch.arange(10.0)[:, None]
    density = build("empirical:4", 1)
    assert isinstance(density, Empirical)
    density.fit(z, torch.Generator().manual_seed(0))
    drawn = density.sample(9, torch.Generator().manual_seed(0)).flatten()
    assert drawn[:4].unique().numel() == 4
    assert drawn.unique().numel() == 4
    assert (int(density.n), int(density.kept)) == (10, 4)
    with pytest.raises(InputError, match="must be 1 or more"):
        build("empirical:0", 1)


def test_rows_of_a_searched_model_are_drawn_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.evaluation.distances.score", lambda *_: ({}, []))
    data = images(held=40)
    arguments = {"reconstruction": "efficientnet:32"}
    made = run("deciphering", data, tmp_path / "run", steps=3, draw=False, arguments=arguments)
    model = made.model(data=data)
    assert (model.amortised, model.trained_on) == (False, "efficientnet-lite0")
    rows = evaluate(model, data, ["pattern", "empirical"], features("efficientnet", data.spec, resize=32), n=30)
    assert [(r.protocol.row, r.protocol.density) for r in rows] == [
        ("training data", None),
        ("samples", "pattern"),
        ("samples", "empirical"),
        ("interpolation, spherical", None),
        ("interpolation, linear", None),
    ]
    flattered = ["these very features" in " ".join(r.warnings) for r in rows]
    assert flattered == [False, True, True, True, True]
    rows = evaluate(model, data, ["pattern"], features("pixels", data.spec), n=30)
    assert not any("these very features" in " ".join(r.warnings) for r in rows)


@pytest.mark.parametrize(
    ("networks", "arguments", "message"),
    [
        (Networks(net="conv-small"), {}, "leave out net=conv-small"),
        (Networks(depth=3), {}, "has fixed networks"),
        (NETWORKS, {"active": (1, 2)}, r"expected 3 numbers"),
        (NETWORKS, {"clusters": 0}, "clusters is 0"),
        (replace(NETWORKS, net="mlp"), {"shift": "both"}, "no axis to shift or mirror along"),
        (replace(NETWORKS, width=1), {}, "width must be 2 or more, not 1"),
        (NETWORKS, {"pattern": "gaussian", "clusters": 4}, "gaussian patterns do not have"),
    ],
)
def test_what_cannot_be_is_refused(networks: Networks, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        names()["deciphering"](Spec("mnist", (1, 8, 8)), networks, **{**PLAIN, **arguments})


def test_strings_are_refused() -> None:
    language = Spec("words", (9,), (), (), 4, "S -> 'a' | 'b' S")
    with pytest.raises(InputError, match="words are sequences of tokens; use grae"):
        names()["deciphering"](language)


def test_too_many_clusters_for_the_width_are_refused_when_the_data_are_met() -> None:
    with pytest.raises(InputError, match="5 clusters cannot share 4 channels"):
        objective(clusters=5)


@pytest.mark.parametrize(
    ("width", "arguments", "message"),
    [
        (4, {"clusters": 5}, "5 clusters cannot share 4 channels"),
        (128, {"clusters": 81}, "81 clusters of 80 examples"),
        (4, {"active": (4, 8, 16), "clusters": 1}, "80 examples cannot get 80 different patterns"),
    ],
)
def test_what_the_data_make_impossible_leaves_no_folder(
    width: int, arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        run("deciphering", images(), tmp_path / "run", Networks(width=width), arguments=PLAIN | arguments)
    assert not (tmp_path / "run").exists()


def test_data_without_a_pattern_are_refused() -> None:
    with pytest.raises(InputError, match="none for example 99"):
        objective().eval().code(batch(first=80))


@pytest.mark.parametrize("arguments", [{"pattern": "gaussian"}, {"input": "constant"}, {"form": "tuned"}])
def test_the_options_train(arguments: dict[str, Any]) -> None:
    made = objective(**arguments, optimiser=Optimiser(lr=1e-2))
    state, losses = State(made, Training(schedule="constant")), []
    for step in range(16):
        loss = made.loss(batch(step=step % 4))["reconstruction"]
        state.optimisers[0].zero_grad()
        loss.backward()
        state.optimisers[0].step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_the_ramped_average_is_a_copy_and_then_follows_its_decay() -> None:
    made = objective()
    state = State(made, Training(ema=0.9999, ema_form="ramped", schedule="constant"))
    assert state.average is not None
    mine, average = made.cipher.dense.bias, state.average.module.cipher.dense.bias
    values: dict[int, float] = {}
    for step in range(141):
        state.step = step
        with torch.no_grad():
            mine.fill_(float(step))
        state.averaging()
        values[step] = average[0].item()
    assert (values[0], values[95], values[110], values[119]) == (0, 95, 110, 110)
    expected = 110.0
    for step in (120, 130, 140):
        decay = 1 - (1 + step - 100) ** (-2 / 3)
        expected = decay * expected + (1 - decay) * step
        assert values[step] == pytest.approx(expected, rel=1e-5)
