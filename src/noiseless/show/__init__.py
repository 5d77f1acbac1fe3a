"""What draws, and what writes tables and files; it knows no model."""

from noiseless.show.grids import comparison, grid, interpolations, reconstructions

__all__ = ["comparison", "grid", "interpolations", "reconstructions"]
