"""Process-wide settings of a run, and how signals stop it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from noiseless.errors import RunError
from noiseless.training.settings import Training

__all__ = ["Stopped", "machine", "signals", "threads"]


class Stopped(RunError):
    """A signal stopped the run after a checkpoint.

    Arguments:
        signum: the signal's number.
        step: the step of the checkpoint.
    """

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} at step {step}; a checkpoint was saved")
        self.signum = signum


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Within this block torch and the libraries under NumPy and SciPy use ``count`` threads; None changes nothing."""
    before = torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextlib.contextmanager
def machine(training: Training) -> Iterator[None]:
    """Sets threads and determinism, and restores the previous settings afterwards."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    if training.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        with threads(training.threads):
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic)


@contextlib.contextmanager
def signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM; a second SIGINT stops immediately."""
    received: list[int] = []

    def note(signum: int, frame: Any) -> None:  # noqa: ARG001
        if received and signum == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(signum)

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # only the main thread may install handlers
        before = {}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
