"""A score split by cause: content, position, softcap and bias, which add up to the score before it is masked."""

from collections.abc import Sequence

import numpy as np

from attn_cli.core.biases import Bias
from attn_cli.core.head_steps import HeadStep
from attn_cli.core.ops import join_heads
from attn_cli.core.projecting import Project
from attn_cli.core.record import Record, by
from attn_cli.core.score_steps import Products, Scale
from attn_cli.core.steps import ScoreInputs, ScoreStep, whole
from attn_cli.errors import SpecError
from attn_cli.trace.stages import CHAIN, FORMS
from attn_cli.trace.trace import Array

_UNMASKED = CHAIN[: CHAIN.index("masked")]


def record_parts(
    record: Record,
    project: Project,
    on_heads: Sequence[HeadStep],
    on_scores: Sequence[ScoreStep],
    inputs: ScoreInputs,
) -> None:
    """Record the parts (head, query, key) of the scores; the last part is the remainder."""
    stages = [name for name in _UNMASKED if name in record.known]
    before = record.known.get("scaled", record.known.get("scores"))
    if before is None:
        return
    total, capped = record.known[stages[-1]], record.known.get("softcapped", before)
    parts = {"content": before}
    if (content := _content(record, project, on_heads, on_scores, inputs)) is not None:
        parts = {"content": content, "position": before - content}
    terms = [term for step in on_scores if isinstance(step, Bias) for term in step.terms if total is not capped]
    positional = [term for term in terms if term.part == "position"]
    for term in positional:
        parts["position"] = parts.get("position", 0) + term.at(inputs)(whole(inputs.shape))
    if capped is not before:
        parts["capping"] = capped - before
    if total is not capped and (not positional or len(terms) > len(positional)):
        parts["bias"] = total - capped
    *first, last = parts
    parts[last] = total - sum(parts[name] for name in first)
    for name, part in parts.items():
        formula = f"{name}: a part of {' + '.join(parts)} = {stages[-1]}"
        record.add(name, part.copy() if part is before else part, formula)


def _content(
    record: Record,
    project: Project,
    on_heads: Sequence[HeadStep],
    on_scores: Sequence[ScoreStep],
    inputs: ScoreInputs,
) -> Array | None:
    """Scaled scores (head, query, key) without positions; None if positions do not enter them or cannot be removed."""
    if "Q_rotated" not in record.known and "embedded" not in record.known:
        return None
    vectors = [_without_positions(record, project, on_heads, inputs, name) for name in "QK"]
    if vectors[0] is None or vectors[1] is None:
        return None
    whole_block, scores = whole(inputs.shape), np.empty(inputs.shape, vectors[0].dtype)
    Products(vectors[0], vectors[1])(scores, whole_block, scores)
    scale = next((step.at(inputs) for step in on_scores if isinstance(step, Scale)), None)
    return scores if scale is None else scale(scores, whole_block, scores)


def _without_positions(
    record: Record, project: Project, on_heads: Sequence[HeadStep], inputs: ScoreInputs, name: str
) -> Array | None:
    """Queries or keys (head, token, feature) without positions; None if no stage gives them."""
    forms = [stage for stage in record.known if stage in FORMS[name]]
    if not forms:
        return None
    steps = [step for step in on_heads if step.makes in FORMS[name] and not step.by_position]
    positions = inputs.queries if name == "Q" else inputs.keys
    vectors = record.known[forms[-1]]
    if "embedded" in record.known and name in (projected_heads := project(_embedded(record), [name])):
        array = projected_heads[name][0]
        if array.size != vectors.size:
            source = "embedded" if name == "Q" or "X_context" not in record.known else "embedded_context"
            projected = by(join_heads(array))
            raise SpecError(
                f"W_{name} does not fit {name}: {name} is {by(vectors)}, {source} · W_{name} is {projected}",
                hint=f"leave out {name} or W_{name}",
            )
    else:
        unrotated = forms[: forms.index(f"{name}_rotated")] if f"{name}_rotated" in forms else forms
        if not unrotated:
            return None
        array, remaining = record.known[unrotated[-1]], forms[len(unrotated) :]
        steps = [step for step in steps if step.makes in remaining]
    for step in steps:
        array = step(array, positions)
    return array


def _embedded(record: Record) -> dict[str, Array]:
    """The input vectors of the projections before positions are added."""
    known = record.known | {"X": record.known["embedded"]}
    context = record.given.get("embedded_context")
    return known if context is None else known | {"X_context": context}
