"""A checkpoint's tokenizer: text to ids, and the text of each id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.errors import AttnError
from attn_cli.models.tokenizers.library import LONGEST, library_errors
from attn_cli.models.tokenizers.spelling import text_of


@dataclass(frozen=True)
class Encoded:
    """The tokens of a text: ids, each with its token in the model's spelling (`raw`) and as text (`tokens`).

    `special` marks tokens that the tokenizer added. `words` number the words, None for tokens outside words. `segments`
    are 0, or 1 for the second text of a pair.
    """

    ids: tuple[int, ...]
    raw: tuple[str, ...]
    tokens: tuple[str, ...]
    special: tuple[bool, ...]
    words: tuple[int | None, ...]
    segments: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A checkpoint's tokenizer; `style` is the spelling of its tokens (bytes, spaces, pieces or plain).

    `growth` is the largest factor by which it lengthens a text.
    """

    library: Any
    style: str
    growth: float = 1.0

    @property
    def unknown(self) -> str | None:
        """The unknown token, None if the vocabulary covers every text."""
        if hasattr(self.library, "unknown_token"):
            token: str | None = self.library.unknown_token
            return token
        named = getattr(self.library.model, "unk_token", None)
        return named or ("<unk>" if self.library.token_to_id("<unk>") is not None else None)

    def encode(self, text: str, pair: str | None = None, *, special: bool = True) -> Encoded:
        """The tokens of a text, or of a pair; `special` adds the model's special tokens."""
        length = self.growth * (len(text) + len(pair or ""))
        if length > LONGEST:
            raise AttnError(
                f"the tokenizer may make {length:,.0f} characters of this text, and {LONGEST:,} are the most",
                hint="give a shorter text, or check where the tokenizer's files come from",
            )
        with library_errors(
            lambda words: AttnError(f"the tokenizer cannot cut this text: {words}", hint="give another text, or --ids")
        ):
            encoding = self.library.encode(text, pair, add_special_tokens=special)
            texts = list(encoding.sequence_ids)
            ids, raw, types = list(encoding.ids), list(encoding.tokens), list(encoding.type_ids)
        if len({len(texts), len(ids), len(raw), len(types)}) > 1:
            raise AttnError(
                f"the tokenizer gives {len(ids)} ids and {len(raw)} tokens for this text",
                hint="its template contradicts itself: copy or download its files again, or give --ids",
            )
        inside = [number is not None for number in texts]
        tokens = tuple(
            text_of(token, self.style) if is_text else token for token, is_text in zip(raw, inside, strict=True)
        )
        return Encoded(
            ids=tuple(ids),
            raw=tuple(raw),
            tokens=tokens,
            special=tuple(not is_text for is_text in inside),
            words=_words(encoding, tokens, self.style),
            segments=tuple(number or 0 for number in types),
        )

    def named(self, ids: Sequence[int]) -> Encoded:
        """Token ids with their tokens."""
        raw = tuple(self.library.id_to_token(number) or f"#{number}" for number in ids)
        added = set(self.library.get_added_tokens_decoder())
        special = tuple(number in added for number in ids)
        tokens = tuple(
            token if is_special else text_of(token, self.style) for token, is_special in zip(raw, special, strict=True)
        )
        return Encoded(tuple(ids), raw, tokens, special, _spaced(tokens, special, self.style), (0,) * len(raw))


def _words(encoding: Any, tokens: Sequence[str], style: str) -> tuple[int | None, ...]:
    """The word of each token, from the library, or from spaces if the library has none."""
    keys = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))  # (text, word) of each token
    of_texts = {key for key in keys if key[0] is not None}
    if len(of_texts) > len({sequence for sequence, _ in of_texts}) or len(tokens) <= 1:
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return tuple(None if key[0] is None else numbers[key] for key in keys)
    return _spaced(tokens, [sequence is None for sequence, _ in keys], style)


def _spaced(tokens: Sequence[str], special: Sequence[bool], style: str) -> tuple[int | None, ...]:
    """The word of each token; a token with a leading space begins a word."""
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
