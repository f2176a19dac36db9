"""SentencePiece's byte-pair encoding from scores, with the interface of the tokenizers library that attn uses."""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from attn_cli.models.tokenizers.sentencepieces import Encoding


@dataclass(frozen=True, eq=False)
class ScoredPieces:
    """Pieces with their (score, id), and the ids of special pieces.

    `unused` pieces merge and are split again afterwards. `whole` tokens are found in the text before it is split.
    `bytes_` are byte tokens by their spelling, <0x0A>. `prefix` puts a blank before a text.
    """

    tokens: Sequence[str]
    scores: Mapping[str, tuple[float, int]]
    unused: frozenset[int]
    whole: frozenset[int]
    bytes_: Mapping[str, int]
    unknown: int | None
    before: tuple[int, ...]
    after: tuple[int, ...]
    prefix: bool

    def encode(self, text: str, pair: str | None = None, *, add_special_tokens: bool = True) -> Encoding:
        """The tokens of a text, or of a pair of texts."""
        before, after = (self.before, self.after) if add_special_tokens else ((), ())
        ids: list[int] = []
        sequences: list[int | None] = []
        types: list[int] = []
        for index, part in enumerate([text] if pair is None else [text, pair]):
            of_text = self._cut(part)
            ids += [*before, *of_text, *after]
            sequences += [*[None] * len(before), *[index] * len(of_text), *[None] * len(after)]
            types += [index] * (len(before) + len(of_text) + len(after))
        return Encoding(ids, [self.tokens[number] for number in ids], sequences, sequences, types)

    def id_to_token(self, number: int) -> str | None:
        """The token of an id, None for an unknown id."""
        return self.tokens[number] if 0 <= number < len(self.tokens) else None

    def get_added_tokens_decoder(self) -> Sequence[int]:
        """The ids of the tokens outside the model's pieces."""
        return sorted(self.whole)

    @property
    def unknown_token(self) -> str | None:
        """The token for characters without a piece; None if they become bytes."""
        return None if self.unknown is None else self.tokens[self.unknown]

    @cached_property
    def _wholes(self) -> dict[str, int]:
        return {self.tokens[number]: number for number in sorted(self.whole) if self.tokens[number]}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._wholes, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def _cut(self, text: str) -> list[int]:
        """The ids of a text: its whole tokens, and the pieces of the text between them."""
        ids: list[int] = []
        start = 0
        for match in self._pattern.finditer(text):
            ids += [*self._between(text[start : match.start()]), self._wholes[match[0]]]
            start = match.end()
        return ids + self._between(text[start:])

    def _between(self, text: str) -> list[int]:
        if not text:
            return []
        spelled = f"{' ' if self.prefix else ''}{text}".replace(" ", "▁")
        pieces, joined = self._merged(spelled)
        ids = [number for piece in pieces for number in self._ids(piece, joined)]
        if self.unknown is None:
            return ids
        return ids[:1] + [number for last, number in pairwise(ids) if number != self.unknown or last != self.unknown]

    def _merged(self, text: str) -> tuple[list[str], dict[str, int]]:
        """The pieces after merging, the best-scored neighbors first; and the lengths at which to split unused ones."""
        parts = list(text)
        following = [*range(1, len(parts)), -1]
        preceding = list(range(-1, len(parts) - 1))
        joined: dict[str, int] = {}
        queue: list[tuple[float, int, int, str]] = []

        def offer(left: int, right: int) -> None:
            if left < 0 or right < 0:
                return
            whole = parts[left] + parts[right]
            if whole in self.scores:
                score, number = self.scores[whole]
                heapq.heappush(queue, (-score, left, right, whole))
                if number in self.unused:
                    joined[whole] = len(parts[left])

        for index in range(len(parts) - 1):
            offer(index, index + 1)
        while queue:
            _, left, right, whole = heapq.heappop(queue)
            if not parts[left] or not parts[right] or parts[left] + parts[right] != whole:
                continue
            parts[left], parts[right] = whole, ""
            following[left] = following[right]
            if following[left] >= 0:
                preceding[following[left]] = left
            offer(preceding[left], left)
            offer(left, following[left])
        return [part for part in parts if part], joined

    def _ids(self, piece: str, joined: Mapping[str, int]) -> list[int]:
        scored = self.scores.get(piece)
        if scored is not None and (scored[1] not in self.unused or piece not in joined):
            return [scored[1]]
        if piece in joined:
            length = joined[piece]
            return [*self._ids(piece[:length], joined), *self._ids(piece[length:], joined)]
        spelled = [f"<0x{byte:02X}>" for byte in piece.encode()]
        if all(byte in self.bytes_ for byte in spelled):
            return [self.bytes_[byte] for byte in spelled]
        return [] if self.unknown is None else [self.unknown]
