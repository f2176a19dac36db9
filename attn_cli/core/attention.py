"""attend(): the road from vectors to outputs, recording a stage after each step."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from attn_cli.core.edited import EditedStep
from attn_cli.core.ops import join_heads
from attn_cli.core.parts import record_parts
from attn_cli.core.projecting import linear, place, project, rotate
from attn_cli.core.record import Record, by
from attn_cli.core.scoring import score
from attn_cli.core.shapes import check_shapes
from attn_cli.core.spec import Extras, Spec
from attn_cli.core.steps import DotProduct, Shape, Softmax, Step, on_scores, touches
from attn_cli.errors import SpecError
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Array, Layer, aligned, frozen, read_only

CHAIN = ("scores", "scaled", "softcapped", "biased", "masked", "weights")


@dataclass(frozen=True, eq=False, repr=False)
class Projections:
    """The learned matrices of one layer; they multiply from the right, heads side by side.

    `W_Q` is d_model × (h · d_k), `W_K` d_model × (g · d_k), `W_V` d_model × (g · d_v), `W_O` (h · d_v) × d_out.
    """

    W_Q: Array | None = None
    W_K: Array | None = None
    W_V: Array | None = None
    W_O: Array | None = None
    b_Q: Array | None = None
    b_K: Array | None = None
    b_V: Array | None = None
    b_O: Array | None = None

    def given(self) -> dict[str, Array]:
        """The matrices and biases that are there, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def attend(
    tokens: Sequence[str],
    given: Mapping[str, Array],
    projections: Projections | None = None,
    spec: Spec | None = None,
    *,
    extras: Extras | None = None,
    context_tokens: Sequence[str] | None = None,
    keep: Collection[str] | None = None,
) -> Layer:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762), every stage recorded.

    `given` holds the stages to start from: `X` (token, d_model) with `projections`, or `Q`, `K` and perhaps `V`
    (head, token, feature), or any later one; `embedded` (and `embedded_context`) in place of X where positions have
    still to be added. What is given is shown as it is. `context_tokens` make it cross-attention: they label the keys.
    `keep` names the stages to hold on to, all when None. Raises SpecError where shapes do not fit together.
    """
    spec, extras = spec or Spec(), extras or Extras()
    matrices = projections.given() if projections else {}
    cross = context_tokens is not None
    record = Record(
        {name: _typed(name, array, spec.dtype) for name, array in given.items()}, keeping(keep), extras.edits
    )
    with np.errstate(all="ignore"):
        check_shapes(record, spec, extras, tokens, context_tokens)
        own, context = _places(spec, extras, len(tokens), len(context_tokens or tokens), cross)
        place(record, spec, extras, own, context)
        project(record, spec, matrices, cross=cross)
        heads, queries, keys = shape = check_shapes(record, spec, extras, tokens, context_tokens)
        places = {"Q": _some(own, queries, spec, cross), "K": _some(context, keys, spec, cross)}
        rotate(record, spec, places)
        weigh(record, spec, extras, shape, places)
        record_parts(record, spec, extras, matrices, places)
        _put_together(record, heads, matrices)
        record.check_edits()
    width = _width(record, spec)
    from_start = spec.mask.from_start or cross
    return Layer(
        stages=tuple(stage for stage in record.stages if keep is None or stage.name in keep),
        query_tokens=aligned(tokens, queries, from_start=from_start),
        key_tokens=aligned(context_tokens or tokens, keys, from_start=from_start),
        heads=spec.heads,
        kv_heads=spec.key_heads,
        head_index=tuple(range(spec.heads)),
        kv_head_index=tuple(range(spec.key_heads)),
        settings=(spec if touches(spec, extras) else spec.divided(width)).settings(width),
        kind="cross" if cross else "self",
        keys="context_tokens" if cross else "tokens",
    )


def keeping(keep: Collection[str] | None) -> Collection[str] | None:
    """What has to be held on to while it is computed: parts are told from the scores before and after each step."""
    return keep if keep is None or not set(PARTS) & set(keep) else {*keep, *CHAIN[:4]}


def _places(spec: Spec, extras: Extras, tokens: int, context: int, cross: bool) -> tuple[Array, Array]:
    """Where the tokens and the context's tokens stand: at their ids, or at 0, 1, 2, …."""
    own = np.arange(tokens) if extras.position_ids is None else extras.position_ids
    if not cross:
        return own, own
    ids = extras.position_ids_context
    return own, np.arange(context) if ids is None else ids


def _some(places: Array, count: int, spec: Spec, cross: bool) -> Array:
    """The positions of as many queries or keys as there are, counted like their labels."""
    return places[:count] if spec.mask.from_start or cross else places[len(places) - count :]


def weigh(record: Record, spec: Spec, extras: Extras, shape: Shape, places: Mapping[str, Array]) -> None:
    """Everything from scores to head outputs, starting at the earliest stage that is given or can be computed."""
    q, k = record.matched("Q"), record.matched("K")
    soften = Softmax()
    if extras.sinks is not None and "weights" not in record.given:
        soften = Softmax(extras.sinks.astype(spec.dtype), np.empty(shape[:2], spec.dtype))
    match = DotProduct(record.known[q], record.known[k], (q, k)) if q and k else None
    steps: list[Step] = [
        *([match] if match else []),
        *on_scores(spec, extras, _width(record, spec), places["Q"], places["K"]),
        soften,
    ]
    made: dict[str, Step] = {}
    for step in steps:
        mine = tuple(edit for edit in record.edits if edit.stage == step.name)
        made[step.name] = EditedStep(step, mine, shape) if mine else step
    names = [name for name in CHAIN if name in made or name in record.given]
    while names and names[0] != "scores" and names[0] not in record.given:
        del names[0]
    if spec.scale == "sqrt" and _width(record, spec) is None and "scores" in names and names[1] not in record.given:
        raise SpecError("scores need d_k, or a scale", hint='add "d_k": 64, or "scale": "none"')
    record.steps = tuple(names)
    chain = {name: None if name in record.given else made[name] for name in names}
    if not chain or not record.keeps(*chain, "sink_weight", "head_output", "output"):
        return
    blended = score(record, chain, shape, spec.dtype)
    if not record.take("sink_weight") and soften.shares is not None:
        record.add("sink_weight", soften.shares, "sink_weight = what the sink took in softmax")
    if not record.take("head_output") and blended is not None:
        shapes = f"{shape[1]}×{shape[2]} · {by(record.known['V'][0])} → {by(blended[0])}"
        each = f", in each of {shape[0]} heads" if shape[0] > 1 else ""
        record.add("head_output", blended, f"head_output = weights · V   {shapes}{each}")


def _width(record: Record, spec: Spec) -> int | None:
    """The width of a head, as far as the queries show it or the spec says it."""
    q = record.matched("Q")
    return spec.d_k if q is None else record.known[q].shape[2]


def _put_together(record: Record, heads: int, matrices: Mapping[str, Array]) -> None:
    """Head outputs side by side, and through W_O where there is one."""
    if record.take("output") or "head_output" not in record.known:
        return
    side_by_side = "head_output" if heads == 1 else "heads side by side"
    output, formula = linear(side_by_side, join_heads(record.known["head_output"]), "O", matrices)
    record.add("output", output, f"output = {formula}")


def _typed(name: str, array: Array, dtype: str) -> Array:
    """The caller's array, read-only, in the dtype of the arithmetic."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise SpecError(f"{name} holds {array.dtype}, not numbers", hint="give an array of floats")
    return read_only(array) if array.dtype == dtype else frozen(array.astype(dtype))
