"""What a file is, by its content and never its suffix."""

import re

_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?\s*")
_NUMBER = r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf(?:inity)?|nan)"
_NUMBERS = re.compile(rf"\s*{_NUMBER}(?:[,;\s]+{_NUMBER})*[,;\s]*", re.IGNORECASE)
LONG_FORM = "layer,head,stage,"
"""How the CSV that attn writes begins."""


def kind_of(data: bytes) -> str:
    """One of npz, npy, safetensors, json, csv, empty, unknown."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz"
    if data.startswith(b"\x93NUMPY"):
        return "npy"
    # The header's length comes first; text has no zero bytes in its first eight.
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= 100_000_000:
        return "safetensors"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "json"  # text in UTF-16: the JSON reader says so
    start = _BLANK.match(data).end()  # type: ignore[union-attr]
    if start == len(data):
        return "empty"
    return _kind_of_text(data[start : start + 100_000])


def _kind_of_text(head: bytes) -> str:
    lines = head.decode("utf-8", errors="replace").lstrip("\ufeff").split("\n", 2)
    if _NUMBERS.fullmatch(lines[0]) or lines[0].startswith(LONG_FORM):
        return "csv"
    if head[:1] in b'{["' or re.match(rb"(true|false|null|-?[0-9]+|NaN|-?Infinity)\b(?![,;\t])", head):
        return "json"
    if re.match(rb"[-+.0-9]", head):
        return "csv"  # a matrix with something in it that is no number, to be refused as one
    # A line of names over numbers is a table too, to be refused as one.
    if len(lines) > 1 and re.search(r"[,;\t]", lines[0]) and lines[1].strip() and _NUMBERS.fullmatch(lines[1]):
        return "csv"
    return "unknown"
