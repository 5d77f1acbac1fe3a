"""An autoencoder in use, and the paths between its codes."""

from noiseless.model.model import Model

__all__ = ["Model"]
