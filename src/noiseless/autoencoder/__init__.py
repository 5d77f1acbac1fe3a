"""The autoencoder: networks, a bottleneck, and what composes them."""

from noiseless.autoencoder.autoencoder import Autoencoder
from noiseless.autoencoder.networks import Net, Networks, build

__all__ = ["Autoencoder", "Net", "Networks", "build"]
