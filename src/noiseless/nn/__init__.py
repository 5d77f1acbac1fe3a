"""Networks and the layers they share."""

from noiseless.nn.conv import ConvDecoder, ConvEncoder
from noiseless.nn.critic import LatentCritic
from noiseless.nn.deciphering import GroupedDecoder, PatternEncoder
from noiseless.nn.distributed import BatchNorm, gather
from noiseless.nn.inversion import DecoderInversion
from noiseless.nn.mask import Mask, MaskedDecoder
from noiseless.nn.mlp import MLP, MLPDecoder, MLPEncoder
from noiseless.nn.sequence import GRU, SequenceDecoder, SequenceEncoder
from noiseless.nn.spectral import normalise

__all__ = [
    "GRU",
    "MLP",
    "BatchNorm",
    "ConvDecoder",
    "ConvEncoder",
    "DecoderInversion",
    "GroupedDecoder",
    "LatentCritic",
    "MLPDecoder",
    "MLPEncoder",
    "Mask",
    "MaskedDecoder",
    "PatternEncoder",
    "SequenceDecoder",
    "SequenceEncoder",
    "gather",
    "normalise",
]
