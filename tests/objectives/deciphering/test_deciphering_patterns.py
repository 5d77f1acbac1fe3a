"""Patterns: counts, uniformity, collisions, memory, and that they are kept."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor

from noiseless.errors import InputError
from noiseless.objectives.deciphering.clusters import clusters
from noiseless.objectives.deciphering.patterns import Layout, Patterns, draw, masks, unique

PAPER = Layout((128, 256, 512), (1, 4, 16))
SMALL = Layout((128, 16), (1, 2))  # 15,360 patterns


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distinct(rows: list[Tensor]) -> int:
    return len(torch.cat([r.long() for r in rows], 1).unique(dim=0))


def test_exactly_so_many_channels_are_active() -> None:
    rows = draw(PAPER, 3000, generator())
    assert [r.dtype for r in rows] == [torch.uint8, torch.uint8, torch.int16]
    for mask, n, k in zip(masks(PAPER, rows, torch.float32), PAPER.channels, PAPER.active, strict=True):
        assert mask.shape == (3000, n)
        assert mask.unique().tolist() == [0, 1]
        assert mask.sum(1).unique().tolist() == [k]


def test_every_subset_is_as_likely() -> None:
    n = 60_000
    (rows,) = draw(Layout((5,), (2,)), n, generator())
    counts = [(rows == torch.tensor(pair)).all(1).sum().item() for pair in combinations(range(5), 2)]
    assert sum(counts) == n
    sigma = math.sqrt(n * 0.1 * 0.9)
    assert all(abs(count - n / 10) < 4.5 * sigma for count in counts)


def test_collisions_follow_the_birthday_formula_and_the_full_space_has_none() -> None:
    n, space = 5000, SMALL.size
    assert space == 128 * 120
    expected = space * (1 - (1 - 1 / space) ** n)
    found = [distinct(draw(SMALL, n, generator(seed))) for seed in range(4)]
    pairs = math.comb(n, 2) / space  # their variance is about their number
    assert all(abs(count - expected) < 5 * math.sqrt(pairs) for count in found)
    assert min(found) < n
    assert distinct(draw(PAPER, 50_000, generator())) == 50_000


def test_unique_patterns_are_different_to_the_last_one_there_is() -> None:
    assert distinct(unique(SMALL, 5000, generator())) == 5000
    tiny = Layout((4, 3), (1, 2))
    assert distinct(unique(tiny, tiny.size, generator())) == tiny.size == 12
    with pytest.raises(InputError, match=r"13 examples cannot get 13 different patterns: .* allow 12;"):
        unique(tiny, 13, generator())


def test_unique_patterns_have_to_fit_into_their_clusters_channels() -> None:
    layout, cluster = Layout((8, 3), (1, 2)), torch.zeros(20, dtype=torch.int64)
    with pytest.raises(InputError, match=r"20 examples of cluster 0 cannot get 20 .* of \(1, 3\) channels allow 3;"):
        unique(layout, 20, generator(), cluster, 8)
    cluster = torch.arange(24) % 8
    assert distinct(unique(layout, 24, generator(), cluster, 8)) == layout.size == 24


def test_unique_patterns_that_draws_do_not_find_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.objectives.deciphering.patterns.ROUNDS", 1)
    with pytest.raises(InputError, match=r"500 examples are nearly as many as there are patterns: \d+ of them"):
        unique(Layout((500,), (1,)), 500, generator())


def test_the_same_seed_gives_the_same_patterns_and_another_others() -> None:
    one, again, other = (unique(PAPER, 100, generator(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[2], other[2])


def test_a_pattern_takes_37_bytes() -> None:
    patterns = Patterns(PAPER)
    patterns.assign(1000, generator())
    assert sum(r.nbytes for r in patterns.rows) == 1000 * PAPER.bytes == 37_000
    assert f"{PAPER.size:.2e}" == "1.88e+40"


def test_clusters_draw_from_their_own_group_of_channels() -> None:
    layout, cluster = Layout((12, 20), (2, 3)), torch.arange(300) % 4
    rows = draw(layout, 300, generator(), cluster, 4)
    assert torch.equal(rows[0].long() // 3, cluster[:, None].expand(-1, 2))
    with pytest.raises(InputError, match="8 clusters cannot share 12 channels with 2 active"):
        draw(layout, 10, generator(), torch.zeros(10, dtype=torch.int64), 8)


def test_mirrored_patterns_reverse_the_last_stage() -> None:
    patterns = Patterns(PAPER)
    patterns.assign(10, generator())
    index = torch.tensor([3, 7])
    plain, mirrored = (patterns.of(index, torch.float64, flag) for flag in (False, True))
    assert torch.equal(plain[0], mirrored[0])
    assert torch.equal(plain[1], mirrored[1])
    assert torch.equal(plain[2].flip(1), mirrored[2])


@pytest.mark.parametrize("kind", ["dropout", "gaussian"])
def test_patterns_are_loaded_into_any_number_of_them(kind: str) -> None:
    one, other = Patterns(PAPER, kind), Patterns(PAPER, kind)  # type: ignore[arg-type]
    one.assign(50, generator())
    other.assign(20, generator(1))
    other.load_state_dict(one.state_dict())
    assert len(other) == 50
    index = torch.arange(50)
    for a, b in zip(one.of(index, torch.float32), other.of(index, torch.float32), strict=True):
        assert torch.equal(a, b)


def test_gaussian_factors_are_normal_and_a_function_of_the_datum() -> None:
    patterns = Patterns(PAPER, "gaussian")
    patterns.assign(2000, generator())
    found = torch.cat(patterns.of(torch.arange(2000), torch.float64), 1)
    n = found.numel()
    assert abs(found.mean().item()) < 5 / math.sqrt(n)
    assert abs(found.var().item() - 1) < 5 * math.sqrt(2 / n)
    assert abs(torch.corrcoef(found[:, :2].T)[0, 1].item()) < 5 / math.sqrt(2000)
    fresh = torch.cat(patterns.fresh(torch.rand(2000, 896, generator=generator()), torch.float64), 1)
    assert abs(fresh.var().item() - 1) < 5 * math.sqrt(2 / n)
    assert torch.equal(torch.cat(patterns.of(torch.tensor([7]), torch.float64), 1), found[7:8])


def test_fresh_patterns_are_uniform_over_all_channels() -> None:
    layout = Layout((6, 5), (1, 2))
    found = Patterns(layout).fresh(torch.rand(6000, 11, generator=generator()), torch.float32)
    assert found[0].sum(1).unique().tolist() == [1]
    assert found[1].sum(1).unique().tolist() == [2]
    assert (found[0].mean(0) - 1 / 6).abs().max() < 5 * math.sqrt(5 / 36 / 6000)
    assert (found[1].mean(0) - 2 / 5).abs().max() < 5 * math.sqrt(6 / 25 / 6000)


def test_fresh_patterns_can_have_the_shares_of_the_data() -> None:
    patterns = Patterns(Layout((6, 5), (1, 2)))
    cluster = torch.tensor([0] * 6 + [1] * 18)  # of three channels each
    patterns.assign(24, generator(), cluster, 2)
    first, second = patterns.fresh(torch.rand(6000, 11, generator=generator()), torch.float64, even=False)
    assert first.sum(1).unique().tolist() == [1]
    assert abs(first[:, :3].sum(1).mean().item() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 6000)
    counts = patterns.rows[0].flatten().long().bincount(minlength=6)
    assert (first.mean(0) - counts / 24).abs().max() < 5 * math.sqrt(0.25 / 6000)
    assert (second.mean(0) - 2 / 5).abs().max() < 5 * math.sqrt(6 / 25 / 6000)


def test_shares_of_several_active_channels_are_those_of_the_data_too() -> None:
    patterns = Patterns(Layout((6, 5), (2, 2)))
    u = torch.rand(6000, 11, generator=generator())
    with pytest.raises(InputError, match="no patterns of training examples"):
        patterns.fresh(u, torch.float32, even=False)
    patterns.stage0 = torch.tensor([[0, 1], [0, 4], [0, 4]], dtype=torch.uint8)
    first, second = patterns.fresh(u, torch.float32, even=False)
    shares = torch.tensor([1, 1 / 3, 0, 0, 2 / 3, 0])
    assert (first.mean(0) - shares).abs().max() < 5 * math.sqrt(2 / 9 / 6000)
    assert first.sum(1).unique().tolist() == [2]
    assert torch.equal(second, patterns.fresh(u, torch.float32)[1]), "the other stages are as they were"


@pytest.mark.parametrize("active", [(0, 1), (7, 1), (1,)])
def test_layouts_that_cannot_be_are_refused(active: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="active channels"):
        Layout((6, 5), active)


def test_clusters_are_the_groups_that_data_have() -> None:
    truth = torch.arange(90) % 3
    centres = 10 * torch.randn(3, 8, generator=generator())
    x = centres[truth] + 0.1 * torch.randn(90, 8, generator=generator(1))
    found = clusters(x, 3, 0)
    assert torch.equal(found, clusters(x, 3, 0))
    pairs = {(int(a), int(b)) for a, b in zip(truth, found, strict=True)}
    assert len(pairs) == 3
    assert clusters(x, 1, 0).unique().tolist() == [0]
    with pytest.raises(InputError, match="91 clusters of 90 examples"):
        clusters(x, 91, 0)
