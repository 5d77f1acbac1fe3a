r"""Patterns: which channels are active for a datum, drawn by seed, stored as indices, applied on the device.

Stage s of a network has :math:`n_s` channels, of which a pattern leaves :math:`k_s` active. Subsets are uniform and
independent, so a space of patterns has the size

.. math:: S = \prod_s \binom{n_s}{k_s},

1.88e40 for 1 of 128, 4 of 256 and 16 of 512 (the paper prints a sum, and means this product). Of N independent patterns

.. math::
    \mathbb E[\text{pairs that collide}] = \binom N2 / S, \qquad
    \mathbb E[\text{different ones}] = S (1 - (1 - 1/S)^N),

the birthday formulae: :func:`draw` gives such patterns, and :func:`unique` draws again those that have occurred.

Stored are the indices of active channels, a byte each where a stage has up to 256 channels and two above: 37 bytes a
datum for the paper's stages, 370 MB for 10 million data, where dense masks of one byte a channel would take 9 GB.
Everything is drawn on the CPU, so that patterns are the same for every device.

Gaussian patterns, for comparison, are factors from N(0, 1) for every channel. They are a function of 8 bytes a datum,
from which the factors are made anew in every batch.

Not enforced: that close data get close patterns. Clusters (:mod:`noiseless.objectives.deciphering.clusters`) do a
little of it: the first stage's channels are cut into as many groups, and a datum's pattern is drawn in the group of its
cluster.

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
"""Patterns that are drawn at a time, to bound memory."""
ROUNDS = 1000
ADVICE = "use a larger --width, more --active channels or fewer --clusters"


@dataclass(frozen=True)
class Layout:
    r"""How many channels each stage has, and how many of them a pattern leaves active.

    Arguments:
        channels: :math:`n_s`.
        active: :math:`k_s`, from 1 to :math:`n_s`.

    Raises:
        InputError: they do not fit.

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
                raise InputError(f"{k} active channels of {n} were asked for; expected 1 to {min(n, 2**15)}")

    @property
    def size(self) -> int:
        """How many patterns there are, S."""
        return math.prod(math.comb(n, k) for n, k in zip(self.channels, self.active, strict=True))

    @property
    def bytes(self) -> int:
        """What a datum's pattern takes."""
        return sum(k * _type(n).itemsize for n, k in zip(self.channels, self.active, strict=True))


def _type(channels: int) -> torch.dtype:
    return torch.uint8 if channels <= 256 else torch.int16


def subsets(u: Float[Tensor, "b n"], k: int, allowed: Float[Tensor, "b n"] | None = None) -> Int[Tensor, "b k"]:
    """Uniform subsets of k of n channels, from uniform draws: the channels of the k largest, ascending.

    Arguments:
        u: draws in [0, 1).
        k: how many channels, no more than are allowed.
        allowed: 1 where a channel may be chosen, else 0.
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
    """Independent patterns, a tensor (count, k) of indices for each stage, on the CPU.

    Arguments:
        layout: of the stages.
        count: how many.
        generator: on the CPU.
        cluster: of each datum, from 0; the first stage is then drawn in its group of channels.
        clusters: how many there are.

    Raises:
        InputError: a group has fewer channels than are to be active.
    """
    _check_groups(layout, clusters)
    found: list[list[Tensor]] = [[] for _ in layout.channels]
    for start in range(0, count, ROWS):
        mine = cluster[start : start + ROWS] if cluster is not None else None
        for stage, (n, k) in enumerate(zip(layout.channels, layout.active, strict=True)):
            rows = min(ROWS, count - start)
            # float64: of float32 keys the k-th ties with the next in one of 2^24 / n patterns, and favours some
            # channels, too seldom to matter in fresh patterns, which are drawn on any device
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
    """As :func:`draw`, no two alike: what has occurred is drawn again.

    Raises:
        InputError: there are not so many patterns, or hardly more than that.
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
        f"{count:,} data are too close to all the patterns there are: {len(_repeated(rows)):,} of them have none of "
        f"their own after {ROUNDS:,} draws; {ADVICE}"
    )


def _repeated(rows: Sequence[Tensor]) -> Tensor:
    """The positions of patterns that have occurred before."""
    constants = torch.Generator().manual_seed(0)
    key = torch.zeros(len(rows[0]), dtype=torch.int64)
    for stage in rows:  # sums modulo 2^64 of odd 63-bit multiples: different rows have different keys, all but surely
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
            f"give fewer --clusters or a larger --width"
        )


def _check_room(layout: Layout, count: int, cluster: Tensor | None, clusters: int) -> None:
    """Refuses more data of a cluster than its group of channels makes patterns."""
    counts = [count] if cluster is None else cluster.bincount().tolist()
    sizes = _groups(layout.channels[0], 1 if cluster is None else clusters).bincount().tolist()
    for k, (n, size) in enumerate(zip(counts, sizes, strict=False)):
        mine = replace(layout, channels=(size, *layout.channels[1:]))
        if n > mine.size:
            raise InputError(
                f"{n:,} data{f' of cluster {k}' if len(sizes) > 1 else ''} cannot get {n:,} different patterns: "
                f"{mine.active} active of {mine.channels} channels make {mine.size:,} of them; {ADVICE}"
            )


def _groups(n: int, clusters: int) -> Tensor:
    """The cluster of each channel: contiguous groups, as even as may be."""
    return torch.arange(n) * clusters // n


def _group(cluster: Tensor, n: int, clusters: int) -> Tensor:
    """1 for the channels of each datum's cluster."""
    return (_groups(n, clusters) == cluster[:, None]).double()


def masks(layout: Layout, rows: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """A factor for every channel, (b, n) for each stage: 1 for active channels, else 0."""
    found = []
    for n, index in zip(layout.channels, rows, strict=True):
        zeros = torch.zeros(len(index), n, dtype=dtype, device=index.device)
        found.append(zeros.scatter_(1, index.long(), 1.0))
    return found


class Patterns(nn.Module):
    """A pattern for every training datum, as buffers that a checkpoint keeps, and fresh ones.

    Arguments:
        layout: of the stages.
        kind: dropout, active channels; or gaussian, factors from N(0, 1).
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
        for name, buffer in self.named_buffers():  # drawn once: an average of weights need not hold others
            setattr(other, name, buffer)
        return other

    @property
    def rows(self) -> list[Tensor]:
        """What is stored: a tensor for each stage, a row for each datum."""
        return list(self.buffers())

    def check(self, count: int, clusters: int = 1) -> None:
        """Refuses more data than there are patterns, and more clusters than channels can be shared among."""
        if self.kind == "dropout":
            _check_groups(self.layout, clusters)
            _check_room(self.layout, count, None, 1)

    def assign(
        self, count: int, generator: torch.Generator, cluster: Int[Tensor, " count"] | None = None, clusters: int = 1
    ) -> None:
        """Draws a pattern for each of ``count`` data, no two alike.

        Raises:
            InputError: there are not so many.
        """
        if self.kind == "gaussian":
            drawn = [torch.randint(2**62, (count, 1), generator=generator)]
        else:
            drawn = unique(self.layout, count, generator, cluster, clusters)
        for (name, old), new in zip(list(self.named_buffers()), drawn, strict=True):
            setattr(self, name, new.to(old.device))

    def of(self, index: Int[Tensor, " b"], dtype: torch.dtype, mirrored: bool = False) -> list[Tensor]:
        """The factors of training data.

        Arguments:
            index: of the data.
            dtype: of the factors.
            mirrored: the last stage's channels in reversed order, the pattern of the mirrored datum.
        """
        rows = [stage.index_select(0, index) for stage in self.rows]
        if self.kind == "gaussian":
            total = sum(self.layout.channels)
            found = list(_normal(rows[0], total).to(dtype).split(self.layout.channels, dim=1))
        else:
            found = masks(self.layout, rows, dtype)
        return [*found[:-1], found[-1].flip(1)] if mirrored else found

    def fresh(self, u: Float[Tensor, "b total"], dtype: torch.dtype, even: bool = True) -> list[Tensor]:
        r"""The factors of new patterns, from uniform draws in [0, 1) for every channel.

        Arguments:
            u: the draws.
            dtype: of the factors.
            even: whether the first stage is a uniform subset of its channels, as in the paper's code, whatever the
                clusters of the data; else it is that of a training datum, drawn uniformly, so that clusters have the
                shares that they have of the data. Gaussian patterns have no clusters, and are the same either way.

        Raises:
            InputError: there are no training data yet whose first stage could be taken.
        """
        parts = u.split(self.layout.channels, dim=1)
        if self.kind == "gaussian":
            tiny = torch.finfo(torch.float32).eps
            return [(2 * p.clamp(tiny, 1 - tiny) - 1).erfinv().mul(math.sqrt(2)).to(dtype) for p in parts]
        rows = [subsets(p, k) for p, k in zip(parts, self.layout.active, strict=True)]
        if not even:
            if not len(self):
                raise InputError("there are no training data whose patterns could be taken: train first")
            rows[0] = self.rows[0][(parts[0][:, 0] * len(self)).long()]
        return masks(self.layout, rows, dtype)


def _make_room(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Takes as many patterns as a checkpoint has, whatever number there was."""
    for name, buffer in list(module.named_buffers()):
        stored = state.get(prefix + name)
        if stored is not None and stored.shape[1:] == buffer.shape[1:] and len(stored) != len(buffer):
            setattr(module, name, buffer.new_zeros(stored.shape))


def _normal(key: Int[Tensor, "b 1"], count: int) -> Float[Tensor, "b count"]:
    """Normal factors, a function of each datum's key: two hashed uniform numbers by Box and Muller."""
    column = torch.arange(count, device=key.device)
    u, v = (_hashed(key + (2 * column + odd) * 0x632BE59BD9B4E019) for odd in (0, 1))
    return (-2 * (1 - u).log()).sqrt() * (2 * math.pi * v).cos()


def _hashed(x: Int[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Uniform numbers in [0, 1) in float64, by the finaliser of splitmix64 modulo 2^64."""
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
    x = x ^ ((x >> 31) & 0x1FFFFFFFF)
    return ((x >> 11) & ((1 << 53) - 1)).double() / 2**53
