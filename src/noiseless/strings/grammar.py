r"""Context-free grammars as data: an ordered list of rules.

A grammar is a text with one rule per line::

    # a line that starts with a hash is a comment
    S -> S '+' T
    T -> 'sin(' S ')' | 'x'
    ! T -> 'y'
    %fuse bond DIGIT

Names are non-terminals, quoted texts are terminals (single or double quotes, no escapes), and the left side of the
first rule is the start symbol. ``|`` separates rules, which are numbered in the order of the text, from 0. A rule after
``!`` keeps its number but is disabled. ``%fuse A B`` helps the parser (:mod:`noiseless.strings.parser`) and changes no
derivation. However, the parser then refuses strings in which a text of B follows one of A although the two are not
neighbours in a rule, as with ``S -> X Y``, ``X -> 'a' A``, ``Y -> B 'b'``.

A string of the language is stored as the rules of its leftmost derivation, i.e. its parse tree in pre-order, padded
with an additional rule ``pad``, whose left side is a separate symbol, "nothing". With :math:`D` rules (including
padding), a derivation of at most T rules is a sequence of T integers below D. The rules allowed at a step are those
whose left side is the non-terminal to be replaced (a row of :attr:`Grammar.masks`).

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
"""Maximal number of rules, so that rules and padding fit into 8 bits."""
MOST_SYMBOLS = 10_000
"""Maximal number of symbols on all right sides: the parser's tables grow with its square."""
MOST_TEXT = 1 << 20
"""Maximal number of characters of a grammar's text."""
PIECE = re.compile(r"""\s*(?:(?P<quoted>'[^']*'|"[^"]*")|(?P<name>\w+)|(?P<bar>\|))""")


def is_terminal(symbol: str) -> bool:
    """Whether a symbol on a right side is a quoted text."""
    return symbol[0] in "'\""


@dataclass(frozen=True)
class Rule:
    """A rule of a grammar.

    Arguments:
        left: the non-terminal that is replaced.
        right: the symbols that replace it; terminals include their quotes.
        off: whether the rule is disabled; it keeps its number.
    """

    left: str
    right: tuple[str, ...]
    off: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """The non-terminals on the right side."""
        return tuple(symbol for symbol in self.right if not is_terminal(symbol))

    def __str__(self) -> str:
        return f"{'! ' if self.off else ''}{self.left} -> {' '.join(self.right)}"


@dataclass(frozen=True)
class Grammar:
    """A grammar whose symbols are all defined, reachable and productive (derive some string).

    Arguments:
        rules: the rules in order; the left side of the first is the start symbol.
        fused: pairs of non-terminals that the parser reads as one token where they are neighbours.
        name: what error messages call the grammar.

    Raises:
        InputError: a symbol has no rule, cannot be reached from the start symbol or derives no string; a rule occurs
            twice or has an empty right side; or there are no rules, more than 255, or too many symbols in them.
    """

    rules: tuple[Rule, ...]
    fused: tuple[tuple[str, str], ...] = ()
    name: str = field(default="grammar", compare=False)

    def __post_init__(self) -> None:
        if not self.live or len(self.rules) > MOST:
            raise InputError(f"the {self.name} has {len(self.rules)} rules; expected 1 to {MOST}")
        symbols = sum(len(rule.right) for rule in self.rules)
        if symbols > MOST_SYMBOLS:
            raise InputError(
                f"the {self.name} has {symbols:,} symbols on the right sides of its rules; expected {MOST_SYMBOLS:,} "
                f"or fewer: join neighbouring texts, or give repeated parts a rule of their own"
            )
        for rule in self.rules:
            if not rule.right or any(len(symbol) <= 2 for symbol in rule.right if is_terminal(symbol)):
                raise InputError(
                    f"the {self.name} has the rule {str(rule)!r}, whose right side is empty; give it a text"
                )
            if self.rules.count(rule) > 1:
                raise InputError(f"the {self.name} has the rule {str(rule)!r} twice; remove one")
        self._check_defined()
        self._check_reachable()
        self._check_ending()

    @classmethod
    def read(cls, text: str, name: str = "grammar") -> Grammar:
        """The grammar that a text describes, in the format of the module's docstring.

        Arguments:
            text: one rule per line.
            name: what error messages call the grammar.

        Raises:
            InputError: a line is not a rule (the message gives its number), the text is too long; or as for the class.
        """
        if len(text) > MOST_TEXT:
            raise InputError(f"the {name} has {len(text):,} characters; expected {MOST_TEXT:,} or fewer")
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
        """The grammar in a text file; raises the same errors as :meth:`read`."""
        if path.exists() and not path.is_file():
            raise InputError(f"the grammar {path} is not a regular file; give a text file of rules")
        try:
            with path.open(encoding="utf-8-sig") as stream:
                return cls.read(stream.read(MOST_TEXT + 1), f"grammar {path}")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the grammar {path} cannot be read ({error}); give a text file of rules") from error

    @cached_property
    def text(self) -> str:
        """A text from which :meth:`read` reconstructs the grammar."""
        return "\n".join([*(f"%fuse {a} {b}" for a, b in self.fused), *map(str, self.rules)])

    @property
    def live(self) -> list[Rule]:
        """The enabled rules."""
        return [rule for rule in self.rules if not rule.off]

    @property
    def size(self) -> int:
        """D, the number of rules including padding."""
        return len(self.rules) + 1

    @property
    def pad(self) -> int:
        """The index of the padding rule, which is the last."""
        return len(self.rules)

    @property
    def start(self) -> str:
        """The start symbol."""
        return self.rules[0].left

    @cached_property
    def symbols(self) -> dict[str, int]:
        """The indices of the non-terminals; 0 is the start symbol, and "nothing" comes after the last."""
        return {name: k for k, name in enumerate(dict.fromkeys(rule.left for rule in self.rules))}

    @property
    def nothing(self) -> int:
        """The index of the symbol that marks the end of a derivation."""
        return len(self.symbols)

    @cached_property
    def left(self) -> Int[np.ndarray, " rules"]:
        """The index of each rule's left side."""
        return np.array([*(self.symbols[rule.left] for rule in self.rules), self.nothing])

    @cached_property
    def right(self) -> Int[np.ndarray, "rules most"]:
        """The indices of the non-terminals on each rule's right side, padded with -1."""
        known = [[self.symbols.get(s, -1) for s in rule.symbols] for rule in self.rules]
        table = np.full((self.size, max(1, *map(len, known))), -1)
        for k, numbers in enumerate(known):
            table[k, : len(numbers)] = numbers
        return table

    @cached_property
    def masks(self) -> Bool[np.ndarray, "symbols rules"]:
        """One row per non-terminal, and a last one for "nothing": the rules that may replace it."""
        live = np.array([*(not rule.off for rule in self.rules), True])
        return (self.left[None] == np.arange(self.nothing + 1)[:, None]) & live

    @cached_property
    def terminals(self) -> list[str]:
        """The terminals of the enabled rules, without their quotes, longest first."""
        found = {symbol[1:-1] for rule in self.live for symbol in rule.right if is_terminal(symbol)}
        return sorted(found, key=lambda text: (-len(text), text))

    def derive(self, ids: Iterable[int]) -> str | None:
        """The string with this leftmost derivation; None if the rules are an incomplete derivation, or none."""
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
        """For each rule its left side and the symbols to push: in reverse order, terminals unquoted and marked."""
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
                    f"the {self.name} has rules for {rule.left!r}, which cannot be reached from {self.start!r}, "
                    f"the left side of its first rule; remove them"
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
                    f"the {self.name} derives no string from {symbol!r}: each of its rules leads back to itself; "
                    f"add one that does not"
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
