"""A SentencePiece model that answers like the tokenizers library, as far as attn asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.errors import AttnError, DocumentError


@dataclass(frozen=True)
class Encoding:
    """Tokens, with the place of each in the texts (None for special ones)."""

    ids: list[int]
    tokens: list[str]
    sequence_ids: list[int | None]
    word_ids: list[int | None]
    type_ids: list[int]


@dataclass(frozen=True, eq=False)
class SentencePieces:
    """The model, and the ids that stand before and after a text."""

    model: Any
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, path: str, settings: Mapping[str, Any]) -> "SentencePieces":
        """The model of a file; begin and end are added as tokenizer_config.json says, by default the begin alone."""
        try:
            import sentencepiece
        except ImportError as error:
            raise AttnError(
                "this folder has only tokenizer.model, which needs the package sentencepiece",
                hint="pip install sentencepiece brings it",
            ) from error
        model = sentencepiece.SentencePieceProcessor()
        try:
            model.Load(path)
        except (OSError, RuntimeError) as error:
            raise DocumentError(
                f"{path}: is no SentencePiece model: {error}", hint="copy or download it again"
            ) from error
        begins = settings.get("add_bos_token", model.bos_id() >= 0)
        ends = settings.get("add_eos_token", model.bos_id() < 0)  # T5 has no begin and ends its texts
        return cls(model, (model.bos_id(),) if begins else (), (model.eos_id(),) if ends else ())

    def encode(self, text: str, pair: str | None = None, *, add_special_tokens: bool = True) -> Encoding:
        before, after = (self.before, self.after) if add_special_tokens else ((), ())
        ids: list[int] = [*before]
        places: list[int | None] = [None] * len(before)
        for place, part in enumerate([text] if pair is None else [text, pair]):
            own = self.model.EncodeAsIds(part)
            ids += [*own, *after]
            places += [*[place] * len(own), *[None] * len(after)]
        tokens = [self.model.IdToPiece(number) for number in ids]
        return Encoding(ids, tokens, places, places, [0] * len(ids))

    def id_to_token(self, number: int) -> str | None:
        return self.model.IdToPiece(number) if 0 <= number < self.model.GetPieceSize() else None

    def get_added_tokens_decoder(self) -> Sequence[int]:
        return [number for number in range(min(10, self.model.GetPieceSize())) if self.model.IsControl(number)]
