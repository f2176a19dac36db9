"""The background of the terminal: the option, COLORFGBG, the terminal's answer."""

import io
import os
import pty
import select
import sys
import threading

import pytest

from attn_cli.cli import background
from attn_cli.cli.background import background_of
from tests.cli.conftest import Attn


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLORFGBG", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("15;0", "dark"), ("0;15", "light"), ("0;default;15", "light"), ("12;8", "dark"), ("0;7", "light"), ("x", "dark")],
)
def test_colorfgbg_is_read(value: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORFGBG", value)
    assert background_of("auto", None) == expected
    assert background_of("light", None) == "light"
    assert background_of("dark", None) == "dark"


def test_a_file_or_a_pipe_is_taken_as_dark_and_not_asked() -> None:
    assert background_of("auto", io.StringIO()) == background_of("auto", None) == "dark"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c", "light"),
        (b"\x1b]11;rgb:1e/1e/2e\x07\x1b[?1;2c", "dark"),
        (b"\x1b[?1;2c", "dark"),  # it has no answer for the background, and says what it is
        (b"", "dark"),
    ],
)
def test_a_terminal_is_asked_and_need_not_answer(answer: bytes, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    opened = os.open
    monkeypatch.setattr(background.os, "open", lambda path, flags: os.dup(slave))
    monkeypatch.setattr(background.os, "tcgetpgrp", lambda terminal: os.getpgrp())
    monkeypatch.setattr(background, "PATIENCE", 0.5 if answer else 0.05)

    def terminal() -> None:
        if select.select([master], [], [], 2)[0]:
            os.read(master, 100)
            os.write(master, answer)

    thread = threading.Thread(target=terminal)
    thread.start()
    try:
        with os.fdopen(os.dup(slave), "w") as stream:
            assert background_of("auto", stream) == expected
    finally:
        thread.join()
        os.close(master)
        os.close(slave)
    assert opened is not None


def test_the_option_changes_colors(call: Attn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    dark, light = (
        call("heatmap", "a b c", "--stage", "scores", "--color", "always", "--background", name).data
        for name in ("dark", "light")
    )
    assert dark != light
    call("heatmap", "a b c", "--background", "purple").complains(2, "purple", "auto, dark")
    assert sys.stdout is not None
