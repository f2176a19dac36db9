"""A checkpoint's own tokenizer: text to ids, and the text that each id stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.errors import AttnError
from attn_cli.models.tokenizers.library import LONGEST, library_errors
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
    """A checkpoint's tokenizer; `style` is how its tokens spell text (bytes, spaces, pieces or plain).

    `growth` bounds how many times as long as the text its tokens may come to be.
    """

    library: Any
    style: str
    growth: float = 1.0

    @property
    def unknown(self) -> str | None:
        """The token that stands for what the vocabulary lacks, None if nothing can be lacking."""
        if hasattr(self.library, "unknown_token"):
            token: str | None = self.library.unknown_token
            return token
        named = getattr(self.library.model, "unk_token", None)
        return named or ("<unk>" if self.library.token_to_id("<unk>") is not None else None)

    def encode(self, text: str, pair: str | None = None, *, special: bool = True) -> Encoded:
        """The tokens of a text, or of two, with the model's special tokens unless those are left out."""
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
