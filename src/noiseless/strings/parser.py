r"""Conversion of strings to derivations, by a LALR(1) parser that lark generates from a grammar's rules.

A string is split into terminals by longest match and parsed; the rules of the parse tree in pre-order are its leftmost
derivation. Lark runs in strict mode, in which a grammar that is not LALR(1) is refused; otherwise lark would silently
parse some strings wrongly.

The grammar of SMILES is an example: after an atom, a bond may begin a ring bond (``=1``) or the next atom (``=C``).
With ``%fuse bond DIGIT`` in the grammar, two neighbouring symbols are read as one token if the first can only be one of
bond's texts and the second one of DIGIT's. This resolves the conflict, and the token is split again when the rules are
read from the tree.

Not covered: a string of the language whose terminals are not the longest matches is refused.

Source: Lark, https://github.com/lark-parser/lark (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from noiseless.errors import InputError
from noiseless.strings.grammar import Grammar, is_terminal

if TYPE_CHECKING:
    from lark import Lark

__all__ = ["LONGEST", "Parser", "brief", "parser", "refuse_long"]

LONGEST = 1 << 16
"""Maximal number of characters of a string, which takes about a second to parse."""
MOST_FUSED, SHOWN = 10_000, 200

Choices = Mapping[str, tuple[int, ...]]
"""The single texts that a symbol can derive, each with the rules that lead to it."""


@cache
def parser(grammar: Grammar) -> Parser:
    """The parser of a grammar, built once and cached."""
    return Parser(grammar)


class Parser:
    """Parses the strings of a grammar's language.

    Arguments:
        grammar: the grammar.

    Raises:
        InputError: the grammar is not LALR(1), i.e. one token of lookahead does not determine which rule to apply.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._tokens = {f"_T{k}": text for k, text in enumerate(grammar.terminals)}
        self._types = {text: kind for kind, text in self._tokens.items()}
        self._choices = _Choices(grammar)
        self._pairs: dict[tuple[str, str], tuple[Choices, Choices]] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._fused: dict[str, tuple[str, str]] = {}
        self._texts = 0
        text = self._emitted()
        texts = sorted([*self._types, *self._fused], key=len, reverse=True)
        self._terminal = re.compile("|".join(map(re.escape, texts)))
        self._lark = self._made(text)

    def ids(self, string: str) -> list[int]:
        """The rules of the leftmost derivation of ``string``.

        Raises:
            InputError: the string is not in the language; the message gives the position (from 0) of the error.
        """
        from lark.exceptions import UnexpectedInput

        refuse_long(string)
        try:
            tree = self._lark.parse(string)
        except UnexpectedInput as error:
            raise self._stranger(string, error) from None
        return list(self._told(tree))

    def accepts(self, string: str) -> bool:
        """Whether ``string`` is in the language."""
        try:
            self.ids(string)
        except InputError:
            return False
        return True

    def _told(self, tree: Any) -> Iterator[int]:
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            if node.data[0] == "r":
                yield int(node.data[1:])
                waiting += reversed(node.children)
            else:
                first, second = list(self._pairs.values())[int(node.data[1:])]
                a, b = self._fused[str(node.children[0])]
                yield from (*first[a], *second[b])

    def _stranger(self, string: str, error: Any) -> InputError:
        token = getattr(error, "token", None)
        ended = token is not None and token.type == "$END"
        at = len(string) if ended else error.pos_in_stream
        found = "its end" if at >= len(string) else f"{string[at:][:12]!r}"
        before = repr(string[:at]) if at <= SHOWN else f"...{string[at - SHOWN : at]!r}"
        return InputError(f"{brief(string)} is not in the language: {found} at position {at} cannot follow {before}")

    def _emitted(self) -> str:
        """The rules in lark's format; alternative k is named rK, so that the tree contains the rules."""
        numbers = self.grammar.symbols
        lines = [
            f"n{numbers[rule.left]}: {' '.join(self._symbols(rule.right))} -> r{k}"
            for k, rule in enumerate(self.grammar.rules)
            if not rule.off
        ]
        kinds = {text: f"F{k}" for k, text in enumerate(self._fused)}
        for k, (first, second) in enumerate(self._pairs.values()):
            lines += [f"p{k}: {kinds[a + b]} -> f{k}" for a in first for b in second]
        self._types |= kinds
        return "\n".join([*_joined(lines), f"%declare {' '.join(self._types.values())}"])

    def _symbols(self, right: tuple[str, ...]) -> Iterator[str]:
        k = 0
        while k < len(right):
            pair = right[k : k + 2]
            if len(pair) == 2 and self._fuses(pair[0], pair[1]):
                yield f"p{self._numbers[pair[0], pair[1]]}"
                k += 2
            else:
                yield self._types[right[k][1:-1]] if is_terminal(right[k]) else f"n{self.grammar.symbols[right[k]]}"
                k += 1

    def _fuses(self, left: str, right: str) -> bool:
        """Whether two neighbours are fused into one token; if so, records the pair and its texts."""
        a, b = self._choices(left), self._choices(right)
        for first, second in self.grammar.fused:
            whole = self._choices(first), self._choices(second)
            if a and b and a.keys() <= whole[0].keys() and b.keys() <= whole[1].keys():
                self._number(left, right, len(a) * len(b))
                self._pairs[left, right] = a, b
                self._fused |= {x + y: (x, y) for x in a for y in b}
                return True
        return False

    def _number(self, left: str, right: str, texts: int) -> None:
        """Numbers a new pair of neighbours that are fused into so many texts."""
        if (left, right) in self._numbers:
            return
        self._numbers[left, right] = len(self._numbers)
        self._texts += texts
        if self._texts > MOST_FUSED:
            raise InputError(
                f"the {self.grammar.name} fuses more than {MOST_FUSED:,} pairs of texts into one; fuse symbols with "
                f"fewer alternatives"
            )

    def _made(self, text: str) -> Lark:
        from lark import Lark
        from lark.exceptions import LarkError

        try:
            return Lark(text, start="n0", parser="lalr", lexer=_lexer(self._terminal, self._types), strict=True)
        except LarkError as error:
            names = {f"n{number}": name for name, number in self.grammar.symbols.items()}
            reason = re.sub(
                r"\bn\d+\b", lambda match: names.get(match.group(), match.group()), str(error).splitlines()[0]
            )
            raise InputError(
                f"the {self.grammar.name} cannot be parsed with one token of lookahead ({reason}); "
                f"rewrite its rules, or fuse neighbouring symbols into one token with %fuse"
            ) from None


def brief(string: str) -> str:
    """A string in quotes for messages, cut if it is long."""
    return repr(string) if len(string) <= SHOWN else f"{string[:SHOWN]!r}... ({len(string):,} characters)"


def refuse_long(string: str) -> None:
    """Refuses a string that takes too long to parse."""
    if len(string) > LONGEST:
        raise InputError(f"{brief(string)} is longer than the {LONGEST:,} characters allowed; shorten or remove it")


def _joined(lines: list[str]) -> list[str]:
    """One definition per left side."""
    found: dict[str, list[str]] = {}
    for line in lines:
        left, _, right = line.partition(": ")
        found.setdefault(left, []).append(right)
    return [f"{left}: " + "\n  | ".join(rights) for left, rights in found.items()]


class _Choices:
    """The single texts that each symbol of a grammar can derive, each symbol worked out once."""

    def __init__(self, grammar: Grammar) -> None:
        self.rules: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        for k, rule in enumerate(grammar.rules):
            if not rule.off:
                self.rules.setdefault(rule.left, []).append((k, rule.right))
        self.known: dict[str, Choices] = {}

    def __call__(self, symbol: str) -> Choices:
        """The texts of ``symbol``; empty if it can derive anything but a single text."""
        if is_terminal(symbol):
            return {symbol[1:-1]: ()}
        if symbol not in self.known:
            self.known[symbol] = {}  # for a symbol that leads back to itself, until it is known
            self.known[symbol] = self._found(symbol)
        return self.known[symbol]

    def _found(self, symbol: str) -> Choices:
        found: dict[str, tuple[int, ...]] = {}
        for k, right in self.rules[symbol]:
            below = self(right[0]) if len(right) == 1 else {}
            if not below:
                return {}
            found |= {text: (k, *path) for text, path in below.items()}
        return found


def _lexer(terminal: re.Pattern[str], types: Mapping[str, str]) -> type:
    """A lexer for lark: a class, because lark instantiates it."""
    from lark import Token
    from lark.exceptions import UnexpectedCharacters
    from lark.lexer import Lexer

    class Longest(Lexer):
        def __init__(self, lexer_conf: object) -> None:
            pass

        def lex(self, data: str) -> Iterator[Token]:  # type: ignore[override]
            position = 0
            while position < len(data):
                match = terminal.match(data, position)
                if match is None:
                    raise UnexpectedCharacters(data, position, 1, position + 1)
                yield Token(types[match.group()], match.group(), position)
                position = match.end()

    return Longest
