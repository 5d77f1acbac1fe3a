r"""Deciphering autoencoders: a network that never sees the datum learns to read it from a pattern that only it has.

Datum :math:`x_i` has a random pattern :math:`p_i`, drawn once. An encoder e, whose channels the pattern switches on and
off, and a decoder d minimise

.. math:: L = \frac1B \sum_i L_{REC}(d(e(p_i, \varepsilon), r_i), T_{r_i} x_i), \qquad \varepsilon \sim N(0, I)

with a shift :math:`T_r` by as many pixels as the decoder is told, drawn for every datum in every step. New patterns
:math:`p` give new data :math:`d(e(p))`. In mirrored epochs, every second one, images are mirrored and so is their
pattern: the order of the last stage's channels is reversed.

Training has two parts: with shifts for some epochs, then without, where optimiser and moving average begin anew. In
the first epochs the weight decay grows linearly to its value.

**Moments** of batch norms in use are those of fresh patterns, told shifts like those of training as long as there are
such. Moments of unshifted data alone would take away what the decoder is told of a shift, since that is then the same
for the whole batch, and do to weights of the first part what they never saw.

**Validation** has no reconstruction, since data that were not trained on have no pattern. It is the squared energy
distance between as many images of fresh patterns and the validation data, by the norm :math:`\|x - y\|_2` of pixels,

.. math:: 2\, \overline{\|x - y\|} - \overline{\|x - x'\|} - \overline{\|y - y'\|},

unbiased, 0 for equal distributions and sometimes negative: it asks for variety as well as for likeness. The paper keeps
the last weights.

Not enforced: that what lies between patterns looks like data. Patterns of different data have nothing in common, and it
is the encoder's limits that make it smooth.

Source: Generative autoencoding of dropout patterns (Maeda, 2023), https://arxiv.org/abs/2310.01712, and its code.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.nn.deciphering import LARGEST_SHIFT, PatternEncoder, Shifted
from noiseless.nn.distributed import gather, recalibrate
from noiseless.nn.inversion import DecoderInversion
from noiseless.objectives.deciphering.clusters import check_clusters, clusters
from noiseless.objectives.deciphering.patterns import Patterns
from noiseless.objectives.objective import Objective, Phase, TrainingInfo
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.values import Batch, Noise

__all__ = ["Deciphering", "Plan", "energy_distance", "shifted"]

BATCH = 250
"""Data that are drawn together, as the code does."""
CALIBRATION = 20
"""Batches over which running moments are taken."""
Axes = Literal["none", "horizontal", "both"]
ALONG = (3, 2)
"""Of images, horizontally first."""


@dataclass(frozen=True)
class Plan:
    """How the training goes; everything is counted in epochs, so that a run may be longer than was planned.

    Arguments:
        shift: the axes along which images are shifted.
        shift_epochs: epochs of the first part, with shifts; 0 leaves it out.
        mirrored: whether every second epoch is mirrored.
        clusters: groups of the first stage's channels, by k-means of the data; 1 has no clusters.
        decay: the weight decay.
        decay_epochs: epochs in which it grows from 0.
        lr, shift_lr: learning rates of everything, and of the shift's embedding; None is a tenth of the others'.

    Raises:
        InputError: one of them is out of range.
    """

    shift: Axes = "horizontal"
    shift_epochs: int = 1000
    mirrored: bool = True
    clusters: int = 32
    decay: float = 0.08
    decay_epochs: int = 400
    lr: float = 2e-3
    shift_lr: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("shift_epochs", 0), ("decay_epochs", 0), ("clusters", 1), ("decay", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}, and must be {least} or more")
        if not (self.lr > 0 and (self.shift_lr is None or self.shift_lr > 0)):
            raise InputError(f"the learning rates are {self.lr} and {self.shift_lr}, and must be above 0")

    def weight_decay(self, epoch: int) -> float:
        """The weight decay of an epoch: linear from 0."""
        return self.decay * min(1.0, epoch / self.decay_epochs) if self.decay_epochs else self.decay


class Deciphering(Objective):
    """Patterns, an encoder of patterns, a decoder, and how they are trained.

    Arguments:
        autoencoder: the decoder, with a :class:`~noiseless.nn.inversion.DecoderInversion` in place of an encoder of
            data.
        cipher: patterns to latents.
        patterns: of the training data, and fresh ones.
        reconstruction: output (or its logits, where the decoder gives them) and data to a number.
        make: the optimiser of parameters at a rate.
        plan: of the training.
    """

    shifting: Tensor
    draws_codes = True
    needs_index = True

    def __init__(
        self,
        autoencoder: Autoencoder,
        cipher: PatternEncoder,
        patterns: Patterns,
        reconstruction: Reconstruction,
        make: Callable[[list[nn.Parameter], float], torch.optim.Optimizer],
        plan: Plan,
    ) -> None:
        super().__init__()
        self.autoencoder, self.cipher, self.patterns = autoencoder, cipher, patterns
        self.reconstruction, self.make, self.plan = reconstruction, make, plan
        self.info: TrainingInfo | None = None
        self.epoch = 0
        self.register_buffer("shifting", torch.zeros((), dtype=torch.bool))  # whether the weights come of shifted data
        self.register_load_state_dict_pre_hook(_add_shifting)

    def check_count(self, count: int) -> None:
        """Refuses more data than patterns, and clusters that are too many for data or channels."""
        self.patterns.check(count, self._clusters)
        check_clusters(count, self._clusters)

    def setup(self, info: TrainingInfo, rows: Callable[[], Tensor]) -> None:
        """Draws a pattern for each training example, unless there are as many already."""
        self.info = info
        if len(self.patterns) == info.count:
            return
        k = self._clusters
        found = clusters(rows(), k, info.seed) if k > 1 else None
        self.patterns.assign(info.count, torch.Generator().manual_seed(info.seed), found, k)

    def restarts(self) -> frozenset[int]:
        """The first step of the part without shifts."""
        if self.info is None or not self._axes or not self.plan.shift_epochs:
            return frozenset()
        return frozenset({self.plan.shift_epochs * self.info.per_epoch})

    def phases(self) -> list[Phase]:
        """One update of everything; the shift's embedding has a rate of its own."""
        return [Phase("autoencoder", list(self.parameters()), self.loss, self._optimiser)]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction of the batch from its patterns."""
        self.epoch = self._info.epoch(batch.step or 0)
        self.shifting.fill_(self._axes > 0 and self.epoch < self.plan.shift_epochs)
        mirrored = self.plan.mirrored and self._image and self.epoch % 2 == 1
        x, r = self._moved(batch.x.flip(-1) if mirrored else batch.x, batch.noise)
        masks = self.patterns.of(batch.index, batch.x.dtype, mirrored)
        with self._autocast(batch.x):
            z = self.cipher(masks, self._noise(batch))
            y = self.autoencoder.decoder(z) if r is None else self.autoencoder.decoder(z, r)
        y = y.float() if y.dtype == torch.bfloat16 else y
        return {"reconstruction": self.reconstruction(y, x)}

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """The energy distance of fresh data to those of the batch."""
        u = batch.noise.uniform(batch.x.new_zeros(len(batch.x), sum(self.patterns.layout.channels)))
        noise = self._noise(batch)
        y = self.autoencoder.decode(self._latents(self.patterns.fresh(u, batch.x.dtype), noise))
        return {"discrepancy": energy_distance(gather(batch.x.flatten(1)), gather(y.flatten(1)))}

    def code(self, batch: Batch) -> Tensor:
        """The latents of the data's patterns, with the input that is kept."""
        if int(batch.index.max()) >= len(self.patterns):
            raise InputError(
                f"there are {len(self.patterns)} patterns, and none for datum {int(batch.index.max())}: only data of "
                f"the training part have one, once the training has begun"
            )
        return self._latents(self.patterns.of(batch.index, batch.x.dtype), None)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator, even: bool = True) -> Float[Tensor, "n d"]:
        """Latents of fresh patterns (``even`` as in :meth:`noiseless.objectives.deciphering.patterns.Patterns.fresh`).

        They are made in batches of up to 250, as equal as may be; what the draws are does not depend on the device.
        """
        like = self.cipher.dense.weight.new_zeros(())
        parts = torch.arange(n).tensor_split(-(-n // BATCH))  # no rest of one, whose moments there are none of
        return torch.cat([self._drawn(len(part), generator, like, even) for part in parts])

    @torch.no_grad()
    def recalibrated(self) -> Deciphering:
        """A copy whose moments are those of fresh patterns, and whose search begins at some of their latents."""
        other = copy.deepcopy(self).eval()
        generator = torch.Generator().manual_seed(0)
        recalibrate(other, lambda: other._decoded(other.draw(BATCH, generator), generator), CALIBRATION)
        search = cast(DecoderInversion, other.autoencoder.encoder)
        search.bank.copy_(other.draw(len(search.bank), generator))
        return other

    def _decoded(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Tensor:
        """The decoder's output, told such shifts as the weights come of."""
        if not self.shifting:
            return self.autoencoder.decode(z)
        u = torch.rand(len(z), self._axes, generator=generator, device=generator.device)
        with self._autocast(z):
            return self.autoencoder.decoder(z, self._shifts(u.to(z))[1])

    def _drawn(self, n: int, generator: torch.Generator, like: Tensor, even: bool) -> Tensor:
        u = torch.rand(n, sum(self.patterns.layout.channels), generator=generator, device=generator.device)
        noise = torch.randn(n, *self.cipher.start.shape[1:], generator=generator, device=generator.device).to(like)
        return self._latents(self.patterns.fresh(u.to(like.device), like.dtype, even), noise)

    def _latents(self, masks: list[Tensor], noise: Tensor | None) -> Tensor:
        with self._autocast(masks[0]):
            z = self.cipher(masks, noise)
        return z.float() if z.dtype == torch.bfloat16 else z

    def _noise(self, batch: Batch) -> Tensor | None:
        return None if self.cipher.learnt else batch.noise.normal(self.cipher.noise(batch.x))

    def _moved(self, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor | None]:
        """The data shifted, and what the decoder is told of it; None where it asks for nothing."""
        if not self._axes:
            return x, None
        if self.epoch >= self.plan.shift_epochs:
            return x, x.new_full((len(x), self._axes), LARGEST_SHIFT / 2)
        by, r = self._shifts(noise.uniform(x.new_zeros(len(x), self._axes)))
        for k, axis in enumerate(ALONG[: self._axes]):
            x = shifted(x, by[:, k], axis)
        return x, r

    def _shifts(self, u: Float[Tensor, "b axes"]) -> tuple[Int[Tensor, "b axes"], Float[Tensor, "b axes"]]:
        """Pixels along each axis, up to a quarter of the side, from uniform draws; and what the decoder is told."""
        height, breadth = cast(Shifted, self.autoencoder.decoder).network.size
        by, r = [], []
        for draws, side in zip(u.unbind(1), (breadth, height), strict=False):
            most = side // 4  # 8 of 32
            by.append((draws * (2 * most + 1)).floor() - most)
            r.append(LARGEST_SHIFT * (by[-1] + most) / (2 * most))
        return torch.stack(by, 1).long(), torch.stack(r, 1)

    def _optimiser(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        decoder = self.autoencoder.decoder
        own = list(decoder.embedding.parameters()) if isinstance(decoder, Shifted) else []
        mine = set(map(id, own))
        optimiser = self.make([p for p in parameters if id(p) not in mine], self.plan.lr)
        if own:
            rate = self.plan.lr / 10 if self.plan.shift_lr is None else self.plan.shift_lr
            optimiser.add_param_group({"params": own, "lr": rate})
        optimiser.register_step_pre_hook(lambda given, *_: self._decay(given))
        return optimiser

    def _decay(self, optimiser: torch.optim.Optimizer) -> None:
        for group in optimiser.param_groups:
            group["weight_decay"] = self.plan.weight_decay(self.epoch)

    @property
    def _axes(self) -> int:
        decoder = self.autoencoder.decoder
        return decoder.axes if isinstance(decoder, Shifted) else 0

    @property
    def _clusters(self) -> int:
        return self.plan.clusters if self.patterns.kind == "dropout" else 1

    @property
    def _image(self) -> bool:
        return self.cipher.start.ndim == 4

    @property
    def _info(self) -> TrainingInfo:
        if self.info is None:
            raise InputError("a deciphering autoencoder needs its training data first: call setup(info, rows)")
        return self.info

    def _autocast(self, like: Tensor) -> contextlib.AbstractContextManager[object]:
        reduced = self.autoencoder.autocast
        return torch.autocast(like.device.type, reduced) if reduced is not None else contextlib.nullcontext()


def _add_shifting(_module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Older checkpoints do not say whether their weights come of shifted data; their moments were taken unshifted."""
    state.setdefault(f"{prefix}shifting", torch.zeros((), dtype=torch.bool))


def shifted(x: Float[Tensor, "b c h w"], by: Int[Tensor, " b"], axis: int) -> Float[Tensor, "b c h w"]:
    """Each image shifted along an axis by its own number of pixels; what enters is reflected, the edge not repeated.

    >>> x = torch.arange(5.0).view(1, 1, 1, 5)
    >>> shifted(x, torch.tensor([2]), 3).flatten().tolist(), shifted(x, torch.tensor([-1]), 3).flatten().tolist()
    ([2.0, 1.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 3.0])
    """
    n = x.shape[axis]
    from_ = (torch.arange(n, device=x.device) - by[:, None]).abs()
    from_ = (n - 1) - ((n - 1) - from_).abs()
    shape = [len(x), 1, 1, 1]
    shape[axis] = n
    return x.gather(axis, from_.view(shape).expand(x.shape))


def energy_distance(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
    """The unbiased squared energy distance of two samples; 0 where one has a single row."""
    if min(len(x), len(y)) < 2:
        return x.new_zeros(())
    within = sum(torch.cdist(a, a).sum() / (len(a) * (len(a) - 1)) for a in (x, y))
    return 2 * torch.cdist(x, y).mean() - within
