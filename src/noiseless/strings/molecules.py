"""Molecules as SMILES, read by RDKit: validity and the canonical spelling."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from noiseless.errors import InputError

__all__ = ["canonical", "chemistry", "is_molecule", "read"]


def is_molecule(smiles: str) -> bool:
    """Whether RDKit can read and sanitise it, and it has an atom."""
    return read(smiles) is not None


def canonical(smiles: str) -> str | None:
    """The one string that RDKit writes for the molecule; None where the string is none.

    Raises:
        InputError: the extra is not installed.
    """
    molecule, rdkit = read(smiles), chemistry()
    with rdkit.silence():
        return None if molecule is None else str(rdkit.write(molecule))


def read(smiles: str) -> Any:
    """RDKit's molecule, or None; RDKit's complaints about other strings are not shown.

    RDKit takes what follows a blank for a molecule's name, and would find one in nearly any string of characters.
    """
    rdkit = chemistry()
    if any(map(str.isspace, smiles)):
        return None
    with rdkit.silence():
        molecule = rdkit.read(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


@cache
def chemistry() -> SimpleNamespace:
    """What is used of rdkit and networkx.

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
