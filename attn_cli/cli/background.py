"""The background of a terminal, dark or light: from the option, from COLORFGBG, or from the terminal itself."""

import os
import re
import select
import time
from contextlib import suppress
from typing import TextIO

BACKGROUNDS = ("auto", "dark", "light")
PATIENCE = 0.3
"""The seconds that a terminal has to answer; those that can, answer within a few milliseconds."""
_QUESTION = b"\x1b]11;?\x1b\\\x1b[c"  # the background; then what kind of terminal it is, which every terminal answers
_ANSWER = re.compile(rb"\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_LIGHT = frozenset((7, *range(9, 16)))


def background_of(choice: str, stream: TextIO | None) -> str:
    """`dark` or `light`: the choice, else what COLORFGBG or the terminal says, else dark."""
    if choice != "auto":
        return choice
    if (told := _from_environment(os.environ.get("COLORFGBG", ""))) is not None:
        return told
    if stream is None or not stream.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "linux"):
        return "dark"
    with suppress(OSError, ImportError, ValueError):
        return _from_answer(_asked())
    return "dark"


def _from_environment(value: str) -> str | None:
    """COLORFGBG is `15;0`, text and background as numbers of the 16 colors; None if it says neither."""
    number = value.rpartition(";")[2]
    return ("light" if int(number) in _LIGHT else "dark") if number.isdecimal() else None


def _from_answer(answer: bytes) -> str:
    match = _ANSWER.search(answer)
    if match is None:
        return "dark"
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in match.groups())
    return "light" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "dark"


def _asked() -> bytes:
    """The terminal's answer; empty if it gives none, or if somebody is typing, whose keys must not be read."""
    import termios
    import tty

    terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp() or select.select([terminal], [], [], 0)[0]:
            return b""
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            os.write(terminal, _QUESTION)
            return _read(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
    finally:
        os.close(terminal)


def _read(terminal: int) -> bytes:
    """What the terminal sends, up to its answer about its kind, which comes last, or until patience ends."""
    answer, end = b"", time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0 and select.select([terminal], [], [], left)[0]:
        answer += os.read(terminal, 1024)
        if re.search(rb"\x1b\[\?[0-9;]*c", answer):
            break
    return answer
