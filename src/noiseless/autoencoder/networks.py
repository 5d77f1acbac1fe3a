"""Which networks an autoencoder has, and how they are built for data of a given shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import nn

from noiseless.autoencoder.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.errors import InputError
from noiseless.nn.conv import LARGE, SMALL, ConvDecoder, ConvEncoder
from noiseless.nn.mlp import MLPDecoder, MLPEncoder
from noiseless.nn.sequence import LARGE as GRU_LARGE
from noiseless.nn.sequence import SMALL as GRU_SMALL
from noiseless.nn.sequence import SequenceDecoder, SequenceEncoder
from noiseless.registry import ImportableCallable
from noiseless.values import Spec

__all__ = ["Networks", "build"]


@dataclass(frozen=True)
class Networks:
    """The networks of an autoencoder.

    Arguments:
        latent_dim: Size of a code, d. Default: the paper's for the data set.
        net: conv-small is the paper's 32x32 network, conv-large its 64x64 one, mlp a multilayer perceptron; gru-small
            is GrammarVAE's for expressions, gru-large its one for molecules. Default: mlp for vectors, conv-small for
            images up to 48 pixels, conv-large above, gru-large for over 64 tokens (molecules: 32), gru-small for other
            strings, or what the method's paper has.
        width: Channels of the first convolution (1:2:4:8 over the four layers; the paper has 128); a perceptron has
            hidden layers of 8 times that; of recurrent networks 128 has the paper's layers, and others in proportion.
        depth: Hidden layers of a perceptron. Default: 2, or the paper's where its networks are perceptrons.
        encoder: A callable of your own, (shape, outputs) -> module, as module:callable on the command line.
        decoder: A callable of your own, (latent, shape) -> module, as module:callable on the command line.
    """

    latent_dim: int | None = None
    net: Literal["conv-small", "conv-large", "mlp", "gru-small", "gru-large"] | None = None
    width: int = 128
    depth: int | None = None
    encoder: ImportableCallable | None = None
    decoder: ImportableCallable | None = None

    def __post_init__(self) -> None:
        for name in ("latent_dim", "width", "depth"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, and must be 1 or more")


def _factories(
    spec: Spec, networks: Networks, logits: bool
) -> tuple[Callable[..., nn.Module], Callable[..., nn.Module]]:
    net = networks.net or _default(spec)
    if net.startswith("gru") != bool(spec.tokens):
        kind = "token sequences" if spec.tokens else "images" if spec.is_image else "vectors"
        raise InputError(f"the net {net} is not for {kind}, which {spec.name} are; take {_default(spec)}")
    if spec.tokens:
        recurrent, scale = (GRU_SMALL if net == "gru-small" else GRU_LARGE), networks.width / 128
        encoder = partial(SequenceEncoder, tokens=spec.tokens, architecture=recurrent, scale=scale)
        return encoder, partial(SequenceDecoder, architecture=recurrent, scale=scale)
    if net == "mlp":
        hidden, depth = 8 * networks.width, networks.depth or 2
        decoder = partial(MLPDecoder, hidden=hidden, depth=depth, logits=logits)
        return partial(MLPEncoder, hidden=hidden, depth=depth), decoder
    architecture = SMALL if net == "conv-small" else LARGE
    return (
        partial(ConvEncoder, width=networks.width, architecture=architecture),
        partial(ConvDecoder, width=networks.width, architecture=architecture, logits=logits),
    )


def _default(spec: Spec) -> str:
    if spec.tokens:
        return "gru-large" if spec.is_long else "gru-small"
    return ("conv-small" if max(spec.shape[1:]) <= 48 else "conv-large") if spec.is_image else "mlp"


def build(spec: Spec, networks: Networks, bottleneck: Bottleneck, logits: bool = False) -> Autoencoder:
    """An autoencoder for data like `spec`, with the networks asked for, tried once on zeros.

    Arguments:
        spec: what a datum looks like.
        networks: which networks.
        bottleneck: between them.
        logits: decoders end before the sigmoid; a decoder of the user's own has to as well.

    Raises:
        InputError: the networks are for other data, cannot take such, or give back another shape.
    """
    encoder_factory, decoder_factory = _factories(spec, networks, logits)
    encoder = _made("encoder", networks.encoder, encoder_factory, spec.shape, bottleneck.inputs)
    decoder = _made("decoder", networks.decoder, decoder_factory, bottleneck.latent_dim, spec.outputs)
    _try(encoder, (2, *spec.shape), (2, bottleneck.inputs), "encoder")
    _try(decoder, (2, bottleneck.latent_dim), (2, *spec.outputs), "decoder")
    return Autoencoder(encoder, decoder, bottleneck, logits)


def _made(
    name: str, own: Callable[..., nn.Module] | None, default: Callable[..., nn.Module], *given: object
) -> nn.Module:
    if own is None:
        return default(*given)
    try:
        network = own(*given)
    except Exception as error:  # whatever the user's function raises
        raise InputError(f"the {name} cannot be made from {given} ({type(error).__name__}: {error})") from error
    if not isinstance(network, nn.Module):
        raise InputError(f"the {name} made from {given} is a {type(network).__name__}; expected a torch.nn.Module")
    return network


def _try(network: nn.Module, given: tuple[int, ...], expected: tuple[int, ...], name: str) -> None:
    training = network.training
    with torch.no_grad():
        try:
            out = tuple(network.eval()(torch.zeros(given)).shape)
        except Exception as error:  # torch's or the user's own
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"the {name} cannot take an input of shape {given} ({reason})") from error
    if out != expected:
        raise InputError(f"the {name} maps {given} to {out}; expected {expected}")
    network.train(training)
