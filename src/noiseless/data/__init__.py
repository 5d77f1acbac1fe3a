r"""Data: by name, from folders and archives of images, from arrays, from a function of one's own.

Data stay as they are stored, uint8 images above all; `Spec.normalise` makes network inputs of a batch. A new named set
is one module here that defines ``DATASETS = {name: loader}``.
"""

from noiseless.data.dataset import DATA, Data, LoadOptions, Raw, Split, describe, load, names, read
from noiseless.data.rows import rows

__all__ = ["DATA", "Data", "LoadOptions", "Raw", "Split", "describe", "load", "names", "read", "rows"]
