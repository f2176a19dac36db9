"""`attn manual`: every page at every width, a search, and the way to both from help and errors."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from attn_cli.cli.app import COMMANDS
from attn_cli.manual import TOPICS, read_page, summary
from attn_cli.views.drawing.text import MARK, cells
from tests.cli.conftest import CLEAN, Attn
from tests.cli.test_screen import COLOURS

FOLDER = Path(__file__).parents[2] / "attn_cli/manual"


def test_every_file_is_a_topic_and_every_topic_a_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == sorted(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_begins_with_its_title_and_one_sentence(topic: str) -> None:
    title, sentence, *rest = read_page(topic).split("\n\n")
    assert title.startswith("# ")
    assert "\n" not in title
    assert re.fullmatch(r"[A-Z][^.]+\.", " ".join(sentence.split()))
    assert rest


def test_the_list_names_every_topic_and_what_its_page_answers(call: Attn) -> None:
    ran = call("manual", env={"COLUMNS": "200"})
    assert (ran.code, ran.errors) == (0, "")
    rows = [line.split(maxsplit=1) for line in ran.lines if line.partition(" ")[0] in TOPICS]
    assert rows == [[topic, summary(topic)] for topic in TOPICS]


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_no_line_of_a_page_is_wider_than_the_screen(call: Attn, topic: str, columns: int) -> None:
    for env in ({}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        ran = call("manual", topic, env={"COLUMNS": str(columns), **env})
        assert (ran.code, ran.errors) == (0, "")
        assert ("\x1b[" in ran.out) is bool(env)
        lines = COLOURS.sub("", ran.out).replace(MARK, "").split("\n")
        assert max(map(cells, lines)) <= columns
        assert ("\n\n\n" in ran.out) <= ("\n\n\n" in read_page(topic))


def test_a_page_says_all_that_its_file_says(call: Attn) -> None:
    """At a width at which nothing is wrapped or cut."""
    for topic in TOPICS:
        shown = set(re.findall(r"\w+", call("manual", topic, env={"COLUMNS": "400"}).out))
        written = re.sub(r"<!--.*?-->|\]\([^)]*\)|^```.*|&lt;", " ", read_page(topic), flags=re.MULTILINE)
        assert set(re.findall(r"\w+", written.replace("`", ""))) <= shown


@pytest.mark.parametrize("topic", TOPICS)
def test_an_ascii_screen_can_read_a_page(attn: Attn, topic: str) -> None:
    ran = attn("manual", topic, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert (ran.code, ran.errors) == (0, "")
    assert ran.data.isascii()
    assert not re.search(r"\\u[0-9a-f]{4}", ran.out)


@pytest.mark.parametrize("topic", TOPICS)
def test_raw_markdown_is_the_file(call: Attn, topic: str) -> None:
    assert call("manual", topic, "-f", "markdown").data == (FOLDER / f"{topic}.md").read_bytes()


def test_the_list_and_hits_are_markdown_too(call: Attn) -> None:
    assert "| stages |" in call("manual", "-f", "markdown").out
    assert "attn manual heads" in call("manual", "--find", "induction", "-f", "markdown").out


@pytest.mark.parametrize("command", [name for name, topic in COMMANDS.items() if topic])
def test_a_command_names_its_page_and_its_page_names_the_command(call: Attn, command: str) -> None:
    topic = COMMANDS[command]
    assert f"Manual: attn manual {topic}" in call(command, "--help").lines
    assert f"attn {command}" in read_page(topic)
    assert call("manual", command).data == call("manual", topic).data


def test_the_program_itself_names_the_manual(call: Attn) -> None:
    assert "attn manual" in call("--help").out


@pytest.mark.parametrize(
    ("name", "topic"),
    [("chekc", "check"), ("Heads", "heads"), ("document", "documents"), ("normalized_entropy", "heads")],
)
def test_an_unknown_topic_names_the_nearest(call: Attn, name: str, topic: str) -> None:
    call("manual", name).complains(1, f"no page {name!r}", f"nearest is {topic!r}")


def test_a_name_like_no_topic_still_names_one(call: Attn) -> None:
    ran = call("manual", "nosuch")
    ran.complains(1, "no page 'nosuch'")
    assert any(f"nearest is {topic!r}" in ran.errors for topic in TOPICS)


def test_a_closed_standard_output_is_an_error_and_no_bug() -> None:
    command = ["sh", "-c", f"{sys.executable} -m attn_cli manual >&-"]
    done = subprocess.run(command, stderr=subprocess.PIPE, env=CLEAN, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)


def test_a_search_prints_page_heading_and_line(call: Attn) -> None:
    ran = call("manual", "--find", "DUPLICATE token", env={"COLUMNS": "200"})
    assert ran.code == 0
    page, _, below = ran.out.partition("attn manual heads: ")
    assert "attn manual heads: " not in page
    assert "duplicate token" in below
    assert not re.search(r"^[ |]*\|", below, flags=re.MULTILINE)


def test_a_search_finds_each_line_once(call: Attn) -> None:
    out = call("manual", "--find", "float16-overflow", env={"COLUMNS": "200"}).out
    assert out.count("float16-overflow") == read_page("check").count("float16-overflow")


def test_a_search_finds_words_that_a_line_of_the_file_parts(call: Attn) -> None:
    words = read_page("security").partition("## The network\n\n")[2]
    before, after = re.findall(r"([a-z]+)\n([a-z]+)", words)[0]
    assert "attn manual security" in call("manual", "--find", f"{before} {after}").out


def test_a_word_on_no_page_is_an_error(call: Attn) -> None:
    call("manual", "--find", "zyzzyva").complains(1, "no page of the manual holds 'zyzzyva'")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["heads", "--find", "x"], "TOPIC and --find"),
        (["-f", "json"], "choose terminal or markdown"),
        (["heads", "--color", "red"], "--color"),
        (["heads", "check"], "extra argument"),
    ],
)
def test_a_wrong_command_line_is_refused(call: Attn, arguments: list[str], part: str) -> None:
    call("manual", *arguments).complains(2, part)
