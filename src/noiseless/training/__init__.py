"""Training: one loop for all objectives, its settings and its state."""

from noiseless.training.engine import Engine
from noiseless.training.interrupts import Stopped, machine, threads
from noiseless.training.loop import Callback, Writer, fit
from noiseless.training.settings import Optimiser, Optimizer, Training, check_device, resolve
from noiseless.training.state import State
from noiseless.training.stream import BatchStream

__all__ = [
    "BatchStream",
    "Callback",
    "Engine",
    "Optimiser",
    "Optimizer",
    "State",
    "Stopped",
    "Training",
    "Writer",
    "check_device",
    "fit",
    "machine",
    "resolve",
    "threads",
]
