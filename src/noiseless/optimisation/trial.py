r"""One trial: rounds of proposing, decoding and scoring codes, saved after each round so that it can be resumed.

All randomness is a function of (seed, round), and a search derives everything it needs from the previous rounds. The
state therefore consists of the results only, without random state, and a resumed trial is bit-identical to an
uninterrupted one on the same machine with the same number of threads.

The seed also splits the training objects: a tenth is held out from every search, to evaluate its predictions.
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
from noiseless.optimisation.problem import Problem, Proposal, Round, Search, Tell
from noiseless.optimisation.votes import elect
from noiseless.training.feed import mix

__all__ = ["Found", "Terms", "Trial"]

FORMAT = "noiseless-trial-1"
PARTS, PROPOSE, DECODE = range(3)


@dataclass(frozen=True)
class Terms:
    """The settings of a trial; it can be resumed with the same settings only.

    Arguments:
        objective: the score, with its options.
        search: the search, with its options.
        seed: determines all randomness.
        batch: codes per round.
        votes: how often each code is decoded.

    Raises:
        InputError: a number is out of range.
    """

    objective: str
    search: str
    seed: int
    batch: int = 50
    votes: int = 25

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("batch", 1), ("votes", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}, but must be {least} or more")


@dataclass
class Found:
    """The results of a trial, in order.

    Arguments:
        codes: the proposed codes, (k, d).
        scores: their scores, in the score's units; NaN where undefined.
        strings: the decoded strings, None where decoding failed.
        rounds: for each round the number of codes proposed, its duration in seconds, and the diagnostics of its search.
    """

    codes: Float64[Tensor, "k d"]
    scores: Float64[Tensor, " k"]
    strings: list[str | None] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sizes(self) -> list[int]:
        """The number of codes proposed in each round."""
        return [row["codes"] for row in self.rounds]


@dataclass
class Trial:
    """A trial, and the file in which it is stored.

    Arguments:
        problem: the optimisation problem.
        search: proposes codes.
        terms: the settings of the trial.
        path: the trial's file, which is read if it exists.

    Attributes:
        found: the results so far.
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
        """Runs until ``rounds`` rounds are complete; each is saved when it ends.

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
                f"of which {int((~proposal.codes.isfinite()).sum())} numbers are not finite; expected {wanted}"
            )

    def _take(self, index: int, proposal: Proposal, began: float, tell: Tell) -> None:
        """Decodes and scores a batch, and adds it to the results."""
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
            raise InputError(f"{self.path} is damaged ({error!r}); remove it to restart the trial") from error
        if not fits:
            raise InputError(f"{self.path} is damaged: its numbers of codes differ; remove it to restart the trial")
        return found

    def _about(self) -> dict[str, Any]:
        return {"format": FORMAT, "problem": self.problem.fingerprint, **asdict(self.terms)}


def _refuse_others(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuses the file of a trial with other settings."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{path} is a trial with {name} {found.get(name)!r}, but {value!r} was requested; "
                "choose another folder (out=), or remove it"
            )
