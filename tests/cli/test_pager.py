"""Long output on a terminal: which pager shows it, when, and what happens where it fails."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import CLEAN
from tests.cli.test_process import PROGRAM, _all_of, unix

pytestmark = unix
LONG, SHORT = ["manual", "heads"], ["manual", "nosuch"]
MARKING = f"{sys.executable} -c \"import sys; print('PAGED', len(sys.stdin.readlines()) > 24)\""


def shown(arguments: list[str], env: Mapping[str, str], lines: int = 24) -> tuple[int, str]:
    """The exit code of a run on a terminal with so many lines, and what the terminal shows."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (lines, 80))
    with subprocess.Popen([*PROGRAM, *arguments], stdout=follower, stderr=follower, env=CLEAN | env) as process:
        os.close(follower)
        seen = _all_of(leader)
    os.close(leader)
    return process.returncode, seen.decode().replace("\r\n", "\n")


def test_long_output_goes_through_the_pager() -> None:
    assert shown(LONG, {"TERM": "xterm", "PAGER": MARKING}) == (0, "PAGED True\n")


def test_attn_pager_wins_over_pager() -> None:
    assert shown(LONG, {"TERM": "xterm", "ATTN_PAGER": MARKING, "PAGER": "false"}) == (0, "PAGED True\n")


def test_less_is_the_pager_where_none_is_named(tmp_path: Path) -> None:
    less = tmp_path / "less"
    less.write_text('#!/bin/sh\ncat > /dev/null\necho "less $* LESS=$LESS"\n')
    less.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{CLEAN['PATH']}"
    assert shown(LONG, {"TERM": "xterm", "PATH": path}) == (0, "less -FRX LESS=FRX\n")
    assert shown(LONG, {"TERM": "xterm", "PATH": path, "LESS": "S"}) == (0, "less -FRX LESS=S\n")


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        ([*LONG, "--no-pager"], {"TERM": "xterm"}),
        (LONG, {"TERM": "dumb"}),
        (LONG, {"TERM": "xterm", "ATTN_PAGER": ""}),
        (LONG, {"TERM": "xterm", "LINES": "5000"}),
    ],
)
def test_output_is_not_paged_where_nobody_wants_it(arguments: list[str], env: Mapping[str, str]) -> None:
    code, seen = shown(arguments, {"PAGER": MARKING, **env})
    assert (code, "PAGED" in seen, seen.count("\n") > 100) == (0, False, True)


def test_output_that_fits_is_not_paged() -> None:
    code, seen = shown(LONG, {"TERM": "xterm", "PAGER": MARKING}, lines=5000)
    assert (code, "PAGED" in seen) == (0, False)


@pytest.mark.parametrize("pager", ["/no/such/pager", "false", "sh -c 'kill -9 $$'", "an 'open quote"])
def test_a_pager_that_is_missing_or_dies_loses_nothing(pager: str) -> None:
    whole = shown([*LONG, "--no-pager"], {"TERM": "xterm"})
    code, seen = shown(LONG, {"TERM": "xterm", "PAGER": pager})
    assert (code, seen) == whole


def test_a_reader_who_leaves_the_pager_early_is_no_error() -> None:
    code, seen = shown(LONG, {"TERM": "xterm", "PAGER": "head -n 1"})
    assert (code, seen) == (0, "\x1b[1;4mHeads\x1b[0m\n")


def test_a_pipe_is_never_paged() -> None:
    done = subprocess.run(
        [*PROGRAM, *LONG], capture_output=True, env=CLEAN | {"TERM": "xterm", "PAGER": MARKING}, check=True
    )
    assert b"PAGED" not in done.stdout
