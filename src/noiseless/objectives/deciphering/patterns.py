r"""Patterns: which channels are active for an example; drawn by seed, stored as indices, expanded on the device.

Stage s of a network has :math:`n_s` channels, of which :math:`k_s` are active in a pattern. Subsets are uniform and
independent, so the number of patterns is

.. math:: S = \prod_s \binom{n_s}{k_s},

1.88e40 for 1 of 128, 4 of 256 and 16 of 512 (the paper prints a sum but means this product). For N independent patterns
the birthday formulae are

.. math::
    \mathbb E[\text{pairs that collide}] = \binom N2 / S, \qquad
    \mathbb E[\text{different ones}] = S (1 - (1 - 1/S)^N),

:func:`draw` returns independent patterns, and :func:`unique` redraws duplicates.

Patterns are stored as indices of active channels, with one byte per index for stages of up to 256 channels and two
otherwise: 37 bytes per example for the paper's stages, 370 MB for 10 million examples, where dense masks of one byte
per channel would take 9 GB. Everything is drawn on the CPU, so that patterns do not depend on the device.

Gaussian patterns, for comparison, are factors from N(0, 1) for every channel. They are a function of 8 bytes per
example, from which the factors are recomputed in every batch.

Not enforced: that similar examples get similar patterns. Clusters (:mod:`noiseless.objectives.deciphering.clusters`)
achieve this partly: the first stage's channels are divided into one group per cluster, and the pattern of an example
uses the group of its cluster.

Source: Generative autoencoding of dropout patterns (Maeda, 2023), https://arxiv.org/abs/2310.01712, and its code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from noiseless.errors import InputError

__all__ = ["Kind", "Layout", "Patterns", "draw", "masks", "subsets", "unique"]

Kind = Literal["dropout", "gaussian"]
ROWS = 8192
"""Number of patterns drawn at a time, to bound memory."""
ROUNDS = 1000
ADVICE = "use a larger width=, more active channels (active=) or fewer clusters="


@dataclass(frozen=True)
class Layout:
    r"""The number of channels of each stage, and how many of them are active in a pattern.

    Arguments:
        channels: :math:`n_s`.
        active: :math:`k_s`, from 1 to :math:`n_s`.

    Raises:
        InputError: the numbers are inconsistent.

    >>> paper = Layout((128, 256, 512), (1, 4, 16))
    >>> f"{paper.size:.3g}", paper.bytes
    ('1.88e+40', 37)
    """

    channels: tuple[int, ...]
    active: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.active):
            raise InputError(f"the active channels are {self.active}; expected {len(self.channels)} numbers")
        for n, k in zip(self.channels, self.active, strict=True):
            if not 1 <= k <= n <= 2**15:
                raise InputError(f"{k} active channels of {n} were requested; expected 1 to {min(n, 2**15)}")

    @property
    def size(self) -> int:
        """The number of patterns, S."""
        return math.prod(math.comb(n, k) for n, k in zip(self.channels, self.active, strict=True))

    @property
    def bytes(self) -> int:
        """The size of an example's pattern in bytes."""
        return sum(k * _type(n).itemsize for n, k in zip(self.channels, self.active, strict=True))


def _type(channels: int) -> torch.dtype:
    return torch.uint8 if channels <= 256 else torch.int16


def subsets(u: Float[Tensor, "b n"], k: int, allowed: Float[Tensor, "b n"] | None = None) -> Int[Tensor, "b k"]:
    """Uniform subsets of k of n channels, from uniform numbers: the channels of the k largest, in ascending order.

    Arguments:
        u: uniform numbers in [0, 1).
        k: number of channels, at most as many as are allowed.
        allowed: 1 where a channel may be chosen, otherwise 0.
    """
    keys = u if allowed is None else torch.where(allowed > 0, u, -1.0)
    return keys.topk(k, dim=1).indices.sort(dim=1).values


def draw(
    layout: Layout,
    count: int,
    generator: torch.Generator,
    cluster: Int[Tensor, " count"] | None = None,
    clusters: int = 1,
) -> list[Tensor]:
    """Independent patterns: a tensor (count, k) of indices for each stage, on the CPU.

    Arguments:
        layout: the layout of the stages.
        count: number of patterns.
        generator: a generator on the CPU.
        cluster: the cluster of each example, from 0; the first stage then uses the cluster's group of channels.
        clusters: number of clusters.

    Raises:
        InputError: a group has fewer channels than must be active.
    """
    _check_groups(layout, clusters)
    found: list[list[Tensor]] = [[] for _ in layout.channels]
    for start in range(0, count, ROWS):
        mine = cluster[start : start + ROWS] if cluster is not None else None
        for stage, (n, k) in enumerate(zip(layout.channels, layout.active, strict=True)):
            rows = min(ROWS, count - start)
            # float64: with float32 keys the k-th ties with the next in one of 2^24 / n patterns, which favours some
            # channels; this is too rare to matter for fresh patterns, which are drawn on any device
            u = torch.rand(rows, n, generator=generator, dtype=torch.float64)
            allowed = _group(mine, n, clusters) if stage == 0 and mine is not None else None
            found[stage].append(subsets(u, k, allowed).to(_type(n)))
    return [torch.cat(parts) for parts in found]


def unique(
    layout: Layout,
    count: int,
    generator: torch.Generator,
    cluster: Int[Tensor, " count"] | None = None,
    clusters: int = 1,
) -> list[Tensor]:
    """Distinct patterns, as from :func:`draw`, with duplicates redrawn.

    Raises:
        InputError: there are fewer patterns than that, or hardly more.
    """
    _check_groups(layout, clusters)
    _check_room(layout, count, cluster, clusters)
    rows = draw(layout, count, generator, cluster, clusters)
    for _ in range(ROUNDS):
        again = _repeated(rows)
        if not len(again):
            return rows
        fresh = draw(layout, len(again), generator, None if cluster is None else cluster[again], clusters)
        for old, new in zip(rows, fresh, strict=True):
            old[again] = new
    raise InputError(
        f"{count:,} examples are nearly as many as there are patterns: {len(_repeated(rows)):,} of them still have "
        f"the pattern of another after {ROUNDS:,} draws; {ADVICE}"
    )


def _repeated(rows: Sequence[Tensor]) -> Tensor:
    """The positions of patterns that duplicate an earlier one."""
    constants = torch.Generator().manual_seed(0)
    key = torch.zeros(len(rows[0]), dtype=torch.int64)
    for stage in rows:  # hash: sums modulo 2^64 of odd 63-bit multiples; collisions are negligible
        odd = torch.randint(2**62, (stage.shape[1],), generator=constants) * 2 + 1
        key += (stage.long() * odd).sum(1) * 0x9E3779B1
    order = key.argsort(stable=True)
    same = key[order][1:] == key[order][:-1]
    return order[1:][same]


def _check_groups(layout: Layout, clusters: int) -> None:
    least = layout.channels[0] // clusters if clusters > 0 else 0
    if least < layout.active[0]:
        raise InputError(
            f"{clusters} clusters cannot share {layout.channels[0]} channels with {layout.active[0]} active in each; "
            f"use fewer clusters (clusters=) or a larger width="
        )


def _check_room(layout: Layout, count: int, cluster: Tensor | None, clusters: int) -> None:
    """Refuses clusters with more examples than their group of channels has patterns."""
    counts = [count] if cluster is None else cluster.bincount().tolist()
    sizes = _groups(layout.channels[0], 1 if cluster is None else clusters).bincount().tolist()
    for k, (n, size) in enumerate(zip(counts, sizes, strict=False)):
        mine = replace(layout, channels=(size, *layout.channels[1:]))
        if n > mine.size:
            raise InputError(
                f"{n:,} examples{f' of cluster {k}' if len(sizes) > 1 else ''} cannot get {n:,} different patterns: "
                f"{mine.active} active of {mine.channels} channels allow {mine.size:,}; {ADVICE}"
            )


def _groups(n: int, clusters: int) -> Tensor:
    """The cluster of each channel: contiguous groups of nearly equal size."""
    return torch.arange(n) * clusters // n


def _group(cluster: Tensor, n: int, clusters: int) -> Tensor:
    """1 for the channels of each example's cluster, otherwise 0."""
    return (_groups(n, clusters) == cluster[:, None]).double()


def masks(layout: Layout, rows: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """A factor for every channel, (b, n) for each stage: 1 for active channels, otherwise 0."""
    found = []
    for n, index in zip(layout.channels, rows, strict=True):
        zeros = torch.zeros(len(index), n, dtype=dtype, device=index.device)
        found.append(zeros.scatter_(1, index.long(), 1.0))
    return found


class Patterns(nn.Module):
    """A pattern for every training example, stored as buffers of the checkpoint, and fresh patterns.

    Arguments:
        layout: the layout of the stages.
        kind: dropout (active channels) or gaussian (factors from N(0, 1)).
    """

    def __init__(self, layout: Layout, kind: Kind = "dropout") -> None:
        super().__init__()
        self.layout, self.kind = layout, kind
        if kind == "gaussian":
            self.register_buffer("stage0", torch.zeros(0, 1, dtype=torch.int64))
        else:
            for s, (n, k) in enumerate(zip(layout.channels, layout.active, strict=True)):
                self.register_buffer(f"stage{s}", torch.zeros(0, k, dtype=_type(n)))
        self.register_load_state_dict_pre_hook(_make_room)

    def __len__(self) -> int:
        return len(cast(Tensor, self.stage0))

    def __deepcopy__(self, memo: dict[int, Any]) -> Patterns:
        other = Patterns(self.layout, self.kind)
        for name, buffer in self.named_buffers():  # never change, so a moving average of the weights can share them
            setattr(other, name, buffer)
        return other

    @property
    def rows(self) -> list[Tensor]:
        """The stored patterns: a tensor for each stage, with a row per example."""
        return list(self.buffers())

    def check(self, count: int, clusters: int = 1) -> None:
        """Refuses more examples than there are patterns, and more clusters than the channels can be divided among."""
        if self.kind == "dropout":
            _check_groups(self.layout, clusters)
            _check_room(self.layout, count, None, 1)

    def assign(
        self, count: int, generator: torch.Generator, cluster: Int[Tensor, " count"] | None = None, clusters: int = 1
    ) -> None:
        """Draws distinct patterns for ``count`` examples.

        Raises:
            InputError: there are fewer patterns than that.
        """
        if self.kind == "gaussian":
            drawn = [torch.randint(2**62, (count, 1), generator=generator)]
        else:
            drawn = unique(self.layout, count, generator, cluster, clusters)
        for (name, old), new in zip(list(self.named_buffers()), drawn, strict=True):
            setattr(self, name, new.to(old.device))

    def of(self, index: Int[Tensor, " b"], dtype: torch.dtype, mirrored: bool = False) -> list[Tensor]:
        """The factors of training examples.

        Arguments:
            index: indices of the examples.
            dtype: dtype of the factors.
            mirrored: return the patterns of the mirrored examples, with the last stage's channels in reverse order.
        """
        rows = [stage.index_select(0, index) for stage in self.rows]
        if self.kind == "gaussian":
            total = sum(self.layout.channels)
            found = list(_normal(rows[0], total).to(dtype).split(self.layout.channels, dim=1))
        else:
            found = masks(self.layout, rows, dtype)
        return [*found[:-1], found[-1].flip(1)] if mirrored else found

    def fresh(self, u: Float[Tensor, "b total"], dtype: torch.dtype, even: bool = True) -> list[Tensor]:
        r"""The factors of new patterns, from uniform numbers in [0, 1) for every channel.

        Arguments:
            u: the uniform numbers.
            dtype: dtype of the factors.
            even: if true, the first stage is a uniform subset of its channels, as in the paper's code, regardless of
                clusters; otherwise it is that of a uniformly drawn training example, so that clusters are sampled by
                their share of the data. Gaussian patterns have no clusters, and are the same either way.

        Raises:
            InputError: there are no training patterns yet from which to take the first stage.
        """
        parts = u.split(self.layout.channels, dim=1)
        if self.kind == "gaussian":
            tiny = torch.finfo(torch.float32).eps
            return [(2 * p.clamp(tiny, 1 - tiny) - 1).erfinv().mul(math.sqrt(2)).to(dtype) for p in parts]
        rows = [subsets(p, k) for p, k in zip(parts, self.layout.active, strict=True)]
        if not even:
            if not len(self):
                raise InputError("there are no patterns of training examples to sample from: train first")
            rows[0] = self.rows[0][(parts[0][:, 0] * len(self)).long()]
        return masks(self.layout, rows, dtype)


def _make_room(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Resizes the buffers to the number of patterns in a checkpoint."""
    for name, buffer in list(module.named_buffers()):
        stored = state.get(prefix + name)
        if stored is not None and stored.shape[1:] == buffer.shape[1:] and len(stored) != len(buffer):
            setattr(module, name, buffer.new_zeros(stored.shape))


def _normal(key: Int[Tensor, "b 1"], count: int) -> Float[Tensor, "b count"]:
    """Normal factors as a function of each example's key: Box-Muller transform of two hashed uniform numbers."""
    column = torch.arange(count, device=key.device)
    u, v = (_hashed(key + (2 * column + odd) * 0x632BE59BD9B4E019) for odd in (0, 1))
    return (-2 * (1 - u).log()).sqrt() * (2 * math.pi * v).cos()


def _hashed(x: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Uniform numbers in [0, 1) in float64, by the finaliser of splitmix64 (modulo 2^64)."""
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
    x = x ^ ((x >> 31) & 0x1FFFFFFFF)
    return ((x >> 11) & ((1 << 53) - 1)).double() / 2**53
