r"""One trial: rounds of proposing, decoding and scoring, kept after each so that a killed one goes on.

What is drawn is a function of (seed, round), and a search finds all that it needs in the rounds before. So the state is
what was found, nothing random is kept, and a trial that was killed and goes on ends as if it never was, bit for bit on
one machine with as many threads.

The training objects are parted by the seed: a tenth is held back from every search, which judges its predictions by it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float64
from torch import Tensor

from noiseless.errors import InputError, RunError
from noiseless.files import atomic_write, read_header, read_tensors
from noiseless.optimise.problem import Problem, Proposal, Round, Search, Tell
from noiseless.optimise.votes import elect
from noiseless.training.feed import mix

__all__ = ["Found", "Terms", "Trial"]

FORMAT = "noiseless-trial-1"
PARTS, PROPOSE, DECODE = range(3)


@dataclass(frozen=True)
class Terms:
    """What a trial is of; it is continued on the same terms only.

    Arguments:
        objective: the score, with its options.
        search: the search, with its options.
        seed: makes all draws.
        batch: codes a round.
        votes: how often each is decoded.

    Raises:
        InputError: a number out of its range.
    """

    objective: str
    search: str
    seed: int
    batch: int = 50
    votes: int = 25

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("batch", 1), ("votes", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}, and must be {least} or more")


@dataclass
class Found:
    """What a trial found, in order.

    Arguments:
        codes: as proposed, (k, d).
        scores: in the score's units, NaN where there is none.
        strings: what the codes stand for, None where they failed.
        rounds: of each round, how many codes it proposed, its seconds, and the notes of its search.
    """

    codes: Float64[Tensor, "k d"]
    scores: Float64[Tensor, " k"]
    strings: list[str | None] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sizes(self) -> list[int]:
        """How many codes each round proposed."""
        return [row["codes"] for row in self.rounds]


@dataclass
class Trial:
    """A trial, and where it is kept.

    Arguments:
        problem: what is optimised.
        search: proposes codes.
        terms: what the trial is of.
        path: its file, which is read if it is there.
    """

    problem: Problem
    search: Search
    terms: Terms
    path: Path
    found: Found = field(init=False)

    def __post_init__(self) -> None:
        d = self.problem.codes.shape[1]
        empty = Found(torch.zeros(0, d, dtype=torch.float64), torch.zeros(0, dtype=torch.float64))
        self.found = self._read() if self.path.is_file() else empty

    def run(self, rounds: int, tell: Tell) -> Found:
        """Goes on until so many rounds are done; each is kept as soon as it is.

        Raises:
            RunError: the search proposed codes that are not finite, or too few.
        """
        held, train = self._parts()
        done = len(self.found.rounds)
        tell("round", done, max(done, rounds))
        while len(self.found.rounds) < rounds:
            began, index = time.perf_counter(), len(self.found.rounds)
            proposal = self.search(self._round(index, held, train, tell))
            self._check(proposal)
            self._take(index, proposal, began, tell)
            self._write()
            tell("round", index + 1, rounds)
        return self.found

    def _parts(self) -> tuple[Tensor, Tensor]:
        n = len(self.problem.codes)
        order = torch.randperm(n, generator=self._generator(PARTS))
        return order[: n // 10], order[n // 10 :]

    def _round(self, index: int, held: Tensor, train: Tensor, tell: Tell) -> Round:
        z, y = self.problem.codes.double(), self.problem.costs
        sizes, costs = self.found.sizes, self.problem.cost(self.found.scores)
        return Round(
            z[train],
            y[train],
            list(zip(self.found.codes.split(sizes), costs.split(sizes), strict=True)) if sizes else [],
            z[held],
            y[held],
            self.terms.batch,
            self.problem.density,
            self._generator(PROPOSE, index),
            tell,
        )

    def _check(self, proposal: Proposal) -> None:
        wanted = (self.terms.batch, self.problem.codes.shape[1])
        if tuple(proposal.codes.shape) != wanted or not proposal.codes.isfinite().all():
            raise RunError(
                f"the search {self.terms.search} proposed codes of shape {tuple(proposal.codes.shape)}, "
                f"{int((~proposal.codes.isfinite()).sum())} numbers not finite; expected {wanted}"
            )

    def _take(self, index: int, proposal: Proposal, began: float, tell: Tell) -> None:
        """Decodes and scores a batch, and adds it to what was found."""
        tell("decoding", 0, len(proposal.codes))
        codes = proposal.codes.detach().to(torch.float64)
        generator = self._generator(DECODE, index)
        strings = elect(codes, self.problem.decode, self.problem.score, self.terms.votes, generator)
        scores = [float("nan") if string is None else self.problem.score(string) for string in strings]
        found = self.found
        found.codes = torch.cat([found.codes, codes])
        found.scores = torch.cat([found.scores, torch.tensor(scores, dtype=torch.float64)])
        found.strings += strings
        seconds = round(time.perf_counter() - began, 3)
        found.rounds.append({"codes": len(codes), "seconds": seconds, **proposal.notes})

    def _generator(self, slot: int, index: int = 0) -> torch.Generator:
        return torch.Generator().manual_seed(mix(self.terms.seed, slot, index))

    def _write(self) -> None:
        tensors = {"codes": self.found.codes, "scores": self.found.scores}
        about = self._about() | {"strings": self.found.strings, "rounds": self.found.rounds}
        with atomic_write(self.path) as part:
            part.write_bytes(safetensors.torch.save(tensors, metadata={"noiseless": json.dumps(about)}))

    def _read(self) -> Found:
        about, tensors = read_header(self.path), read_tensors(self.path)
        _refuse_others(self.path, about, self._about())
        try:
            found = Found(tensors["codes"], tensors["scores"], about["strings"], about["rounds"])
            fits = len(found.codes) == len(found.scores) == len(found.strings) == sum(found.sizes)
        except (KeyError, TypeError) as error:
            raise InputError(f"{self.path} is damaged ({error!r}); remove it to begin the trial anew") from error
        if not fits:
            raise InputError(f"{self.path} is damaged: its numbers of codes differ; remove it to begin the trial anew")
        return found

    def _about(self) -> dict[str, Any]:
        return {"format": FORMAT, "problem": self.problem.fingerprint, **asdict(self.terms)}


def _refuse_others(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuses a file of other terms."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{path} is a trial with {name} {found.get(name)!r}, and {value!r} is asked for; "
                "choose another --out, or remove it"
            )
