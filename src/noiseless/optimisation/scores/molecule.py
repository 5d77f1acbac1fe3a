r"""Penalised logP of a molecule: octanol-water partition coefficient with penalties for difficult synthesis.

.. math:: \text{score}(m) = \frac{\log P(m) - \mu_1}{\sigma_1} + \frac{-\text{SA}(m) - \mu_2}{\sigma_2}
          + \frac{-\text{cycle}(m) - \mu_3}{\sigma_3}, \qquad \text{cycle}(m) = \max(0, \text{longest ring} - 6)

with Crippen's estimate of log P, Ertl and Schuffenhauer's synthetic accessibility SA (from 1, easy, to 10, hard), and
the longest ring of networkx's cycle basis. Higher is better. Each part is standardised by its mean and standard
deviation over a set of molecules. By default these are the 249,456 training molecules of ZINC, whatever the model was
trained on, so that numbers can be compared; ``logp:training`` uses the model's own training molecules, ``logp:none``
does not standardise.

If rings share more than one bond, the cycle basis depends on the order of atoms. Therefore the canonical spelling of a
molecule is scored, whatever spelling is given. Molecules are compared by their canonical SMILES too.

Needs rdkit and networkx: ``pip install 'noiseless[molecules]'``. Sources: Gómez-Bombarelli et al., Automatic chemical
design using a data-driven continuous representation of molecules, 2018, https://arxiv.org/abs/1610.02415; Kusner et
al., 2017, https://arxiv.org/abs/1703.01925; the constants as published with LOLBO (Maus et al., 2022,
https://arxiv.org/abs/2201.11872), which differ by a hundredth or less from those of a current RDKit on ZINC.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from noiseless.errors import InputError, unknown
from noiseless.optimisation.scores.score import Score
from noiseless.strings.molecules import canonical, chemistry, is_molecule, read

__all__ = ["SCORES", "ZINC", "parts", "penalised"]

Standard = tuple[tuple[float, float], ...]
"""Mean and standard deviation of log P, of -SA and of -cycle."""
ZINC: Standard = ((2.45777691, 1.43341767), (-3.05352042, 0.83460587), (-0.04861121, 0.28746695))
PLAIN: Standard = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
SIX = 6


def parts(smiles: str) -> tuple[float, float, float] | None:
    """log P, -SA and -cycle of a molecule; None if the string is not a molecule."""
    spelling = canonical(smiles)
    molecule = read(spelling) if spelling is not None else None
    if molecule is None:
        return None
    rdkit = chemistry()
    rings = rdkit.cycle_basis(rdkit.Graph(rdkit.adjacency(molecule)))
    cycle = max(0, max(map(len, rings), default=0) - SIX)
    with rdkit.silence():
        return rdkit.log_p(molecule), -rdkit.sa(molecule), -float(cycle)


def penalised(smiles: str, standard: Standard = ZINC) -> float | None:
    """The score; None if the string is not a molecule."""
    found = parts(smiles)
    if found is None:
        return None
    return sum((value - mean) / std for value, (mean, std) in zip(found, standard, strict=True))


def _standard(constants: str, training: Sequence[str]) -> Standard:
    if constants == "training":
        found = np.array([values for values in map(parts, training) if values is not None])
        if len(found) < 2 or not (found.std(axis=0) > 0).all():
            raise InputError(
                "the training molecules do not vary in log P, SA and rings; use the constants of ZINC, the default"
            )
        return tuple(zip(found.mean(axis=0).tolist(), found.std(axis=0).tolist(), strict=True))
    known = {"zinc": ZINC, "none": PLAIN}
    if constants not in known:
        raise unknown("set of constants", constants, ["training", *known])
    return known[constants]


def logp(training: Sequence[str], constants: str = "zinc") -> Score:
    """Penalised logP, maximised, standardised with ZINC's constants; logp:training, logp:none (extra molecules)."""
    chemistry()
    value = partial(penalised, standard=_standard(constants, training))
    return Score(value, "maximise", None, is_molecule, lambda smiles: canonical(smiles) or smiles, votes=500)


SCORES = {"logp": logp}
