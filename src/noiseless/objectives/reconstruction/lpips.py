r"""LPIPS, the learned perceptual distance, on AlexNet (version 0.1).

Images in [0, 1] are mapped to [-1, 1], normalised by the shift (-0.030, -0.088, -0.188) and the scale (0.458, 0.448,
0.450) of the published network, and compared as in :mod:`noiseless.objectives.reconstruction.perceptual`. Two files
contain its weights, and neither is part of this library:

* ``alexnet-owt-7be5be79.pth``, AlexNet as published by torchvision (233 MB; only the convolutions are used);
* ``lpips-alex.pth``, the weights of its channels, which the authors publish as ``lpips/weights/v0.1/alex.pth`` (6 KB).

They are searched for in ``$NOISELESS_DATA/lpips``, ``$NOISELESS_DATA`` and the user's cache, and are otherwise
downloaded to the cache. The package ``lpips`` itself is not used: its last version is from 2021, and it needs
torchvision.

Source: The unreasonable effectiveness of deep features as a perceptual metric (Zhang, Isola, Efros, Shechtman, Wang,
CVPR 2018), https://arxiv.org/abs/1801.03924.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from noiseless.data.sources import cache, download, folders
from noiseless.errors import InputError
from noiseless.nn.alexnet import CHANNELS, AlexNet
from noiseless.nn.stored import read_weights
from noiseless.objectives.reconstruction.perceptual import Perceptual
from noiseless.objectives.reconstruction.term import Reconstruction

__all__ = ["RECONSTRUCTIONS", "lpips", "weights"]

ALEXNET, HEAD = "alexnet-owt-7be5be79.pth", "lpips-alex.pth"
ADDRESSES = {
    ALEXNET: "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    HEAD: "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
}
DIGESTS = {
    ALEXNET: "sha256:7be5be79",  # from its file name
    HEAD: "sha256:df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
}
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def lpips(side: float = 128.0) -> Perceptual:
    """LPIPS on AlexNet, of images resized to 128x128 (lpips:64 for 64x64); its weights are two files.

    Raises:
        InputError: the files are not found and cannot be downloaded, or contain something else; or the side is too
            small.
    """
    if side != int(side) or side < 32:
        raise InputError(f"the reconstruction 'lpips' takes a side of 32 pixels or more, not {side:g}")
    network, heads = weights(_file(ALEXNET), _file(HEAD))
    # normalising 2x - 1 by shift and scale equals normalising x by these
    mean = [(1 + s) / 2 for s in SHIFT]
    std = [s / 2 for s in SCALE]
    return Perceptual("lpips-alexnet", network, heads, int(side), mean, std)


def weights(alexnet: Path, head: Path) -> tuple[AlexNet, list[Tensor]]:
    """AlexNet, frozen, and the weights of its squared channel differences, from the two files.

    Raises:
        InputError: a file does not contain them.
    """
    network = AlexNet()
    convolutions = {k: v for k, v in _read(alexnet).items() if k.startswith("features.")}
    try:
        network.load_state_dict(convolutions)
        found = _read(head)
        heads = [found[f"lin{k}.model.1.weight"].view(c) for k, c in enumerate(CHANNELS)]
    except (RuntimeError, KeyError) as error:
        raise InputError(f"{alexnet} and {head} do not hold the weights of LPIPS on AlexNet ({error})") from error
    return network.requires_grad_(False).eval(), heads


def _read(path: Path) -> dict[str, Tensor]:
    found = read_weights(path, "weights of LPIPS")
    if not isinstance(found, dict):
        raise InputError(f"{path} holds a {type(found).__name__}, not weights by name; replace it")
    return found


def _file(name: str) -> Path:
    """The path of a file, downloaded if it is not found."""
    places = [folder / name for folder in folders("lpips", None)]
    found = next((path for path in places if path.is_file()), None)
    if found is not None:
        return found
    path = cache() / "lpips" / name
    try:
        download(ADDRESSES[name], path, DIGESTS[name])
    except InputError as error:
        raise InputError(
            f"the reconstruction 'lpips' needs the file {name}, which is missing and cannot be downloaded ({error}); "
            f"download {ADDRESSES[name]} to {path} or to the folder lpips of $NOISELESS_DATA, or use "
            f"reconstruction=efficientnet, which works offline"
        ) from error
    return path


RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]] = {"lpips": lpips}
