"""Parse JSON with the standard library; every error is one plain sentence."""

import re
from typing import TYPE_CHECKING, Any, NoReturn

from attn_cli.errors import DocumentError

if TYPE_CHECKING:
    from json import JSONDecodeError


class _Repeated:
    """Stands for an object that gives a key twice."""

    def __init__(self, key: str) -> None:
        self.key = key


def parse_json(data: bytes, name: str) -> Any:
    """The value of a JSON text; the bare words NaN, Infinity and -Infinity are read as floats.

    DocumentError, with line and column or path, for text that is not UTF-8 or not JSON, and for an object that gives
    a key twice.
    """
    import json

    text = decoded(data, name)
    if not text.strip():
        raise DocumentError(f"{name}: is empty", hint="give it a JSON object, { … }")
    repeated = False

    def object_of(pairs: list[tuple[str, Any]]) -> Any:
        nonlocal repeated
        values = dict(pairs)
        if len(values) == len(pairs):
            return values
        repeated = True
        earlier: set[str] = set()
        return _Repeated(next(key for key, _ in pairs if key in earlier or earlier.add(key)))  # type: ignore[func-returns-value]

    try:
        value = json.loads(text, object_pairs_hook=object_of)
    except json.JSONDecodeError as error:
        raise _not_json(error, name) from error
    except RecursionError as error:
        message = f"{name}: lists or objects are nested too deeply"
        raise DocumentError(
            message, hint="a document nests four levels at most: heads, rows, columns, numbers"
        ) from error
    except ValueError as error:
        _refuse_long_number(text, name, error)
    if repeated:
        _refuse_repeated(value, name)
    return value


def decoded(data: bytes, name: str) -> str:
    """The text of UTF-8 bytes, without a byte order mark; DocumentError for any other encoding."""
    import json

    encoding = json.detect_encoding(data)
    if not encoding.startswith("utf-8"):
        label = encoding.upper().removesuffix("-SIG")
        raise DocumentError(f"{name}: is {label} text, expected UTF-8 (byte 0)", hint="save it again as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        message = f"{name}: is not UTF-8 text: byte {offset} is 0x{data[offset]:02x}"
        raise DocumentError(message, hint="save it again as UTF-8") from error


def _not_json(error: "JSONDecodeError", name: str) -> DocumentError:
    """The error with line and column, worded alike for every version of Python."""
    message, position = error.msg, error.pos
    before = error.doc[:position].rstrip()
    if before.endswith(",") and error.doc[position : position + 1] in ("]", "}"):  # up to Python 3.12
        message, position = "Illegal trailing comma", len(before) - 1
    message = re.sub(r" before end of .*", "", message) if message.startswith("Illegal trailing") else message
    line, column = error.doc.count("\n", 0, position) + 1, position - error.doc.rfind("\n", 0, position)
    where = f"{name}: line {line}, column {column}"
    return DocumentError(f"{where}: {message[:1].lower()}{message[1:]}", hint=_hint(message))


def _hint(message: str) -> str:
    if message.startswith("Extra data"):
        return "a document is one JSON value: remove what follows it"
    if message.startswith(("Expecting property name", "Illegal trailing comma", "Expecting value")):
        return "JSON has no comments, no single quotes, and no comma after the last item"
    return "correct the JSON there"


def _refuse_long_number(text: str, name: str, error: ValueError) -> NoReturn:
    start = match.start() if (match := re.search(r"\d{4301}", text)) else 0
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    message = f"{name}: line {line}, column {column}: a whole number of more than 4300 digits"
    raise DocumentError(message, hint="write numbers that a float can hold, up to 1.8e308") from error


def _refuse_repeated(value: Any, name: str) -> NoReturn:
    """Raise DocumentError with the path of the first object that gives a key twice."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, _Repeated):
            where = f"{path}.{item.key}".lstrip(".")
            raise DocumentError(f"{name}: {where}: the key {item.key!r} is given twice", hint="keep one of them")
        if isinstance(item, dict):
            waiting += [(f"{path}.{key}".lstrip("."), value) for key, value in reversed(item.items())]
        elif isinstance(item, list):
            waiting += [(f"{path}[{index}]", value) for index, value in reversed(list(enumerate(item)))]
    raise AssertionError("an object that repeats a key is in the value or in another such object")
