"""Molecules as SMILES, parsed by RDKit: validity and canonical SMILES."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from noiseless.errors import InputError

__all__ = ["canonical", "chemistry", "is_molecule", "read"]


def is_molecule(smiles: str) -> bool:
    """Whether RDKit can parse and sanitise the string, and the molecule has an atom."""
    return read(smiles) is not None


def canonical(smiles: str) -> str | None:
    """The canonical SMILES that RDKit writes for the molecule; None if the string is not a molecule.

    Raises:
        InputError: the extra is not installed.
    """
    molecule, rdkit = read(smiles), chemistry()
    with rdkit.silence():
        return None if molecule is None else str(rdkit.write(molecule))


def read(smiles: str) -> Any:
    """RDKit's molecule, or None; RDKit's error messages are suppressed.

    RDKit treats the text after a blank as the molecule's name, so it would accept almost any text that contains one.
    """
    rdkit = chemistry()
    if any(map(str.isspace, smiles)):
        return None
    with rdkit.silence():
        molecule = rdkit.read(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


@cache
def chemistry() -> SimpleNamespace:
    """The functions used from rdkit and networkx.

    Raises:
        InputError: the extra is not installed.
    """
    try:
        import networkx
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdMolDescriptors, rdmolops
        from rdkit.Contrib.SA_Score import sascorer
    except ImportError as error:
        raise InputError(f"molecules need rdkit and networkx ({error}); pip install 'noiseless[molecules]'") from error
    return SimpleNamespace(
        read=Chem.MolFromSmiles,
        write=Chem.MolToSmiles,
        silence=rdBase.BlockLogs,
        log_p=lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[0],
        sa=sascorer.calculateScore,
        adjacency=rdmolops.GetAdjacencyMatrix,
        Graph=networkx.Graph,
        cycle_basis=networkx.cycle_basis,
    )
