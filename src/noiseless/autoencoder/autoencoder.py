r"""What maps: an encoder, a bottleneck that turns its outputs into a distribution over codes, and a decoder.

.. math:: x \to \text{encoder} \to \text{bottleneck} \to q(z \mid x) \to z \to \text{decoder} \to y

The bottleneck says how many numbers it needs from the encoder, so one encoder network serves all of them: a
deterministic code needs d, a Gaussian one 2d.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.nn.inversion import DecoderInversion
from noiseless.nn.mask import Mask, MaskedDecoder
from noiseless.values import Batch, Posterior, Trace

__all__ = ["Autoencoder"]


class Autoencoder(nn.Module):
    """An encoder, a bottleneck and a decoder.

    Arguments:
        encoder: maps data (B, ...) to (B, bottleneck.inputs).
        decoder: maps codes (B, d) to data.
        bottleneck: turns the encoder's output into a distribution over codes.
        logits: the decoder gives log-odds of pixels rather than pixels, as a Bernoulli likelihood needs them.

    The networks run under autocast to ``autocast`` where that is a reduced precision; codes, outputs and everything
    computed from them are float32 or better.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, bottleneck: Bottleneck, logits: bool = False) -> None:
        super().__init__()
        self.encoder, self.decoder, self.bottleneck, self.logits = encoder, decoder, bottleneck, logits
        self.autocast: torch.dtype | None = None

    @property
    def latent_dim(self) -> int:
        """The size of a code, d."""
        return self.bottleneck.latent_dim

    @property
    def active(self) -> Bool[Tensor, " d"] | None:
        """Which dimensions of a code reach the decoder; None where no mask decides it."""
        mask = self.mask
        return None if mask is None else mask.active

    @property
    def mask(self) -> Mask | None:
        """The mask in front of the decoder, if there is one."""
        return self.decoder.mask if isinstance(self.decoder, MaskedDecoder) else None

    @property
    def amortised(self) -> bool:
        """Whether a network encodes, rather than a search for the code of every example."""
        return not isinstance(self.encoder, DecoderInversion)

    def encode(self, x: Float[Tensor, "b ..."]) -> Posterior:
        """The distribution of the codes of ``x``."""
        return self.bottleneck(self._run(self.encoder, x))

    def decode(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b ..."]:
        """The data that the codes stand for."""
        out = self._run(self.decoder, z)
        return torch.sigmoid(out) if self.logits else out

    def forward(self, batch: Batch) -> Trace:
        """One pass, from data to outputs."""
        q = self.encode(batch.x)
        return self.decoded(batch, q, q.sample(batch.noise))

    def decoded(self, batch: Batch, q: Posterior, z: Float[Tensor, "b d"]) -> Trace:
        """The second half of a pass, from codes to outputs."""
        out = self._run(self.decoder, z)
        return Trace(batch, q, z, torch.sigmoid(out), out) if self.logits else Trace(batch, q, z, out)

    def _run(self, network: nn.Module, value: Tensor) -> Tensor:
        if self.autocast is None:
            return network(value)
        with torch.autocast(value.device.type, self.autocast):
            out = network(value)
        return out.float()
