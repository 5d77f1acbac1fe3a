r"""Data sets: by name, from folders and archives of images, from arrays, or from a user's function.

Data stay in their stored format, usually uint8; :meth:`noiseless.values.Spec.normalise` converts a batch to network
inputs. A new named data set is one module in this package that defines ``DATASETS = {name: loader}``.
"""

from noiseless.data.dataset import DATA, Data, LoadOptions, Raw, Split, describe, load, names, read
from noiseless.data.rows import alike, rows

__all__ = ["DATA", "Data", "LoadOptions", "Raw", "Split", "alike", "describe", "load", "names", "read", "rows"]
