"""Observed: the weights of a layer's heads, with the facts about tokens and mask that metrics need."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from attn_cli.analysis.heads.special import is_special, special_tokens
from attn_cli.core.spec import parse_mask
from attn_cli.trace.trace import Array, Layer, Trace

ENDS = ("</s>", "[SEP]", "<eos>", "<|endoftext|>", "<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end_of_text|>")
"""Tokens that end a text or a turn."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Weights (head, query, key), the visible cells (head or 1, query, key), and the tokens as numbers.

    Equal tokens have equal numbers. Query i stands at key i + `shift`; `shift` is None for cross-attention, where the
    positions of queries and keys are unrelated. `special` and `ends` mark keys. `period` is the length of the sequence
    that the text repeats, None if it is not such a text. `drawn` keeps the patterns of these tokens, which an even
    spread shares.
    """

    weights: Array
    visible: Array
    queries: Array
    keys: Array
    shift: int | None
    special: Array
    ends: Array
    period: int | None = None
    even_sink: Array | None = None
    drawn: dict[str, Array | None] = field(default_factory=dict)

    @cached_property
    def even(self) -> "Observed":
        """The same tokens and mask, with each query's attention spread evenly over its visible keys."""
        counts = self.visible.sum(axis=2, keepdims=True)
        return replace(self, weights=self.visible / np.maximum(counts, 1), even_sink=self.sink)

    @cached_property
    def total(self) -> Array:
        """The sum of each head's weights (head,)."""
        total: Array = self.weights.sum(axis=(1, 2))
        return total

    @cached_property
    def absolute(self) -> Array:
        """The sum of each head's absolute weights (head,); only faulty weights are negative."""
        total: Array = np.abs(self.weights).sum(axis=(1, 2))
        return total

    @cached_property
    def entropies(self) -> Array:
        """−Σ w ln w of each row (head, query), in nats; 0 ln 0 is 0."""
        logs = np.zeros_like(self.weights)
        np.log(self.weights, out=logs, where=self.weights > 0)
        summed: Array = -np.einsum("hqk,hqk->hq", self.weights, logs)
        return summed

    @cached_property
    def positions(self) -> tuple[Array, Array] | None:
        """The positions of queries (a column) and of keys; None for cross-attention."""
        if self.shift is None:
            return None
        return np.arange(len(self.queries))[:, np.newaxis] + self.shift, np.arange(len(self.keys))

    @cached_property
    def sink(self) -> Array:
        """The key that gets the most attention (head,), the first of equals; for an even spread, the head's own key."""
        if self.even_sink is not None:  # not the even spread itself, which would refer back: a cycle keeps memory
            return self.even_sink
        return np.asarray(np.argmax(self.weights.sum(axis=1).round(9), axis=1))

    def over(self, cells: Array) -> Array:
        """The sum of each head's weights over some cells (query, key)."""
        flat = self.weights.reshape(len(self.weights), -1)
        return np.asarray(flat @ cells.reshape(-1).astype(self.weights.dtype))


def observed(trace: Trace, layer: Layer, period: int | None = None) -> Observed:
    """The facts about one layer that metrics need; its weights as float64."""
    weights = np.asarray(layer["weights"], dtype=np.float64)
    rows, columns = _numbered(trace, layer)
    special, ends = _marks(layer.key_tokens, special_tokens(trace))
    return Observed(
        weights=weights,
        visible=visible(layer)[0],
        queries=rows,
        keys=columns,
        shift=layer.first_query,
        special=special,
        ends=ends,
        period=period,
    )


def visible(layer: Layer) -> tuple[Array, str | None]:
    """The visible cells (head or 1, query, key), and a note if they are a guess.

    The stage `masked` decides, else the layer's mask. A layer without a mask whose weights never look ahead counts as
    causal.
    """
    queries, keys = len(layer.query_tokens), len(layer.key_tokens)
    if "masked" in layer:
        return ~np.isneginf(layer["masked"]), None
    mask = parse_mask(layer.settings.mask)
    sees = mask.visible(slice(None), queries, keys)
    if sees is not None:
        return sees[np.newaxis], None
    everything = np.ones((1, queries, keys), dtype=bool)
    shift = layer.first_query
    if shift is not None and queries > 1:
        causal = np.tril(everything[0], shift)
        if not layer["weights"][:, ~causal].any() and not causal.all():
            return causal[np.newaxis], f"{layer.name} has no mask setting and never looks ahead: treated as causal"
    return everything, None


def _numbered(trace: Trace, layer: Layer) -> tuple[Array, Array]:
    """Numbers for the tokens of queries and keys: token ids if the trace has them, else one for each spelling."""
    ids = trace.token_ids
    if layer.kind == "self" and layer.queries == layer.keys == "tokens" and ids is not None:
        labels = (layer.query_tokens, layer.key_tokens)
        if len(ids) == max(map(len, labels)):
            rows, columns = (
                ids[: len(tokens)] if layer.from_start else ids[len(ids) - len(tokens) :] for tokens in labels
            )
            return np.asarray(rows), np.asarray(columns)
    numbers: dict[str, int] = {}
    queries = [numbers.setdefault(token, len(numbers)) for token in layer.query_tokens]
    keys = [numbers.setdefault(token, len(numbers)) for token in layer.key_tokens]
    return np.asarray(queries), np.asarray(keys)


def _marks(tokens: Sequence[str], added: Collection[str]) -> tuple[Array, Array]:
    """Which tokens are special, and which end a text or a turn; the first token never does, whatever its name."""
    special = [is_special(token, added) for token in tokens]
    ends = [token in ENDS and position > 0 for position, token in enumerate(tokens)]
    return np.asarray(special, dtype=bool), np.asarray(ends, dtype=bool)
