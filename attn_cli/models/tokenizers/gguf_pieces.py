"""SentencePiece's byte-pair encoding from scores alone; it answers like the tokenizers library, as far as attn asks."""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from attn_cli.models.tokenizers.sentencepieces import Encoding


@dataclass(frozen=True, eq=False)
class ScoredPieces:
    """Pieces with their (score, id), and the ids that are no ordinary pieces.

    `unused` pieces take part in merging and are undone after it; `whole` tokens are found in the text before anything
    is cut; `bytes_` are by their spelling, <0x0A>. `prefix` puts a blank before a text.
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
        before, after = (self.before, self.after) if add_special_tokens else ((), ())
        ids: list[int] = []
        places: list[int | None] = []
        types: list[int] = []
        for place, part in enumerate([text] if pair is None else [text, pair]):
            own = self._cut(part)
            ids += [*before, *own, *after]
            places += [*[None] * len(before), *[place] * len(own), *[None] * len(after)]
            types += [place] * (len(before) + len(own) + len(after))
        return Encoding(ids, [self.tokens[number] for number in ids], places, places, types)

    def id_to_token(self, number: int) -> str | None:
        return self.tokens[number] if 0 <= number < len(self.tokens) else None

    def get_added_tokens_decoder(self) -> Sequence[int]:
        return sorted(self.whole)

    @property
    def unknown_token(self) -> str | None:
        """The token that stands for what no piece has, None if that falls into bytes."""
        return None if self.unknown is None else self.tokens[self.unknown]

    @cached_property
    def _wholes(self) -> dict[str, int]:
        return {self.tokens[number]: number for number in sorted(self.whole) if self.tokens[number]}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._wholes, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def _cut(self, text: str) -> list[int]:
        """A text's ids: whole tokens as they stand, and what is between them in pieces."""
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
        return ids[:1] + [own for last, own in pairwise(ids) if own != self.unknown or last != self.unknown]

    def _merged(self, text: str) -> tuple[list[str], dict[str, int]]:
        """The pieces, after the best-scored neighbours merged first, the leftmost of equals; and where to undo some."""
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

        for place in range(len(parts) - 1):
            offer(place, place + 1)
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
        found = self.scores.get(piece)
        if found is not None and (found[1] not in self.unused or piece not in joined):
            return [found[1]]
        if piece in joined:
            place = joined[piece]
            return [*self._ids(piece[:place], joined), *self._ids(piece[place:], joined)]
        spelled = [f"<0x{byte:02X}>" for byte in piece.encode()]
        if all(byte in self.bytes_ for byte in spelled):
            return [self.bytes_[byte] for byte in spelled]
        return [] if self.unknown is None else [self.unknown]
