r"""The values that pass between the parts: what a datum looks like, a batch, a code, and the trace of one pass.

Conventions, stated once: images are float32 in [0, 1], shape (B, C, H, W); vectors are standardised on the training
part, shape (B, D); sequences of tokens are (B, T), whole numbers in float32, which holds them exactly, and what a
decoder gives for them is (B, T, D), a number for each token; codes are (B, d); losses are to be minimised, sums over
dimensions and means over the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Batch", "DiagonalGaussian", "Dirac", "Noise", "Posterior", "Spec", "Trace", "fresh_noise"]


@dataclass(frozen=True)
class Spec:
    r"""What one datum looks like, and how raw numbers become network inputs.

    Images of dtype uint8 are divided by 255 and float images are taken as they are; vectors become
    :math:`(v - \text{shift}) / \text{scale}` and go back by :meth:`restore`; tokens stay the numbers that they are.

    Arguments:
        name: the data set's name, which chooses a paper's constants, or the path's stem.
        shape: (C, H, W) of an image, (D,) of a vector or (T,) of a sequence of tokens.
        shift, scale: D numbers each, for vectors only.
        tokens: D, how many tokens there are; 0 for images and vectors.
        language: the text of the strings' grammar (:class:`noiseless.strings.Grammar`), where they have one.
        alphabet: the characters that are tokens, the one that pads last; empty where tokens are the grammar's rules.
        kind: "molecules" where strings are SMILES, by whatever grammar; else empty.
        columns: the names of a vector's numbers, where a frame gave them.
    """

    name: str
    shape: tuple[int, ...]
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    tokens: int = 0
    language: str = ""
    alphabet: str = ""
    kind: str = ""
    columns: tuple[str, ...] = ()

    @property
    def modality(self) -> str:
        """The kind of data by name; :mod:`noiseless.modalities` has an object for each."""
        return "strings" if self.tokens else "images" if self.is_image else "vectors"

    @property
    def is_image(self) -> bool:
        """Whether a datum is an image rather than a vector."""
        return len(self.shape) == 3

    @property
    def size(self) -> int:
        """How many numbers a datum has: :math:`N = CHW`, :math:`D`, or :math:`TD` of a sequence, one for each token."""
        return int(torch.Size(self.outputs).numel())

    @property
    def outputs(self) -> tuple[int, ...]:
        """The shape of what a decoder gives: the data's own, or (T, D) for a sequence of tokens."""
        return (*self.shape, self.tokens) if self.tokens else self.shape

    @property
    def is_long(self) -> bool:
        """Whether strings are as GrammarVAE's molecules are: over 64 tokens, or such of over 32."""
        return bool(self.tokens) and self.shape[0] > (32 if self.kind == "molecules" else 64)

    def normalise(self, raw: Tensor) -> Tensor:
        """Raw numbers as stored -> float32 network inputs."""
        if self.shift:
            return (raw.float() - raw.new_tensor(self.shift, dtype=torch.float32)) / raw.new_tensor(
                self.scale, dtype=torch.float32
            )
        return raw.to(torch.float32).div_(255.0) if raw.dtype == torch.uint8 and self.is_image else raw.float()

    def restore(self, x: Tensor) -> Tensor:
        """Network outputs -> the units of the data (vectors), or unchanged (images)."""
        return x * x.new_tensor(self.scale) + x.new_tensor(self.shift) if self.shift else x


@dataclass
class Noise:
    r"""Random draws of one update: a function of (seed, step, slot) and of the position in the joint batch.

    On several processes every one draws for the joint batch and keeps its own rows, so that the noise of a datum does
    not depend on how many processes share the work.

    Arguments:
        seed: what makes the draws of this update unique; see :func:`noiseless.training.fit`.
        rank, world: this process's number and their count.
    """

    seed: int
    rank: int = 0
    world: int = 1
    _generators: dict[torch.device, torch.Generator] = field(default_factory=dict, repr=False)

    def generator(self, device: torch.device) -> torch.Generator:
        """The generator of this update on ``device``, the same on every process."""
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self._generators[device]

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal draws like ``like`` in shape, device and dtype; its first axis is this process's batch."""
        return self._rows(torch.randn, like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform draws on [0, 1), as :meth:`normal`."""
        return self._rows(torch.rand, like)

    def signs(self, like: Tensor) -> Tensor:
        """Rademacher draws, -1 or 1 with equal probability, as :meth:`normal`."""
        return self._rows(torch.rand, like).sub_(0.5).sign_()

    def _rows(self, draw: Callable[..., Tensor], like: Tensor) -> Tensor:
        rows = like.shape[0]
        joint = draw(
            (rows * self.world, *like.shape[1:]),
            generator=self.generator(like.device),
            device=like.device,
            dtype=like.dtype,
        )
        return joint[self.rank * rows : (self.rank + 1) * rows] if self.world > 1 else joint


def fresh_noise() -> Noise:
    """Noise that no other batch has, with a seed from torch's global generator (``torch.manual_seed``)."""
    return Noise(int(torch.randint(2**63 - 1, ())))


@dataclass
class Batch:
    r"""Data, their indices in the training part, the step (None outside training), and this update's noise.

    In a loop of your own, ``Batch(x)`` is enough: every batch then has noise of its own, seeded from torch's global
    generator. Two updates of one step, or two phases, are two batches: noise is not renewed by using it again.

    Arguments:
        x: network inputs.
        index: the position of each datum in the training part. Only an objective that identifies training data by it
            reads it (``Objective.needs_index``: deciphering autoencoders), and then it has to be given; by default it
            is 0 to B - 1.
        step: the number of the update, from 0; None outside training. Terms that apply every few steps, and
            schedules of weights, are functions of it; without it, such terms apply in full.
        noise: what is random in this update.
    """

    x: Float[Tensor, "b ..."]
    index: Int[Tensor, " b"] = None  # type: ignore[assignment]  # __post_init__ counts
    step: int | None = None
    noise: Noise = field(default_factory=fresh_noise)

    def __post_init__(self) -> None:
        if self.index is None:
            self.index = torch.arange(len(self.x), device=self.x.device)


@runtime_checkable
class Posterior(Protocol):
    """What an encoder gives for a batch: a distribution over codes with a mean, from which one can draw."""

    @property
    def mean(self) -> Tensor:
        """The mean code, shape (B, d)."""

    def sample(self, noise: Noise) -> Tensor:
        """A draw, differentiable in the distribution's parameters, shape (B, d)."""


@dataclass
class Dirac:
    """A deterministic code: all mass in one point."""

    mean: Float[Tensor, "b d"]

    def sample(self, noise: Noise) -> Tensor:  # noqa: ARG002
        """The point itself."""
        return self.mean


@dataclass
class DiagonalGaussian:
    r"""A diagonal Gaussian code :math:`N(\mu, \operatorname{diag} \sigma^2)`.

    Its draws have the standard deviation :math:`s \sigma`; unless ``noise_scale``, s, is 1, they do not follow the
    distribution.
    """

    mean: Float[Tensor, "b d"]
    log_std: Float[Tensor, "b d"]
    noise_scale: float = 1.0

    def sample(self, noise: Noise) -> Tensor:
        r"""The reparametrised draw :math:`\mu + s \sigma \varepsilon`, :math:`\varepsilon \sim N(0, I)`."""
        return self.mean + self.noise_scale * self.log_std.exp() * noise.normal(self.mean)


@dataclass
class Trace:
    """One pass through an autoencoder: the batch, the distribution of its codes, the codes drawn, and the decoder's
    output.

    ``logits`` are the log-odds of the output where the decoder gives such.
    """

    batch: Batch
    q: Posterior
    z: Float[Tensor, "b d"]
    y: Float[Tensor, "b ..."]
    logits: Float[Tensor, "b ..."] | None = None

    @property
    def x(self) -> Tensor:
        """The data."""
        return self.batch.x
