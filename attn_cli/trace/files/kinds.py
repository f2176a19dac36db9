"""The kind of a file by its content; the suffix plays no role."""

import re

_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?\s*+")
# Possessive quantifiers never retry a number with fewer digits, so matching takes linear time.
_NUMBER = r"[+-]?+(?:(?:\d++(?:\.\d*+)?+|\.\d++)(?:e[+-]?+\d++)?+|inf(?:inity)?+|nan)"
_NUMBERS = re.compile(rf"\s*+{_NUMBER}(?:[,;\s]++{_NUMBER})*+[,;\s]*+", re.IGNORECASE)
_LAST_NUMBER = re.compile(rf'[,;\t]\s*+"?{_NUMBER}"?\s*+', re.IGNORECASE)
_JSON = re.compile(
    r'\{|\[\s*+(?:[\[{"\d\]-]|(?:true|false|null|NaN|Infinity)\b|$)|"|(?:true|false|null|-?\d++|NaN|-?Infinity)\b(?![,;\t])'
)
_SEEN = 100_000
LONG_FORM = "layer,head,stage,"
"""The start of the CSV that attn writes."""


def kind_of(data: bytes) -> str:
    """One of npz, npy, safetensors, json, csv, empty, unknown."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz"
    if data.startswith(b"\x93NUMPY"):
        return "npy"
    # The length of the header comes first; text has no zero bytes in its first eight.
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= 100_000_000:
        return "safetensors"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "json"  # text in UTF-16: the JSON reader reports it
    start = _BLANK.match(data).end()  # type: ignore[union-attr]
    if start == len(data):
        return "empty"
    # A labelled table may begin with a tab, the empty corner.
    first = data[:start].rpartition(b"\n")[2].removeprefix(b"\xef\xbb\xbf")
    return _kind_of_text(first + data[start : start + _SEEN])


def _kind_of_text(head: bytes) -> str:
    lines = head.decode("utf-8", errors="replace").lstrip("\ufeff").split("\n", 8)
    if _NUMBERS.fullmatch(lines[0]) or lines[0].startswith(LONG_FORM):
        return "csv"
    if _JSON.match(lines[0].lstrip()) and not _is_table(lines):
        return "json"
    if _is_table(lines) or re.match(r"\s*+[-+.0-9]", lines[0]):
        return "csv"  # the reader of tables reports the cell that is not a number
    return "unknown"


def _is_table(lines: list[str]) -> bool:
    """Whether the first lines look like a table with words in its first row or column."""
    first = lines[0].rstrip("\r")
    if first.lstrip().startswith("{") or not re.search(r"[,;\t]", first):
        return False
    rows = [first, *(line.rstrip("\r") for line in lines[1:8])]
    return any(_ends_in_number(row) for row in rows)


def _ends_in_number(row: str) -> bool:
    """Whether the last cell of a row is a number."""
    start = max(row.rfind(sign) for sign in ",;\t")
    return start >= 0 and _LAST_NUMBER.fullmatch(row, start) is not None
