"""Tables: their text, and what is bold."""

from rich.console import Console

from noiseless.show import tables

ROWS = [
    {"what": "a|b", "n": 10000, "fd": 118.249, "kid": 0.001234, "precision": 0.5, "seed": 1},
    {"what": "gmm", "n": 10000, "fd": 9.0, "kid": None, "precision": 0.75, "seed": 2},
    {"what": "far", "n": 500, "fd": float("inf"), "kid": 3.0e-7, "precision": 0.75, "seed": 2},
]


def test_markdown_marks_the_best_and_leaves_blanks(tmp_path):
    text = tables.markdown(ROWS, path=tmp_path / "table.md")
    head, rule, first, second, third = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines()]
    assert [cell.strip("| ") for cell in head] == ["what", "n", "fd", "kid", "precision", "seed"]
    assert rule[1].endswith("-:")
    assert first == [r"| a\|b", "10000", "118.2", "0.001234", "0.5000", "1 |"]
    assert second == ["| gmm", "10000", "**9.000**", "", "**0.7500**", "2 |"]
    assert third == ["| far", "500", "inf", "**3.000e-07**", "**0.7500**", "2 |"]
    assert (tmp_path / "table.md").read_text() == text + "\n"


def test_markdown_marks_the_best_within_groups_and_of_chosen_columns():
    rows = [{"row": "rec", "fd": 1.0}, {"row": "gmm", "fd": 3.0}, {"row": "gmm", "fd": 2.0, "n": 1}]
    text = tables.markdown(rows, ["fd"], within="row")
    assert text.count("**") == 2
    assert "**2.000**" in text
    assert "n" not in text


def test_an_empty_table_is_a_head():
    assert tables.markdown([], ["a", "b"]).splitlines() == ["| a   | b   |", "| :-- | :-- |"]


def test_table_shows_what_markdown_shows():
    console = Console(width=100, record=True, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    console.print(tables.table([*ROWS, {"what": "[red]x"}]))
    console.file.close()
    styled = console.export_text(styles=True)
    assert "\x1b[1m9.000" in styled
    assert "[red]x" in styled
    assert "118.2" in styled
