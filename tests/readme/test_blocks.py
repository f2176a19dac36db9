"""Reading blocks, comparing what they show, and cutting new output as the old was cut."""

from pathlib import Path

import pytest

from tests.readme.blocks import Block, blocks_of, commands_of, headings_of, matches, rewritten


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "some.md"
    path.write_text("# One `word`\n\n```console\n$ echo a\na\n$ true\n```\n\n```\n# b\n```\n## It's *so*, 2 words\n")
    return path


def test_blocks_know_their_language_and_place(document: Path) -> None:
    assert blocks_of(document) == [
        Block(("console",), ("$ echo a", "a", "$ true"), 3),
        Block((), ("# b",), 9),
    ]


def test_a_command_is_followed_by_what_it_prints(document: Path) -> None:
    commands = list(commands_of(blocks_of(document)[0]))
    assert [(command.typed, command.shown, command.start) for command in commands] == [
        ("echo a", ("a",), 4),
        ("true", (), 6),
    ]


def test_a_command_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "long.md"
    path.write_text("```console\n$ echo a |\n    tr a \\\n    b\nb\n$ true\n```\n")
    commands = list(commands_of(blocks_of(path)[0]))
    assert [(command.typed, command.shown, command.start) for command in commands] == [
        ("echo a |\n    tr a \\\n    b", ("b",), 4),
        ("true", (), 6),
    ]


def test_headings_become_anchors_and_comments_in_blocks_do_not(document: Path) -> None:
    assert headings_of(document) == ["one-word", "its-so-2-words"]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a", "b"), ("a", "b"), True),
        (("a", "b"), ("a", "b", "c"), False),
        (("a", "..."), ("a", "b", "c"), True),
        (("...", "c"), ("a", "b", "c"), True),
        (("a", "...", "c"), ("a", "c"), True),
        (("a", "...", "c"), ("a", "b"), False),
        (("a", "...", "b", "...", "d"), ("a", "x", "b", "y", "z", "d"), True),
        ((".",), ("a",), False),
        (("a ...",), ("a b",), False),
    ],
)
def test_three_points_alone_stand_for_any_lines(shown: tuple[str, ...], printed: tuple[str, ...], same: bool) -> None:
    assert matches(shown, printed) is same


@pytest.mark.parametrize(
    ("shown", "printed", "cut"),
    [
        (("old",), ("new", "lines"), ("new", "lines")),
        (("a", "...", "z"), ("b", "c", "d", "y"), ("b", "...", "y")),
        (("...", "z"), ("b", "c", "y"), ("...", "y")),
        (("a", "...", "mid", "1", "...", "z"), ("b", "c", "mid", "2", "d", "y"), ("b", "...", "mid", "2", "...", "y")),
        (("a", "...", "z"), ("a", "other", "z"), ("a", "...", "z")),
    ],
)
def test_new_output_is_cut_like_the_old(shown: tuple[str, ...], printed: tuple[str, ...], cut: tuple[str, ...]) -> None:
    assert rewritten(shown, printed) == cut
