r"""Features: frozen maps :math:`\phi` under which two sets of data are compared.

Distances between distributions of images are taken between the distributions of :math:`\phi(x)`, and say as much about
:math:`\phi` as about the images: numbers under different features, sizes or ways of resizing cannot be compared. A
feature map therefore has a name that goes into every result.

Images are compared as they would be stored. Before anything else they become 8-bit values

.. math:: u = \min(\max(\operatorname{round}(255\, x), 0), 255),

rounded half to even, never truncated and never wrapped. Grey images are replicated to three channels where a network
wants colour. EfficientNet-Lite0 sees them resized bilinearly (half-pixel centres), without an antialias filter when
they grow and with one when they shrink, and normalised as :math:`(u - 127) / 128`; Inception resizes as TensorFlow 1
did. Vectors are taken as they are given, standardised by whoever evaluates a model; ``raw`` puts them back into the units
of the data, in which the columns with the largest numbers decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from noiseless.errors import InputError, unknown
from noiseless.metrics.sample import Sample
from noiseless.values import Spec

__all__ = ["Features", "build", "eight_bit", "names"]


CPU = torch.device("cpu")


@dataclass(frozen=True)
class Features:
    r"""A frozen map of data to features, with a name.

    Arguments:
        name: what goes into results, for example ``efficientnet-lite0@128``.
        network: maps a batch to (features, logits or None).
        batch: how many data go through the network at once; it decides speed and memory, and changes results by
            rounding only.
        device: where the network is.
    """

    name: str
    network: nn.Module
    batch: int = 1000
    device: torch.device = CPU

    def __call__(self, x: Float[Tensor, "b ..."]) -> Sample:
        """Features of any number of data: images with values in [0, 1], or vectors.

        Raises:
            InputError: a datum holds an infinite value or none, or the network gives something else than rows.
        """
        return self.over([x])

    @torch.inference_mode()
    def over(self, batches: Iterable[Float[Tensor, "_ ..."]]) -> Sample:
        """Features of a stream of batches, as one sample."""
        return Sample.join(self._part(part) for x in batches for part in x.split(self.batch))

    def _part(self, x: Tensor) -> Sample:
        if not x.isfinite().all():
            raise InputError("an image or vector to be evaluated holds a value that is infinite or not a number")
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
        """Normalises, resizes (the two commute), and replicates grey last: the work is done on few pixels."""
        x = eight_bit(x).sub_(127.0).div_(128.0)
        x = resized(x, self.side)
        features, logits = self.network(x.expand(-1, 3, -1, -1))
        return features, logits


class Pixels(nn.Module):
    """The 8-bit image itself, flattened, over 255."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, None]:
        """The features are the pixels."""
        return eight_bit(x).div_(255.0).flatten(1), None


class Identity(nn.Module):
    """The vector itself."""

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, None]:
        """The features are the numbers."""
        return x, None


class Units(nn.Module):
    """The vector in the units of the data.

    Arguments:
        spec: by whose means and deviations vectors were standardised.
    """

    def __init__(self, spec: Spec):
        super().__init__()
        self.spec = spec

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, None]:
        """The features are the numbers before they were standardised."""
        return self.spec.restore(x), None


class CustomFeatures(nn.Module):
    """A callable of the user's, from a batch in [0, 1] to rows of features."""

    def __init__(self, own: Callable[[Tensor], Tensor]):
        super().__init__()
        self.own = own.eval() if isinstance(own, nn.Module) else own

    def forward(self, x: Float[Tensor, "b ..."]) -> tuple[Tensor, None]:
        """What the callable gives, checked."""
        try:
            features = self.own(x)
        except Exception as error:  # whatever the user's callable raises
            raise InputError(f"own features cannot be taken ({type(error).__name__}: {error})") from error
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(x):
            given = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise InputError(f"own features must be a tensor ({len(x)}, f) for a batch {tuple(x.shape)}, not {given}")
        return features, None


def resized(x: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c s s"]:
    """Bilinear, half-pixel centres; an antialias filter where an image shrinks, none where it grows."""
    if tuple(x.shape[2:]) == (side, side):
        return x
    shrinks = max(x.shape[2:]) > side
    return functional.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=shrinks)


def names() -> dict[str, str]:
    """The features that come with the library, and what each is."""
    return {
        "efficientnet": "EfficientNet-Lite0 on ImageNet at 128x128: 1280 features and 1000 classes; works offline",
        "inception": "Inception-v3 of TensorFlow 2015: 2048 features and 1008 classes; needs noiseless[inception]",
        "pixels": "the 8-bit image itself, flattened",
        "identity": "the vector itself, for arrays; evaluations standardise it",
        "raw": "the vector in the units of the data, for arrays",
    }


def build(
    name: str,
    spec: Spec,
    *,
    resize: int | None = None,
    own: Callable[[Tensor], Tensor] | None = None,
    device: str | torch.device = "cpu",
) -> Features:
    r"""Features for data of one kind.

    Arguments:
        name: one of :func:`names`, or ``module:callable`` together with ``own``.
        spec: what a datum looks like.
        resize: the side that EfficientNet-Lite0 sees, a multiple of 32 pixels; 128 where None.
        own: what ``module:callable`` names, from a batch to rows of features.
        device: where the network runs; the features come back to the CPU.

    Raises:
        InputError: the name is unknown, or these features cannot be taken from such data.
    """
    where = torch.device(device)
    if resize is not None and name != "efficientnet":
        raise InputError(f"features {name!r} cannot be resized; only 'efficientnet' takes a resize")
    if own is not None:
        return Features(name, CustomFeatures(own).to(where), device=where)
    if name not in names():
        raise unknown("features", name, names())
    if name in ("identity", "raw"):
        return _vector(name, spec, where)
    _check_image(name, spec)
    return {"pixels": _pixels, "inception": _inception, "efficientnet": _efficientnet}[name](where, resize)


def _vector(name: str, spec: Spec, device: torch.device) -> Features:
    if spec.is_image:
        raise InputError(f"features {name!r} are for vectors, and the data are images; use 'pixels' or 'efficientnet'")
    return Features(name, Identity() if name == "identity" else Units(spec), device=device)


def _pixels(device: torch.device, _: int | None) -> Features:
    return Features("pixels", Pixels(), device=device)


def _inception(device: torch.device, _: int | None) -> Features:
    from noiseless.nn.inception import pretrained

    return Features("inception-v3@299", Inception(pretrained()).to(device), batch=50, device=device)


def _efficientnet(device: torch.device, resize: int | None) -> Features:
    side = 128 if resize is None else resize
    if side < 32 or side % 32:
        raise InputError(f"EfficientNet-Lite0 takes a side that is a multiple of 32 pixels, not {side}")
    # The widest activation stays below 32 MiB, beyond which the C library maps fresh pages for every tensor.
    batch = max(1, 2**18 // side**2) if device.type == "cpu" else 256
    return Features(f"efficientnet-lite0@{side}", EfficientNet(side).to(device), batch, device)


class Inception(nn.Module):
    """Inception-v3: 2048 pooled features and the 1008 class scores without their bias."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, Tensor]:
        """The network resizes and normalises 8-bit images itself."""
        features, logits = self.network(eight_bit(x).to(torch.uint8).expand(-1, 3, -1, -1))
        return features, logits


def _check_image(name: str, spec: Spec) -> None:
    if not spec.is_image:
        raise InputError(f"features {name!r} are for images, and the data are vectors; use 'identity'")
    if name != "pixels" and spec.shape[0] not in (1, 3):
        raise InputError(
            f"features {name!r} see grey or colour, and the data have {spec.shape[0]} channels; use 'pixels'"
        )
