"""From the spelling of tokens to their text."""

import re
from collections.abc import Sequence
from functools import cache

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_INVALID = re.compile("[\udc80-\udcff]+")  # invalid bytes, as surrogateescape decodes them


def text_of(token: str, style: str) -> str:
    """The text of a token: `Ġcapital` is ` capital` in byte style, `▁capital` in space style, `##ing` is `ing`.

    Bytes that are not a whole character become `<F0 9F>`.
    """
    if style == "bytes":
        return _from_bytes(token)
    if style == "spaces":
        return token.replace("▁", " ")
    if style == "pieces":
        return token.removeprefix("##")
    return token


def text_of_pieces(tokens: Sequence[str], style: str) -> str:
    """The text of consecutive tokens, in which a character may span several tokens."""
    numbers = byte_numbers()
    data = b""
    for token in tokens:
        if style == "bytes" and all(character in numbers for character in token):
            data += bytes(numbers[character] for character in token)
        elif style == "spaces" and (byte := _BYTE.fullmatch(token)):
            data += bytes([int(byte[1], 16)])
        else:
            data += text_of(token, style).encode("utf-8", "surrogatepass")
    return _INVALID.sub(
        lambda match: f"<{' '.join(f'{ord(character) - 0xDC00:02X}' for character in match[0])}>",
        data.decode("utf-8", "surrogateescape"),
    )


def _from_bytes(token: str) -> str:
    numbers = byte_numbers()
    if any(character not in numbers for character in token):
        return token
    data = bytes(numbers[character] for character in token)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{data.hex(' ').upper()}>"


@cache
def byte_numbers() -> dict[str, int]:
    """GPT-2's table from characters to bytes: printable bytes stand for themselves, others start at U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + rank): byte for rank, byte in enumerate(rest)}
