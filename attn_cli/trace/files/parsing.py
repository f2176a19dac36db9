"""JSON from bytes: the standard library's reader, with every way to be wrong said in a sentence."""

import re
from typing import TYPE_CHECKING, Any, NoReturn

from attn_cli.errors import DocumentError

if TYPE_CHECKING:
    from json import JSONDecodeError


class _Repeated:
    """Stands in the parsed value for an object that gives one key twice."""

    def __init__(self, key: str) -> None:
        self.key = key


def parse_json(data: bytes, name: str) -> Any:
    """The value that JSON text stands for; the bare words NaN and Infinity are read as floats.

    DocumentError, with line and column or path, for text that is not UTF-8 or not JSON, or an object that gives a
    key twice.
    """
    import json

    text = decoded(data, name)
    if not text.strip():
        raise DocumentError(f"{name}: is empty", hint="give it a JSON object, { … }")
    repeated = False

    def object_of(pairs: list[tuple[str, Any]]) -> Any:
        nonlocal repeated
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        repeated = True
        seen: set[str] = set()
        return _Repeated(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]

    try:
        value = json.loads(text, object_pairs_hook=object_of)
    except json.JSONDecodeError as error:
        raise _not_json(error, name) from error
    except RecursionError as error:
        message = f"{name}: lists or objects are nested too deeply"
        raise DocumentError(
            message, hint="a document needs four levels at most: heads, rows, columns, numbers"
        ) from error
    except ValueError as error:
        _refuse_long_number(text, name, error)
    if repeated:
        _refuse_repeated(value, name)
    return value


def decoded(data: bytes, name: str) -> str:
    """Text from UTF-8, a byte order mark at its start left out; DocumentError for any other encoding."""
    import json

    encoding = json.detect_encoding(data)
    if not encoding.startswith("utf-8"):
        known = encoding.upper().removesuffix("-SIG")
        raise DocumentError(f"{name}: is {known} text, expected UTF-8 (byte 0)", hint="save it again as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        message = f"{name}: is not UTF-8 text: byte {at} is 0x{data[at]:02x}"
        raise DocumentError(message, hint="save it again as UTF-8") from error


def _not_json(error: "JSONDecodeError", name: str) -> DocumentError:
    """Say what is wrong and where, in the same words under every version of Python."""
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
        return "a document is one JSON value; what follows it is too much"
    if message.startswith(("Expecting property name", "Illegal trailing comma", "Expecting value")):
        return "JSON has no comments, no single quotes, and no comma after the last item"
    return "mend the JSON there"


def _refuse_long_number(text: str, name: str, error: ValueError) -> NoReturn:
    at = match.start() if (match := re.search(r"\d{4301}", text)) else 0
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    message = f"{name}: line {line}, column {column}: a whole number of more than 4300 digits"
    raise DocumentError(message, hint="write numbers that a float can hold, up to 1.8e308") from error


def _refuse_repeated(value: Any, name: str) -> NoReturn:
    """Say where the first object stands that gives a key twice."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, _Repeated):
            where = f"{path}.{found.key}".lstrip(".")
            raise DocumentError(f"{name}: {where}: the key {found.key!r} is given twice", hint="keep one of them")
        if isinstance(found, dict):
            waiting += [(f"{path}.{key}".lstrip("."), item) for key, item in reversed(found.items())]
        elif isinstance(found, list):
            waiting += [(f"{path}[{place}]", item) for place, item in reversed(list(enumerate(found)))]
    raise AssertionError("an object that repeats a key is in the value or in another such object")
