"""Searches by name; both protocols find what uniform draws do not."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

import pytest
import torch
from toy import draw, problem

from noiseless.errors import InputError
from noiseless.optimisation import Round, build, names, optimise
from noiseless.optimisation.trust_region import LONGEST, SHORTEST, START, Region, region

PAPER = "paper:inducing=30,epochs=30,batch=90,lr=0.03,candidates=200"
TURBO = "turbo:nearest=40,samples=16,starts=1,candidates=32"


def averages(search: str, out: Path, upwards: bool = False) -> tuple[float, float]:
    """The mean over trials of the average score, and the best score."""
    content = optimise(
        problem(upwards=upwards),
        out,
        objective="toy",
        search=search,
        seeds=(0, 1),
        rounds=2,
        batch=5,
        show=False,
    )
    rows = content["rows"][:2]
    return fmean(row["average"] for row in rows), content["best"][0]["score"]


def test_names() -> None:
    assert set(names()) == {"paper", "turbo", "random", "density"}
    assert all(text.endswith(".") or ":" in text for text in names().values())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("papr", "did you mean 'paper'"),
        ("paper:epoch=3", "did you mean 'epochs'"),
        ("paper:many", "'inducing' of search 'paper' must be int"),
        ("random:1", "takes no options"),
    ],
)
def test_names_that_do_not_exist(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build(name)


def round_(n: int = 30, costs: tuple[tuple[float, ...], ...] = (), d: int = 3) -> Round:
    z, y = draw(n, d), draw(n, seed=1).abs() + 1
    batches = [(draw(len(c), d, seed=k), torch.tensor(c, dtype=torch.float64)) for k, c in enumerate(costs)]
    return Round(z, y, batches, z[:3], y[:3], 2, lambda _: pytest.fail("no density"), torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("paper:candidates=0", "candidates is 0"),
        ("paper:inducing=0", "must be positive"),
        ("paper:lr=0.0", "must be positive"),
    ],
)
def test_options_out_of_range(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build(name)(round_())


def test_the_paper_search_judges_its_process() -> None:
    notes = build("paper:inducing=10,epochs=2,candidates=20")(round_()).notes
    assert set(notes) == {"held-out rmse", "held-out log-density", "held-out deviation"}


def test_standardised_costs_need_no_scale() -> None:
    given = round_()
    changed = Round(
        given.z, 1e4 * given.y + 7, [], given.held_z, 1e4 * given.held_y + 7, 2, given.density, torch.Generator()
    )
    name, state = "paper:inducing=10,epochs=3,candidates=50", changed.generator.get_state()
    given.generator.set_state(state)
    a, b = build(name)(given), build(name)(changed)
    torch.testing.assert_close(a.codes, b.codes, rtol=1e-4, atol=1e-4)
    assert b.notes["held-out rmse"] == pytest.approx(1e4 * a.notes["held-out rmse"], rel=1e-3)
    given.generator.set_state(state)
    assert (build(f"{name},standardise=false")(given).codes - a.codes).abs().max() > 0.1


@pytest.mark.parametrize("upwards", [False, True])
def test_the_papers_protocol_beats_uniform_draws(upwards: bool, tmp_path: Path) -> None:
    sign = -1 if upwards else 1
    random_average, random_best = averages("random", tmp_path / "random", upwards)
    average, best = averages(PAPER, tmp_path / "paper", upwards)
    assert sign * average < 0.5 * sign * random_average
    assert sign * best < sign * random_best
    assert sign * best < 0.05


def test_a_trust_region_beats_uniform_draws(tmp_path: Path) -> None:
    pytest.importorskip("botorch")
    random_average, random_best = averages("random", tmp_path / "random")
    average, best = averages(TURBO, tmp_path / "turbo")
    assert average < 0.5 * random_average
    assert best < random_best
    assert best < 0.05


def test_a_trust_region_is_a_function_of_its_round() -> None:
    pytest.importorskip("botorch")
    before = torch.random.get_rng_state()
    a, b = (build(TURBO)(round_()).codes for _ in range(2))
    assert torch.equal(a, b)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_region_grows_with_success_and_shrinks_with_failure() -> None:
    found, lengths = Region(), []
    for _ in range(6):
        found = found.after(True, 2, 0)
        lengths.append(found.length)
    assert lengths == [START, START, *[LONGEST] * 4]
    found = Region().after(False, 2, 1)
    assert (found.length, found.failures) == (START, 1)
    assert found.after(True, 2, 2).failures == 0
    assert found.after(False, 2, 2).length == START / 2


def test_a_region_that_is_too_short_begins_again() -> None:
    found, rounds = Region(), 0
    while not found.restarts:
        rounds += 1
        assert found.length >= SHORTEST
        found = found.after(False, 1, rounds)
    assert (found.length, found.since, found.restarts) == (START, rounds, 1)


def test_the_region_follows_from_the_rounds_before() -> None:
    assert region(round_()).length == START
    assert region(round_(costs=((0.5, 2.0), (0.4, 0.5), (0.2, 3.0)))).length == LONGEST
    assert region(round_(costs=((5.0, 5.0), (5.0, 5.0)))).length == START / 2
    again = region(round_(costs=((5.0,) * 4,) * 7))
    assert (again.restarts, again.since) == (1, 7)
    assert region(round_(costs=(*((5.0,) * 4,) * 7, (0.1,) * 4))).successes == 1


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(InputError, match=r"pip install 'noiseless\[optimise\]'"):
        build("turbo")(round_())
