"""Training: one loop for all objectives, its settings and its state."""

from noiseless.training.engine import Engine
from noiseless.training.interrupts import Stopped
from noiseless.training.loop import Callback, fit
from noiseless.training.settings import Training, check_device, resolve
from noiseless.training.state import State

__all__ = ["Callback", "Engine", "State", "Stopped", "Training", "check_device", "fit", "resolve"]
