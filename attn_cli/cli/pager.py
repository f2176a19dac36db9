"""Long output on a terminal, a screen at a time."""

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress

from attn_cli.cli.output import write_stdout

DEFAULT = ("less", "-FRX")


def write_paged(data: bytes, *, paged: bool = True) -> None:
    """Write to standard output, through a pager where `data` has more lines than the terminal.

    The pager is $ATTN_PAGER, else $PAGER, else `less -FRX`; an empty value or `cat` means none. Where the pager is
    missing or fails, the data is written without it.
    """
    command = _pager() if paged and _is_longer_than_terminal(data) else ()
    if not command or not _piped(_without_moves(data), command):
        write_stdout(data)


def _without_moves(data: bytes) -> bytes:
    """The data without movements of the cursor, which pagers print as text."""
    if b"G" not in data:
        return data
    from attn_cli.views.drawing.columns import MOVE

    return MOVE.sub(b"", data)


def _is_longer_than_terminal(data: bytes) -> bool:
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return data.count(b"\n") >= _height()


def _height() -> int:
    """The lines of the terminal: LINES, else its own size, else 24."""
    with suppress(ValueError):
        if (lines := int(os.environ.get("LINES", ""))) > 0:
            return lines
    with suppress(OSError):
        return os.get_terminal_size(sys.stdout.fileno()).lines or 24
    return 24


def _pager() -> tuple[str, ...]:
    """The words of the pager's command line, none for no pager."""
    named = os.environ.get("ATTN_PAGER", os.environ.get("PAGER"))
    if named is None:
        return DEFAULT
    with suppress(ValueError):  # a quote that is not closed
        words = tuple(shlex.split(named))
        return () if words == ("cat",) else words
    return ()


def _piped(data: bytes, command: tuple[str, ...]) -> bool:
    """Whether the pager took the data and ended well; a reader who leaves early ended well."""
    sys.stdout.flush()
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env={"LESS": "FRX", **os.environ})
    except (OSError, ValueError):
        return False
    # While the pager runs, Ctrl-C is for the pager.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with suppress(BrokenPipeError):
            process.communicate(data)
        return process.wait() == 0
    finally:
        signal.signal(signal.SIGINT, before)
