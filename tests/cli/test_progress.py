"""Long work shows itself on a terminal: what, how much, how fast, how long; and it is gone when the result is there."""

import os
import select
import sys
import time
from pathlib import Path

import pytest

from attn_cli.cli.progress import ProgressLine
from tests.cli.conftest import CLEAN, ROOT, Attn

# The forked process starts another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
KNOWN = str(ROOT / "samples" / "known-heads")
ERASE = "\x1b[2K"
SLOW = """
import sys, time
import attn_cli.cli.progress as shown
from attn_cli.cli.boundary import run

quick = shown.progress

def slow(*what):
    quick(*what)
    time.sleep(0.2)

shown.progress, shown.PATIENCE, shown.EVERY = slow, {patience}, 0.02
sys.argv = ["attn", *{arguments!r}]
sys.exit(run(sys.argv[1:]))
"""


def on_a_terminal(tmp_path: Path, *arguments: str, patience: float = 0.02, **env: str) -> tuple[int, str]:
    """The exit code and all that a terminal of 80 cells gets, standard output and standard error together."""
    pty = pytest.importorskip("pty")
    pytest.importorskip("tokenizers")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        code = SLOW.format(patience=patience, arguments=list(arguments))
        os.execve(sys.executable, [sys.executable, "-c", code], CLEAN | {"TERM": "xterm", "ATTN_PAGER": "cat"} | env)
    data, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            data += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), data.decode()


@pytest.mark.parametrize("command", ["read", "heatmap", "explain"])
def test_layers_are_counted_and_the_line_is_gone_before_the_result(tmp_path: Path, command: str) -> None:
    code, shown = on_a_terminal(tmp_path, command, "-m", KNOWN, "the cat sat")
    assert code == 0
    assert "layers [" in shown
    assert "/2" in shown
    before, _, result = shown.rpartition(ERASE)
    assert "layers" in before
    assert "the" in result
    assert "layers [" not in result


def test_heads_that_are_ablated_are_counted(tmp_path: Path) -> None:
    code, shown = on_a_terminal(tmp_path, "heads", "-m", KNOWN, "the cat sat", "--by", "ablation")
    assert code == 0
    assert "heads [" in shown
    assert "/8" in shown
    assert " left" in shown


def test_texts_are_counted_and_not_their_layers(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("the cat\nthe mat\nthe cat sat\n")
    code, shown = on_a_terminal(tmp_path, "heads", "-m", KNOWN, "--texts", "lines.txt")
    assert code == 0
    assert "texts [" in shown
    assert "/3" in shown
    assert "layers [" not in shown


def test_an_error_stands_alone(tmp_path: Path) -> None:
    code, shown = on_a_terminal(tmp_path, "read", "-m", KNOWN, "the cat sat", "--query", "dog")
    assert code == 1
    assert shown.rpartition(ERASE)[2].lstrip("\r").startswith("attn: there is no query")


@pytest.mark.parametrize(
    ("arguments", "env"), [(["--quiet"], {}), ([], {"TERM": "dumb"}), (["-q"], {"COLORTERM": "truecolor"})]
)
def test_nothing_is_shown_where_it_is_not_wanted(tmp_path: Path, arguments: list[str], env: dict[str, str]) -> None:
    code, shown = on_a_terminal(tmp_path, "read", "-m", KNOWN, "the cat sat", *arguments, **env)
    assert code == 0
    assert "layers" not in shown.replace("2 layers", "")
    assert ERASE not in shown


def test_nothing_is_shown_of_quick_work(tmp_path: Path) -> None:
    code, shown = on_a_terminal(tmp_path, "read", "-m", KNOWN, "the cat sat", patience=30.0)
    assert code == 0
    assert ERASE not in shown


def test_a_pipe_gets_none_of_it(attn: Attn) -> None:
    pytest.importorskip("tokenizers")
    assert attn("read", "-m", KNOWN, "the cat sat").errors == ""


def test_the_line_says_what_how_much_how_fast_and_how_long() -> None:
    line = ProgressLine(sys.stderr, 80)
    line._what, line._done, line._total = "layers", 3, 12
    assert line.text(6.0) == "layers [#####               ] 3/12 · 2.0 s each · 0:18 left"
    line._what, line._done, line._total = "texts", 1500, 3000
    assert line.text(60.0) == "texts [##########          ] 1,500/3,000 · 25.0/s · 1:00 left"
    line._what, line._done, line._total = "loading", 0, 0
    assert line.text(3725.0) == "loading … 1:02:05"
    line._what, line._done, line._total = "layers", 0, 12
    assert line.text(2.0) == "layers [                    ] 0/12"
