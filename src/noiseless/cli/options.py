"""Options that several verbs share."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from cyclopts import Group, Parameter
from cyclopts.validators import Number
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from noiseless.autoencoder import Networks
from noiseless.errors import InputError
from noiseless.model import Model
from noiseless.runs import BatchNormMoments, Run, Weights
from noiseless.runs.user_code import UserCode

__all__ = [
    "Building",
    "Count",
    "DataDir",
    "Densities",
    "Overwrite",
    "Owning",
    "Seed",
    "Size",
    "Source",
    "Use",
    "UserCode",
    "Using",
    "as_options",
    "by_name",
    "decided",
    "panel",
    "use_threads",
]


def panel(title: str, order: int) -> Parameter:
    """Marks a dataclass whose fields are options, shown under a title of their own."""
    return Parameter(name="*", group=Group(title, sort_key=order))


def by_name(hint: Any) -> Any:
    """A type hint as the command line takes it: where a part is a name or an object, the name.

    >>> by_name(str | type[int] | None)
    str | None
    """
    if get_origin(hint) in (Union, UnionType) and str in get_args(hint):
        return reduce(or_, [kind for kind in get_args(hint) if kind in (str, NoneType)])
    if get_origin(hint) is tuple:
        return tuple[tuple(map(by_name, get_args(hint)))]  # type: ignore[misc]
    return hint


@cache
def as_options(kind: type) -> Any:
    """A dataclass whose fields are options: a subclass, with the annotations that cyclopts needs."""
    hints = get_type_hints(kind)
    fields = [
        (field.name, _spelled(field, by_name(hints[field.name])), _copied(field)) for field in dataclasses.fields(kind)
    ]
    made = dataclasses.make_dataclass(kind.__name__, fields, bases=(kind,), frozen=True)
    made.__doc__, made.__module__ = kind.__doc__, kind.__module__
    return made


def _copied(field: dataclasses.Field[Any]) -> Any:
    return dataclasses.field(default=field.default, init=field.init)


def _spelled(field: dataclasses.Field[Any], hint: Any) -> Any:
    """The annotation of a field: lists take several values, switches have no negative, and ``n`` is -n too."""
    if not field.init:  # no option
        return Annotated[hint, Parameter(parse=False)]
    if get_origin(hint) is tuple:
        return Annotated[hint, Parameter(consume_multiple=True, negative=(), show_default=field.default != ())]
    if hint is bool:
        return Annotated[hint, Parameter(negative="")]
    return Annotated[hint, Parameter(name=["-n", "--n"])] if field.name == "n" else hint


@dataclass(frozen=True)
class Use:
    """How a run's model is opened.

    Arguments:
        weights: Which weights: those of the best validation loss, the last, or their moving average.
        device: auto, cpu, cuda, cuda:1, mps, ... auto takes a GPU where there is one.
        precision: Of the networks.
        threads: CPU threads. Default: torch's.
        data_dir: Where to look first for the files of a named data set.
        moments: Batch-norm statistics: running (works for a single example too), or those of the current batch, as
            in some authors' code.
    """

    weights: Weights = "best"
    device: str = "auto"
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    threads: int | None = None
    data_dir: Path | None = None
    moments: BatchNormMoments = "running"

    def open(self, run: Path, own: UserCode) -> tuple[Run, Model]:
        """The run and its model."""
        use_threads(self.threads)
        opened = Run(run, own)
        model = opened.model(
            self.weights, device=self.place, precision=self.precision, data_dir=self.data_dir, moments=self.moments
        )
        return opened, model

    def few(self, n: int) -> str:
        """A note if batch norms take their moments from few examples."""
        if self.moments == "running" or n >= 100:
            return ""
        return f"batch norms take the moments of these {n} data alone; take a hundred or more, or leave out --moments"

    @property
    def label(self) -> str:
        """What results say of the weights."""
        return self.weights if self.moments == "running" else f"{self.weights}, moments of the batch"

    @property
    def place(self) -> str:
        """The device, with ``auto`` decided."""
        return decided(self.device)


POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries read that are loaded later."""


def use_threads(threads: int | None) -> None:
    """Lets this process use so many CPU threads in everything that it does from now on; None changes nothing.

    Raises:
        InputError: this machine cannot sensibly start so many.
    """
    if threads is None:
        return
    most = 8 * (os.cpu_count() or 8)
    if not 1 <= threads <= most:
        raise InputError(f"threads is {threads}, and must be 1 to {most} on this machine")
    os.environ.update(dict.fromkeys(POOLS, str(threads)))
    torch.set_num_threads(threads)
    threadpool_limits(threads)


Using = Annotated[Use, panel("Model", 5)]
if TYPE_CHECKING:
    Owning = UserCode
    Building = Networks
else:
    Owning = Annotated[as_options(UserCode), panel("Code of your own, as MODULE:NAME", 6)]
    Building = Annotated[as_options(Networks), panel("Networks", 2)]
Overwrite = Annotated[bool, Parameter(help="Overwrite what --out names.", negative="")]
Seed = Annotated[int, Parameter(help="Seed of the random draws; 0 or more.", validator=Number(gte=0, lt=2**63))]
Count = Parameter(name=["-n", "--n"], help="How many.")
Source = Annotated[
    str,
    Parameter(
        help="A data set's name, a folder, an archive, a .npy or .npz file, strings:FILE,grammar=FILE, smiles:FILE, or "
        "MODULE:NAME."
    ),
]
Size = Annotated[int | None, Parameter(help="Crop images to squares and resize them to this many pixels a side.")]
DataDir = Annotated[Path | None, Parameter(help="Where to look first for the files of a named data set.")]
Densities = Annotated[
    tuple[str, ...],
    Parameter(
        help="One or several of noiseless list densities, gmm:32 has 32 components; or MODULE:NAME of your own. "
        "Default: the method's.",
        consume_multiple=True,
        negative=(),
        show_default=False,
    ),
]


def decided(device: str) -> str:
    """``device``, or what ``auto`` means on this machine."""
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
