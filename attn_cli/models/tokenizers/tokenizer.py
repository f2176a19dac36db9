"""A checkpoint's own tokenizer: text to ids, and the text that each id stands for."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.errors import AttnError, DocumentError
from attn_cli.installing import install_hint
from attn_cli.models.gguf import is_gguf
from attn_cli.models.tokenizers.spelling import text_of


@dataclass(frozen=True)
class Encoded:
    """A text as a model sees it: ids, each with its token in the model's own spelling and as text.

    `special` tokens were added by the tokenizer; `words` number the words, None outside of them; `segments` are 0, and
    1 for the second text of a pair.
    """

    ids: tuple[int, ...]
    raw: tuple[str, ...]
    tokens: tuple[str, ...]
    special: tuple[bool, ...]
    words: tuple[int | None, ...]
    segments: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """What a folder's tokenizer files say; `style` is how tokens spell text (bytes, spaces, pieces or plain)."""

    library: Any
    style: str

    def encode(self, text: str, pair: str | None = None, *, special: bool = True) -> Encoded:
        """The tokens of a text, or of two, with the model's special tokens unless those are left out."""
        try:
            encoding = self.library.encode(text, pair, add_special_tokens=special)
        except Exception as error:  # the library raises nothing more particular
            raise AttnError(f"the tokenizer cannot cut this text: {error}", hint="give another text") from error
        own = tuple(place is not None for place in encoding.sequence_ids)
        tokens = tuple(
            text_of(token, self.style) if mine else token for token, mine in zip(encoding.tokens, own, strict=True)
        )
        return Encoded(
            ids=tuple(encoding.ids),
            raw=tuple(encoding.tokens),
            tokens=tokens,
            special=tuple(not mine for mine in own),
            words=_words(encoding, tokens, self.style),
            segments=tuple(place or 0 for place in encoding.type_ids),
        )

    def named(self, ids: Sequence[int]) -> Encoded:
        """Token ids as they are, each with its token."""
        raw = tuple(self.library.id_to_token(number) or f"#{number}" for number in ids)
        added = set(self.library.get_added_tokens_decoder())
        special = tuple(number in added for number in ids)
        tokens = tuple(
            token if known else text_of(token, self.style) for token, known in zip(raw, special, strict=True)
        )
        return Encoded(tuple(ids), raw, tokens, special, _spaced(tokens, special, self.style), (0,) * len(raw))


def _words(encoding: Any, tokens: Sequence[str], style: str) -> tuple[int | None, ...]:
    """The word of each token: as the library cut them, or where it did not, at spaces."""
    places = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))
    cut = {place for place in places if place[0] is not None}
    if len(cut) > len({sequence for sequence, _ in cut}) or len(tokens) <= 1:
        numbers = {place: number for number, place in enumerate(dict.fromkeys(places))}
        return tuple(None if place[0] is None else numbers[place] for place in places)
    return _spaced(tokens, [sequence is None for sequence, _ in places], style)


def _spaced(tokens: Sequence[str], special: Sequence[bool], style: str) -> tuple[int | None, ...]:
    """Words from the spaces that tokens begin with."""
    words: list[int | None] = []
    number, fresh = -1, True
    for token, alone in zip(tokens, special, strict=True):
        if alone:
            words.append(None)
            fresh = True
            continue
        number += fresh or token.startswith(" ") or style == "plain"
        words.append(number)
        fresh = False
    return tuple(words)


def open_tokenizer(folder: str) -> Tokenizer:
    """The tokenizer of a folder or GGUF file; DocumentError where it has none to read, AttnError without library."""
    if is_gguf(folder):
        from attn_cli.models.tokenizers.gguf_tokenizer import file_tokenizer

        return file_tokenizer(folder)
    if os.path.exists(os.path.join(folder, "tokenizer.json")):
        return _from_json(folder)
    from attn_cli.models.tokenizers.legacy import OLDER

    for file, opened in OLDER.items():
        if os.path.exists(os.path.join(folder, file)):
            return opened(folder)
    raise DocumentError(
        f"{folder}: has no tokenizer (tokenizer.json, {', '.join(OLDER)})",
        hint="copy its tokenizer files too, or give --ids 5,17,3",
    )


def tokenizers_library() -> Any:
    """The package tokenizers; AttnError where it is missing."""
    try:
        import tokenizers
    except ImportError as error:
        raise AttnError("reading a model's text needs the package tokenizers", hint=install_hint("models")) from error
    return tokenizers


def _from_json(folder: str) -> Tokenizer:
    path = os.path.join(folder, "tokenizer.json")
    try:
        library = tokenizers_library().Tokenizer.from_file(path)
    except AttnError:
        raise
    except Exception as error:  # the library raises nothing more particular
        raise DocumentError(f"{path}: is no tokenizer: {error}"[:300], hint="copy or download it again") from error
    library.no_padding()
    library.no_truncation()
    parts = (library.pre_tokenizer, library.decoder, library.normalizer)
    return Tokenizer(library, _style([json.loads(part.__getstate__()) for part in parts if part is not None]))


def _style(parts: Sequence[Mapping[str, Any]]) -> str:
    """How tokens spell text, from the parts that cut and join them."""
    said = json.dumps(parts, ensure_ascii=False)
    if '"ByteLevel"' in said:
        return "bytes"
    if '"WordPiece"' in said:
        return "pieces"
    return "spaces" if "▁" in said or '"Metaspace"' in said else "plain"
