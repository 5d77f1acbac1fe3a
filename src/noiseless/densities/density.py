r"""The interface of latent densities, and how they are named, built, saved and loaded.

A deterministic autoencoder has no prior: after training its codes :math:`z_i = e(x_i)` follow some distribution
:math:`q(z) = \frac1n \sum_i \delta(z - z_i)` (the aggregated posterior; a mixture of the posteriors if these are not
points), and the decoder is meaningful for such codes only. Samples come from a density :math:`p` that is fitted to the
codes ex post,

.. math:: p^* = \arg\max_p \sum_{i=1}^n \log p(z_i), \qquad z \sim p^*, \qquad y = d(z),

within a family small enough that :math:`p^*` interpolates between the codes instead of memorising them. Nothing ensures
that the decoder is meaningful between the codes of the training set, where :math:`p^*` has mass too; that is the
purpose of the autoencoder's regulariser.

A density subclasses :class:`LatentDensity`. It is chosen by name, as an object, as ``MODULE:NAME`` or by an entry point
in the group ``noiseless.densities`` (:mod:`noiseless.registry`). A module of this folder lists those that it provides
in

    ``DENSITIES: dict[str, Callable[[int], LatentDensity]]``

Its class (or a function that builds it) is called with the dimension of the codes. Further parameters need defaults and
become options in the name (``gmm:32`` or ``gmm:components=32``). ``noiseless list densities`` shows the first line of
its docstring. Heavy imports belong inside the functions, because listing the names imports every module here.
Everything that is fitted is a parameter or a buffer whose shape the constructor knows, so that a file can be loaded
without executing its contents.

Fits, samples and log-densities are computed in float64; samples are returned in float32. Reference: From Variational to
Deterministic Autoencoders, P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black, B. Schölkopf, 2020, section 4,
https://arxiv.org/abs/1903.12436.
"""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.densities import calls
from noiseless.errors import InputError, unknown
from noiseless.files import atomic_write, refuse_undecodable
from noiseless.files.schema import parse
from noiseless.objectives.objective import Objective
from noiseless.registry import Choice, Kind, offered

__all__ = ["DENSITY", "LatentDensity", "build", "checked", "describe", "holds", "load", "names", "refuse_few", "save"]

FORMAT = "noiseless-density-1"
CODES = ("mean", "sample")


class LatentDensity(nn.Module, ABC):
    r"""A distribution on codes that is fitted once and sampled often.

    Arguments:
        dim: the dimension :math:`d` of the codes.

    Its methods may be called with codes as a tensor, an array or a list of rows; they are given a tensor (n, d).

    What the fit finds is kept in buffers, which are saved. A buffer that is built without rows, shape (0, ...), may
    get any number of rows in the fit.

    Attributes:
        dim: as given.
        n: number of codes it was fitted to, 0 before the fit; a buffer.
        note: a remark on the fit for the user (a singular covariance, no convergence), or an empty string.
        device: where a density that is a network is trained; auto uses a GPU if there is one.
    """

    n: Tensor
    least = 2
    """The smallest number of codes that it can be fitted to."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        calls.guard(cls)

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
        """Fits the density to ``z``, sets ``n`` and ``note``, and returns itself; :func:`checked` validates ``z``."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Independent samples in random order, so that any prefix of them is a sample too; float32."""

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
        """Raises an error if :meth:`fit` has not been called."""
        if not self.n:
            raise InputError(f"this {type(self).__name__} has not been fitted; call fit(z, generator) first")


def checked(z: Float[Tensor, ...], dim: int) -> Float[Tensor, "n d"]:
    r"""The codes in float64, validated: a finite :math:`n \times d` matrix with :math:`n \ge 2`.

    Raises:
        InputError: the shape is another one, or some rows are not finite; the message gives their number.
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
    """The densities by the names that the command line accepts, with a one-line description of each.

    >>> names()["gaussian"]
    "A Gaussian with the codes' mean and full covariance."
    """
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(_catalogue().items())}


def build(chosen: Choice, dim: int) -> LatentDensity:
    """An unfitted density for codes of dimension ``dim``.

    Arguments:
        chosen: one of :func:`names`, optionally with options after a colon: values in the order of its signature or
            ``option=value``, separated by commas; your own ``MODULE:NAME``, with options after a second colon; the name
            of a density of an installed package; or a class or function that builds a density for a dimension.
        dim: the dimension of the codes.

    Raises:
        InputError: the name, an option or a value is unknown (the message suggests the nearest one), or the result is
            not a density.

    >>> build("gmm:3", dim=8).means.shape
    torch.Size([3, 8])
    """
    part = DENSITY.find(chosen)
    made = part.build(dim)
    if not isinstance(made, LatentDensity) or made.dim != dim:
        given = f"one of dimension {made.dim}" if isinstance(made, LatentDensity) else f"a {type(made).__name__}"
        raise InputError(f"the density {part.name} gave {given}; expected a LatentDensity of dimension {dim}")
    return made


def refuse_few(chosen: Choice, dim: int, count: int) -> None:
    """Refuses, before anything is trained, a density that could not be fitted to so few codes.

    Arguments:
        chosen, dim: as for :func:`build`.
        count: how many data there are for training, each of which has a code.

    Raises:
        InputError: they are too few; or as for :func:`build`.
    """
    least = build(chosen, dim).least
    if count < least:
        raise InputError(
            f"the density {DENSITY.find(chosen).name} is fitted to the codes of the training part: it needs at least "
            f"{least}, and there are {count}; give more data, or another density"
        )


def save(density: LatentDensity, path: Path, *, name: Choice, codes: str, weights: str = "") -> None:
    """Writes a fitted density to a safetensors file, atomically.

    Arguments:
        density: the density.
        path: the file; an existing one is replaced.
        name: the choice from which :func:`build` builds such a density, including options.
        codes: ``mean`` or ``sample``: which codes of the posterior it was fitted to.
        weights: a hash of the weights that gave the codes, if it is known.

    Raises:
        InputError: ``codes`` is neither of these, the density is not fitted, or ``name`` names another density.
        RunError: the file cannot be written.
    """
    if codes not in CODES:
        raise unknown("kind of codes", codes, CODES)
    density.require_fit()
    part = DENSITY.find(name)
    state = {key: value.detach().cpu().contiguous() for key, value in density.state_dict().items()}
    if not _fits(build(name, density.dim), state):
        raise InputError(
            f"{part.name!r} does not name the {type(density).__name__} to be saved at {path}; "
            "give the name that the density was built with"
        )
    about = {"format": FORMAT, "name": part.name, "dim": density.dim, "codes": codes, "n": int(density.n)}
    about |= ({"digest": part.digest} if part.own else {}) | ({"weights": weights} if weights else {})
    metadata = {"noiseless": json.dumps(about | {"note": density.note})}
    with atomic_write(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(state, metadata=metadata))


def load(path: Path, own: Choice | None = None) -> LatentDensity:
    """Reads what :func:`save` wrote; nothing in the file is executed.

    Arguments:
        path: the file.
        own: the density in the file, as for :func:`build`, if it is not one of this package. It has to be given because
            code is never imported because a file names it.

    Raises:
        InputError: the file is missing, corrupt, of another format, or does not contain the density that it names; or
            the density is not one of this package and ``own`` is not given.
    """
    about = describe(path)
    if own is None:
        DENSITY.refuse_own(about["name"], str(path), "as own=...")
    try:
        density = build(about["name"] if own is None else own, about["dim"])
    except (RuntimeError, MemoryError, ArithmeticError) as error:
        raise InputError(f"{path} names a density that cannot be made ({error}); fit it again") from error
    try:
        state = safetensors.torch.load_file(path)
        if not all(v.isfinite().all() for v in state.values() if v.is_floating_point()):
            raise ValueError("its numbers are not finite")
        if _fits(density, state):
            for key, value in _growing(density).items():
                value.resize_(state[key].shape)
        for key, value in density.state_dict().items():
            if key in state and value.dtype != state[key].dtype:
                raise ValueError(f"{key} is of the type {state[key].dtype}, and must be {value.dtype}")
        density.load_state_dict(state)
    except (RuntimeError, ValueError, OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} does not hold the density {about['name']!r} that it names ({error})") from error
    density.note = about["note"]
    return density.eval()


def holds(path: Path, chosen: Choice, weights: str = "") -> bool:
    """Whether a file contains the chosen density, with its current code, which can change for user-defined densities.

    Arguments:
        path: the file.
        chosen: as for :func:`build`.
        weights: a hash of the weights whose codes it should be fitted to; a file that does not say which is taken.

    Raises:
        InputError: the file is corrupt or of another format.
    """
    if not path.is_file():
        return False
    part, about = DENSITY.find(chosen), describe(path)
    same = about["name"] == part.name and about.get("digest", "") == part.digest
    return part.is_lasting and same and (not weights or about.get("weights", weights) == weights)


def describe(path: Path) -> dict[str, Any]:
    """The metadata of a density's file: format, name, dim, codes, n, note.

    Raises:
        InputError: the file is missing, corrupt, or of another format.
    """
    refuse_undecodable(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = parse((file.metadata() or {}).get("noiseless", "null"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} cannot be read as a density ({error}); remove it, and the run refits it") from error
    types = {"format": str, "name": str, "dim": int, "codes": str, "n": int, "note": str}
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{path} is not a density in the format {FORMAT!r}; fit it again with this version")
    named = types | {key: str for key in ("weights", "digest") if key in about}
    fits = all(type(about.get(key)) is kind for key, kind in named.items())
    if not fits or not 0 < about["dim"] < 2**24 or not 0 <= about["n"] < 2**53:
        raise InputError(f"{path} is a density whose metadata are damaged; remove it, and the run refits it")
    return about


@cache
def _catalogue() -> dict[str, Callable[[int], LatentDensity]]:
    return offered("noiseless.densities", "DENSITIES")


DENSITY = Kind("density", "noiseless.densities", lambda: _catalogue())
"""How densities are found."""


def _growing(density: nn.Module) -> dict[str, Tensor]:
    """Buffers without rows, which get their rows in the fit."""
    return {key: value for key, value in density.named_buffers() if value.ndim and not len(value)}


def _fits(density: LatentDensity, state: Mapping[str, Tensor]) -> bool:
    """Whether a density that was just built has the tensors of a fitted one."""
    built, growing = density.state_dict(), _growing(density)
    return built.keys() == state.keys() and all(
        value.shape == state[key].shape or (key in growing and value.shape[1:] == state[key].shape[1:])
        for key, value in built.items()
    )
