"""A SentencePiece model, with the interface of the tokenizers library that attn uses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attn_cli.errors import AttnError, DocumentError
from attn_cli.models.tokenizers.schemes import Scheme


@dataclass(frozen=True)
class Encoding:
    """Tokens, with the index of each one's text and word (None for special tokens)."""

    ids: list[int]
    tokens: list[str]
    sequence_ids: list[int | None]
    word_ids: list[int | None]
    type_ids: list[int]


@dataclass(frozen=True, eq=False)
class SentencePieces:
    """The model, the id of each token, and the scheme of special tokens.

    With `codes`, a text may begin with a language code such as >>fra<<.
    """

    model: Any
    ids: Mapping[str, int]
    scheme: Scheme
    special: frozenset[str]
    codes: bool = False

    def encode(self, text: str, pair: str | None = None, *, add_special_tokens: bool = True) -> Encoding:
        """The tokens of a text, or of a pair of texts."""
        tokens: list[str] = []
        sequences: list[int | None] = []
        texts = [text] if pair is None else [text, pair]
        for index, part in enumerate(texts):
            around = self.scheme if add_special_tokens else Scheme(after=())
            before = around.before if index == 0 else around.between[1:]
            after = around.after if index == len(texts) - 1 else around.between[:1]
            of_text = list(self._cut(part))
            tokens += [*before, *of_text, *after]
            sequences += [*[None] * len(before), *[index] * len(of_text), *[None] * len(after)]
        tokens = [token if token in self.ids else self.unknown_token for token in tokens]
        ids = [self.ids[token] for token in tokens]
        types = [0] * len(ids)
        if self.scheme.segments and pair is not None and 1 in sequences:
            first = sequences.index(1)
            types = [int(number >= first) for number in range(len(ids))]
        return Encoding(ids, tokens, sequences, sequences, types)

    def id_to_token(self, number: int) -> str | None:
        """The token of an id, None for an unknown id."""
        return self._tokens.get(number)

    def get_added_tokens_decoder(self) -> Sequence[int]:
        """The ids of the special tokens."""
        return [self.ids[token] for token in self.special]

    @cached_property
    def unknown_token(self) -> str:
        """The piece for characters without a piece."""
        return str(self.model.IdToPiece(self.model.unk_id()))

    @cached_property
    def _tokens(self) -> dict[int, str]:
        return {number: token for token, number in self.ids.items()}

    def _cut(self, text: str) -> Iterator[str]:
        """The pieces of a text; a special token in it is one piece."""
        if self.codes and (code := re.match(r">>.+?<<", text)):
            yield code[0]
            text = text[code.end() :]
        named = sorted(self.special, key=len, reverse=True)
        for part in re.split(f"({'|'.join(map(re.escape, named))})", text) if named else [text]:
            if part in self.special:
                yield part
            elif part:
                yield from self.model.EncodeAsPieces(part)


def open_pieces(path: str) -> Any:
    """A SentencePiece model, read by its library; AttnError if the library is not installed."""
    try:
        import sentencepiece
    except ImportError as error:
        raise AttnError(
            "this folder has only a SentencePiece model, which needs the package sentencepiece",
            hint="pip install sentencepiece brings it",
        ) from error
    model = sentencepiece.SentencePieceProcessor()
    try:
        model.Load(path)
    except (OSError, RuntimeError) as error:
        raise DocumentError(
            f"{path}: is not a SentencePiece model: {error}", hint="copy or download it again"
        ) from error
    return model


def plain_pieces(path: str, settings: Mapping[str, Any]) -> SentencePieces:
    """A model with its own ids; the settings say whether begin and end are added, by default only the begin."""
    model = open_pieces(path)
    begins = settings.get("add_bos_token", model.bos_id() >= 0)
    ends = settings.get("add_eos_token", model.bos_id() < 0)  # T5 has no begin and ends its texts
    begin, end = (model.IdToPiece(number) if number >= 0 else None for number in (model.bos_id(), model.eos_id()))
    before, after = (begin,) if begins and begin else (), (end,) if ends and end else ()
    around = Scheme(before=before, between=after + before, after=after)
    return SentencePieces(model, _numbers(model, around), around, _control(model))


def numbered_pieces(path: str, scheme: Scheme, vocabulary: Mapping[str, int] | None = None) -> SentencePieces:
    """A model with the ids of a family's scheme, or of a vocabulary if there is one."""
    model = open_pieces(path)
    ids = _numbers(model, scheme) if vocabulary is None else _after(dict(vocabulary), scheme, len(vocabulary))
    for token in (*scheme.before, *scheme.between, *scheme.after):
        if token not in ids:
            raise DocumentError(f"{path}: has no token {token!r}", hint="are these the tokenizer files of the model?")
    special = {*scheme.first, *scheme.last, *_control(model), *scheme.before, *scheme.after} & ids.keys()
    return SentencePieces(
        model, ids, scheme, frozenset(special - {"<unk>"}), codes=not scheme.lang and vocabulary is not None
    )


def _control(model: Any) -> frozenset[str]:
    return frozenset(model.IdToPiece(number) for number in range(model.GetPieceSize()) if model.IsControl(number))


def _numbers(model: Any, scheme: Scheme) -> dict[str, int]:
    ids = {token: number for number, token in enumerate(scheme.first)}
    for number in range(model.GetPieceSize()):
        ids.setdefault(model.IdToPiece(number), number + scheme.shift)
    return _after(ids, scheme, model.GetPieceSize() + scheme.shift)


def _after(ids: dict[str, int], scheme: Scheme, start: int) -> dict[str, int]:
    for number, token in enumerate(scheme.last):
        ids.setdefault(token, start + number)
    return ids
