r"""The number of derivations of a grammar, and uniform sampling of derivations.

With :math:`c_A(n)` the number of derivations of exactly n rules from the symbol A,

.. math:: c_A(n) = \sum_{A \to B_1 \dots B_k} \; \sum_{n_1 + \dots + n_k = n - 1} \; \prod_i c_{B_i}(n_i),

computed in exact integers. For an unambiguous grammar these are numbers of strings. Sampling draws the number of rules,
then the first rule, then the rules of each symbol on its right side, each with probability proportional to the number
of remaining derivations.

Reference: A calculus for the random generation of labelled combinatorial structures (Flajolet, Zimmermann, Van Cutsem,
Theoretical Computer Science, 1994).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from noiseless.errors import InputError
from noiseless.strings.grammar import Grammar

__all__ = ["Counts"]


class Counts:
    """The numbers of derivations of a grammar, by number of rules.

    Arguments:
        grammar: the grammar.
        most: the maximal number of rules, 1 or more.

    >>> from noiseless.strings.grammar import shipped
    >>> counts = Counts(shipped("expressions"), 8)
    >>> [counts.exactly(n) for n in (2, 4, 6, 8)], counts.total
    ([4, 60, 1044, 19980], 21088)
    """

    def __init__(self, grammar: Grammar, most: int) -> None:
        self.grammar, self.most = grammar, most
        self._rules: dict[str, list[int]] = {symbol: [] for symbol in grammar.symbols}
        for k, rule in enumerate(grammar.rules):
            if not rule.off:
                self._rules[rule.left].append(k)
        self._sequence = cache(self._uncached)
        for n in range(most + 1):  # in ascending order, to keep the recursion shallow
            for symbol in grammar.symbols:
                self._sequence((symbol,), n)

    @property
    def total(self) -> int:
        """The number of derivations of ``most`` rules or fewer."""
        return sum(map(self.exactly, range(self.most + 1)))

    def exactly(self, n: int) -> int:
        """The number of derivations of exactly ``n`` rules, where ``n`` is at most ``most``."""
        return self._sequence((self.grammar.start,), n)

    def draw(self, random: Random) -> list[int]:
        """The rules of a derivation, drawn uniformly from those of ``most`` rules or fewer.

        Raises:
            InputError: there is no such derivation.
        """
        if not self.total:
            raise InputError(f"the {self.grammar.name} has no derivation of {self.most} rules or fewer")
        n = _among([self.exactly(k) for k in range(self.most + 1)], random)
        return list(self._drawn((self.grammar.start,), n, random))

    def _uncached(self, symbols: tuple[str, ...], n: int) -> int:
        if not symbols:
            return int(n == 0)
        if n < len(symbols):
            return 0
        if len(symbols) == 1:
            return sum(self._sequence(self.grammar.rules[k].symbols, n - 1) for k in self._rules[symbols[0]])
        return sum(self._sequence(symbols[:1], m) * self._sequence(symbols[1:], n - m) for m in range(1, n))

    def _drawn(self, symbols: tuple[str, ...], n: int, random: Random) -> Iterator[int]:
        waiting = [(symbols, n)]
        while waiting:
            symbols, n = waiting.pop()
            if len(symbols) == 1:
                rules = self._rules[symbols[0]]
                chosen = rules[_among([self._sequence(self.grammar.rules[k].symbols, n - 1) for k in rules], random)]
                yield chosen
                waiting.append((self.grammar.rules[chosen].symbols, n - 1))
            elif symbols:
                weights = [self._sequence(symbols[:1], m) * self._sequence(symbols[1:], n - m) for m in range(n)]
                m = _among(weights, random)
                waiting += [(symbols[1:], n - m), (symbols[:1], m)]


def _among(weights: list[int], random: Random) -> int:
    """An index, drawn with probability proportional to integer weights."""
    left = random.randrange(sum(weights))
    for k, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return k
    raise AssertionError("the weights are negative")
