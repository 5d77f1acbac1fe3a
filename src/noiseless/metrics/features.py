r"""Features: frozen maps :math:`\phi` in whose output space two sets of data are compared.

A distance between two distributions of images is measured between the distributions of :math:`\phi(x)`, and depends on
:math:`\phi` as much as on the images: numbers with different features, image sizes or resizing methods cannot be
compared. A feature map therefore has a name, which is recorded with every result.

Images are compared as they would be stored. They are first converted to 8-bit values

.. math:: u = \min(\max(\operatorname{round}(255\, x), 0), 255),

rounded half to even, never truncated and never wrapped. Grey images are replicated to three channels if a network
expects colour. For EfficientNet-Lite0 images are resized bilinearly (half-pixel centres), with an antialias filter when
downscaling and without one when upscaling, and normalised as :math:`(u - 127) / 128`; Inception resizes as TensorFlow 1
did. Vectors are used as given (evaluations standardise them); ``raw`` converts them back to the units of the data, in
which the columns with the largest values dominate.

A user-defined feature network is a callable from a batch of images in [0, 1] (or of vectors) to rows of features. It is
chosen as an object, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.features``
(:mod:`noiseless.registry`). The chosen object is the callable, or a class or function that builds it and needs no
arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from noiseless import registry
from noiseless.errors import InputError
from noiseless.metrics.sample import Sample
from noiseless.registry import Choice, Kind
from noiseless.values import Spec

__all__ = ["FEATURES", "Features", "build", "eight_bit", "names"]


CPU = torch.device("cpu")


@dataclass(frozen=True)
class Features:
    r"""A frozen map from data to features, with a name.

    Arguments:
        name: the name recorded with results, for example ``efficientnet-lite0@128``.
        network: maps a batch to (features, logits or None).
        batch: batch size for the network; affects speed and memory, and results only by rounding.
        device: the device of the network.
    """

    name: str
    network: nn.Module
    batch: int = 1000
    device: torch.device = CPU

    def __call__(self, x: Float[Tensor, "b ..."]) -> Sample:
        """Features of any number of examples: images with values in [0, 1], or vectors.

        Raises:
            InputError: an example contains a value that is infinite or not a number, or the network does not return
                one row per example.
        """
        return self.over([x])

    @torch.inference_mode()
    def over(self, batches: Iterable[Float[Tensor, "_ ..."]]) -> Sample:
        """Features of a stream of batches, as one sample."""
        return Sample.join(self._part(part) for x in batches for part in x.split(self.batch))

    def _part(self, x: Tensor) -> Sample:
        if not x.isfinite().all():
            raise InputError("an image or vector to be evaluated contains a value that is infinite or not a number")
        features, logits = self.network(x.to(self.device, torch.float32))
        return Sample(features.float().cpu(), None if logits is None else logits.float().cpu())


def eight_bit(x: Tensor) -> Tensor:
    r"""The 8-bit values :math:`\min(\max(\operatorname{round}(255\, x), 0), 255)`, half to even, as floats.

    >>> eight_bit(torch.tensor([-0.1, 0.0, 0.5, 0.999, 1.01])).tolist()
    [0.0, 0.0, 128.0, 255.0, 255.0]
    """
    return x.mul(255.0).round_().clamp_(0.0, 255.0)


class EfficientNet(nn.Module):
    """EfficientNet-Lite0: 1280 pooled features and 1000 class scores."""

    def __init__(self, side: int):
        from noiseless.nn.efficientnet import pretrained

        super().__init__()
        self.side = side
        self.network = pretrained()

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, Tensor]:
        """Normalises, then resizes (the two commute), and replicates grey images last, to process fewer pixels."""
        x = eight_bit(x).sub_(127.0).div_(128.0)
        x = resized(x, self.side)
        features, logits = self.network(x.expand(-1, 3, -1, -1))
        return features, logits


class Pixels(nn.Module):
    """The 8-bit image itself, flattened and divided by 255."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, None]:
        """The features are the pixels."""
        return eight_bit(x).div_(255.0).flatten(1), None


class Identity(nn.Module):
    """The vector itself."""

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, None]:
        """The features are the vector's entries."""
        return x, None


class Units(nn.Module):
    """The vector in the units of the data.

    Arguments:
        spec: contains the means and standard deviations by which vectors were standardised.
    """

    def __init__(self, spec: Spec):
        super().__init__()
        self.spec = spec

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, None]:
        """The features are the vector's entries before standardisation."""
        return self.spec.restore(x), None


class CustomFeatures(nn.Module):
    """A user's callable, which maps a batch in [0, 1] to rows of features."""

    def __init__(self, own: Callable[[Tensor], Tensor]):
        super().__init__()
        self.own = own.eval() if isinstance(own, nn.Module) else own

    def forward(self, x: Float[Tensor, "b ..."]) -> tuple[Tensor, None]:
        """The callable's output, checked."""
        try:
            features = self.own(x)
        except Exception as error:  # whatever the user's callable raises
            raise InputError(f"the custom features failed ({type(error).__name__}: {error})") from error
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(x):
            given = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise InputError(
                f"custom features must return a tensor ({len(x)}, f) for a batch {tuple(x.shape)}, not {given}"
            )
        return features, None


def resized(x: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c s s"]:
    """Bilinear resizing with half-pixel centres; an antialias filter when downscaling, none when upscaling."""
    if tuple(x.shape[2:]) == (side, side):
        return x
    shrinks = max(x.shape[2:]) > side
    return functional.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=shrinks)


def names() -> dict[str, str]:
    """The features that come with the library, each with a description."""
    return {
        "efficientnet": "EfficientNet-Lite0 trained on ImageNet, 128x128: 1280 features, 1000 classes; works offline",
        "inception": "Inception-v3 as in TensorFlow 2015: 2048 features, 1008 classes; needs noiseless[inception]",
        "pixels": "the 8-bit image itself, flattened",
        "identity": "the vector itself, for arrays; standardised in evaluations",
        "raw": "the vector in the units of the data, for arrays",
    }


FEATURES = Kind("features", "noiseless.features", names)
"""How features are found."""


def build(
    chosen: Choice,
    spec: Spec,
    *,
    resize: int | None = None,
    own: Callable[[Tensor], Tensor] | None = None,
    device: str | torch.device = "cpu",
) -> Features:
    r"""The feature map of this name, for data of this kind.

    Arguments:
        chosen: one of :func:`names`, your own ``MODULE:NAME``, the name of features of an installed package, or a
            callable from a batch to rows of features.
        spec: describes an example.
        resize: the side to which images are resized for EfficientNet-Lite0, a multiple of 32 pixels; None means 128.
        own: a callable from a batch to rows of features, for which ``chosen`` is then only the name.
        device: where the network runs; the features are returned on the CPU.

    Raises:
        InputError: the name is unknown, or these features do not apply to such data.
    """
    where = torch.device(device)
    if resize is not None and chosen != "efficientnet":
        raise InputError(f"features {chosen!r} cannot be resized; only 'efficientnet' takes a resize")
    if own is not None:
        return Features(str(chosen), CustomFeatures(own).to(where), device=where)
    part = FEATURES.find(chosen)
    if part.own:
        network = part.instance()
        if not callable(network):
            raise InputError(
                f"custom features must be a callable from a batch to rows; {part.name} is a {type(network).__name__}"
            )
        return Features(part.name, CustomFeatures(network).to(where), device=where)
    name = part.stem
    if part.name != name:
        raise InputError(f"features {name!r} take no options, but {part.name!r} was given")
    _check(name, spec)
    if name in ("identity", "raw"):
        return Features(name, Identity() if name == "identity" else Units(spec), device=where)
    return {"pixels": _pixels, "inception": _inception, "efficientnet": _efficientnet}[name](where, resize)


def _pixels(device: torch.device, _: int | None) -> Features:
    return Features("pixels", Pixels(), device=device)


def _inception(device: torch.device, _: int | None) -> Features:
    from noiseless.nn.inception import pretrained

    return Features("inception-v3@299", Inception(pretrained()).to(device), batch=50, device=device)


def _efficientnet(device: torch.device, resize: int | None) -> Features:
    side = 128 if resize is None else resize
    if side < 32 or side % 32:
        raise InputError(f"EfficientNet-Lite0 takes a side that is a multiple of 32 pixels, not {side}")
    # The widest activation stays below 32 MiB; above it, the C library maps new pages for every tensor.
    batch = max(1, 2**18 // side**2) if device.type == "cpu" else 256
    return Features(f"efficientnet-lite0@{side}", EfficientNet(side).to(device), batch, device)


class Inception(nn.Module):
    """Inception-v3: 2048 pooled features and 1008 class scores, without the bias."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, Tensor]:
        """The network resizes and normalises 8-bit images itself."""
        features, logits = self.network(eight_bit(x).to(torch.uint8).expand(-1, 3, -1, -1))
        return features, logits


def _check(name: str, spec: Spec) -> None:
    usual = registry.modality(spec.modality).features
    if name not in usual:
        others = " or ".join(map(repr, usual)) or "other data: these are evaluated without features"
        raise InputError(f"features {name!r} are not for {spec.modality}; use {others}")
    if name in ("efficientnet", "inception") and spec.shape[0] not in (1, 3):
        raise InputError(
            f"features {name!r} take 1 or 3 channels, and the data have {spec.shape[0]} channels; use 'pixels'"
        )
