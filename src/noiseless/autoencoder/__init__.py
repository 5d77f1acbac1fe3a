"""The autoencoder: networks, a bottleneck, and what composes them."""

from noiseless.autoencoder.autoencoder import Autoencoder
from noiseless.autoencoder.networks import Networks, build

__all__ = ["Autoencoder", "Networks", "build"]
