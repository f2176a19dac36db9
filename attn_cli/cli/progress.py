"""Long work shows itself: one line on standard error, on a terminal alone, gone when the result is printed."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from threading import Thread

PATIENCE = 1.0
"""The seconds of work before the line appears."""
EVERY = 0.2
"""The seconds from one drawing to the next."""
BAR = 20
_ERASE = "\r\x1b[2K"


class ProgressLine:
    """A line that a thread of its own draws after PATIENCE, so that work need not call often to be seen.

    Call it with what is being done, how much of it is done and how much there is (0: unknown).
    """

    def __init__(self, stream: TextIO, columns: int) -> None:
        from threading import Event, Lock

        self._stream, self._room = stream, columns - 1
        self._lock, self._ended = Lock(), Event()
        self._thread: Thread | None = None
        self._drawn = False
        self._begun = time.monotonic()
        self._what, self._done, self._total = "", 0, 0

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        with self._lock:
            if what != self._what or done < self._done:
                self._begun = time.monotonic()
            self._what, self._done, self._total = what, done, total
        if self._thread is None and not self._ended.is_set():
            from threading import Thread

            self._thread = Thread(target=self._draw_on, daemon=True)
            self._thread.start()

    def clear(self) -> None:
        """Erase the line; nothing is drawn from now on."""
        self._ended.set()
        with self._lock:
            if self._drawn:
                self._write(_ERASE)
                self._drawn = False

    def _draw_on(self) -> None:
        wait = PATIENCE
        while not self._ended.wait(wait):
            wait = EVERY
            with self._lock:
                if not self._ended.is_set():
                    self._write(_ERASE + self.text(time.monotonic() - self._begun)[: self._room])
                    self._drawn = True

    def text(self, seconds: float) -> str:
        """The line after so many seconds of this work: what, a bar, the count, the rate and the time left."""
        if not self._total:
            return f"{self._what} … {_clock(seconds)}"
        full = BAR * self._done // self._total
        parts = [f"{self._what} [{'#' * full}{' ' * (BAR - full)}] {self._done:,}/{self._total:,}"]
        if self._done and seconds > 0:
            each = seconds / self._done
            parts.append(f"{1 / each:.1f}/s" if each < 1 else f"{each:.1f} s each")
            parts.append(f"{_clock(each * (self._total - self._done))} left")
        return " · ".join(parts)

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "ascii"
        with suppress(OSError, ValueError):
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()


_lines: list[ProgressLine] = []


@contextmanager
def shown(*, quiet: bool) -> Iterator[None]:
    """Let work in this block show itself, unless `quiet`; the line is gone at the end, whatever happened."""
    stream = sys.stderr
    if quiet or stream is None or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield
        return
    columns = 80
    with suppress(OSError, ValueError):
        columns = os.get_terminal_size(stream.fileno()).columns or columns
    _lines.append(ProgressLine(stream, columns))
    try:
        yield
    finally:
        _lines.pop().clear()


def progress(what: str, done: int = 0, total: int = 0) -> None:
    """Say how far work is; where no line is shown, nothing happens."""
    if _lines:
        _lines[-1](what, done, total)


def clear() -> None:
    """Erase the line before something is printed."""
    if _lines:
        _lines[-1].clear()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
