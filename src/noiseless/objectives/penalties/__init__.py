"""Penalties that are added to the reconstruction: one idea per file."""
