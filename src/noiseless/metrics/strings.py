r"""What may be said of generated strings: are they right, are they different, are they new?

With decoded strings :math:`s_1 \dots s_n`, of which some are None (a derivation that was not complete), the set V of
those that are valid, its different ones :math:`\{V\}`, and the training strings T,

.. math::
    \text{valid} = \frac{|V|}{n}, \qquad
    \text{unique} = \frac{|\{V\}|}{|V|}, \qquad
    \text{novel} = \frac{|\{V\} \setminus T|}{|\{V\}|}, \qquad
    \text{exact} = \frac1n \sum_i [s_i = t_i]

where exact compares reconstructions with the strings :math:`t_i` they are of. Unique and novel are blank where nothing
is valid; unique falls with n, so that only numbers of one n can be compared. For molecules valid means that RDKit
accepts the string, and molecules are compared by their canonical SMILES; for all else valid means to be in the
language, and strings are compared as they are.

Source: Molecular Sets (MOSES) (Polykovskiy et al., 2020), https://arxiv.org/abs/1811.12823, for valid, unique and
novel; Grammar Variational Autoencoder (Kusner et al., 2017), https://arxiv.org/abs/1703.01925, for exact.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from noiseless.errors import InputError

__all__ = ["exact", "string_shares"]

String = str | None
Identity = Callable[[str], String]
"""What different strings for one object have in common; None for a string that stands for no object."""


def exact(made: Sequence[String], original: Sequence[str]) -> float:
    """The share of strings that are what they should be, letter by letter.

    >>> exact(["x", None, "1"], ["x", "2", "3"])
    0.3333333333333333

    Raises:
        InputError: there are none, or not as many of both.
    """
    if len(made) != len(original) or not made:
        raise InputError(f"{len(made)} strings are compared with {len(original)}; give as many of both, at least one")
    return sum(a == b for a, b in zip(made, original, strict=True)) / len(made)


def string_shares(made: Sequence[String], identity: Identity, known: Collection[str]) -> dict[str, float | None]:
    """The shares valid, unique and novel.

    Arguments:
        made: n decoded strings.
        identity: gives what an object is known by, None where a string is not valid.
        known: the identities of the training strings.

    >>> portrait(["x", "x", "1", None], lambda s: s, {"1"})
    {'valid': 0.75, 'unique': 0.6666666666666666, 'novel': 0.5}

    Raises:
        InputError: there are none.
    """
    if not made:
        raise InputError("there are no strings to judge; give at least one")
    valid = [found for string in made if string is not None and (found := identity(string)) is not None]
    different = set(valid)
    return {
        "valid": len(valid) / len(made),
        "unique": len(different) / len(valid) if valid else None,
        "novel": sum(found not in known for found in different) / len(different) if different else None,
    }
