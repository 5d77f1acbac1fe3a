"""What a kind of data has to know: the abstract classes of the rooms that ask it, in one."""

from __future__ import annotations

from noiseless.autoencoder.networks import NetworkChoice
from noiseless.data.modality import DataKind
from noiseless.evaluation.evaluation import Evaluation
from noiseless.model.decoding import Decoding
from noiseless.recipes.constants import PublishedSizes
from noiseless.runs.pictures import Pictures
from noiseless.show.export import Export

__all__ = ["Modality"]


class Modality(DataKind, NetworkChoice, PublishedSizes, Decoding, Export, Pictures, Evaluation):
    """Everything that depends on the kind of data."""
