r"""Expressions in x: the 100,000 of GrammarVAE's experiment, or strings sampled uniformly from its grammar.

The released data, described as random, are the beginning of an enumeration, which is reproduced here: all ``A + B + C``
with::

    A   v op v          op in + * /, then both v in x 1 2 3                                     48
    B   (v), sin(v), exp(v), v                                                                   16
    C   each of ( ), sin( ), exp( ) around the 48 of A and then around each v; then each v      160

where C varies fastest, and of which the first 100,000 are used: 39 of the 48 blocks of A, and one row of blocks of the
next. They are verified by their SHA-256. The target of the experiment, in the form 1/3+(x)+sin(x*x), is among them.

``expressions:uniform`` samples distinct strings, uniformly from all that the grammar derives with at most 15 rules.

Source: https://github.com/mkusner/grammarVAE, data of Grammar Variational Autoencoder (Kusner, Paige,
Hernández-Lobato, ICML 2017), https://arxiv.org/abs/1703.01925.
"""

from __future__ import annotations

import hashlib
from itertools import product
from random import Random

from noiseless.data.raw import LoadOptions, Raw
from noiseless.data.strings import codec_for, coded
from noiseless.errors import InputError, unknown
from noiseless.strings import Counts, Grammar, shipped

__all__ = ["ALPHABET", "CHARACTERS", "DATASETS", "RULES", "expressions", "released", "uniform"]

RULES, CHARACTERS = 15, 19
"""Maximal number of rules of a derivation, and of characters of a string, in the paper."""
ALPHABET = "x+()123*/sinep "
ALL = 100_000
DIGEST = "8810485b2641860a4b2e30bcb941ab47a1df7aad4cc5b6fe0c07fdfa7cb95a1b"
LEAVES = "x123"
BRACKETS = ("(", "sin(", "exp(")


def expressions(
    request: LoadOptions,  # noqa: ARG001
    which: str = "released",
    codec: str = "grammar",
    size: int = 0,
    length: int = 0,
    seed: int = 0,
) -> Raw:
    """100,000 expressions in x of up to 15 rules (generated); expressions:uniform samples, codec=characters spells.

    Arguments:
        request: the load options of the user; not used.
        which: released, or uniform.
        codec: grammar, or characters.
        size: number of expressions, drawn by the seed if not all are used; 0 for 100,000.
        length: maximal number of rules or characters; 0 for the paper's 15 and 19. With ``uniform`` and ``characters``,
            longer strings are not drawn.
        seed: the random seed.

    Raises:
        InputError: an option is unknown, or more expressions are requested than there are.
    """
    if which not in ("released", "uniform"):
        raise unknown("kind of expressions", which, ("released", "uniform"))
    if size < 0 or length < 0 or seed < 0:
        raise InputError(f"expressions of size {size}, length {length}, seed {seed}; expected 0 or more of each")
    size = size or ALL
    grammar = shipped("expressions")
    spelled = codec == "characters"
    strings = released() if which == "released" else []
    used = codec_for(codec, grammar, strings, length or (CHARACTERS if spelled else RULES), ALPHABET)
    if which == "uniform":
        longest = used.length if spelled else None
        strings = uniform(grammar, size, Random(seed), RULES if spelled else used.length, longest)
    elif size > len(strings):
        raise InputError(f"{size} expressions were requested, but there are {len(strings)}; use expressions:uniform")
    chosen = strings if size == len(strings) else Random(seed).sample(strings, size)
    return coded("expressions", chosen, used, where="expressions")


DATASETS = {"expressions": expressions}


def released() -> list[str]:
    """The 100,000 expressions, in their order.

    >>> released()[:2], released()[-1]
    (['x+x+(x)+(x+x)', 'x+x+(x)+(x+1)'], '1/3+(x)+3')
    """
    pairs = [f"{a}{op}{b}" for op, a, b in product("+*/", LEAVES, LEAVES)]
    middle = [f"{bracket}{v})" for bracket, v in product(BRACKETS, LEAVES)] + list(LEAVES)
    last = [f"{bracket}{inner})" for bracket in BRACKETS for inner in (*pairs, *LEAVES)] + list(LEAVES)
    found = [f"{a}+{b}+{c}" for a, b, c in product(pairs, middle, last)][:ALL]
    if hashlib.sha256("\n".join(found).encode()).hexdigest() != DIGEST:
        raise AssertionError("the generated expressions differ from the released ones")
    return found


def uniform(grammar: Grammar, size: int, random: Random, rules: int, longest: int | None = None) -> list[str]:
    """Distinct strings of a grammar, drawn uniformly.

    Arguments:
        grammar: an unambiguous grammar.
        size: number of strings.
        random: the source of randomness.
        rules: maximal number of rules of a derivation.
        longest: maximal number of characters of a string, if limited.

    Raises:
        InputError: there are fewer strings, or hardly more.
    """
    counts = Counts(grammar, rules)
    found: dict[str, None] = {}
    misses = 0
    while len(found) < size and counts.total >= size and misses <= 100 * size + 1000:
        string = grammar.derive(counts.draw(random)) or ""
        if string in found or (longest is not None and len(string) > longest):
            misses += 1
        else:
            found[string] = None
    if len(found) < size:
        raise InputError(
            f"{size} different strings of at most {rules} rules were requested, but there are {counts.total:,}, "
            f"or too few of them are short enough; request fewer"
        )
    return list(found)
