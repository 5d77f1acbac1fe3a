r"""Context-free grammars as data: an ordered list of rules.

A grammar is a text of one rule a line,

    # what follows a hash at the start of a line is a remark
    S -> S '+' T
    T -> 'sin(' S ')' | 'x'
    ! T -> 'y'
    %fuse bond DIGIT

Names are non-terminals, quoted texts are terminals (single or double quotes, no escapes), and the left side of the
first rule is the start. ``|`` separates rules; they are numbered in the order of the text, from 0. A rule behind ``!``
keeps its number and is never taken. ``%fuse A B`` helps the parser (:mod:`noiseless.strings.parser`) and changes no
derivation; but the parser then refuses strings where a text of B follows one of A without both being neighbours in a
rule, as behind ``S -> X Y``, ``X -> 'a' A``, ``Y -> B 'b'``.

A string of the language is stored as the rules of its leftmost derivation, which is its parse tree in pre-order, filled
up with one more rule, ``pad``, whose left side is a symbol of its own, "nothing". With :math:`D` rules (pad included),
a derivation of at most T rules is T whole numbers below D; what may stand at a step are the rules whose left side is
the non-terminal to be replaced (a row of :attr:`Grammar.masks`).

Source: Grammar Variational Autoencoder (Kusner, Paige, Hernández-Lobato, ICML 2017), https://arxiv.org/abs/1703.01925.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from noiseless.errors import InputError, unknown

__all__ = ["Grammar", "Rule", "is_terminal", "names", "shipped"]

FOLDER = Path(__file__).parent / "grammars"
MOST = 255
"""Rules that a number of 8 bits can tell apart, without the one that pads."""
PIECE = re.compile(r"""\s*(?:(?P<quoted>'[^']*'|"[^"]*")|(?P<name>\w+)|(?P<bar>\|))""")


def is_terminal(symbol: str) -> bool:
    """Whether a symbol of a right side is a quoted text."""
    return symbol[0] in "'\""


@dataclass(frozen=True)
class Rule:
    """A rule of a grammar.

    Arguments:
        left: the non-terminal that is replaced.
        right: what replaces it; terminals in their quotes.
        off: it has a number, and is never taken.
    """

    left: str
    right: tuple[str, ...]
    off: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """The non-terminals of the right side."""
        return tuple(symbol for symbol in self.right if not is_terminal(symbol))

    def __str__(self) -> str:
        return f"{'! ' if self.off else ''}{self.left} -> {' '.join(self.right)}"


@dataclass(frozen=True)
class Grammar:
    """A grammar whose symbols are all defined, reachable, and come to an end.

    Arguments:
        rules: in order; the left side of the first is the start.
        fused: pairs of non-terminals that the parser takes for one token where they are neighbours.

    Raises:
        InputError: a symbol without a rule, one that the start does not lead to, one that never ends, a rule that is
            there twice or replaces by nothing, no rule at all, or more than 255.
    """

    rules: tuple[Rule, ...]
    fused: tuple[tuple[str, str], ...] = ()
    name: str = field(default="grammar", compare=False)

    def __post_init__(self) -> None:
        if not self.live or len(self.rules) > MOST:
            raise InputError(f"the {self.name} has {len(self.rules)} rules; expected 1 to {MOST}")
        for rule in self.rules:
            if not rule.right or any(len(symbol) <= 2 for symbol in rule.right if is_terminal(symbol)):
                raise InputError(
                    f"the {self.name} has the rule {str(rule)!r}, which replaces by nothing; give it a text"
                )
            if self.rules.count(rule) > 1:
                raise InputError(f"the {self.name} has the rule {str(rule)!r} twice; remove one")
        self._check_defined()
        self._check_reachable()
        self._check_ending()

    @classmethod
    def read(cls, text: str, name: str = "grammar") -> Grammar:
        """The grammar that a text describes; see the module for its form.

        Arguments:
            text: one rule a line.
            name: what errors call it.

        Raises:
            InputError: a line that is no rule, with its number; or as for the class.
        """
        rules: list[Rule] = []
        fused: list[tuple[str, str]] = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "%fuse" and len(words) == 3:
                fused.append((words[1], words[2]))
            else:
                rules += _rules(line.strip(), f"line {number} of the {name}")
        return cls(tuple(rules), tuple(fused), name)

    @classmethod
    def load(cls, path: Path) -> Grammar:
        """The grammar of a text file; errors as for :meth:`read`."""
        try:
            return cls.read(path.read_text(encoding="utf-8-sig"), f"grammar {path}")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the grammar {path} cannot be read ({error}); give a text file of rules") from error

    @cached_property
    def text(self) -> str:
        """A text from which :meth:`read` makes the same grammar."""
        return "\n".join([*(f"%fuse {a} {b}" for a, b in self.fused), *map(str, self.rules)])

    @property
    def live(self) -> list[Rule]:
        """The rules that may be taken."""
        return [rule for rule in self.rules if not rule.off]

    @property
    def size(self) -> int:
        """D, the number of rules with the one that pads."""
        return len(self.rules) + 1

    @property
    def pad(self) -> int:
        """The number of the rule that pads, the last."""
        return len(self.rules)

    @property
    def start(self) -> str:
        """The symbol that stands for a whole string."""
        return self.rules[0].left

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Non-terminals by their numbers, the start's 0; "nothing" has the number after the last."""
        return {name: k for k, name in enumerate(dict.fromkeys(rule.left for rule in self.rules))}

    @property
    def nothing(self) -> int:
        """The number of the symbol that stands where a derivation has ended."""
        return len(self.symbols)

    @cached_property
    def left(self) -> Int[np.ndarray, " rules"]:
        """The number of each rule's left side."""
        return np.array([*(self.symbols[rule.left] for rule in self.rules), self.nothing])

    @cached_property
    def right(self) -> Int[np.ndarray, "rules most"]:
        """The numbers of the non-terminals of each rule's right side, filled up with -1."""
        known = [[self.symbols.get(s, -1) for s in rule.symbols] for rule in self.rules]
        table = np.full((self.size, max(1, *map(len, known))), -1)
        for k, numbers in enumerate(known):
            table[k, : len(numbers)] = numbers
        return table

    @cached_property
    def masks(self) -> Bool[np.ndarray, "symbols rules"]:
        """A row for each non-terminal, the last for "nothing": the rules that may replace it."""
        live = np.array([*(not rule.off for rule in self.rules), True])
        return (self.left[None] == np.arange(self.nothing + 1)[:, None]) & live

    @cached_property
    def terminals(self) -> list[str]:
        """The terminals of the live rules without their quotes, longest first."""
        found = {symbol[1:-1] for rule in self.live for symbol in rule.right if is_terminal(symbol)}
        return sorted(found, key=lambda text: (-len(text), text))

    def derive(self, ids: Iterable[int]) -> str | None:
        """The string whose leftmost derivation these rules are; None if it is not complete, or none at all."""
        plan, pad = self._plan, self.pad
        rules, text = iter(ids), []
        waiting = [(self.start, False)]
        while waiting:
            symbol, terminal = waiting.pop()
            if terminal:
                text.append(symbol)
                continue
            rule = plan.get(next(rules, pad))
            if rule is None or rule[0] != symbol:
                return None
            waiting += rule[1]
        return "".join(text) if all(rest == pad for rest in rules) else None

    @cached_property
    def _plan(self) -> dict[int, tuple[str, tuple[tuple[str, bool], ...]]]:
        """Left sides, and what is pushed for them: symbols in reverse, terminals without quotes and marked."""
        pushed = {
            symbol: (symbol[1:-1], True) if is_terminal(symbol) else (symbol, False)
            for rule in self.rules
            for symbol in rule.right
        }
        live = ((k, rule) for k, rule in enumerate(self.rules) if not rule.off)
        return {k: (rule.left, tuple(pushed[symbol] for symbol in rule.right[::-1])) for k, rule in live}

    def _check_defined(self) -> None:
        defined = {rule.left for rule in self.live}
        for rule in self.live:
            for symbol in rule.symbols:
                if symbol not in defined:
                    raise InputError(
                        f"the {self.name} has no rule for {symbol!r}, which {str(rule)!r} needs; "
                        f"add one, or quote it if it is a text"
                    )
        for symbol in (symbol for pair in self.fused for symbol in pair):
            if symbol not in defined:
                raise unknown(f"symbol to fuse in the {self.name}", symbol, defined)

    def _check_reachable(self) -> None:
        reached, fresh = {self.start}, {self.start}
        while fresh:
            fresh = {s for rule in self.live if rule.left in fresh for s in rule.symbols} - reached
            reached |= fresh
        for rule in self.live:
            if rule.left not in reached:
                raise InputError(
                    f"the {self.name} has rules for {rule.left!r}, to which {self.start!r}, "
                    f"the left side of its first rule, never leads; remove them"
                )

    def _check_ending(self) -> None:
        ending: set[str] = set()
        fresh = True
        while fresh:
            more = {rule.left for rule in self.live if ending.issuperset(rule.symbols)}
            fresh, ending = not more <= ending, ending | more
        for symbol in self.symbols:
            if symbol not in ending and any(rule.left == symbol for rule in self.live):
                raise InputError(
                    f"the {self.name} has no end for {symbol!r}: each of its rules leads to itself; add one"
                )


def _rules(line: str, where: str) -> Iterator[Rule]:
    off, line = line.startswith("!"), line.removeprefix("!").strip()
    left, arrow, right = (piece.strip() for piece in line.partition("->"))
    if not arrow or re.fullmatch(r"\w+", left) is None:
        raise InputError(f"{where} is {line!r}; expected a rule such as S -> S '+' T")
    symbols: list[str] = []
    for symbol in (*_pieces(right, where), "|"):
        if symbol != "|":
            symbols.append(symbol)
        else:
            yield Rule(left, tuple(symbols), off)
            symbols = []


def _pieces(right: str, where: str) -> Sequence[str]:
    found, position = [], 0
    while position < len(right):
        match = PIECE.match(right, position)
        if match is None:
            raise InputError(f"{where} has {right[position:].strip()!r}, which is neither a name nor a quoted text")
        found.append(match.group().strip() if match["quoted"] is None else match["quoted"])
        position = match.end()
    return found


def names() -> list[str]:
    """The grammars that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


@cache
def shipped(name: str) -> Grammar:
    """The grammar of this name that comes with the package.

    >>> shipped("expressions").size, shipped("smiles").size
    (12, 76)
    """
    if name not in names():
        raise unknown("grammar", name, names())
    return Grammar.read((FOLDER / f"{name}.txt").read_text(encoding="utf-8"), f"grammar {name}")
