"""What an optimiser keeps between updates beside tensors: numbers of its parameters, and of its groups.

torch's Adam, AdamW and RMSprop keep tensors alone. An optimiser of the user's own may count in plain numbers, and adapt
numbers of its groups (a rate that it estimates, a sum of weights); these go into the header of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from noiseless.errors import RunError
from noiseless.objectives.objective import Phase

__all__ = ["numbers", "restore"]

KEPT_IN_TENSORS = (torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)


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
            found[place] = value
        elif place.startswith("parameter") and value is not None and not isinstance(value, Tensor):
            raise RunError(
                f"the optimiser {type(optimiser).__name__} keeps a {type(value).__name__} ({place}), and a checkpoint "
                "holds tensors and numbers only; take another optimiser"
            )
    return found


def restore(phase: Phase, optimiser: torch.optim.Optimizer, stored: Mapping[str, Any]) -> None:
    """Takes back what :func:`numbers` gave."""
    for place, value in stored.items():
        kind, index, key = place.split("/", 2)
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
