"""Read bytes and text from files, pipes and standard input, up to a limit."""

import os
import stat
import sys
from collections.abc import Callable
from typing import IO

from attn_cli.errors import DocumentError, UsageError

MOST_PIPED = 1_000_000_000
"""The default limit of bytes from a pipe."""
MOST_FROM_DEVICE = 1_000_000
"""The limit of bytes from a device, which may never end."""
MOST_TEXT = 100_000_000
"""The limit of bytes of a text."""
_CHUNK = 2**20
_read: set[tuple[int, int]] = set()


def read_bytes(
    path: str,
    hint: str = "attn init -o FILE writes one to start from",
    *,
    max_bytes: int | None = None,
    known: Callable[[bytes], bool] = bool,
) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Reading a pipe stops after its first bytes if `known` is false for them. DocumentError for a missing file (with
    `hint`), an unreadable file, and one longer than `max_bytes`.
    """
    if path == "-":
        return read_stdin(max_bytes=max_bytes, known=known)
    try:
        with open(path, "rb") as file:
            note_read(file)
            return _all_of(file, path, os.fstat(file.fileno()).st_mode, max_bytes, known)
    except IsADirectoryError as error:
        raise DocumentError(f"{path}: is a folder, not a file", hint="name a file in it") from error
    except FileNotFoundError as error:
        raise DocumentError(f"{path}: no such file", hint=hint) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DocumentError(f"{path}: cannot be read: {reason}", hint="check the path and its permissions") from error


def read_stdin(*, max_bytes: int | None = None, known: Callable[[bytes], bool] = bool) -> bytes:
    """All of standard input; UsageError if it is a terminal or closed."""
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("`-` reads standard input, which is closed", hint="pipe something in, or name a file")
    if sys.stdin.isatty():
        raise UsageError("`-` reads standard input, which is a terminal", hint="pipe something in, or name a file")
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # a stream that is not a file
        mode = stat.S_IFIFO
    return _all_of(sys.stdin.buffer, "standard input", mode, max_bytes, known)


def read_text(path: str = "-") -> str:
    """The text of a file or of standard input: UTF-8 with or without a byte order mark."""
    data = read_bytes(path, hint="name a file of text", max_bytes=MOST_TEXT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = "standard input" if path == "-" else path
        raise DocumentError(
            f"{where} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}",
            hint="convert it to UTF-8",
        ) from error


def note_read(file: IO[bytes]) -> None:
    """Record a file as an input of this run, which no output may overwrite."""
    status = os.fstat(file.fileno())
    _read.add((status.st_dev, status.st_ino))


def forget_read() -> None:
    """Forget the inputs of the last run."""
    _read.clear()


def was_read(path: str) -> bool:
    """Whether a path is a file that this run has read."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return (status.st_dev, status.st_ino) in _read


def _all_of(file: IO[bytes], name: str, mode: int, max_bytes: int | None, known: Callable[[bytes], bool]) -> bytes:
    """The bytes of a file; DocumentError if it is longer than the limit of its kind."""
    if stat.S_ISREG(mode) and max_bytes is None:
        return file.read()
    device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
    limit = min(max_bytes or MOST_PIPED, MOST_FROM_DEVICE) if device else MOST_PIPED if max_bytes is None else max_bytes
    data = bytearray()
    while chunk := file.read(min(_CHUNK, limit + 1 - len(data))):
        data += chunk
        if len(data) > limit:
            problem = (
                f"is a device that goes on after {limit:,} bytes" if device else f"holds more than {limit:,} bytes"
            )
            hint = "name a file" if device else "if you trust it, raise the limit with --max-bytes"
            raise DocumentError(f"{name}: {problem}", hint=hint)
        if len(data) == len(chunk) and not known(chunk):
            break
    return bytes(data)
