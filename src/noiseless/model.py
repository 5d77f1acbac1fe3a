"""A trained autoencoder in use: data in, data out, in the data's own units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.densities import LatentDensity
from noiseless.errors import InputError, unknown
from noiseless.interpolation import PATHS, Path
from noiseless.values import Spec

__all__ = ["Model"]


class Model:
    """Encodes, decodes, reconstructs, interpolates and samples.

    Arguments:
        autoencoder: the networks; put into evaluation mode.
        spec: the shape and units of the data.
        density: gives a fitted density by its name.
        batch: data in a pass.
        searched: whether the codes of data are found by optimisation, slowly.
        trained_on: the features that the model was trained on, under which its distances flatter it; None for most.

    Data are tensors or arrays of shape (N, *spec.shape): images in uint8 or float in [0, 1], vectors in their own
    units. (N, H, W) and (N, H, W, C) images are taken too. What comes back is float32 on the CPU.

    Raises:
        InputError: data of another shape, images out of [0, 1], or numbers that are not finite.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        spec: Spec,
        density: Callable[[str], LatentDensity],
        batch: int = 500,
        searched: bool = False,
        trained_on: str | None = None,
    ) -> None:
        self.autoencoder, self.spec, self.density, self.batch = autoencoder.eval(), spec, density, batch
        self.searched, self.trained_on = searched, trained_on
        self.device = next(autoencoder.parameters()).device
        self.dtype = next(autoencoder.parameters()).dtype

    @property
    def latent(self) -> int:
        """The size of a code, d."""
        return self.autoencoder.latent

    def encode(self, data: Tensor | np.ndarray) -> Float[Tensor, "n d"]:
        """The mean codes of the data."""
        return self._in_batches(lambda x: self.autoencoder.encode(x).mean, self._checked(data), self._normalise)

    def decode(self, codes: Float[Tensor, "n d"] | np.ndarray) -> Float[Tensor, "n ..."]:
        """The data that the codes stand for."""
        z = torch.as_tensor(codes)
        if z.ndim != 2 or z.shape[1] != self.latent or not z.is_floating_point():
            raise InputError(f"codes are {tuple(z.shape)} of {z.dtype}; expected floats of shape (N, {self.latent})")
        if not z.isfinite().all():
            raise InputError(f"{int((~z.isfinite()).any(1).sum())} of {len(z)} codes are not finite")
        decoded = self._in_batches(self.autoencoder.decode, z, lambda z: z.to(self.device, self.dtype))
        return self.spec.restore(decoded)

    def reconstruct(self, data: Tensor | np.ndarray) -> Float[Tensor, "n ..."]:
        """The data encoded and decoded."""
        return self.decode(self.encode(data))

    def interpolate(
        self,
        a: Tensor | np.ndarray,
        b: Tensor | np.ndarray,
        steps: int = 8,
        path: Path = "spherical",
    ) -> Float[Tensor, "n steps ..."]:
        """Decoded paths between the codes of `a` and those of `b`, ends included.

        Arguments:
            a, b: N data each.
            steps: points on each path, 2 or more.
            path: along a great circle or a straight line.
        """
        _check_paths(len(a), len(b), steps, path)
        return self.between(self.encode(a), self.encode(b), steps, path)

    def between(
        self, a: Float[Tensor, "n d"], b: Float[Tensor, "n d"], steps: int = 8, path: Path = "spherical"
    ) -> Float[Tensor, "n steps ..."]:
        """As :meth:`interpolate`, between codes."""
        _check_paths(len(a), len(b), steps, path)
        z = torch.stack([PATHS[path](a, b, k / (steps - 1)) for k in range(steps)], dim=1)
        return self.decode(z.flatten(0, 1)).unflatten(0, (len(a), steps))

    def sample(self, n: int, density: str = "gmm", seed: int = 0) -> Float[Tensor, "n ..."]:
        """Decoded draws from a density.

        Arguments:
            n: how many, 1 or more.
            density: the name of a density; fitted to the training codes first if it was not.
            seed: makes the draws.
        """
        if n < 1:
            raise InputError(f"{n} samples were asked for; ask for 1 or more")
        return self.decode(self.density(density).sample(n, torch.Generator().manual_seed(seed)))

    def _in_batches(
        self, apply: Callable[[Tensor], Tensor], values: Tensor, prepare: Callable[[Tensor], Tensor]
    ) -> Tensor:
        with torch.inference_mode():
            parts = [apply(prepare(part)).float().cpu() for part in values.split(self.batch)]
        return torch.cat(parts).clone()

    def _normalise(self, raw: Tensor) -> Tensor:
        x = self.spec.normalise(raw.to(self.device)).to(self.dtype)
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    def _checked(self, data: Tensor | np.ndarray) -> Tensor:
        raw = torch.as_tensor(data)
        shape = self.spec.shape
        if self.spec.is_image and raw.ndim == 3 and raw.shape[1:] == shape[1:] and shape[0] == 1:
            raw = raw[:, None]
        if self.spec.is_image and raw.ndim == 4 and raw.shape[1:] == (*shape[1:], shape[0]) != shape:
            raw = raw.movedim(3, 1)
        if raw.shape[1:] != shape or len(raw) == 0:
            raise InputError(
                f"the data have shape {tuple(raw.shape)}; this model takes (N, {', '.join(map(str, shape))})"
            )
        if raw.dtype != torch.uint8:
            self._check_range(raw)
        return raw

    def _check_range(self, raw: Tensor) -> None:
        if not raw.isfinite().all():
            raise InputError(f"{int((~raw.flatten(1).isfinite()).any(1).sum())} of {len(raw)} data are not finite")
        if self.spec.is_image and (raw.min() < 0 or raw.max() > 1):
            low, high = raw.min().item(), raw.max().item()
            raise InputError(f"images lie in [{low:g}, {high:g}]; expected floats in [0, 1] or uint8 (divide by 255?)")


def _check_paths(starts: int, ends: int, steps: int, path: str) -> None:
    if path not in PATHS:
        raise unknown("path", path, PATHS)
    if starts != ends or steps < 2:
        raise InputError(f"{starts} starts, {ends} ends and {steps} steps; expected as many ends, and 2 steps")
