"""Strings: recurrent networks, shares of valid, unique and novel strings, text files, drawings by language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import cast, final

import numpy as np
import torch
from torch import Tensor

from noiseless import data as datasets
from noiseless.autoencoder.networks import Factories, Networks
from noiseless.data import Data
from noiseless.data.intake import called
from noiseless.data.lines import TEXTS, read_lines, tokens
from noiseless.densities import DENSITY
from noiseless.errors import InputError
from noiseless.evaluation import strings
from noiseless.evaluation.results import Reference, Result
from noiseless.files import slug
from noiseless.metrics import Features, Metric
from noiseless.modalities.modality import Modality
from noiseless.model import Model
from noiseless.model.decoding import Made
from noiseless.model.interpolation import PATHS
from noiseless.nn.sequence import LARGE, SMALL, SequenceDecoder, SequenceEncoder
from noiseless.recipes.constants import latent_of_strings
from noiseless.registry import Choice
from noiseless.show import drawings, grids, texts
from noiseless.show.export import Drawn, Paths
from noiseless.strings import of
from noiseless.strings.language import String, is_molecules, shown, spelled
from noiseless.values import Spec

__all__ = ["MODALITIES"]

SHOWN = 36
"""Samples in the picture of a run; its text file has more."""


@final
class Strings(Modality):
    """Strings of a language, as sequences of tokens."""

    unit, example, ending = "strings", "expressions", "txt"
    features = ()
    pixels, discrete, published = False, True, False
    nets, inputs = ("gru-small", "gru-large"), "token sequences"

    def described(self, spec: Spec) -> str:
        return f"strings of up to {spec.shape[0]} {of(spec).unit} of {spec.tokens} kinds"

    def arranged(self, raw: Tensor, spec: Spec) -> Tensor:
        return raw

    def stored(self, raw: Tensor, spec: Spec) -> Tensor:
        if raw.dtype != torch.uint8 or raw.max() >= spec.tokens:
            highest = raw.double().max().item()
            raise InputError(f"the tokens are {raw.dtype} up to {highest:g}; expected uint8 below {spec.tokens}")
        return raw

    def read(self, source: str, spec: Spec) -> np.ndarray | None:
        """The tokens of a text file in the language of ``spec``."""
        if not source.lower().endswith(TEXTS) or not Path(source).expanduser().is_file():
            return None
        return tokens(source, of(spec), is_molecules(spec))

    def default_net(self, spec: Spec) -> str:
        return "gru-large" if spec.is_long else "gru-small"

    def factories(self, net: str, spec: Spec, networks: Networks, logits: bool) -> Factories:
        if networks.depth is not None:
            raise InputError(f"the net {net} has a fixed number of layers; leave out depth={networks.depth}")
        architecture, scale = (SMALL if net == "gru-small" else LARGE), networks.width / 128
        encoder = partial(SequenceEncoder, tokens=spec.tokens, architecture=architecture, scale=scale)
        return encoder, partial(SequenceDecoder, architecture=architecture, scale=scale)

    def nearest(self, spec: Spec) -> str:
        return "mnist"

    def latent_dim(self, spec: Spec, published: int) -> int:
        return latent_of_strings(spec)

    def averaged(self, spec: Spec) -> int:
        return spec.size

    def channels(self, spec: Spec) -> int:
        return 1

    def perceptrons(self, spec: Spec) -> bool:
        return False

    def decoded(self, model: Model, codes: Tensor, generator: torch.Generator | None = None) -> Made:
        return model.strings(codes, generator)

    def remarks(self, made: Made, model: Model, sampled: bool) -> list[str]:
        """What the user should hear of strings that are written as empty lines."""
        missing = sum(not string for string in made)
        if not missing:
            return []
        codec = model.codec
        why = "all of it pads" if codec.alphabet else f"their derivation did not end within {codec.length} rules"
        other = "" if sampled else ", or try decoding=sampled"
        return [f"{missing:,} of {len(made):,} strings are empty: {why}; train longer{other}"]

    def check_place(self, path: Path, spec: Spec, count: int, overwrite: bool, folders: bool) -> None:
        texts.check(path, spec, count, overwrite)

    def save(self, drawn: Drawn, spec: Spec, path: Path, overwrite: bool) -> Path:
        return texts.save(cast(Sequence[String], drawn), spec, path, overwrite)

    def save_paths(self, drawn: Paths, spec: Spec, path: Path, overwrite: bool) -> Path:
        return texts.save_paths(cast(Sequence[Sequence[String]], drawn), spec, path, overwrite)

    def draw(self, model: Model, data: Data, names: Iterable[Choice], folder: Path) -> None:
        held_out = data.test.some(16)
        pictured = drawings.has_pictures(model.spec)
        _reconstructions(model, held_out, folder, pictured)
        _interpolations(model, held_out, folder, pictured)
        for chosen in names:
            place = folder / f"samples-{slug(DENSITY.find(chosen).name)}.txt"
            drawn = model.strings(model.draw(100, chosen))
            texts.save(drawn, model.spec, place, overwrite=True)
            if pictured:
                texts.save(drawn[:SHOWN], model.spec, place.with_suffix(".png"), overwrite=True)

    def snapshot(self, model: Model, data: Data, codes: Tensor, path: Path) -> None:
        texts.save(model.strings(codes), model.spec, path.with_suffix(".txt"), overwrite=True)

    def has_tiles(self, spec: Spec) -> bool:
        return drawings.has_pictures(spec)

    def tiles(self, model: Model, chosen: Choice) -> Tensor:
        return texts.tiles(model.strings(model.draw(8, chosen)), model.spec)

    def rows(
        self,
        model: Model,
        data: Data,
        names: Sequence[Choice],
        features: Features | None,
        *,
        n: int = 10_000,
        part: Reference = "test",
        seed: int = 0,
        more: Sequence[Metric] = (),
        show: bool = True,
    ) -> list[Result]:
        _refuse_metrics(data, more)
        return strings.evaluate_strings(model, data, names, n=n, part=part, seed=seed)

    def rows_of_samples(
        self,
        source: object,
        data: Data,
        features: Features | None,
        *,
        size: int | None = None,
        n: int = 10_000,
        part: Reference = "test",
        seed: int = 0,
        more: Sequence[Metric] = (),
    ) -> list[Result]:
        _refuse_metrics(data, more)
        given = _given(source, data.spec)
        return strings.evaluate_given_strings(given, data, source=called(source), n=n, part=part, seed=seed)


def _given(source: object, spec: Spec) -> Sequence[String]:
    """Strings to judge: a list of them, a text file's lines, whatever these are, tokens, or a data set's strings."""
    if isinstance(source, list):
        return source
    if isinstance(source, np.ndarray | Tensor):
        return spelled(source, spec)
    text = str(source)
    if Path(text).expanduser().is_file() or (text.partition(":")[0] not in datasets.names() and ":" not in text):
        return read_lines(text, is_molecules(spec))
    raw = datasets.read(source)
    if raw.codec is None:
        raise InputError(f"{text} are no strings, which {spec.name} are; give a text file with a string on each line")
    return shown(raw.codec.read(raw.array))


def _refuse_metrics(data: Data, more: Sequence[Metric]) -> None:
    if more:
        raise InputError(f"{data.spec.name} are strings, which are judged as such; leave out metric=")


def _reconstructions(model: Model, held_out: np.ndarray, folder: Path, pictured: bool) -> None:
    """Beside originals, as lines and as pictures where the language has such."""
    originals, made = spelled(held_out, model.spec), model.strings(model.encode(held_out))
    lines = ["\t".join(shown(pair)) for pair in zip(originals, made, strict=True)]
    texts.write_lines(lines, folder / "reconstructions.txt")
    if pictured:
        left, right = (texts.tiles(some, model.spec) for some in (originals, made))
        grids.reconstructions(left, right, folder / "reconstructions.png", columns=4)


def _interpolations(model: Model, held_out: np.ndarray, folder: Path, pictured: bool) -> None:
    half = len(held_out) // 2
    for path in PATHS if half else ():
        z = model.paths(held_out[:half], held_out[half : 2 * half], 8, path)
        made = model.strings(z.flatten(0, 1))
        rows = [made[k : k + z.shape[1]] for k in range(0, len(made), z.shape[1])]
        texts.save_paths(rows, model.spec, folder / f"interpolation-{path}.txt", overwrite=True)
        if pictured:
            texts.save_paths(rows[:4], model.spec, folder / f"interpolation-{path}.png", overwrite=True)


MODALITIES = {"strings": Strings()}
