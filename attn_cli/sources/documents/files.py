"""Bytes from a file or from standard input."""

import sys

from attn_cli.errors import DocumentError, UsageError


def read_bytes(path: str, hint: str = "attn init -o FILE writes one to start from") -> bytes:
    """What a file holds, or standard input for `-`; `hint` is what to do where there is no such file."""
    if path == "-":
        return read_stdin()
    try:
        with open(path, "rb") as file:
            return file.read()
    except IsADirectoryError as error:
        raise DocumentError(f"{path}: is a folder, not a file", hint="name a file in it") from error
    except FileNotFoundError as error:
        raise DocumentError(f"{path}: no such file", hint=hint) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DocumentError(f"{path}: cannot be read: {reason}", hint="check the path and its permissions") from error


def read_stdin() -> bytes:
    """All of standard input; a terminal there is an error, since nobody is piping anything in."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("`-` reads standard input, which is a terminal", hint="pipe something in, or name a file")
    return sys.stdin.buffer.read()


def read_text(path: str = "-") -> str:
    """A file, or standard input, as text: UTF-8 with or without a byte order mark."""
    data = read_bytes(path, hint="name a file of text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = "standard input" if path == "-" else path
        raise DocumentError(
            f"{where} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}",
            hint="convert it to UTF-8",
        ) from error
