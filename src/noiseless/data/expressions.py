r"""Expressions in x: the 100,000 of GrammarVAE's experiment, or as many drawn uniformly from its grammar.

What was released as random is the beginning of an enumeration, and made again here: all ``A + B + C`` with

    A   v op v          op in + * /, then both v in x 1 2 3                                     48
    B   (v), sin(v), exp(v), v                                                                   16
    C   each of ( ), sin( ), exp( ) around the 48 of A and then around each v; then each v      160

the last changing fastest, of which the first 100,000 are taken: 39 of the 48 blocks of A, and one line of blocks of the
next. They are checked by their SHA-256. The target of the experiment, in the form 1/3+(x)+sin(x*x), is among them.

``expressions:uniform`` draws different strings from all that the grammar derives by at most 15 rules, each equally
likely.

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
"""The most rules of a derivation, and the most characters of a string, in the paper."""
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
    """100,000 expressions in x of up to 15 rules (made here); expressions:uniform draws them, codec=characters spells.

    Arguments:
        request: what the user asks of a data set; of no effect.
        which: released, or uniform.
        codec: grammar, or characters.
        size: how many, drawn by the seed where they are not all; 0 for 100,000.
        length: the most rules or characters; 0 for the paper's 15 and 19. Of the uniform ones with characters, those
            that are longer are not drawn.
        seed: of the draws.

    Raises:
        InputError: an option that does not exist, or more than there are.
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
        raise InputError(f"{size} expressions were asked for, and there are {len(strings)}; take expressions:uniform")
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
        raise AssertionError("the released expressions are not what they were")
    return found


def uniform(grammar: Grammar, size: int, random: Random, rules: int, longest: int | None = None) -> list[str]:
    """Different strings of a grammar, drawn uniformly.

    Arguments:
        grammar: an unambiguous one.
        size: how many.
        random: what draws.
        rules: the most rules of a derivation.
        longest: the most characters of a string, if there is a limit.

    Raises:
        InputError: there are fewer, or hardly more.
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
            f"{size} different strings of at most {rules} rules were asked for, and there are {counts.total:,}, "
            f"or too few of them are short enough; ask for fewer"
        )
    return list(found)
