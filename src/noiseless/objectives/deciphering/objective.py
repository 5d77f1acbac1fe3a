r"""Deciphering autoencoders: each training example is decoded from a random pattern, which the encoder sees instead.

Example :math:`x_i` has a random pattern :math:`p_i`, drawn once. An encoder e, whose channels the pattern switches on
and off, and a decoder d minimise

.. math:: L = \frac1B \sum_i L_{REC}(d(e(p_i, \varepsilon), r_i), T_{r_i} x_i), \qquad \varepsilon \sim N(0, I)

with a shift :math:`T_r` of the image on which the decoder is conditioned, drawn for every example in every step. New
patterns :math:`p` yield new samples :math:`d(e(p))`. In every second epoch, images are mirrored, and so are their
patterns: the order of the last stage's channels is reversed.

Training has two stages: first with shifts for some epochs, then without; the optimiser and the moving average are reset
in between. In the first epochs the weight decay increases linearly to its value.

**Moments** of batch norms in evaluation mode are those of fresh patterns. While training uses shifts, they are computed
with random shifts as in training. With moments of unshifted data only, the batch norms would remove the conditioning on
the shift, which is then the same for the whole batch, and the weights of the first stage would be used on activations
unlike those in training.

**Validation** has no reconstruction term, because examples outside the training set have no pattern. It is the squared
energy distance between the validation data and equally many images of fresh patterns, with the norm :math:`\|x -
y\|_2` of pixels,

.. math:: 2\, \overline{\|x - y\|} - \overline{\|x - x'\|} - \overline{\|y - y'\|},

which is unbiased, 0 for equal distributions and sometimes negative. It measures diversity as well as fidelity. The
paper uses the last weights.

Not enforced: that codes between those of training patterns decode to plausible data. Patterns of different examples are
unrelated, and only the limited capacity of the encoder makes the map smooth.

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
"""Number of samples drawn together, as in the author's code."""
CALIBRATION = 20
"""Number of batches over which running moments are computed."""
Axes = Literal["none", "horizontal", "both"]
ALONG = (3, 2)
"""Axes of an image batch, horizontal first."""


@dataclass(frozen=True)
class Plan:
    """The training schedule, in epochs, so that a run can be extended beyond its planned length.

    Arguments:
        shift: the axes along which images are shifted.
        shift_epochs: epochs of the first stage, with shifts; 0 omits it.
        mirrored: whether images are mirrored in every second epoch.
        clusters: groups of the first stage's channels, one per cluster found by k-means; 1 disables clusters.
        decay: the weight decay.
        decay_epochs: epochs during which it increases from 0.
        lr, shift_lr: learning rates of the networks and of the shift's embedding; None means a tenth of ``lr``.

    Raises:
        InputError: a value is out of range.
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
                raise InputError(f"{name} is {getattr(self, name)}, but must be {least} or more")
        if not (self.lr > 0 and (self.shift_lr is None or self.shift_lr > 0)):
            raise InputError(f"the learning rates are {self.lr} and {self.shift_lr}, but must be above 0")

    def weight_decay(self, epoch: int) -> float:
        """The weight decay of an epoch, which increases linearly from 0."""
        return self.decay * min(1.0, epoch / self.decay_epochs) if self.decay_epochs else self.decay


class Deciphering(Objective):
    """Patterns, an encoder of patterns, a decoder, and their training.

    Arguments:
        autoencoder: the decoder, with a :class:`~noiseless.nn.inversion.DecoderInversion` instead of an encoder of
            data.
        cipher: maps patterns to latent codes.
        patterns: provides the patterns of the training set, and fresh ones.
        reconstruction: maps the output (or its logits, if the decoder returns them) and the data to a scalar.
        make: builds the optimiser of some parameters with a learning rate.
        plan: the training schedule.
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
        self.register_buffer("shifting", torch.zeros((), dtype=torch.bool))  # trained on shifted data
        self.register_load_state_dict_pre_hook(_add_shifting)

    def check_count(self, count: int) -> None:
        """Refuses more examples than patterns, and more clusters than the examples or channels allow."""
        self.patterns.check(count, self._clusters)
        check_clusters(count, self._clusters)

    def setup(self, info: TrainingInfo, rows: Callable[[], Tensor]) -> None:
        """Draws a pattern for each training example, unless a checkpoint provided them."""
        self.info = info
        if len(self.patterns) == info.count:
            return
        k = self._clusters
        found = clusters(rows(), k, info.seed) if k > 1 else None
        self.patterns.assign(info.count, torch.Generator().manual_seed(info.seed), found, k)

    def restarts(self) -> frozenset[int]:
        """The first step of the stage without shifts."""
        if self.info is None or not self._axes or not self.plan.shift_epochs:
            return frozenset()
        return frozenset({self.plan.shift_epochs * self.info.per_epoch})

    def phases(self) -> list[Phase]:
        """One update of all parameters; the shift's embedding has a separate learning rate."""
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
        """The energy distance between fresh samples and the batch."""
        u = batch.noise.uniform(batch.x.new_zeros(len(batch.x), sum(self.patterns.layout.channels)))
        noise = self._noise(batch)
        y = self.autoencoder.decode(self._latents(self.patterns.fresh(u, batch.x.dtype), noise))
        return {"discrepancy": energy_distance(gather(batch.x.flatten(1)), gather(y.flatten(1)))}

    def code(self, batch: Batch) -> Tensor:
        """The latent codes of the examples' patterns, with the stored encoder input."""
        if int(batch.index.max()) >= len(self.patterns):
            raise InputError(
                f"there are {len(self.patterns)} patterns, but none for example {int(batch.index.max())}: only "
                f"training examples have one, once training has started"
            )
        return self._latents(self.patterns.of(batch.index, batch.x.dtype), None)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator, even: bool = True) -> Float[Tensor, "n d"]:
        """Codes of fresh patterns (``even`` as in :meth:`noiseless.objectives.deciphering.patterns.Patterns.fresh`).

        They are computed in batches of up to 250, of nearly equal size; the patterns do not depend on the device.
        """
        like = self.cipher.dense.weight.new_zeros(())
        parts = torch.arange(n).tensor_split(-(-n // BATCH))  # no last batch of one, which has no moments
        return torch.cat([self._drawn(len(part), generator, like, even) for part in parts])

    @torch.no_grad()
    def recalibrated(self) -> Deciphering:
        """A copy with the moments of fresh patterns, whose inversion starts from some of their codes."""
        other = copy.deepcopy(self).eval()
        generator = torch.Generator().manual_seed(0)
        recalibrate(other, lambda: other._decoded(other.draw(BATCH, generator), generator), CALIBRATION)
        search = cast(DecoderInversion, other.autoencoder.encoder)
        search.bank.copy_(other.draw(len(search.bank), generator))
        return other

    def _decoded(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Tensor:
        """The decoder's output, with random shifts if the weights were trained on shifted data."""
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
        """The shifted data, and the shift that conditions the decoder; None if the decoder takes none."""
        if not self._axes:
            return x, None
        if self.epoch >= self.plan.shift_epochs:
            return x, x.new_full((len(x), self._axes), LARGEST_SHIFT / 2)
        by, r = self._shifts(noise.uniform(x.new_zeros(len(x), self._axes)))
        for k, axis in enumerate(ALONG[: self._axes]):
            x = shifted(x, by[:, k], axis)
        return x, r

    def _shifts(self, u: Float[Tensor, "b axes"]) -> tuple[Int[Tensor, "b axes"], Float[Tensor, "b axes"]]:
        """Shifts along each axis in pixels, up to a quarter of the side, from uniform numbers; and as inputs."""
        height, breadth = cast(Shifted, self.autoencoder.decoder).network.size
        by, r = [], []
        for draws, side in zip(u.unbind(1), (breadth, height), strict=False):
            most = side // 4  # 8 pixels of 32
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
    """For older checkpoints, which do not record whether training used shifts; their moments are of unshifted data."""
    state.setdefault(f"{prefix}shifting", torch.zeros((), dtype=torch.bool))


def shifted(x: Float[Tensor, "b c h w"], by: Int[Tensor, " b"], axis: int) -> Float[Tensor, "b c h w"]:
    """Shifts each image along an axis by its own number of pixels, with reflection padding (edges are not repeated).

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
    """The unbiased squared energy distance between two samples; 0 if one has a single row."""
    if min(len(x), len(y)) < 2:
        return x.new_zeros(())
    within = sum(torch.cdist(a, a).sum() / (len(a) * (len(a) - 1)) for a in (x, y))
    return 2 * torch.cdist(x, y).mean() - within
