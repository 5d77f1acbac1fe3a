"""The autoencoder: networks, a bottleneck, and what composes them."""

from noiseless.autoencoder.autoencoder import Autoencoder, Networks, build

__all__ = ["Autoencoder", "Networks", "build"]
