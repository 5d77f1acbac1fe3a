r"""Validity, uniqueness and novelty of generated strings, and exactness of reconstructions.

For decoded strings :math:`s_1 \dots s_n`, some of which are None (an incomplete derivation), let V be the list of the
valid ones, :math:`\{V\}` the set of distinct ones among these, and T the training strings:

.. math::
    \text{valid} = \frac{|V|}{n}, \qquad
    \text{unique} = \frac{|\{V\}|}{|V|}, \qquad
    \text{novel} = \frac{|\{V\} \setminus T|}{|\{V\}|}, \qquad
    \text{exact} = \frac1n \sum_i [s_i = t_i]

where *exact* compares reconstructions with their originals :math:`t_i`. *Unique* and *novel* are blank if nothing is
valid; *unique* falls with n, so only values at the same n can be compared. A molecule is valid if RDKit accepts the
string, and molecules are compared by their canonical SMILES; any other string is valid if it belongs to the language,
and strings are compared as they are.

Source: Molecular Sets (MOSES) (Polykovskiy et al., 2020), https://arxiv.org/abs/1811.12823, for valid, unique and
novel; Grammar Variational Autoencoder (Kusner et al., 2017), https://arxiv.org/abs/1703.01925, for exact.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from noiseless.errors import InputError

__all__ = ["exact", "string_shares"]

String = str | None
Identity = Callable[[str], String]
"""Maps a string to the identifier that all strings for the same object share; None for an invalid string."""


KEYS = {
    "exact": "share of reconstructions that equal their original",
    "in language": "share decoded to a string of the grammar",
    "valid": "share of valid strings; for molecules, those that RDKit accepts",
    "unique": "share of distinct strings among the valid ones, which falls with n",
    "novel": "share of those that are not in the training part",
}
"""What the columns mean, in a line each."""


def exact(made: Sequence[String], original: Sequence[str]) -> float:
    """The share of strings that equal their originals, character by character.

    >>> exact(["x", None, "1"], ["x", "2", "3"])
    0.3333333333333333

    Raises:
        InputError: there are no strings, or the numbers of strings differ.
    """
    if len(made) != len(original) or not made:
        raise InputError(f"cannot compare {len(made)} strings with {len(original)}; give equally many, at least one")
    return sum(a == b for a, b in zip(made, original, strict=True)) / len(made)


def string_shares(made: Sequence[String], identity: Identity, known: Collection[str]) -> dict[str, float | None]:
    """The shares valid, unique and novel.

    Arguments:
        made: n decoded strings; None for an incomplete derivation.
        identity: maps a string to the identifier of its object; None if the string is invalid.
        known: the identifiers of the training strings.

    >>> string_shares(["x", "x", "1", None], lambda s: s, {"1"})
    {'valid': 0.75, 'unique': 0.6666666666666666, 'novel': 0.5}

    Raises:
        InputError: there are no strings.
    """
    if not made:
        raise InputError("there are no strings to evaluate; give at least one")
    valid = [found for string in made if string is not None and (found := identity(string)) is not None]
    different = set(valid)
    return {
        "valid": len(valid) / len(made),
        "unique": len(different) / len(valid) if valid else None,
        "novel": sum(found not in known for found in different) / len(different) if different else None,
    }
