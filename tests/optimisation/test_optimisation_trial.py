"""Trials: votes, resumption, what is kept and what is reported."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from toy import problem, spelt

from noiseless.errors import InputError, RunError
from noiseless.files import locked
from noiseless.optimisation import Found, Proposal, Round, Terms, Trial, best, build, optimise, scored, summary
from noiseless.optimisation.objects import key
from noiseless.optimisation.report import progress
from noiseless.optimisation.scores import Score
from noiseless.optimisation.scores.expression import WORST
from noiseless.optimisation.votes import elect

SEARCHES = ["paper:inducing=20,epochs=2,candidates=50", "random", "density"]


def quiet(_: str, __: int, ___: int) -> None:
    pass


def trial(path: Path, search: str = "random", seed: int = 0, **terms: int) -> Trial:
    return Trial(problem(), build(search), Terms("toy", search, seed, **{"batch": 4, "votes": 3} | terms), path)


def ballot(*strings: str | None) -> Callable[[Tensor, torch.Generator], list[str | None]]:
    return lambda codes, _: [strings[i % len(strings)] for i in range(len(codes))]


@pytest.mark.parametrize(
    ("strings", "winner"),
    [
        (("a", "bb", "bb", "a", "bb"), "bb"),
        (("a", "bb", None, None, None), "a"),
        (("xxx", "xxx", "xxx", "a", None), "a"),
        (("xxx", None, "", "xxx", None), None),
    ],
)
def test_the_most_frequent_object_is_elected(strings: tuple[str | None, ...], winner: str | None) -> None:
    score = Score(len, "minimise", valid=lambda s: len(s) < 3)
    assert elect(torch.zeros(2, 1), ballot(*strings), score, 5, torch.Generator()) == [winner, winner]


def test_votes_are_of_the_same_code() -> None:
    codes = torch.arange(7000, dtype=torch.float64)[:, None]
    elected = elect(codes, lambda z, _: spelt(z), Score(len, "minimise"), 2, torch.Generator())
    assert elected == spelt(codes)


def test_a_decoder_that_loses_codes_is_refused() -> None:
    with pytest.raises(InputError, match="gave 1 strings for 4 codes"):
        elect(torch.zeros(2, 1), lambda z, _: ["a"], Score(len, "minimise"), 2, torch.Generator())


@pytest.mark.parametrize("search", SEARCHES)
def test_a_trial_goes_on_as_if_it_was_never_stopped(search: str, tmp_path: Path) -> None:
    whole = trial(tmp_path / "whole", search).run(3, quiet)
    trial(tmp_path / "parts", search).run(1, quiet)
    trial(tmp_path / "parts", search).run(2, quiet)
    parts = trial(tmp_path / "parts", search).run(3, quiet)
    assert torch.equal(whole.codes, parts.codes)
    assert torch.equal(whole.scores.nan_to_num(-1), parts.scores.nan_to_num(-1))
    assert whole.strings == parts.strings
    notes = [[{k: v for k, v in row.items() if k != "seconds"} for row in found.rounds] for found in (whole, parts)]
    assert notes[0] == notes[1]


def test_a_round_that_is_interrupted_leaves_the_rounds_before(tmp_path: Path) -> None:
    def broken(round_: Round) -> Proposal:
        if round_.batches:
            raise KeyboardInterrupt
        return Proposal(round_.uniform(round_.size))

    stopped = Trial(problem(), broken, Terms("toy", "random", 0, 4, 3), tmp_path / "t")
    with pytest.raises(KeyboardInterrupt):
        stopped.run(3, quiet)
    kept = trial(tmp_path / "t")
    assert len(kept.found.rounds) == 1
    assert torch.equal(kept.run(3, quiet).codes, trial(tmp_path / "other").run(3, quiet).codes)


def test_what_a_search_is_given(tmp_path: Path) -> None:
    rounds: list[Round] = []

    def spy(round_: Round) -> Proposal:
        rounds.append(round_)
        return Proposal(round_.uniform(round_.size))

    found = Trial(problem(), spy, Terms("toy", "spy", 0, 4, 3), tmp_path / "t").run(3, quiet)
    first, _, last = rounds
    assert (len(first.z), len(first.held_z), len(first.batches)) == (180, 20, 0)
    both = torch.cat([first.z, first.held_z])
    assert torch.equal(both.sort(dim=0).values, problem().codes.sort(dim=0).values)
    assert torch.equal(last.known[0][180:], found.codes[:8])
    costs = found.scores[:8]
    assert torch.equal(last.known[1][180:], torch.where(costs.isnan(), problem().failure, costs))
    assert torch.equal(last.z, first.z)
    low, high = last.box
    assert torch.equal(low, last.known[0].amin(dim=0))
    assert ((last.uniform(100) >= low) & (last.uniform(100) <= high)).all()


def test_a_trial_with_more_rounds_than_asked_for_is_done(tmp_path: Path) -> None:
    trial(tmp_path / "t").run(3, quiet)
    told: list[tuple[str, int, int]] = []
    found = trial(tmp_path / "t").run(1, lambda *said: told.append(said))
    assert (told, len(found.rounds)) == ([("round", 3, 3)], 3)


def test_one_process_at_a_time_searches_in_a_folder(tmp_path: Path) -> None:
    given = {"objective": "toy", "search": "random", "rounds": 1, "batch": 4, "votes": 1, "show": False}
    with (
        locked(tmp_path / "out"),
        pytest.raises(RunError, match=rf"another process is searching in {tmp_path}/out; wait until that ends"),
    ):
        optimise(problem(), tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
    assert optimise(problem(), tmp_path / "out", **given)["rows"]


def test_seeds_differ(tmp_path: Path) -> None:
    found = [trial(tmp_path / str(seed), seed=seed).run(1, quiet).codes for seed in (0, 1)]
    assert not torch.equal(*found)


def test_other_terms_are_refused(tmp_path: Path) -> None:
    trial(tmp_path / "t").run(1, quiet)
    for change, sentence in (
        ({"batch": 5}, "batch 4, but 5 was requested"),
        ({"votes": 5}, "votes 3"),
        ({"seed": 1}, "seed 0"),
    ):
        with pytest.raises(InputError, match=sentence):
            trial(tmp_path / "t", **change)
    with pytest.raises(InputError, match="problem 'toy'"):
        Trial(problem(fingerprint="other"), build("random"), Terms("toy", "random", 0, 4, 3), tmp_path / "t")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    trial(tmp_path / "t").run(1, quiet)
    content = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(content[:-8])
    with pytest.raises(InputError, match="damaged"):
        trial(tmp_path / "t")
    (tmp_path / "t").write_bytes(content.replace(b'\\"codes\\": 4', b'\\"codes\\": 9'))
    with pytest.raises(InputError, match="numbers of codes differ"):
        trial(tmp_path / "t")


@pytest.mark.parametrize("codes", [torch.zeros(3, 3), torch.zeros(4, 2), torch.full((4, 3), math.nan)])
def test_a_search_that_proposes_something_else_is_refused(codes: Tensor, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the search random proposed"):
        Trial(problem(), lambda _: Proposal(codes.double()), Terms("toy", "random", 0, 4), tmp_path / "t").run(1, quiet)


@pytest.mark.parametrize("change", [{"seed": -1}, {"batch": 0}, {"votes": 0}])
def test_terms_out_of_range(change: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be"):
        Terms("toy", "random", **{"seed": 0} | change)


def test_problems_that_cannot_be_searched() -> None:
    given = problem()
    for change, sentence in (
        ({"codes": given.codes[:5], "scores": given.scores[:5], "identities": given.identities[:5]}, "at least 10"),
        ({"codes": given.codes.where(given.codes < 0.9, math.nan)}, "not finite"),
        ({"scores": given.scores * math.nan}, "none of the 200 training objects has a score"),
    ):
        with pytest.raises(InputError, match=sentence):
            replace(given, **change)


def test_costs_and_failures() -> None:
    scores = torch.tensor([1.0, math.nan, 3.0], dtype=torch.float64)
    down, up = problem(), problem(upwards=True)
    assert down.failure == float(down.scores.max())
    assert up.failure == float(-up.scores.min())
    assert down.cost(scores).tolist() == [1.0, down.failure, 3.0]
    assert up.cost(scores).tolist() == [-1.0, up.failure, -3.0]
    assert problem(score=Score(len, "minimise", WORST)).failure == WORST


def found(*rows: tuple[str | None, float]) -> Found:
    strings, scores = zip(*rows, strict=True)
    codes = torch.zeros(len(rows), 3, dtype=torch.float64)
    return Found(codes, torch.tensor(scores, dtype=torch.float64), list(strings), [{"codes": len(rows)}])


ROWS = found(("a", 3.0), ("b", 1.0), (None, math.nan), ("a", 3.0), ("c", 2.0), ("d", 9.0), ("e", math.nan), ("f", 9.0))


def small(**changes: object) -> object:
    known = torch.tensor([key(s) for s in "bxyzuvwmno"])
    codes, scores = torch.zeros(10, 3, dtype=torch.float64), torch.arange(10, dtype=torch.float64)
    return problem(codes=codes, scores=scores, identities=known, score=Score(len, "minimise", 9.0), **changes)


def test_the_summary() -> None:
    row = summary(ROWS, small())
    assert row["valid"] == 7 / 8
    assert row["average"] == pytest.approx((3 + 1 + 3 + 2 + 9 + 9) / 6)
    assert row["published average"] == pytest.approx((3 + 1 + 3 + 2) / 4)
    assert (row["best"], row["second"], row["third"]) == (1.0, 2.0, 3.0)
    assert row["best new"] == 2.0
    assert row["novel"] == pytest.approx(6 / 7)
    assert row["unique"] == pytest.approx(6 / 7)


def test_the_summary_upwards_is_its_mirror() -> None:
    mirrored = replace(ROWS, scores=-ROWS.scores)
    up = replace(small(), score=Score(len, "maximise", -9.0), scores=-small().scores)
    down, row = summary(ROWS, small()), summary(mirrored, up)
    for name in ("average", "published average", "best", "second", "third", "best new"):
        assert row[name] == -down[name]
    for name in ("valid", "novel", "unique"):
        assert row[name] == down[name]


def test_where_nothing_decodes_there_are_blanks() -> None:
    row = summary(found((None, math.nan), (None, math.nan)), small())
    assert row["valid"] == 0.0
    assert {value for name, value in row.items() if name != "valid"} == {None}


def test_the_best_are_different_objects_in_order() -> None:
    ranked = best([ROWS, found(("g", 0.5))], small())
    assert [row["string"] for row in ranked] == ["g", "b", "c", "a", "d", "f"]
    assert [row["training"] for row in ranked] == [False, True, False, False, False, False]


def test_the_curve_of_the_best() -> None:
    rows = progress({0: ROWS}, small())
    every = [row["trial 0/best so far"] for row in rows if "trial 0/best so far" in row]
    new = [row[k] for row in rows for k in row if k == "trial 0/best so far, not in training"]
    assert every == [3.0] + [1.0] * 7
    assert new == [3.0] * 4 + [2.0] * 4
    assert {row[k] for row in rows for k in row if k.startswith("training/")} == {0.0}


def test_standard_errors_over_trials(tmp_path: Path) -> None:
    content = optimise(
        problem(), tmp_path, objective="toy", search="random", seeds=(0, 1, 2), rounds=2, batch=5, show=False
    )
    averages = torch.tensor([row["average"] for row in content["rows"][:3]], dtype=torch.float64)
    mean, error = content["rows"][3:]
    assert (mean["trial"], error["trial"]) == ("mean", "standard error")
    assert mean["average"] == pytest.approx(float(averages.mean()))
    assert error["average"] == pytest.approx(float(averages.std()) / math.sqrt(3))
    assert content["standard error"] == "deviation over 3 trials (divisor 2) over sqrt(3)"
    assert json.loads((tmp_path / "report.json").read_text()) == content
    alone = optimise(problem(), tmp_path, objective="toy", search="random", rounds=2, batch=5, show=False)
    assert [row["trial"] for row in alone["rows"]] == ["0", "mean"]
    assert alone["standard error"] == "undefined for one trial"
    assert "standard error" not in (tmp_path / "table.md").read_text()
    assert (tmp_path / "best-so-far.png").stat().st_size > 1000
    again = optimise(
        problem(), tmp_path, objective="toy", search="random", seeds=(0, 1, 2), rounds=2, batch=5, show=False
    )
    assert again == content


@pytest.mark.parametrize("change", [{"rounds": 0}, {"seeds": ()}, {"seeds": (1, 1)}])
def test_trials_that_cannot_be(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least 1 round, and different seeds"):
        optimise(problem(), tmp_path, **{"objective": "toy", "show": False} | change)  # type: ignore[arg-type]


def test_training_scores_are_kept(tmp_path: Path) -> None:
    calls: list[str] = []

    def value(string: str) -> float | None:
        calls.append(string)
        return None if string == "bb" else float(len(string))

    score = Score(value, "minimise", valid=lambda s: s != "ccc", identity=str.lower)
    strings, terms = ["a", "bb", "ccc", "A"], {"objective": "length"}
    scores, identities = scored(strings, score, tmp_path / "s", terms, quiet)
    assert calls == ["a", "bb", "A"]
    assert scores.nan_to_num(-1).tolist() == [1.0, -1.0, -1.0, 1.0]
    assert identities.tolist() == [key("a"), key("bb"), key("ccc"), key("a")]
    again = scored(strings, score, tmp_path / "s", terms, quiet)
    assert len(calls) == 3
    assert torch.equal(again[1], identities)
    scored(strings, score, tmp_path / "s", {"objective": "other"}, quiet)
    assert len(calls) == 6
