r"""Codes of held-out data beside draws of N(0, I), the distribution that isotropic samples are drawn from.

The numbers are those of :mod:`noiseless.metrics.latent`. Behind a mask only its active dimensions are measured, before
they are masked: what is in the others does not reach the decoder.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from noiseless.data import Data
from noiseless.data.dataset import choice
from noiseless.evaluation.heldout import batches, check_count, codes_of, held_out
from noiseless.evaluation.results import Protocol, Reference, Result
from noiseless.metrics.latent import draws, latent_statistics, normal_entropy
from noiseless.model import Model
from noiseless.show import plots

__all__ = ["latent"]


def latent(
    model: Model,
    data: Data,
    *,
    n: int = 10_000,
    part: Reference = "test",
    seed: int = 0,
    picture: Path | None = None,
) -> list[Result]:
    """Two rows: mean codes of held-out data, and as many draws of N(0, I), by which the first is to be read.

    Mean codes vary less than what the decoder of a variational model was trained on, draws of q.

    Arguments:
        model: what encodes.
        data: where held-out data come from.
        n: how many codes, at most as many as the part has.
        part: the part to encode; where it is ``train``, the test part, as for the other rows of held-out data.
        seed: chooses data and draws.
        picture: where to draw the codes (:func:`noiseless.show.plots.latent`), if anywhere.

    Returns:
        What :func:`noiseless.metrics.latent.latent_statistics` gives, with what the numbers depend on.

    Raises:
        InputError: ``n`` or the part has fewer than 2 data, or codes are not finite.
    """
    check_count(n)
    name, unseen = held_out(data, part)
    if not model.amortised:
        name, z = "train", codes_of(model, unseen, seed)[:n]
    else:
        chosen = choice(len(unseen), n, seed)
        z = torch.cat([model.encoded(raw) for raw in batches(unseen, chosen)])
    active = model.autoencoder.active
    z = z if active is None else z[:, active.to(z.device)]
    d = z.shape[1]
    about = Protocol("codes", len(z), part=name, seed=seed, data=data.spec.name, fingerprint=data.fingerprint, asked=n)
    size = {"dimensions": d, "normal entropy": normal_entropy(d)}
    codes = latent_statistics(z) if active is None else latent_statistics(z, 0.0) | {"active": d}
    rows = {"codes": codes, "N(0, I)": latent_statistics(draws(len(z), d, seed))}
    if picture is not None:
        plots.latent(z, picture)
    return [Result(replace(about, row=row), size | numbers) for row, numbers in rows.items()]
