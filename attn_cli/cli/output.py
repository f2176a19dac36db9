"""Writing results: files whole or not at all, standard output, and the width and colors of its terminal."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from attn_cli.errors import AttnError

_HINTS = {
    errno.ENOENT: "make the folder first, or choose another one",
    errno.ENOTDIR: "a part of the path is a file: choose another folder",
    errno.EISDIR: "name a file in it",
    errno.EACCES: "choose a file and folder that you may write",
    errno.EPERM: "choose a file and folder that you may write",
    errno.EROFS: "choose a file and folder that you may write",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space, or choose another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
}

COLORS = ("auto", "always", "never")


def write_file(path: str, data: bytes) -> None:
    """Write a file whole or not at all, keeping links and permissions; AttnError if that fails."""
    try:
        target = os.path.realpath(path)
        mode = _mode(target)
        if not os.path.basename(path) or (mode and stat.S_ISDIR(mode)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode and not stat.S_ISREG(mode):  # a pipe or a device, which cannot be replaced
            with open(path, "wb") as stream:
                stream.write(data)
            return
        if mode and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _replace(target, data, mode)
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "choose another file with -o")
        raise AttnError(f"{path}: cannot write it: {error.strerror}", hint=hint) from error


def _mode(path: str) -> int:
    """The mode of a file, its type and permissions; 0 where there is none."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return 0


def _replace(target: str, data: bytes, mode: int) -> None:
    """Write a temporary file beside the target, then rename it over the target."""
    temporary = os.path.join(os.path.dirname(target), f".attn-{os.urandom(8).hex()}")
    with _signals_as_exceptions():
        try:
            with open(temporary, "xb") as stream:
                stream.write(data)
            if mode:
                os.chmod(temporary, stat.S_IMODE(mode))
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise


class _EndedBySignal(BaseException):
    """A signal that ends the process has arrived; its number is the argument."""


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as an exception, so that it can clean up, and then the process."""
    import signal

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not end the cleaning up
        raise _EndedBySignal(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: dict[int, Any] = {}
    try:
        for number in numbers:
            if signal.getsignal(number) == signal.SIG_DFL:
                with suppress(ValueError):  # not in the main thread
                    before[number] = signal.signal(number, end)
        yield
    except _EndedBySignal as ended:
        number = int(ended.args[0])
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_stdout(data: bytes) -> None:
    """Write to standard output, after everything printed before; the boundary explains an OSError."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def color_system(choice: str, stream: TextIO | None) -> str | None:
    """Rich's `color_system` for a stream, None for no color.

    `choice` is one of COLORS; with auto, NO_COLOR decides, then FORCE_COLOR, then the terminal.
    """
    if choice == "never" or (choice == "auto" and not _wants_color(stream)):
        return None
    term = os.environ.get("TERM", "").lower()
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return "truecolor"
    return "256" if term.endswith(("256color", "kitty")) else "standard"


def _wants_color(stream: TextIO | None) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def height(stream: TextIO | None) -> int:
    """The lines of a terminal: LINES, else its own size; 0 for a file or a pipe."""
    if stream is None or not stream.isatty():
        return 0
    with suppress(ValueError):
        if (lines := int(os.environ.get("LINES", ""))) > 0:
            return lines
    with suppress(OSError):
        return os.get_terminal_size(stream.fileno()).lines or 24
    return 24


def width(stream: TextIO | None) -> int:
    """The columns to fill: COLUMNS, else the width of the terminal, else 80."""
    with suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    if stream is not None and stream.isatty():
        with suppress(OSError):
            return os.get_terminal_size(stream.fileno()).columns or 80
    return 80
