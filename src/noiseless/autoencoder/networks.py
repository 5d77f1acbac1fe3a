"""Which networks an autoencoder has, and how they are built for data of a given shape.

Networks of the user's own are chosen as objects, as ``MODULE:NAME`` or by entry points (:mod:`noiseless.registry`):
both as a pair (:class:`Net`, group ``noiseless.networks``), or an encoder (``noiseless.encoders``) or a decoder
(``noiseless.decoders``) alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import nn

from noiseless import registry
from noiseless.autoencoder.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.errors import InputError
from noiseless.nn.mlp import MLPDecoder, MLPEncoder
from noiseless.registry import Choice, Kind, Part, check_types
from noiseless.values import Spec

__all__ = [
    "DECODER",
    "ENCODER",
    "NET",
    "Factories",
    "Net",
    "NetworkChoice",
    "Networks",
    "build",
    "nets",
    "perceptrons",
]

Factories = tuple[Callable[..., nn.Module], Callable[..., nn.Module]]
"""Encoder from (shape, outputs), and decoder from (latent_dim, shape)."""
NETS = {
    "conv-small": "the convolutional 32x32 network of Ghosh et al., for images up to 48 pixels",
    "conv-large": "their 64x64 network, for larger images",
    "mlp": "a multilayer perceptron, for vectors and images",
    "gru-small": "GrammarVAE's recurrent network for expressions, for strings",
    "gru-large": "GrammarVAE's recurrent network for molecules, for longer strings",
}
NET = Kind("net", "noiseless.networks", lambda: NETS)
ENCODER = Kind("encoder", "noiseless.encoders")
DECODER = Kind("decoder", "noiseless.decoders")
"""Where networks are found."""


@runtime_checkable
class Net(Protocol):
    """An encoder and a decoder that belong together."""

    def encoder(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """An encoder of data of this shape, with the number of outputs that the bottleneck needs."""

    def decoder(self, latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
        """A decoder of codes of this size into data of this shape."""


@dataclass(frozen=True)
class Networks:
    """The networks of an autoencoder.

    Arguments:
        latent_dim: Size of a code, d. Default: the paper's for the data set.
        net: conv-small is the paper's 32x32 network, conv-large its 64x64 one, mlp a multilayer perceptron; gru-small
            is GrammarVAE's for expressions, gru-large its one for molecules. Default: mlp for vectors, conv-small for
            images up to 48 pixels, conv-large above, gru-large for over 64 tokens (molecules: 32), gru-small for other
            strings, or what the method's paper has. MODULE:NAME of your own is an object with the methods
            encoder(shape, outputs) and decoder(latent_dim, shape), or a class of such.
        width: Channels of the first convolution (1:2:4:8 over the four layers; the paper has 128); a perceptron has
            hidden layers of 8 times that; for recurrent networks, 128 gives the paper's layer sizes, and other values
            scale them.
        depth: Hidden layers of a perceptron (default: 2, or the paper's where its networks are perceptrons), or
            convolutions per size of a convolutional network (default: 1, as in the paper). Other networks have none.
        encoder: A callable of your own, (shape, outputs) -> module, as MODULE:NAME on the command line.
        decoder: A callable of your own, (latent_dim, shape) -> module, as MODULE:NAME on the command line.
    """

    latent_dim: int | None = None
    net: str | Net | Callable[..., Net] | None = None
    width: int = 128
    depth: int | None = None
    encoder: Choice | None = None
    decoder: Choice | None = None

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("latent_dim", "width", "depth"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, and must be 1 or more")
        if isinstance(self.net, str) and ":" not in self.net and self.net not in {*NETS, *NET.installed()}:
            raise NET.unknown(self.net)


def nets() -> dict[str, str]:
    """The networks that come with the library, and what each is."""
    return dict(NETS)


class NetworkChoice(ABC):
    """The networks for a kind of data.

    Attributes:
        nets: the names among those of :class:`Networks` that are for such data.
        inputs: what errors call the data.
    """

    nets: ClassVar[tuple[str, ...]]
    inputs: ClassVar[str]

    @abstractmethod
    def default_net(self, spec: Spec) -> str:
        """The name of the networks where none was asked for."""

    @abstractmethod
    def factories(self, net: str, spec: Spec, networks: Networks, logits: bool) -> Factories:
        """What makes the networks called ``net``, which is one of ``nets``."""


def perceptrons(networks: Networks, logits: bool) -> Factories:
    """Multilayer perceptrons, for data of any shape."""
    hidden, depth = 8 * networks.width, networks.depth or 2
    decoder = partial(MLPDecoder, hidden=hidden, depth=depth, logits=logits)
    return partial(MLPEncoder, hidden=hidden, depth=depth), decoder


def _factories(spec: Spec, networks: Networks, logits: bool) -> Factories:
    own = networks.net is not None and not (isinstance(networks.net, str) and networks.net in NETS)
    if networks.depth is not None and (own or (networks.encoder is not None and networks.decoder is not None)):
        raise InputError(f"networks of your own have a depth of their own; leave out depth={networks.depth}")
    if own:
        return _own(networks.net)
    choice: NetworkChoice = registry.modality(spec.modality)
    net = networks.net or choice.default_net(spec)
    if net not in choice.nets:
        default = choice.default_net(spec)
        raise InputError(f"the net {net} is not for {choice.inputs}, which {spec.name} are; take {default}")
    return choice.factories(net, spec, networks, logits)


def _own(chosen: object) -> Factories:
    part = NET.find(chosen)
    net = part.instance()
    if not isinstance(net, Net):
        raise InputError(
            f"the net {part.name} is a {type(net).__name__}; expected an object with the methods "
            "encoder(shape, outputs) and decoder(latent_dim, shape), or a class of such"
        )
    return (
        Part("encoder", part.name, net.encoder, part.name, own=True).build,
        Part("decoder", part.name, net.decoder, part.name, own=True).build,
    )


def build(spec: Spec, networks: Networks, bottleneck: Bottleneck, logits: bool = False) -> Autoencoder:
    """An autoencoder for data like ``spec``, with the networks asked for, tried once on zeros.

    Arguments:
        spec: what a datum looks like.
        networks: which networks.
        bottleneck: between them.
        logits: decoders end before the sigmoid; a decoder of the user's own has to as well.

    Raises:
        InputError: the networks are for other data, cannot take such, or give back another shape.
    """
    encoder_factory, decoder_factory = _factories(spec, networks, logits)
    encoder = _made(ENCODER, networks.encoder, encoder_factory, spec.shape, bottleneck.inputs)
    decoder = _made(DECODER, networks.decoder, decoder_factory, bottleneck.latent_dim, spec.outputs)
    _try(encoder, (2, *spec.shape), (2, bottleneck.inputs), "encoder")
    _try(decoder, (2, bottleneck.latent_dim), (2, *spec.outputs), "decoder")
    return Autoencoder(encoder, decoder, bottleneck, logits)


def _made(kind: Kind, chosen: Choice | None, default: Callable[..., nn.Module], *given: object) -> nn.Module:
    network = default(*given) if chosen is None else kind.find(chosen).build(*given)
    if not isinstance(network, nn.Module):
        raise InputError(f"the {kind.name} made from {given} is a {type(network).__name__}; expected a torch.nn.Module")
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
