r"""What a density on codes is, and how one is named, built, saved and read back.

A deterministic autoencoder has no prior: after training its codes :math:`z_i = e(x_i)` follow some distribution
:math:`q(z) = \frac1n \sum_i \delta(z - z_i)` (aggregated; a mixture of the posteriors where they have a width), and a
decoder makes sense of such codes only. Samples come from a density :math:`p` fitted to it ex post,

.. math:: p^* = \arg\max_p \sum_{i=1}^n \log p(z_i), \qquad z \sim p^*, \qquad y = d(z),

over a family small enough that :math:`p^*` interpolates between the codes rather than repeats them. Nothing ties
:math:`p^*` to what the decoder saw between codes; that is what the autoencoder's regulariser is for.

A new density is one file in this folder. It subclasses :class:`LatentDensity` and names what it offers in

    ``DENSITIES: dict[str, Callable[[int], LatentDensity]]``

whose values are called with the dimension of the codes; further parameters need defaults, and become options in the
name (``gmm:32`` or ``gmm:components=32``). The first line of a value's docstring is what ``noiseless list densities``
shows. Heavy imports belong inside the functions, since listing the names imports every module here. Everything fitted
is a parameter or a buffer whose shape the constructor knows, so that a file is read back without running what it says.

Fits, draws and log-densities are computed in float64; draws are returned in float32. Reference: From Variational to
Deterministic Autoencoders, P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black, B. Schölkopf, 2020, section 4,
https://arxiv.org/abs/1903.12436.
"""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.errors import InputError, unknown
from noiseless.files import atomic_write
from noiseless.objectives.objective import Objective
from noiseless.registry import offered, options

__all__ = ["LatentDensity", "build", "checked", "describe", "load", "names", "save"]

FORMAT = "noiseless-density-1"
CODES = ("mean", "sample")


class LatentDensity(nn.Module, ABC):
    r"""A distribution on codes that is fitted once and sampled often.

    Arguments:
        dim: the dimension :math:`d` of the codes.

    Attributes:
        dim: as given.
        n: how many codes it was fitted on, 0 before; a buffer.
        note: what the user should hear about the fit (a singular covariance, no convergence), or an empty string.
        device: where a density that is a network is trained: auto takes a GPU where there is one.
    """

    n: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim < 1:
            raise InputError(f"the dimension of a density must be at least 1, not {dim}")
        self.dim = dim
        self.note = ""
        self.device = "auto"
        self.register_buffer("n", torch.zeros((), dtype=torch.int64))

    @abstractmethod
    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> LatentDensity:
        """Fits the density to `z`, sets `n` and `note`, and returns itself; see :func:`checked` for what is refused."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Independent draws in random order: any first part of them is a sample too. float32."""

    @abstractmethod
    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        r""":math:`\log p(z)` in nats, row by row, float64."""

    def bind(self, objective: Objective, model: str = "this one") -> LatentDensity:  # noqa: ARG002
        """The density, tied to the model's objective where it draws through it; most need no such tie.

        Arguments:
            objective: the model's.
            model: what an error calls it.

        Raises:
            InputError: the objective draws no codes.
        """
        return self

    def require_fit(self) -> None:
        """Refuses to go on before :meth:`fit`."""
        if not self.n:
            raise InputError(f"this {type(self).__name__} has not been fitted; call fit(z, generator) first")


def checked(z: Float[Tensor, ...], dim: int) -> Float[Tensor, "n d"]:
    r"""Codes in float64, fit to estimate from: a finite :math:`n \times d` matrix with :math:`n \ge 2`.

    Raises:
        InputError: another shape, or rows that are not finite, with their number.
    """
    if z.ndim != 2 or z.shape[1] != dim:
        raise InputError(f"codes must have shape (n, {dim}), not {tuple(z.shape)}")
    if len(z) < 2:
        raise InputError(f"a density needs at least 2 codes, not {len(z)}")
    broken = int((~z.isfinite()).any(dim=1).sum())
    if broken:
        raise InputError(f"{broken} of {len(z)} codes are not finite; a density needs finite codes: check the encoder")
    return z.detach().double()


def names() -> dict[str, str]:
    """Every density by the name that the command line takes, with a line on each.

    >>> names()["gaussian"]
    "A Gaussian with the codes' mean and full covariance."
    """
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(_catalogue().items())}


def build(name: str, dim: int) -> LatentDensity:
    """An unfitted density for codes of dimension `dim`.

    Arguments:
        name: one of :func:`names`, with options after a colon if the density has any: values in the order of its
            signature or ``option=value``, separated by commas.
        dim: the dimension of the codes.

    Raises:
        InputError: a name, an option or a value that does not exist, with the nearest that does.

    >>> build("gmm:3", dim=8).means.shape
    torch.Size([3, 8])
    """
    kind = name.partition(":")[0]
    if kind not in _catalogue():
        raise unknown("density", kind, _catalogue())
    make: Callable[..., LatentDensity] = _catalogue()[kind]
    return make(dim, **options("density", name, make))


def save(density: LatentDensity, path: Path, *, name: str, codes: str) -> None:
    """Writes a fitted density to one safetensors file, whole or not at all.

    Arguments:
        density: what to save.
        path: the file; an existing one is replaced.
        name: the name under which :func:`build` makes such a density, options included.
        codes: ``mean`` or ``sample``: which codes of the posterior it was fitted on.

    Raises:
        InputError: `codes` is neither, the density is not fitted, or `name` makes another one.
        RunError: the file cannot be written.
    """
    if codes not in CODES:
        raise unknown("kind of codes", codes, CODES)
    density.require_fit()
    state = {key: value.detach().cpu().contiguous() for key, value in density.state_dict().items()}
    if _shapes(build(name, density.dim)) != _shapes(density):
        raise InputError(f"{name!r} does not name the {type(density).__name__} that is to be saved at {path}")
    about = {"format": FORMAT, "name": name, "dim": density.dim, "codes": codes, "n": int(density.n)}
    metadata = {"noiseless": json.dumps(about | {"note": density.note})}
    with atomic_write(path) as part:
        part.write_bytes(safetensors.torch.save(state, metadata=metadata))


def load(path: Path) -> LatentDensity:
    """Reads what :func:`save` wrote; only a density of this package is built, and nothing in the file is run.

    Raises:
        InputError: the file is missing, corrupt, of another format, or does not hold what it says.
    """
    about = describe(path)
    density = build(about["name"], about["dim"])
    try:
        density.load_state_dict(safetensors.torch.load_file(path))
    except (RuntimeError, OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} does not hold the density {about['name']!r} that it names ({error})") from error
    density.note = about["note"]
    return density.eval()


def describe(path: Path) -> dict[str, Any]:
    """What a density's file says about itself: format, name, dim, codes, n, note.

    Raises:
        InputError: the file is missing, corrupt, or of another format.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("noiseless", "null"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} cannot be read as a density ({error}); remove it, and a run fits it again") from error
    types = {"format": str, "name": str, "dim": int, "codes": str, "n": int, "note": str}
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{path} is not a density in the format {FORMAT!r}; fit it again with this version")
    if any(type(about.get(key)) is not kind for key, kind in types.items()):
        raise InputError(f"{path} is a density whose description is damaged; remove it, and a run fits it again")
    return about


@cache
def _catalogue() -> dict[str, Callable[[int], LatentDensity]]:
    return offered("noiseless.densities", "DENSITIES")


def _shapes(density: LatentDensity) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in density.state_dict().items()}
