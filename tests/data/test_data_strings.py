"""Data of strings: the released expressions, files of lines, the wheel of MOSES, and lines that cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest

import noiseless.data as nd
from noiseless.data import LoadOptions, Raw
from noiseless.data.expressions import expressions, released, uniform
from noiseless.data.lines import LEAST
from noiseless.data.strings import coded
from noiseless.errors import InputError
from noiseless.nn.sequence import SMALL
from noiseless.strings import CharacterCodec, of, parser, shipped
from noiseless.strings.language import is_molecules
from noiseless.strings.parser import Parser

MOLECULES = ["CCO", "c1ccccc1", "CC(=O)N", "C[C@H](N)C(=O)O", "N#CC", "C1CC1", "O=C=O", "CCCl", "Fc1ccncc1", "CCS"]


def test_the_released_expressions_are_the_published_file() -> None:
    strings = released()  # checks the SHA-256 itself
    assert len(strings) == len(set(strings)) == 100_000
    assert strings[99_908] == "1/3+(x)+sin(x*x)"
    assert (min(map(len, strings)), max(map(len, strings))) == (7, 19)


def test_the_released_expressions_are_refused_if_they_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.data.expressions.DIGEST", "0" * 64)
    with pytest.raises(AssertionError, match="differ from the released ones"):
        released()


def test_expressions_by_rules_and_by_characters() -> None:
    data = nd.load("expressions:size=500")
    spec = data.spec
    assert (spec.name, spec.shape, spec.tokens, spec.alphabet) == ("expressions", (15,), 12, "")
    assert data.train.raw.dtype == np.uint8
    assert [len(part) for part in (data.train, data.validation, data.test)] == [405, 45, 50]
    known = set(released())
    assert all(string in known for string in of(spec).read(data.train.take(np.arange(405))))
    assert "strings of up to 15 rules of 12 kinds" in nd.describe(data)
    spelled = nd.load("expressions:size=500,codec=characters")
    assert (spelled.spec.shape, spelled.spec.tokens, spelled.spec.alphabet) == ((19,), 15, "x+()123*/sinep ")
    same = [of(some.spec).read(some.train.take(np.arange(405))) for some in (data, spelled)]
    assert same[0] == same[1]
    assert data.fingerprint != spelled.fingerprint


def test_uniform_expressions_are_new_ones_of_the_grammar() -> None:
    data = nd.load("expressions:uniform,size=100")
    strings = of(data.spec).read(data.train.raw)
    assert len(set(strings)) == 100
    assert all(parser(shipped("expressions")).accepts(str(string)) for string in strings)
    short = nd.load("expressions:uniform,characters,size=40,length=16")
    assert max(len(str(s)) for s in of(short.spec).read(short.train.raw)) <= 16
    assert nd.load("expressions:uniform,size=100,seed=1").fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("expressions:random", "unknown kind of expressions 'random'"),
        ("expressions:codec=letters", "unknown codec 'letters'"),
        ("expressions:size=-1", "size -1"),
        ("expressions:size=100001", "use expressions:uniform"),
        ("expressions:uniform,size=65,length=4", "65 different strings of at most 4 rules .* there are 64"),
        ("expressions:size=10,length=8", "more than the maximum of 8; set length=14 to allow it"),
        ("smiles", "give smiles:PATH"),
        ("smiles:nowhere.smi", "nowhere.smi cannot be read"),
    ],
)
def test_options_that_cannot_be_are_refused(source: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        nd.load(source)


def test_size_0_is_all_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["x+1", "2", "sin(x)"]
    monkeypatch.setattr("noiseless.data.expressions.ALL", 3)
    monkeypatch.setattr("noiseless.data.expressions.released", lambda: known)
    codec = of(nd.load("expressions").spec)
    assert codec.read(expressions(LoadOptions(), size=0).array) == codec.read(expressions(LoadOptions()).array) == known
    assert len(expressions(LoadOptions(), "uniform", size=0).array) == 3


def test_all_there_are_can_be_drawn() -> None:
    strings = uniform(shipped("expressions"), 64, Random(0), 4)
    assert len(set(strings)) == 64


def lines(path: Path, content: list[str]) -> Path:
    path.write_text("\n".join(content) + "\n", encoding="utf-8")
    return path


def test_smiles_are_read_from_lines(tmp_path: Path) -> None:
    path = lines(tmp_path / "mine.smi", [*(f"{s} name{k}" for k, s in enumerate(MOLECULES)), "", "  "])
    data = nd.load(f"smiles:{path}")
    assert (data.spec.name, data.spec.shape, data.spec.tokens) == ("mine", (277,), 76)
    assert of(data.spec).read(data.train.raw) == MOLECULES
    assert nd.load(f"smiles:{path},length=60").spec.shape == (60,)
    spelled = nd.load(f"smiles:{path},codec=characters")
    assert (spelled.spec.shape, spelled.spec.tokens) == ((120,), 35)
    with gzip.open(tmp_path / "mine.smi.gz", "wt", encoding="utf-8") as stream:
        stream.write(path.read_text("utf-8"))
    assert nd.load(f"smiles:{tmp_path / 'mine.smi.gz'}").fingerprint == data.fingerprint
    assert nd.load(f"smiles:{path},size=5").train.raw.shape == (5, 277)
    path.rename(tmp_path / "a=b.smi")
    assert nd.load(f"smiles:path={tmp_path / 'a=b.smi'}").train.raw.shape == (10, 277)


def test_smiles_by_another_grammar_are_still_molecules(tmp_path: Path) -> None:
    path = lines(tmp_path / "mine.smi", ["C[Si]C", "CC", "[Si]", "C"])
    grammar = lines(tmp_path / "own.grammar", ["S -> S A | A", "A -> 'C' | '[Si]'"])
    data = nd.load(f"smiles:{path},grammar={grammar}")
    spelled = nd.load(f"smiles:{path},grammar={grammar},codec=characters")
    assert is_molecules(data.spec)
    assert is_molecules(spelled.spec)
    assert spelled.spec.alphabet == "CS[]i\0"
    assert not is_molecules(nd.load(f"strings:{path},grammar={grammar}").spec)


def test_a_path_is_found_again_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines(tmp_path / "mine.smi", MOLECULES)
    monkeypatch.chdir(tmp_path)
    data = nd.load("smiles:mine.smi,length=60")
    monkeypatch.chdir("/")
    assert nd.load(data.source).fingerprint == data.fingerprint


def test_a_bad_line_is_refused_or_skipped_by_its_number(tmp_path: Path) -> None:
    path = lines(tmp_path / "bad.smi", [*MOLECULES[:4], "", "C[Si]C", *MOLECULES[4:], "CC(C"])
    with pytest.raises(
        InputError, match=r"line 6 of .*bad\.smi: 'C\[Si\]C' is not in the language: 'i\]C' at position 3"
    ):
        nd.load(f"smiles:{path}")
    data = nd.load(f"smiles:{path},bad=skip")
    assert of(data.spec).read(data.train.raw) == MOLECULES
    (note,) = data.notes
    assert "2 of 12 strings" in note
    assert "lines 6, 13; the first: 'C[Si]C'" in note
    with pytest.raises(InputError, match="unknown way with bad lines"):
        nd.load(f"smiles:{path},bad=repair")
    with pytest.raises(InputError, match="no string that can be read"):
        nd.load(f"smiles:{lines(tmp_path / 'all.smi', ['?', '!'])},bad=skip")


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeffab\r\na\x0bb\u2028\x85a\n\nb?\n".encode())
    grammar = lines(tmp_path / "own.grammar", ["S -> A S | A", "A -> 'a' | 'b'"])
    with pytest.raises(InputError, match=r"line 2 of .*mine\.txt: 'a\\x0bb"):
        nd.load(f"strings:{path},grammar={grammar}")
    path.write_bytes(b"ab\r\na\rb\nba\n\nb?\n")
    with pytest.raises(InputError, match=r"line 6 of .*mine\.txt: 'b\?'"):
        nd.load(f"strings:{path},grammar={grammar}")
    path.write_bytes(b"ab\n\xff\n")
    with pytest.raises(InputError, match="cannot be read"):
        nd.load(f"strings:{path},codec=characters")


def test_a_language_of_ones_own(tmp_path: Path) -> None:
    path = lines(tmp_path / "words.txt", ["(" * k + letter + ")" * k for k in range(6) for letter in "ab"])
    grammar = lines(tmp_path / "own.grammar", ["S -> '(' S ')' | 'a' | 'b'"])
    data = nd.load(f"strings:{path},grammar={grammar}")
    assert (data.spec.shape, data.spec.tokens, data.spec.language) == ((7,), 4, "S -> '(' S ')'\nS -> 'a'\nS -> 'b'")
    grammar.unlink()  # a run needs it no more: the spec has its text
    assert of(data.spec).read(data.train.raw)[2:4] == ["(a)", "(b)"]
    spelled = nd.load(f"strings:{path},codec=characters")
    assert (spelled.spec.alphabet, spelled.spec.language, spelled.spec.shape) == ("()ab\0", "", (11,))
    with pytest.raises(InputError, match=r"add codec=characters, or grammar=FILE"):
        nd.load(f"strings:{path}")
    lines(grammar, ["S -> '(' S ')' | 'a' | 'b'"])
    with pytest.raises(InputError, match=r"line 2 of .*bad\.txt"):
        nd.load(f"strings:{lines(tmp_path / 'bad.txt', ['a', 'b)', 'a'])},grammar={grammar}")


def test_tokens_are_kept_and_a_damaged_entry_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path))
    first = nd.load("expressions:size=50")
    (entry,) = (tmp_path / "tokens").glob("*.ids")
    monkeypatch.setattr(Parser, "ids", lambda *_: pytest.fail("it was parsed again"))
    assert nd.load("expressions:size=50").fingerprint == first.fingerprint
    monkeypatch.undo()
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path))
    content = entry.read_bytes()
    flipped = content[:7] + bytes([content[7] ^ 1]) + content[8:]
    for damaged in (content[:100], b"", flipped):
        entry.write_bytes(damaged)
        assert nd.load("expressions:size=50").fingerprint == first.fingerprint
    assert entry.read_bytes() == content


def test_a_damaged_length_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path))
    grammar = lines(tmp_path / "brackets.txt", ["S -> '(' S ')' | 'a'"])
    path = lines(tmp_path / "strings.txt", ["(" * k + "a" + ")" * k for k in range(9)])
    source = f"strings:{path},grammar={grammar}"
    assert nd.load(source).spec.shape == (9,)
    (entry,) = (tmp_path / "tokens").glob("*.txt")
    entry.write_bytes(b"8" + entry.read_bytes()[1:])
    assert nd.load(source).spec.shape == (9,)


def test_tokens_are_kept_where_some_strings_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path))
    path = lines(tmp_path / "bad.smi", [*MOLECULES[:4], "C[Si]C", *MOLECULES[4:]])
    first, parsed = nd.load(f"smiles:{path},bad=skip"), []
    ids = Parser.ids
    monkeypatch.setattr(Parser, "ids", lambda self, string: parsed.append(string) or ids(self, string))
    second = nd.load(f"smiles:{path},bad=skip")
    assert parsed == ["C[Si]C"]
    assert (second.fingerprint, second.notes) == (first.fingerprint, first.notes)
    with pytest.raises(InputError, match=r"line 5 of .*bad\.smi"):
        nd.load(f"smiles:{path}")


def test_the_longest_of_a_language_of_ones_own_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISELESS_CACHE", str(tmp_path))
    path = lines(tmp_path / "words.txt", ["(" * k + letter + ")" * k for k in range(10) for letter in "ab"])
    grammar = lines(tmp_path / "own.grammar", ["S -> '(' S ')' | 'a' | 'b'"])
    first = nd.load(f"strings:{path},grammar={grammar}")
    assert first.spec.shape == (10,)
    monkeypatch.setattr(Parser, "ids", lambda *_: pytest.fail("it was parsed again"))
    assert nd.load(f"strings:{path},grammar={grammar}").fingerprint == first.fingerprint


def test_short_words_are_long_enough_for_the_convolutions(tmp_path: Path) -> None:
    assert sum(SMALL.kernels) - len(SMALL.kernels) + 1 == LEAST
    path = lines(tmp_path / "words.txt", ["a", "ab", "abba", "b"])
    assert nd.load(f"strings:{path},codec=characters").spec.shape == (LEAST,)
    assert nd.load(f"strings:{path},codec=characters,length=5").spec.shape == (5,)


def moses_files(smiles: dict[str, list[str]]) -> dict[str, bytes]:
    found = {}
    for part, strings in smiles.items():
        text = io.StringIO()
        csv.writer(text).writerows([["SMILES", "SPLIT"], *([s, part] for s in strings)])
        found[f"{part}.csv.gz"] = gzip.compress(text.getvalue().encode())
    return found


def test_moses_is_found_in_a_folder_a_wheel_and_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = moses_files({"train": [*MOLECULES, "C[H]"], "test": MOLECULES[:3]})
    (tmp_path / "folder").mkdir()
    (tmp_path / "wheel").mkdir()
    with zipfile.ZipFile(tmp_path / "wheel" / "molsets-0.3.1-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            (tmp_path / "folder" / name).write_bytes(content)
            wheel.writestr(f"moses/dataset/data/{name}", content)
    data = nd.load("moses:length=60", data_dir=tmp_path / "folder")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [9, 1, 3]
    assert of(data.spec).read(data.test.take([0, 1, 2])) == MOLECULES[:3]
    assert "1 of 14 strings of moses was skipped (line 12 of train.csv.gz: " in data.notes[0]
    assert nd.load("moses:length=60", data_dir=tmp_path / "wheel").fingerprint == data.fingerprint

    class Installed:
        def locate_file(self, inside: str) -> Path:
            return tmp_path / "folder" / inside.removeprefix("moses/dataset/data")

    monkeypatch.setattr("noiseless.data.moses.distribution", lambda _: Installed())
    assert nd.load("moses:length=60").fingerprint == data.fingerprint
    assert len(nd.load("moses:length=60,size=9").test) == 1
    with pytest.raises(InputError, match=r"line 12 of train\.csv\.gz of moses: 'C\[H\]'"):
        nd.load("moses:length=60,size=11,bad=refuse", data_dir=tmp_path / "folder")


def test_moses_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISELESS_DATA", str(tmp_path))
    if nd.dataset._exists(tmp_path / "train.csv.gz"):
        pytest.skip("molsets is here")
    from importlib.metadata import PackageNotFoundError

    def absent(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr("noiseless.data.moses.distribution", absent)
    with pytest.raises(InputError, match=r"'moses' is not on this machine, nor is molsets installed; put train\.csv"):
        nd.load("moses")
    (tmp_path / "molsets-0.whl").write_bytes(b"no")
    with pytest.raises(InputError, match=r"molsets-0\.whl cannot be read"):
        nd.load("moses")


def test_a_function_of_ones_own_may_give_strings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_strings.py").write_text(
        "from noiseless.data import Raw\nfrom noiseless.strings import CharacterCodec\nimport numpy as np\n"
        "codec = CharacterCodec('ab ', 4)\n"
        "def words():\n    return Raw('words', codec.encode(['a', 'ab', 'b', 'ba'] * 5), codec=codec)\n"
        "def wrong():\n    return Raw('words', np.full((20, 4), 3, dtype=np.uint8), codec=codec)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    data = nd.load("mine_strings:words")
    assert set(of(data.spec).read(data.train.raw)) == {"a", "ab", "b", "ba"}
    with pytest.raises(InputError, match=r"uint8 below 3 of shape \(N, 4\)"):
        nd.load("mine_strings:wrong")


def test_parts_go_with_their_strings() -> None:
    codec = CharacterCodec("ab ", 2)
    parts = np.array([0, 1, 2, 0, 1])
    raw = coded("w", ["a", "x", "b", "bb", "ab"], codec, where="w", bad="skip", parts=parts)
    assert isinstance(raw, Raw)
    assert raw.parts is not None
    assert raw.parts.tolist() == [0, 2, 0, 1]
    assert expressions(LoadOptions(), size=3).array.shape == (3, 15)


LONG = 1_000_000


@pytest.mark.parametrize("option", ["grammar", "codec=characters", "bad=skip,grammar"])
def test_lines_of_a_million_characters_are_refused_by_number(tmp_path: Path, option: str) -> None:
    grammar = lines(tmp_path / "brackets.txt", ["S -> '(' S ')' | 'a'"])
    path = lines(tmp_path / "x.txt", ["(a)", "a", "(" * LONG, "a"])
    chosen = option.replace("grammar", f"grammar={grammar}")
    with pytest.raises(InputError, match=r"line 3 of .*x.txt has 1,000,000 characters, more than the 65,536 allowed"):
        nd.load(f"strings:{path},{chosen}")


def test_a_text_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.data.lines.MOST_TEXT", 1 << 20)
    (tmp_path / "x.txt.gz").write_bytes(gzip.compress(b"a\n" * (1 << 20)))
    with pytest.raises(InputError, match=r"x.txt.gz has more than 1,048,576 bytes of text"):
        nd.load(f"strings:{tmp_path / 'x.txt.gz'},codec=characters")


def test_strings_whose_tokens_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.data.strings.MOST_TOKENS", 100)
    path = lines(tmp_path / "x.txt", ["a" * 60, "b", "c"])
    with pytest.raises(
        InputError, match=r"has 3 strings, stored with 60 characters each, over 100 in all; set length="
    ):
        nd.load(f"strings:{path},codec=characters")


@pytest.mark.skipif(os.name == "nt", reason="no pipes by name")
@pytest.mark.parametrize("which", ["strings", "grammar"])
def test_pipes_are_refused_without_opening_them(tmp_path: Path, which: str) -> None:
    path, grammar = lines(tmp_path / "x.txt", ["a", "a"]), lines(tmp_path / "g.txt", ["S -> 'a'"])
    pipe = path if which == "strings" else grammar
    Path(pipe).unlink()
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"is a pipe, a socket or a device|is not a regular file"):
        nd.load(f"strings:{path},grammar={grammar}")
