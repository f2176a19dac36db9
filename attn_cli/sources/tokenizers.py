"""Split a text into tokens by word, whitespace, character or byte."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from attn_cli.errors import AttnError, SpecError

APOSTROPHES = ("'", "’")


def by_word(text: str) -> list[str]:
    """Words of letters and digits with inner apostrophes; Han, Hiragana and punctuation as single characters."""
    if text.isascii():  # the same result without importing regex
        return re.findall(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*|\S", text)
    import regex  # type: ignore[import-untyped]

    begins_word = regex.compile(r"[[\p{L}\p{N}]--[\p{Han}\p{Hiragana}]]", regex.V1)
    tokens: list[str] = []
    run: list[str] = []  # the word so far; a final apostrophe is not part of it

    def close() -> None:
        outside = [run.pop()] if run and run[-1] in APOSTROPHES else []
        tokens.extend(["".join(run)] if run else [])
        tokens.extend(outside)
        run.clear()

    for cluster in regex.findall(r"\X", text):
        in_word = begins_word.match(cluster) or (cluster in APOSTROPHES and run and run[-1] not in APOSTROPHES)
        if in_word:
            run.append(cluster)
            continue
        close()
        if not cluster.isspace():
            tokens.append(cluster)
    close()
    return tokens


def by_character(text: str) -> list[str]:
    """Grapheme clusters, the characters that a reader sees, including spaces."""
    import regex

    clusters: list[str] = regex.findall(r"\X", text)
    return clusters


def by_byte(text: str) -> list[str]:
    """UTF-8 bytes: printable ASCII as itself, any other byte as `<0xC3>`."""
    data = text.encode("utf-8", "surrogatepass")
    return [chr(byte) if 0x20 <= byte <= 0x7E else f"<0x{byte:02X}>" for byte in data]


TOKENIZERS: Mapping[str, Callable[[str], list[str]]] = MappingProxyType(
    {"word": by_word, "whitespace": str.split, "char": by_character, "byte": by_byte}
)


def tokenize(text: str, name: str) -> tuple[str, ...]:
    """The tokens of a text, at least one; AttnError for a blank text or an unknown tokenizer."""
    if name not in TOKENIZERS:
        raise SpecError(f"there is no tokenizer {name!r}", hint=f"there is {', '.join(TOKENIZERS)}")
    if not text.strip():
        state = "is only blanks" if text else "is empty"
        raise AttnError(f"the text {state}", hint='give some words: attn explain "Transformers are amazing"')
    return tuple(TOKENIZERS[name](text))
