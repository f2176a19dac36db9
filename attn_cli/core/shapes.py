"""Checks that the arrays of one layer fit together; an error shows both shapes."""

from collections.abc import Mapping, Sequence

from attn_cli.core.record import by
from attn_cli.core.spec import Extras, Spec
from attn_cli.core.steps import Shape
from attn_cli.errors import SpecError
from attn_cli.trace.stages import FORMS, PARTS, STAGES
from attn_cli.trace.trace import Array

STARTS = ("embedded_context", *(name for name in STAGES if name not in PARTS))
"""The arrays that attention can start from: stages, and the context's embeddings before positions are added."""


def check_shapes(
    known: Mapping[str, Array], spec: Spec, extras: Extras, tokens: Sequence[str], context_tokens: Sequence[str] | None
) -> Shape:
    """The numbers of heads, queries and keys; SpecError if arrays, or arrays and tokens, disagree."""
    sizes: dict[str, tuple[int, str]] = {}
    for name, array in known.items():
        if name not in STARTS:
            raise SpecError(f"attention cannot start from {name!r}", hint=f"give it one of {', '.join(STARTS)}")
        _agree(name, array, spec, sizes)
    _check_width(known, spec)
    if context_tokens is None and {"X_context", "embedded_context"} & set(known):
        raise SpecError("X_context is given, and no tokens for it", hint="give context_tokens")
    if context_tokens is None and extras.position_ids_context is not None:
        raise SpecError("position_ids_context is given, and there is no context", hint="leave it out")
    _check_ids(extras, len(tokens), len(tokens if context_tokens is None else context_tokens))
    queries = sizes["query"][0] if "query" in sizes else len(tokens)
    own_keys = queries if "X" in known or "embedded" in known else len(tokens)
    keys = sizes["key"][0] if "key" in sizes else own_keys if context_tokens is None else len(context_tokens)
    _check_tokens(queries, keys, tokens, context_tokens)
    _check_extras((spec.heads, queries, keys), extras)
    _check_norms(known, spec, extras)
    return spec.heads, queries, keys


def _check_width(known: Mapping[str, Array], spec: Spec) -> None:
    """Check that all forms of queries and keys have one width, which is `d_k` if that is set."""
    forms = [name for pair in zip(FORMS["Q"], FORMS["K"], strict=True) for name in pair if name in known]
    for name in forms:
        width, first = known[name].shape[2], known[forms[0]]
        if width != first.shape[2]:
            raise SpecError(
                f"{forms[0]} and {name} do not fit: {forms[0]} is {by(first)}, and {name} is {by(known[name])}",
                hint="Q and K, and so W_Q and W_K, must give each head the same width",
            )
        if spec.d_k not in (None, width):
            raise SpecError(f"d_k is {spec.d_k}, and {name} is {by(known[name])}", hint="leave d_k out")


def _agree(name: str, array: Array, spec: Spec, sizes: dict[str, tuple[int, str]]) -> None:
    """Add the sizes of an array's axes to `sizes`; SpecError if an earlier array has another size."""
    kind = STAGES["X_context" if name == "embedded_context" else name]
    axes = [axis for axis in (kind.heads, kind.rows, kind.columns) if axis is not None]
    if array.ndim != len(axes):
        raise SpecError(
            f"{name} is {by(array)}: it needs {len(axes)} dimensions",
            hint=f"its axes are {', '.join(axes)}".replace("query heads", "head").replace("key heads", "head"),
        )
    if not array.size:
        raise SpecError(f"{name} is {by(array)}: it holds no number", hint="give it at least one row and column")
    for axis, size in zip(axes, array.shape, strict=True):
        if axis == "feature":
            continue
        heads = {"query heads": spec.heads, "key heads": spec.key_heads}.get(axis)
        if heads is not None and size != heads:
            raise SpecError(
                f"{name} has {size} heads ({by(array)}), expected {heads}",
                hint="set heads and kv_heads to the numbers of heads in the arrays",
            )
        earlier, where = sizes.setdefault(axis, (size, f"{name} is {by(array)}"))
        if heads is None and earlier != size:
            plural = "queries" if axis == "query" else "keys"
            raise SpecError(
                f"{name} does not fit: {name} is {by(array)}, {size} {plural}, and {where}, {earlier} {plural}",
                hint=f"give both as many {plural}",
            )


def _check_tokens(queries: int, keys: int, tokens: Sequence[str], context_tokens: Sequence[str] | None) -> None:
    expected = [(tokens, max(queries, keys), "tokens", "rows")]
    if context_tokens is not None:
        expected = [(tokens, queries, "tokens", "queries"), (context_tokens, keys, "context tokens", "keys")]
    for labels, count, kind, axis in expected:
        if len(labels) != count:
            raise SpecError(
                f"{len(labels)} {kind} cannot label {count} {axis} ({queries} queries, {keys} keys)",
                hint=f"give {count} {kind}",
            )


def _check_extras(shape: Shape, extras: Extras) -> None:
    heads, queries, keys = shape
    for mask in (extras.hidden, extras.bias):
        if mask is not None and mask.shape not in ((queries, keys), shape):
            raise SpecError(
                f"attn_mask is {by(mask)}, and scores are {heads}×{queries}×{keys}",
                hint=f"make attn_mask {queries}×{keys}, or {heads}×{queries}×{keys} for a mask of each head",
            )
    if extras.sinks is not None and extras.sinks.shape != (heads,):
        raise SpecError(f"sinks are {by(extras.sinks)} for {heads} heads", hint="give one number to each head")
    if extras.position_embeddings is not None and extras.position_embeddings.ndim != 2:
        raise SpecError(
            f"position_embeddings are {by(extras.position_embeddings)}: they need 2 dimensions",
            hint="their axes are position, feature",
        )


def _check_norms(known: Mapping[str, Array], spec: Spec, extras: Extras) -> None:
    """Check that the weights of the QK-norm fit the queries and keys."""
    for name in "QK" if spec.qk_norm is not None else "":
        if name not in known or spec.qk_norm is None:
            continue
        heads, _, width = known[name].shape
        expected = spec.qk_norm.shape(heads, width)
        for key in (f"{name}_norm", f"{name}_norm_bias"):
            weights: Array | None = getattr(extras, key)
            if weights is not None and weights.shape != expected:
                raise SpecError(
                    f"{key} is {by(weights)}, and {name} has {heads} heads of width {width}",
                    hint=f"with over={spec.qk_norm.over} give {'×'.join(map(str, expected))} numbers",
                )


def _check_ids(extras: Extras, tokens: int, context: int) -> None:
    for ids, count, name in (
        (extras.position_ids, tokens, "position_ids"),
        (extras.position_ids_context, context, "position_ids_context"),
    ):
        if ids is not None and ids.shape != (count,):
            raise SpecError(f"{name} are {by(ids)} for {count} tokens", hint="give one number to each token")
