"""What an optimiser keeps between updates beside tensors: numbers of its parameters, and of its groups.

torch's Adam, AdamW and RMSprop keep tensors alone. An optimiser of the user's own may count in plain numbers, and adapt
numbers of its groups (a rate that it estimates, a sum of weights); these go into the header of a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from noiseless.errors import RunError
from noiseless.objectives.objective import Phase

__all__ = ["check_moments", "numbers", "restore"]

ADAM, RMSPROP = {"step", "exp_avg", "exp_avg_sq"}, {"step", "square_avg"}
KEPT_IN_TENSORS = {torch.optim.Adam: ADAM, torch.optim.AdamW: ADAM, torch.optim.RMSprop: RMSPROP}
"""torch's optimisers, and the tensors that they keep of each parameter."""


def check_moments(
    optimiser: torch.optim.Optimizer, phase: Phase, stored: Mapping[str, Tensor], empty: bool = False
) -> None:
    """Refuses what is not the state of an optimiser of torch's; what one of the user's own keeps is not known.

    Arguments:
        optimiser: whose state it should be.
        phase: whose parameters it updates.
        stored: the tensors by INDEX/KEY.
        empty: whether there may be none.

    Raises:
        ValueError: some are missing, of another shape or type, or out of range.
    """
    wanted = KEPT_IN_TENSORS.get(type(optimiser))
    if wanted is None:
        return
    found: dict[int, set[str]] = {}
    for name, tensor in stored.items():
        i, key = name.split("/")
        found.setdefault(int(i), set()).add(key)
        shape = () if key == "step" else tuple(phase.parameters[int(i)].shape)
        # squares of large gradients may be infinite in float32
        numbers = tensor.dtype in (torch.float32, torch.float64) and not bool(tensor.isnan().any())
        if tuple(tensor.shape) != shape or not numbers or (key != "exp_avg" and (tensor < 0).any()):
            raise ValueError(f"optimiser/{phase.name}/{name} is not the state of a parameter of shape {shape}")
    missing = [i for i, keys in found.items() if keys != wanted]
    if missing or not (found or empty):
        where = f"parameter {missing[0]}" if missing else "every parameter"
        raise ValueError(f"the state of the optimiser of phase {phase.name} is incomplete for {where}")


def numbers(phase: Phase, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """The numbers by place: ``parameter/INDEX/KEY`` and ``group/INDEX/KEY``; none of torch's own three.

    Raises:
        RunError: it keeps something that a checkpoint cannot hold.
    """
    if type(optimiser) in KEPT_IN_TENSORS:
        return {}
    found = {}
    for place, value in _places(phase, optimiser):
        if isinstance(value, bool | int | float):
            found[place] = value if math.isfinite(value) else str(value)  # JSON has no infinity
        elif place.startswith("parameter") and value is not None and not isinstance(value, Tensor):
            raise RunError(
                f"the optimiser {type(optimiser).__name__} keeps a {type(value).__name__} ({place}), and a checkpoint "
                "holds tensors and numbers only; take another optimiser"
            )
    return found


def restore(phase: Phase, optimiser: torch.optim.Optimizer, stored: Mapping[str, Any]) -> None:
    """Takes back what :func:`numbers` gave."""
    for place, kept in stored.items():
        kind, index, key = place.split("/", 2)
        value = float(kept) if isinstance(kept, str) else kept
        if kind == "group":
            optimiser.param_groups[int(index)][key] = value
        else:
            optimiser.state[phase.parameters[int(index)]][key] = value


def _places(phase: Phase, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, Any]]:
    for i, parameter in enumerate(phase.parameters):
        for key, value in optimiser.state.get(parameter, {}).items():
            yield f"parameter/{i}/{key}", value
    for i, group in enumerate(optimiser.param_groups):
        for key, value in group.items():
            yield f"group/{i}/{key}", value
