"""What a screen gets: no line too wide, color only where it is wanted, no token that a terminal would obey."""

import json
import re
from pathlib import Path
from unicodedata import category

import pytest

from attn_cli.views.drawing.text import MARK, cells
from tests.cli.conftest import EXAMPLE, Attn
from tests.cli.documents import parameters

HOSTILE = (
    *("[/b]", "[red]x", ":smile:", "\x1b[31mred", "a\nb", "nul\0", "zero\u200bwidth", "\u202eevil", "שלום", "😀"),
    *("👩‍👩‍👧", "e\u0301", "|pipe|", "`code`", "<b>", "*star*", "\\", "", "  ", "\t", "\u2028", "\ud800", "猫" * 30),
)
SENTENCE = "The very long sentence that nobody wanted to read aloud was read aloud by somebody anyway"
VIEWS = {
    "explain": ["explain", "-w", "x.json"],
    "heatmap": ["heatmap", "-w", "x.json"],
    "numbers": ["heatmap", "-w", "x.json", "--numbers", "--stage", "scores"],
    "cell": ["why", "-w", "x.json", "--query", "3", "--key", "-1"],
    "row": ["why", "-w", "x.json", "--query", "3"],
    "compare": ["compare", "x.json", "--with", "mask=causal"],
    "sentence": ["explain", SENTENCE, "--heads", "2", "--mask", "causal", "--positions", "alibi"],
    "help": ["--help"],
    "options": ["compare", "--help"],
}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def document(tmp_path: Path) -> None:
    n = len(HOSTILE)
    values = {"Q": [[i + 1, 1] for i in range(n)], "K": [[1, j] for j in range(n)], "V": [[1, j] for j in range(n)]}
    (tmp_path / "x.json").write_text(json.dumps({"tokens": HOSTILE, **values}))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_screen(call: Attn, view: str, columns: int) -> None:
    for env in ({}, {"FORCE_COLOR": "1", "COLORTERM": "truecolor"}):
        ran = call(*VIEWS[view], env={"COLUMNS": str(columns), **env})
        assert ran.errors == ""
        lines = COLOURS.sub("", ran.out).replace(MARK, "").split("\n")
        assert max(map(cells, lines)) <= columns
        assert columns < 40 or "\n\n\n" not in ran.out


@pytest.mark.parametrize("view", ["explain", "heatmap", "numbers", "cell", "row", "compare"])
@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_no_token_is_obeyed(call: Attn, view: str, form: str) -> None:
    for env in ({}, {"FORCE_COLOR": "1"}):
        ran = call(*VIEWS[view], "-f", form, env=env)
        assert (ran.code in (0, 3), ran.errors) == (True, "")
        plain = COLOURS.sub("", ran.out)
        odd = {c for c in plain if category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n", MARK, "\u200d"}
        assert not odd


def test_a_token_looks_like_itself(call: Attn) -> None:
    out = call("explain", "-w", "x.json", "--full").out
    for token in (
        "[/b]",
        "[red]x",
        ":smile:",
        "\\x1b[31mred",
        "a\\nb",
        "nul\\x00",
        "\\u202eevil",
        "שלום",
        "😀",
        "∅",
        "␣␣",
    ):
        assert token in out


def test_markdown_takes_no_token_for_markup(call: Attn) -> None:
    out = call("explain", "-w", "x.json", "-f", "markdown").out
    for token in (r"\[/b\]", r"\|pipe\|", r"\`code\`", r"\<b\>", r"\*star\*", r"\:smile:"):
        assert f"| {token} |" in out


def test_a_path_or_a_text_that_a_terminal_would_obey_is_shown_safely(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m.json").write_text(json.dumps(parameters()))
    ran = call("explain", "-w", "\x1b[31m.json")
    assert (ran.code, "\x1b" in ran.out, "\\x1b[31m.json" in ran.out) == (0, False, True)
    assert "\x1b" not in call("compare", "a\x1b[31m b", "a c").out
    assert "\x1b" not in call("explain", "a", "-o", "\x1b[31m.json").errors


@pytest.mark.parametrize(
    ("options", "env", "colored"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "0"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"ATTN_COLOR": "always"}, True),
        (["--color", "never"], {"ATTN_COLOR": "always"}, False),
    ],
)
def test_color_is_there_where_it_is_wanted(call: Attn, options: list[str], env: dict[str, str], colored: bool) -> None:
    for command in (["explain", EXAMPLE], ["why", EXAMPLE, "--query", "0"], ["compare", "a b", "a c"]):
        assert ("\x1b[" in call(*command, *options, env=env).out) is colored


def test_settings_come_from_the_environment_and_flags_win(call: Attn) -> None:
    env = {"ATTN_PRECISION": "1"}
    assert "0.6361" in call("explain", EXAMPLE).out
    assert "0.6361" not in call("explain", EXAMPLE, env=env).out
    assert "0.6361" in call("explain", EXAMPLE, "--precision", "4", env=env).out


def test_a_long_text_is_not_printed_whole(call: Attn) -> None:
    text = " ".join(f"word{i % 700}" for i in range(1300))
    for command in (["explain", text], ["heatmap", text], ["why", text, "--query", "0"], ["compare", text, text]):
        ran = call(*command, "--mask", "causal")
        assert ran.errors == ""
        assert len(ran.lines) < 500
        assert "--full" in ran.out or command[0] == "compare"


def test_too_many_numbers_for_json_are_refused_and_npz_is_offered(call: Attn) -> None:
    text = " ".join(map(str, range(7100)))
    call("heatmap", text, "--json").complains(1, "50,410,000 numbers are too many for JSON", "npz")


@pytest.mark.parametrize("text", ["-5 degrees", "--help me", "-w"])
def test_a_sentence_may_begin_with_a_hyphen(call: Attn, text: str) -> None:
    ran = call("explain", "--json", "--tokenizer", "whitespace", "--", text)
    assert ran.json()["tokens"] == text.split()


def test_a_byte_order_mark_is_no_token(call: Attn, tmp_path: Path) -> None:
    assert call("explain", "-", "--json", stdin="\ufeffa b".encode()).json()["tokens"] == ["a", "b"]
    (tmp_path / "b.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(parameters()).encode())
    assert call("explain", "-w", "b.json").code == 0
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf0.5,0.5\r\n1,0\r\n")
    assert call("explain", "-w", "b.csv").code == 0


@pytest.mark.parametrize("command", ["explain", "heatmap", "why", "compare", "check", "init", "schema"])
def test_help_begins_with_examples_that_run(call: Attn, command: str) -> None:
    ran = call(command, "--help")
    assert (ran.code, ran.errors) == (0, "")
    assert ran == call(command, "-h")
    assert ran.out.index("Examples:") < ran.out.lower().index("options:\n")
    assert "<" not in ran.out.replace(" > ", "")
    first = ran.out.partition("Examples:\n")[2].split("\n")[0].strip()
    if "." not in first:
        import shlex

        assert call(*shlex.split(first)[1:]).code in (0, 3)


def test_every_command_is_listed_with_what_it_does(call: Attn) -> None:
    lines = call("--help").out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert all(line.endswith(".") and "…" not in line for line in lines)
