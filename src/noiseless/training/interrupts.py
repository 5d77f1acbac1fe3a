"""Process-wide settings of a run, and how signals stop it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import torch

from noiseless.errors import RunError
from noiseless.training.settings import Training

__all__ = ["Stopped", "machine", "signals"]


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
def machine(training: Training) -> Iterator[None]:
    """Sets torch's threads and determinism, and restores the previous settings afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(training.threads or threads)
    if training.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
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
