"""The methods: one file per paper; each method is a function that composes its parts explicitly."""

from noiseless.recipes.method import Method, find, names

__all__ = ["Method", "find", "names"]
