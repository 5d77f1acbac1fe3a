"""Running moments of batch norms, computed anew before the weights are validated, saved or shown.

A running average over the steps of training belongs to weights that have changed since: after 500 steps on 64x64 icons
it made the held-out squared error half as large again. The means over some batches of the training set under the
weights as they are cost that many forward passes. They depend on seed and step alone, so that a run that was resumed
has them too, and training never reads them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from noiseless.autoencoder import Autoencoder
from noiseless.nn.distributed import keeps_moments, recalibrate
from noiseless.objectives.objective import Objective
from noiseless.training.engine import Engine
from noiseless.training.feed import BatchLoader, mix
from noiseless.training.settings import Training
from noiseless.training.stream import BatchStream
from noiseless.training.validation import layout_for
from noiseless.values import Batch, Noise

__all__ = ["Recalibration"]

SLOT = -1
"""The order of the batches is none of those that a phase trains on."""


class Recalibration:
    """Sets the running moments of an objective's autoencoder to means over training batches.

    Arguments:
        feed: gives the batches of a step and slot.
        training: the number of batches, and the seed.
        engine: the processes that share a batch.
    """

    def __init__(self, feed: BatchLoader | BatchStream, training: Training, engine: Engine) -> None:
        self.feed, self.training, self.engine = feed, training, engine
        if isinstance(feed, BatchStream):
            feed.recent = deque(feed.recent, maxlen=training.recalibrate)

    def __call__(self, objective: Objective, step: int) -> Objective:
        """The objective as it is used after ``step`` steps."""
        self.renew(objective, step)
        return objective.recalibrated()

    def renew(self, objective: Objective, step: int) -> None:
        """Recalibrates what is trained itself; its mode is left as it is."""
        training = objective.training
        for part in objective.modules():
            if isinstance(part, Autoencoder) and part.amortised and keeps_moments(part):
                self._renew(part, step)
        objective.train(training)

    def _renew(self, autoencoder: Autoencoder, step: int) -> None:
        batches = self._batches(autoencoder, step)
        if (count := self._count()) > 0:
            recalibrate(autoencoder, lambda: autoencoder(next(batches)), count)

    def _count(self) -> int:
        most = len(self.feed.recent) if isinstance(self.feed, BatchStream) else self.feed.per_epoch
        return min(self.training.recalibrate, most)

    def _batches(self, autoencoder: Autoencoder, step: int) -> Iterator[Batch]:
        layout, rank, world = layout_for(autoencoder), self.engine.rank, self.engine.world
        for k in range(self._count()):
            noise = Noise(mix(self.training.seed, step, SLOT, k), rank, world)
            if isinstance(self.feed, BatchStream):
                yield Batch(layout(self.feed.normalised(self.feed.recent[k])), noise=noise)
            else:
                x, index = self.feed(step + k, SLOT)
                yield Batch(layout(x), index, None, noise)
