"""Pictures of what the methods of EAE's table make (Ghose, Rashwan, Poupart, UAI 2020), side by side.

Every method's reconstructions of the same held-out images, its isotropic samples (for 2sVAE those of its second stage),
its samples from a mixture of ten Gaussians, and the way between the same two images. The runs are those of eae-table,
of the first seed that is given; what is missing is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from noiseless.errors import InputError
from noiseless.reproduce.cells import Cell, cells, trained
from noiseless.reproduce.command import command, refuse_overwrite
from noiseless.reproduce.request import Report, Request, chosen
from noiseless.reproduce.studies.eae import eae_lines
from noiseless.show import grids
from noiseless.training import Stopped

__all__ = ["eae_figures"]

SHOWN = 12
TITLES = {
    "reconstructions": "reconstructions of held-out data",
    "isotropic": "samples from N(0, I); 2sVAE: from its second stage",
    "gmm": "samples from a mixture of ten Gaussians",
    "interpolations": "the way between two held-out images, spherical",
}


def eae_figures(request: Request) -> Report:
    """Reconstructions, samples and interpolations of every method of eae-table, side by side."""
    refuse_overwrite("eae-figures", request)
    asked = replace(request, seeds=request.seeds[:1])
    lines = chosen(eae_lines(request.setting.second_stage), asked)
    images: dict[str, dict[str, Tensor]] = {kind: {} for kind in TITLES}
    notes = []
    for cell in cells(asked, "eae-table", lines):
        try:
            made = _made(cell)
        except Stopped:
            raise
        except (InputError, RuntimeError) as error:
            notes.append(f"not shown: {cell.line.label}: {' '.join(str(error).split())}")
            continue
        images["reconstructions"].setdefault("data", _originals(cell))
        for kind, some in made.items():
            images[kind][cell.line.label] = some
    return _report(request, {kind: some for kind, some in images.items() if some}, list(dict.fromkeys(notes)))


def _made(cell: Cell) -> dict[str, Tensor]:
    """What a method makes, by kind."""
    data = cell.loaded
    if data.spec.modality != "images":
        raise InputError(f"{data.spec.name} are {data.spec.modality}, and these figures are of images")
    model = trained(cell).model(data=data)
    shown = data.test.take(np.arange(min(SHOWN, len(data.test))))
    isotropic = cell.line.sources["isotropic"].density or "normal"
    return {
        "reconstructions": model.reconstruct(shown),
        "isotropic": model.sample(SHOWN, isotropic, cell.seed),
        "gmm": model.sample(SHOWN, "gmm", cell.seed),
        "interpolations": model.interpolate(shown[:1], shown[-1:], SHOWN)[0],
    }


def _originals(cell: Cell) -> Tensor:
    data = cell.loaded
    return data.spec.normalise(torch.from_numpy(data.test.take(np.arange(min(SHOWN, len(data.test))))))


def _report(request: Request, images: Mapping[str, Mapping[str, Tensor]], notes: list[str]) -> Report:
    name, line = request.place("eae-figures").name, command("eae-figures", request)
    head = f"# EAE and its baselines, side by side: {request.data_name}, scale {request.scale}"
    shown = [f"{TITLES[kind].capitalize()}:\n\n![{TITLES[kind]}]({name}-{kind}.png)" for kind in images]
    said = "\n".join(f"* {note}" for note in notes)
    text = "\n\n".join(filter(None, [head, f"```sh\n{line}\n```", *shown, said])) + "\n"
    pictures: dict[str, Callable[[Path], object]] = {
        kind: partial(grids.comparison, some, title=TITLES[kind]) for kind, some in images.items()
    }
    content = {"format": 1, "study": "eae-figures", "command": line, "seed": request.seeds[0], "notes": notes}
    return Report(text, content | {"rows": {kind: list(some) for kind, some in images.items()}}, pictures)
