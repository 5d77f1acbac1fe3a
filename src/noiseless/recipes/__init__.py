"""The methods: one file a paper, each method a function that spells out its composition."""

from noiseless.recipes.method import Method, find, names

__all__ = ["Method", "find", "names"]
