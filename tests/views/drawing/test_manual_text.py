"""Markdown on screens of every width: tables as columns or paragraphs, code cut or wrapped, links in words."""

from attn_cli.views.drawing.manual_text import manual_text
from attn_cli.views.drawing.screen import Screen

TABLE = """
| name | means |
| --- | --- |
| `one` | a first thing that takes many words |
| `two` | a second |
"""


def lines(markdown: str, width: int, encoding: str = "utf-8") -> list[str]:
    return manual_text(markdown, Screen(width, None, encoding)).splitlines()


def test_a_table_has_columns_where_each_has_room() -> None:
    assert lines(TABLE, 60) == [
        "name   means",
        "──────────────────────────────────────────",
        "one    a first thing that takes many words",
        "two    a second",
    ]
    assert lines(TABLE, 28)[2:] == ["one    a first thing that", "       takes many words", "two    a second"]


def test_on_a_narrow_screen_the_rows_of_a_table_are_paragraphs() -> None:
    assert lines(TABLE, 24) == [
        "one",
        "  a first thing that",
        "  takes many words",
        "",
        "two",
        "  a second",
    ]
    assert lines("| a | b | c |\n| - | - | - |\n| one | | three four |", 10) == ["one", "  c: three", "  four"]


def test_code_is_indented_where_there_is_room() -> None:
    code = "```python\nsome = 1\n```"
    assert [lines(code, width)[0] for width in (80, 12, 10, 8)] == [
        "    some = 1",
        "    some = 1",
        "  some = 1",
        "some = 1",
    ]


def test_columns_of_output_are_cut_and_all_else_is_wrapped() -> None:
    code = "```console\n$ attn heads a b c\nhead  entropy\n────────────\nnote: some words\n```"
    assert lines(code, 10) == [
        "$ attn",
        "    heads",
        "    a b c",
        "head  ent…",
        "─────────…",
        "note: some",
        "    words",
    ]
    assert lines("```python\nhead  = entropy\n```", 11) == ["head  =", "    entropy"]


def test_a_link_to_a_page_says_its_words_and_any_other_its_address() -> None:
    assert lines("See [`attn manual heads`](heads.md#names) and [a site](https://a.example/b).", 80) == [
        "See attn manual heads and a site (https://a.example/b)."
    ]


def test_marks_of_tables_leave_no_trace() -> None:
    assert lines("a\n\n<!-- generated: b -->\n| x |\n| - |\n| 1 |\n<!-- end -->\n\nc", 80) == [
        "a",
        "",
        "x",
        "─",
        "1",
        "",
        "c",
    ]


def test_ascii_screens_get_ascii() -> None:
    drawn = lines("# α\n\n- Q · Kᵀ\n\n| x |\n| - |\n| 1 |\n\n```text\n█▒\n```", 80, "ascii")
    assert drawn == ["alpha", "=====", "", " * Q * K^T", "", "x", "-", "1", "", "    #:"]


def test_a_screen_with_color_gets_no_rules_below_headings() -> None:
    assert manual_text("## Names", Screen(80, "256")) == "\x1b[1mNames\x1b[0m\n"
    assert manual_text("## Names", Screen(80)) == "Names\n─────\n"
