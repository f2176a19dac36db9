"""A score split by cause: content, position, softcap and bias, which add up to the score before it is masked."""

from collections.abc import Mapping

import numpy as np

from attn_cli.core.ops import split_heads
from attn_cli.core.projecting import linear
from attn_cli.core.record import Record, by
from attn_cli.core.spec import Extras, Spec
from attn_cli.core.steps import Block, DotProduct, alibi
from attn_cli.errors import SpecError
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Array

TOTALS = ("biased", "softcapped", "scaled", "scores")


def record_parts(
    record: Record, spec: Spec, extras: Extras, matrices: Mapping[str, Array], places: Mapping[str, Array]
) -> None:
    """Record the parts (head, query, key) that are asked for; the last one is what is left of the score."""
    total, scaled = record.latest(*TOTALS), record.latest("scaled", "scores")
    if not record.keeps(*PARTS) or total is None or scaled is None:
        return
    capped = record.known.get("softcapped", scaled)
    parts = {"content": scaled}
    if (content := _content(record, spec, matrices)) is not None:
        parts = {"content": content, "position": scaled - content}
    if (slopes := spec.positions.slopes(spec.heads)) is not None and total is not capped:
        everywhere = Block(slice(0, total.shape[0]), slice(0, total.shape[1]))
        bias = alibi(slopes.astype(spec.dtype), places["Q"], places["K"])
        parts["position"] = parts.get("position", 0) + bias(everywhere)
    if capped is not scaled:
        parts["capping"] = capped - scaled
    if total is not capped and (slopes is None or extras.bias is not None):
        parts["bias"] = total - capped
    *first, last = parts
    parts[last] = total - sum(parts[name] for name in first)
    for name, part in parts.items():
        record.add(
            name, part.copy() if part is scaled else part, f"{name}: a part of {' + '.join(parts)} = {_named(record)}"
        )


def _named(record: Record) -> str:
    """The stage that the parts add up to."""
    return next(name for name in TOTALS if name in record.known)


def _content(record: Record, spec: Spec, matrices: Mapping[str, Array]) -> Array | None:
    """Scaled scores (head, query, key) as they would be without positions; None where those are no part of them."""
    plain: dict[str, Array] = {}
    context = "embedded_context" if "X_context" in record.known else "embedded"
    for name, source, heads in (("Q", "embedded", spec.heads), ("K", context, spec.key_heads)):
        vectors = record.latest(f"{name}_normed", name)
        if source in record.given and f"W_{name}" in matrices and vectors is not None:
            projected = linear(source, record.given[source], name, matrices)[0]
            if projected.size != vectors.size:
                raise SpecError(
                    f"W_{name} does not fit {name}: {name} is {by(vectors)}, {source} · W_{name} is {by(projected)}",
                    hint=f"leave out {name} or W_{name}",
                )
            vectors = split_heads(projected, heads)
        if vectors is not None:
            plain[name] = vectors
    moved = "Q_rotated" in record.known or "embedded" in record.known
    if not moved or len(plain) < 2:
        return None
    q, k = plain["Q"], plain["K"]
    scores = np.empty((len(q), q.shape[1], k.shape[1]), q.dtype)
    DotProduct(q, k)(scores, Block(slice(0, len(q)), slice(0, q.shape[1])), scores)
    factor = spec.factor(q.shape[2])
    return scores if factor is None else scores * q.dtype.type(factor)
