"""Checks that parsing a string and deriving its rules again gives the string, for whole sets of strings.

    python benchmarks/strings_round_trip.py expressions
    python benchmarks/strings_round_trip.py molecules/*.smi [--grammar smiles] [--most 277]

`expressions` are the 100,000 that were released; anything else are text files whose first word of a line is a string.
Says how many there are, how long their derivations, and how long it took; exit code 1 if one string does not come back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cyclopts import run

from noiseless.data.expressions import released
from noiseless.data.lines import ALPHABET, CHARACTERS
from noiseless.errors import InputError
from noiseless.strings import CharacterCodec, Grammar, parser, shipped


def main(*sources: str, grammar: str = "", most: int = 0) -> None:
    """Checks every source and prints a line on each."""
    failed = False
    for source in sources:
        named = source == "expressions"
        chosen = (
            Grammar.load(Path(grammar))
            if Path(grammar).is_file()
            else shipped(grammar or ("expressions" if named else "smiles"))
        )
        strings = released() if named else list(words(Path(source)))
        failed |= check(source, strings, chosen, most or (15 if named else 277))
    sys.exit(failed)


def words(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8").splitlines():
        if line.strip():
            yield line.split()[0]


def check(source: str, strings: list[str], grammar: Grammar, most: int) -> bool:
    """Prints a line; whether a string failed."""
    start = time.perf_counter()
    strangers, wrong, lengths = [], [], []
    for string in strings:
        try:
            ids = parser(grammar).ids(string)
        except InputError:
            strangers.append(string)
            continue
        lengths.append(len(ids))
        if grammar.derive(ids) != string:
            wrong.append(string)
    seconds = time.perf_counter() - start
    codec = CharacterCodec(ALPHABET, CHARACTERS)
    spelled = grammar == shipped("smiles") and all(set(s) <= set(codec.alphabet) for s in strings)
    print(
        f"{source}: {len(strings):,} strings, {len(lengths):,} parsed and {len(lengths) - len(wrong):,} came "
        f"back; rules up to "
        f"{max(lengths, default=0)}, {sum(n <= most for n in lengths):,} within {most}; "
        f"{1e3 * seconds / max(1, len(strings)):.3f} ms each"
        + (f"; all within {CHARACTERS} characters" if spelled and max(map(len, strings)) <= CHARACTERS else "")
    )
    for kind, some in (("not in the language", strangers), ("came back changed", wrong)):
        if some:
            print(f"  {kind}: {len(some):,}, such as {some[:3]}")
    return bool(strangers or wrong)


if __name__ == "__main__":
    run(main)
