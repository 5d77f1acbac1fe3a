"""A trained autoencoder in use: data in, data out, in the data's own units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.data import modality, rows
from noiseless.data.items import to_tensor
from noiseless.densities import LatentDensity
from noiseless.errors import InputError, unknown
from noiseless.model.interpolation import PATHS, PathKind
from noiseless.nn.distributed import uses_batch_statistics
from noiseless.registry import Choice
from noiseless.strings import Codec, of
from noiseless.values import Spec

__all__ = ["Model"]


class Model:
    """Encodes, decodes, reconstructs, interpolates and samples.

    Arguments:
        autoencoder: the networks; put into evaluation mode.
        spec: the shape and units of the data.
        density: gives a fitted density by its name, or by the object that makes it.
        batch: data in a pass, at most; all passes have as many, give or take one.
        trained_on: the features that the model was trained on, under which its distances flatter it; None for most.
        size: the height and width to which images of files, and PIL images, are resized.
        name: what errors call it.
        weights_hash: of the weights that it was opened with, if they are those of a run.

    Data are tensors or arrays of shape ``(N, *spec.shape)``: images in uint8 or float in [0, 1], vectors in their own
    units. (N, H, W) and (N, H, W, C) images are taken too. So is whatever :func:`noiseless.data.load` takes: a name, a
    path, a frame of numbers, a torch ``Dataset``. What comes back is float32 on the CPU.

    Where data are strings, lists of them are taken, or their tokens (N, T) in uint8; what comes back is (N, T, D), the
    logarithms of the tokens' probabilities up to a constant a step, which :meth:`strings` turns into strings.

    Raises:
        InputError: data of another shape, images out of [0, 1], numbers that are not finite, or strings outside of the
            language.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        spec: Spec,
        density: Callable[[Choice], LatentDensity],
        batch: int = 500,
        trained_on: str | None = None,
        size: int | None = None,
        name: str = "this model",
        weights_hash: str = "",
    ) -> None:
        self.autoencoder, self.spec, self.density, self.batch = autoencoder.eval(), spec, density, batch
        self.trained_on, self.size, self.name, self.weights_hash = trained_on, size, name, weights_hash
        self.device = next(autoencoder.parameters()).device
        self.dtype = next(autoencoder.parameters()).dtype

    @property
    def latent_dim(self) -> int:
        """The size of a code, d."""
        return self.autoencoder.latent_dim

    @property
    def amortised(self) -> bool:
        """Whether a network encodes, rather than a slow search for the code of every example."""
        return self.autoencoder.amortised

    @property
    def codec(self) -> Codec:
        """What turns tokens into strings; InputError where data are no strings."""
        return of(self.spec)

    def rows(
        self, data: object, *, size: int | None = None, data_dir: Path | None = None, notes: list[str] | None = None
    ) -> Tensor | np.ndarray:
        """All rows of what :meth:`encode` takes.

        Arguments:
            data: see the class.
            size: resizes images; as in training by default.
            data_dir: where to look first for the files of a named data set.
            notes: takes what a user should hear about the data.

        Raises:
            InputError: the data cannot be taken.
        """
        if isinstance(data, Tensor | np.ndarray):
            return data
        if isinstance(data, list | tuple) and data and all(isinstance(item, str) for item in data):
            return self.codec.encode(data)
        about: Any = {"size": size or self.size, "data_dir": data_dir, "holder": self.name, "notes": notes}
        return rows(data, self.spec, **about)

    def encode(self, data: object) -> Float[Tensor, "n d"]:
        """The mean codes of the data."""
        return self.encoded(self.checked(data))

    def encoded(self, stored: Tensor | np.ndarray) -> Float[Tensor, "n d"]:
        """The mean codes of data as a data set stores them, or as :meth:`checked` gives them."""
        raw = torch.as_tensor(stored)
        return self._in_batches(lambda x: self.autoencoder.encode(x).mean, raw, self._normalise)

    def decode(self, codes: Float[Tensor, "n d"] | np.ndarray) -> Float[Tensor, "n ..."]:
        """The data that the codes stand for."""
        z = self._codes(codes)
        made = self._in_batches(self.autoencoder.decode, z, self._placed)
        broken = int((~made.isfinite()).flatten(1).any(1).sum())
        if broken:
            raise InputError(
                f"{broken} of {len(z)} codes decode to numbers that are not finite; codes reach {z.abs().max():.3g}: "
                "give codes of the size that encode gives"
            )
        return self.spec.restore(made)

    def strings(
        self, codes: Float[Tensor, "n d"] | np.ndarray, generator: torch.Generator | None = None
    ) -> list[str | None]:
        """The strings that the codes stand for; None where a derivation is not complete.

        Arguments:
            codes: of strings.
            generator: draws the tokens; without one the best are taken.
        """
        found: list[str | None] = []
        with torch.inference_mode():
            for part in self._codes(codes).split(self.batch):
                found += self.codec.decode(self._logits(part), generator)
        return found

    def _logits(self, codes: Float[Tensor, "n d"]) -> Float[Tensor, "n t tokens"]:
        """What the decoder says of codes, once for those that stand in a row: votes repeat each some hundred times."""
        if uses_batch_statistics(self.autoencoder):
            return self.autoencoder.decode(self._placed(codes))
        different, which = codes.unique_consecutive(dim=0, return_inverse=True)
        y = self.autoencoder.decode(self._placed(different))
        return y if len(different) == len(codes) else y[which.to(y.device)]

    def _placed(self, z: Tensor) -> Tensor:
        return z.to(self.device, self.dtype)

    def _codes(self, codes: object) -> Tensor:
        z = to_tensor(codes, "the codes")
        if z.ndim != 2 or z.shape[1] != self.latent_dim or len(z) == 0 or not z.is_floating_point():
            given = f"{tuple(z.shape)} of {z.dtype}"
            raise InputError(f"codes are {given}; expected floats of shape (N, {self.latent_dim})")
        if not z.isfinite().all():
            raise InputError(f"{int((~z.isfinite()).any(1).sum())} of {len(z)} codes are not finite")
        large = ~z.to(self.dtype).isfinite().all(1)
        if large.any():
            limit = f"{self.dtype}".removeprefix("torch.")
            raise InputError(f"{int(large.sum())} of {len(z)} codes have numbers that are too large for {limit}")
        return z

    def reconstruct(self, data: object) -> Float[Tensor, "n ..."]:
        """The data encoded and decoded."""
        return self.decode(self.encode(data))

    def interpolate(
        self,
        a: object,
        b: object,
        steps: int = 8,
        path: PathKind = "spherical",
    ) -> Float[Tensor, "n steps ..."]:
        """Decoded :meth:`paths`; arguments as there."""
        z = self.paths(a, b, steps, path)
        return self.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])

    def paths(
        self,
        a: object,
        b: object,
        steps: int = 8,
        path: PathKind = "spherical",
    ) -> Float[Tensor, "n steps d"]:
        """Codes on paths between those of ``a`` and those of ``b``, ends included.

        Arguments:
            a, b: N data each.
            steps: points on each path, 2 or more.
            path: along a great circle or a straight line.
        """
        starts, ends = self.checked(a), self.checked(b)
        _check_paths(len(starts), len(ends), steps, path)
        return self.between(self.encode(starts), self.encode(ends), steps, path)

    def between(
        self, a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], steps: int = 8, path: PathKind = "spherical"
    ) -> Float[Tensor, "n steps d"]:
        """As :meth:`paths`, between codes."""
        _check_paths(len(a), len(b), steps, path)
        return torch.stack([PATHS[path](a, b, k / (steps - 1)) for k in range(steps)], dim=1)

    def sample(self, n: int, density: Choice = "gmm", seed: int = 0) -> Float[Tensor, "n ..."]:
        """Decoded draws from a density; arguments as for :meth:`draw`."""
        return self.decode(self.draw(n, density, seed))

    def draw(self, n: int, density: Choice = "gmm", seed: int = 0) -> Float[Tensor, "n d"]:
        """Codes drawn from a density.

        Arguments:
            n: how many, 1 or more.
            density: a density by name, as ``MODULE:NAME``, or a class or function that makes it, fitted to the training
                codes first if it was not; or one that is fitted already.
            seed: makes the draws.
        """
        if n < 1:
            raise InputError(f"{n} samples were asked for; ask for 1 or more")
        return self.density(density).sample(n, torch.Generator().manual_seed(seed))

    def _in_batches(
        self, apply: Callable[[Tensor], Tensor], values: Tensor, prepare: Callable[[Tensor], Tensor]
    ) -> Tensor:
        with torch.inference_mode():
            even = values.tensor_split(max(1, -(-len(values) // self.batch)))
            parts = [apply(prepare(part)).float().cpu() for part in even]
        return torch.cat(parts).clone()

    def _normalise(self, raw: Tensor) -> Tensor:
        x = self.spec.normalise(raw.to(self.device)).to(self.dtype)
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    def checked(self, data: object) -> Tensor:
        """Data as a data set stores them; what is refused is judged by all of them together."""
        raw = to_tensor(self.rows(data), "the data")
        shape = self.spec.shape
        raw = modality.of(self.spec).arranged(raw, self.spec)
        if raw.shape[1:] != shape or len(raw) == 0:
            raise InputError(
                f"the data have shape {tuple(raw.shape)}; this model takes (N, {', '.join(map(str, shape))})"
            )
        return modality.of(self.spec).stored(raw, self.spec)


def _check_paths(starts: int, ends: int, steps: int, path: str) -> None:
    if path not in PATHS:
        raise unknown("path", path, PATHS)
    if starts != ends or steps < 2:
        raise InputError(f"{starts} starts, {ends} ends and {steps} steps; expected as many ends, and 2 steps")
