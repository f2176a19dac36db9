"""The tokens that label the rows and columns of each layer."""

from collections.abc import Mapping, Sequence

from attn_cli.errors import DocumentError
from attn_cli.trace.files.layers import KINDS, LABELS, SETTINGS, Draft
from attn_cli.trace.trace import Layer, aligned

Tokens = tuple[str, ...] | None


def labelled(
    drafts: Sequence[Draft], tokens: Tokens, context: Tokens, name: str
) -> tuple[tuple[Layer, ...], tuple[str, ...], Tokens]:
    """The labeled layers, and the trace's tokens and context tokens; positions replace missing tokens."""
    kinds = [_kind(draft, tokens, context) for draft in drafts]
    encoded = context is not None or "cross" in kinds
    axes = [_axes(draft, kind, encoded) for draft, kind in zip(drafts, kinds, strict=True)]
    needed = _needed(drafts, axes)
    if tokens is None:
        tokens = tuple(map(str, range(needed["tokens"])))
    if context is None and needed["context_tokens"]:
        context = tuple(map(str, range(needed["context_tokens"])))
    by_axis = {"tokens": tokens, "context_tokens": context or ()}
    layers = [_layer(*parts, by_axis, name) for parts in zip(drafts, kinds, axes, strict=True)]
    return tuple(layers), tokens, context


def _kind(draft: Draft, tokens: Tokens, context: Tokens) -> str:
    """`self` or `cross`: from the document, else from the layer's name, else from the counts of tokens."""
    kind = draft.fields.choice("kind", None, KINDS)
    if kind is not None:
        return kind
    if draft.name.endswith(".cross"):
        return "cross"
    if context is None or draft.name.startswith(("encoder.", "decoder.")):
        return "self"
    fits = (tokens is None or draft.queries in (None, len(tokens))) and draft.keys in (None, len(context))
    return "cross" if fits else "self"


def _axes(draft: Draft, kind: str, encoded: bool) -> tuple[str, str]:
    """The keys of the tokens that label queries and keys: `tokens` or `context_tokens`."""
    encoder = encoded and kind == "self" and draft.name.startswith("encoder.")
    queries = draft.fields.choice("queries", "context_tokens" if encoder else "tokens", LABELS)
    keys = draft.fields.choice("keys", "context_tokens" if encoder or kind == "cross" else "tokens", LABELS)
    return queries, keys


def _needed(drafts: Sequence[Draft], axes: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The number of tokens of each kind that the longest layer needs."""
    needed = dict.fromkeys(LABELS, 0)
    for draft, (queries, keys) in zip(drafts, axes, strict=True):
        needed[queries] = max(needed[queries], draft.queries or 0)
        needed[keys] = max(needed[keys], draft.keys or 0)
    return needed


def _layer(draft: Draft, kind: str, axes: tuple[str, str], tokens: Mapping[str, tuple[str, ...]], name: str) -> Layer:
    """The labeled layer; DocumentError if the numbers of rows and tokens differ."""
    queries, keys = (tokens[axis] for axis in axes)
    counts = (len(queries) if draft.queries is None else draft.queries, len(keys) if draft.keys is None else draft.keys)
    for axis, labels, count in zip(axes, (queries, keys), counts, strict=True):
        # In self-attention the longer axis has all tokens. A single known axis may be the shorter one.
        both = kind == "self" and None not in (draft.queries, draft.keys) and axes[0] == axes[1]
        if count > len(labels) or (both and max(counts) < len(labels)):
            message = f"{name}: {draft.name} has {counts[0]} queries and {counts[1]} keys for {len(labels)} {axis}"
            raise DocumentError(message, hint=f"give as many {axis} as there are rows, or leave {axis} out")
    return Layer(
        stages=draft.stages,
        query_tokens=aligned(queries, counts[0], from_start=kind == "cross"),
        key_tokens=aligned(keys, counts[1], from_start=kind == "cross"),
        heads=draft.heads.heads,
        kv_heads=draft.heads.kv_heads,
        head_index=draft.heads.head_index,
        kv_head_index=draft.heads.kv_head_index,
        settings=draft.settings,
        name=draft.name,
        index=draft.index,
        kind=kind,
        queries=axes[0],
        keys=axes[1],
        stated=frozenset(setting for setting in SETTINGS if setting in draft.fields),
    )
