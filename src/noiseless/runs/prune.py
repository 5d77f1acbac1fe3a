r"""Pruning: a run of a masked autoencoder without the dimensions that its mask has closed.

A closed dimension, :math:`\mu_j < 0.1`, is cut out of everything that knows it: the encoder's last layer, the mask, the
decoder's first layer, the critic's, and the optimisers' moments of these. What is left is a run of the same recipe with
a smaller latent size, and the same function of the dimensions that are kept,

.. math:: E'(x) = E(x)_A, \qquad D'(z_A) = D(z) \;\text{ where }\; \mu_j = 0 \;\text{ for }\; j \notin A,

and with it the same distribution of draws from N(0, I). Where the mask of a closed dimension is small and not 0, the
decoder loses what it still saw of it; :class:`Pruned` says how much that is.

Trained on, it minimises what the old run did, with two differences that the run's notes name: the mean in eq. 14 is
over the dimensions that are left, and form ``paper`` polarises from 2 over their number, as often as before.

How a tensor is cut needs no knowledge of the networks: it has m entries along an axis where the tensor of the smaller
run has n. That the pieces then fit together is checked by comparing both functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.files import atomic_write, write_json
from noiseless.nn.mask import ACTIVE, Mask
from noiseless.objectives.objective import Objective
from noiseless.runs import Run, Weights, stored
from noiseless.runs.record import folder_of, new_identity
from noiseless.runs.room import held, refuse_existing
from noiseless.training import Engine

__all__ = ["Pruned", "prune"]

TRIED = 1000
ROUNDING = 1e-4
MASK = "model/autoencoder.decoder.mask.m"


@dataclass(frozen=True)
class Pruned:
    """What pruning made.

    Arguments:
        run: the new run.
        kept: which dimensions it has kept, of the old run's.
        latent_dim: how many that had.
        parameters: of the old autoencoder and of the new one.
        change: the largest change of an output over a thousand draws of N(0, I), in the units of the network.
        undecided: the masks of kept dimensions that are not above 0.99, by dimension of the old run.
    """

    run: Run
    kept: list[int]
    latent_dim: int
    parameters: tuple[int, int]
    change: float
    undecided: dict[int, float]


def prune(run: str | Path | Run, out: str | Path, weights: Weights = "best", overwrite: bool = False) -> Pruned:
    """Writes a run without the closed dimensions.

    Arguments:
        run: of a method with a mask, or its folder.
        out: the folder of the new run.
        weights: those of the new run's best weights; their mask decides.
        overwrite: replace an existing run in ``out``.

    Raises:
        InputError: the method has no mask, no dimension is closed or none is active, networks of the user's own do not
            follow the latent size, or ``out`` exists.
    """
    run, out = run if isinstance(run, Run) else Run(folder_of(run)), Path(out)
    needed = {f"the run {run.directory}": run.directory}
    refuse_existing(out, overwrite, needed)
    old = run.objective(weights).eval()
    mask = _mask(old.autoencoder, run.directory)
    latent_dim, active, mu = len(mask.m), mask.active, mask.mu.tolist()
    undecided = {j: mu[j] for j in mask.undecided.nonzero().flatten().tolist()}
    kept, n = active.nonzero().squeeze(1), int(active.sum())
    if n in (0, latent_dim):
        late = f"; {len(undecided)} of them are undecided: train anew with more steps" if undecided else ""
        raise InputError(
            f"{n} of the {latent_dim} dimensions of {run.directory} are active (masks {min(mu):.2f} to {max(mu):.2f}): "
            f"there is nothing to remove{late}"
        )
    last, counters = stored.read(run.directory, "checkpoint.safetensors")
    lost = int(((-torch.expm1(-last[MASK].cpu()) >= ACTIVE) & ~active.cpu()).sum())
    with held(out, Engine("cpu")), atomic_write(out) as part:
        refuse_existing(out, overwrite, needed)
        part.mkdir()
        write_json(part / "run.json", _record(run.record, old, latent_dim, kept.tolist(), weights, lost))
        new = Run(part, run.own).method().objective.eval()
        shapes = _shapes(new)
        smaller = _cut({f"model/{k}": v for k, v in old.state_dict().items()}, shapes, kept, latent_dim)
        new.load_state_dict({k.removeprefix("model/"): v for k, v in smaller.items()})
        change = _compared(old, new, active, run.spec.shape)
        stored.write(part, "best.safetensors", dict(new.state_dict()), {})
        stored.write(part, "checkpoint.safetensors", _cut(last, shapes, kept, latent_dim), counters)
    sizes = [sum(p.numel() for p in made.autoencoder.parameters()) for made in (old, new)]
    return Pruned(Run(out, run.own), kept.tolist(), latent_dim, (sizes[0], sizes[1]), change, undecided)


def _mask(autoencoder: Autoencoder, directory: Path) -> Mask:
    mask = autoencoder.mask
    if mask is None:
        raise InputError(f"{directory} has no mask, so that nothing says what to remove; maskaae has one")
    return mask


def _record(
    record: Mapping[str, Any], old: Objective, latent_dim: int, kept: list[int], weights: Weights, lost: int
) -> dict[str, Any]:
    """run.json with the smaller latent size, and what is another loss if it goes on."""
    arguments = dict(record["arguments"])
    arguments["networks"] = dict(arguments.get("networks", {})) | {"latent_dim": len(kept)}
    differs = f"trained on, the mean of the variance is over {len(kept)} dimensions"
    pinned, also = old.pruned_arguments(record["defaults"] | arguments, len(kept))
    arguments |= pinned  # the schedule follows the latent size
    differs = "; ".join([differs, *also])
    notes = [*record["notes"], f"pruned from {latent_dim} to {len(kept)} latent dimensions", differs]
    if lost:
        notes.append(f"the checkpoint had {lost} more active dimensions than what was pruned: it goes on without them")
    pruned = {"latent_dim": latent_dim, "kept": kept, "weights": weights}
    about = {"id": new_identity(), "saved": True}
    return {**record, **about, "arguments": arguments, "notes": notes, "pruned": pruned}


def _shapes(objective: Objective) -> dict[str, torch.Size]:
    """The shape of every tensor of a checkpoint, by the beginning of its name; of moments that of their weights."""
    state = objective.state_dict().items()
    found = {f"{prefix}{name}": value.shape for prefix in ("model/", "ema/module.") for name, value in state}
    for phase in objective.phases():
        found |= {f"optimiser/{phase.name}/{i}": p.shape for i, p in enumerate(phase.parameters)}
    return found


def _cut(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], kept: Tensor, latent_dim: int
) -> dict[str, Tensor]:
    """Every tensor without the entries of closed dimensions."""
    found = {}
    for name, tensor in tensors.items():
        shape = shapes.get(name, shapes.get(name.rpartition("/")[0], tensor.shape))
        found[name] = tensor if tensor.ndim == 0 else _selected(name, tensor, shape, kept, latent_dim)
    return found


def _selected(name: str, tensor: Tensor, shape: torch.Size, kept: Tensor, latent_dim: int) -> Tensor:
    if tensor.ndim != len(shape):
        raise InputError(f"the weights {name} are {tuple(tensor.shape)}, and {tuple(shape)} at the smaller latent size")
    for axis, (before, after) in enumerate(zip(tensor.shape, shape, strict=True)):
        if before != after:
            if (before, after) != (latent_dim, len(kept)):
                raise InputError(
                    f"the weights {name} shrink from {before} to {after} where the latent size does from "
                    f"{latent_dim} to {len(kept)}: only layers that take or give the code itself can be cut"
                )
            tensor = tensor.index_select(axis, kept)
    return tensor.contiguous()


@torch.no_grad()
def _compared(old: Objective, new: Objective, active: Tensor, shape: tuple[int, ...]) -> float:
    """The largest change of an output over draws of the prior.

    Raises:
        InputError: the networks do not agree on the dimensions that are kept, closed ones set to 0.
    """
    generator = torch.Generator().manual_seed(0)
    z, x = torch.randn(TRIED, len(active), generator=generator), torch.rand(8, *shape, generator=generator)
    before, codes = old.autoencoder.decode(z), old.autoencoder.encode(x).mean[:, active]
    _mask(old.autoencoder, Path()).m[~active] = 0
    pairs = [
        (new.autoencoder.encode(x).mean, codes),
        (new.autoencoder.decode(z[:, active]), old.autoencoder.decode(z)),
    ]
    for found, expected in pairs:
        if (found - expected).abs().max() > ROUNDING * (1 + expected.abs().max()):
            raise InputError(
                "the networks without the closed dimensions are other functions of the rest: own networks?"
            )
    return float((pairs[1][0] - before).abs().max())
