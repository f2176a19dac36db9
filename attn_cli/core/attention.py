"""Attention from vectors to outputs, one recorded stage per step; `attend` for documents, `compute` for all."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from attn_cli.core.biases import terms_of
from attn_cli.core.head_steps import HeadStep, on_heads
from attn_cli.core.projecting import Made, MatrixOutput, MatrixProjections, Project, place
from attn_cli.core.record import Record, by
from attn_cli.core.score_steps import Softmax, Temperature, on_scores
from attn_cli.core.scoring import score
from attn_cli.core.shapes import check_shapes
from attn_cli.core.spec import Extras, Spec
from attn_cli.core.steps import BlockStep, Refined, ScoreInputs, ScoreStep, head_width
from attn_cli.errors import SpecError
from attn_cli.trace.stages import CHAIN, FORMS, PARTS, READS, arranged
from attn_cli.trace.trace import Array, Layer, Settings, aligned, frozen, read_only


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
        """The matrices and biases that are set, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


class Attention(NamedTuple):
    """How one layer computes: its projections, the steps on heads and on scores, the normalizer and the output.

    Steps run in order; a step is skipped when its stage is given.
    """

    spec: Spec
    project: Project
    on_heads: tuple[HeadStep, ...]
    on_scores: tuple[ScoreStep, ...]
    normalizer: Softmax
    output: Callable[[Array], Made]

    def settings(self, d_k: int | None) -> Settings:
        """The settings as a trace stores them; without a temperature step, the temperature is part of the scale."""
        divided = any(isinstance(step, Temperature) for step in self.on_scores)
        return (self.spec if divided else self.spec.divided(d_k)).settings(d_k)


class Grid(NamedTuple):
    """The grid of scores: the number of heads, and the positions of queries and keys."""

    heads: int
    queries: Array
    keys: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """(heads, queries, keys)."""
        return self.heads, len(self.queries), len(self.keys)


def compute(record: Record, attention: Attention, grid_of: Callable[[Mapping[str, Array]], Grid]) -> Grid:
    """Record every stage from Q to the output, and return the grid of scores.

    `record` already knows the input vectors. `grid_of` makes the grid from the stages up to Q, K and V.
    """
    wanted = [name for name in "QKV" if name not in record.given]
    projected = dict(attention.project(record.known, wanted))
    grid = grid_of({**record.given, **record.known, **{name: array for name, (array, _) in projected.items()}})
    _change_heads(record, attention, ("Q", "K", "V"), projected, grid)
    inputs = ScoreInputs(record.known, grid.shape, grid.queries, grid.keys, attention.spec.dtype)
    _weigh(record, attention, inputs)
    if record.keeps(*PARTS):
        from attn_cli.core.parts import record_parts

        record_parts(record, attention.project, attention.on_heads, attention.on_scores, inputs)
    _change_heads(record, attention, ("head_output",), {}, grid)
    if not record.take("output") and (form := record.form("head_output")) is not None:
        record.add("output", *attention.output(record.known[form]))
    record.check_edits()
    return grid


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
    """Compute scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762) and record every stage.

    `given` holds the stages to start from: `X` (token, d_model) with `projections`, or `Q`, `K` and perhaps `V`
    (head, token, feature), or any later stage. `embedded` (and `embedded_context`) replace X when positions are still
    to be added. A given stage is recorded unchanged. `context_tokens` label the keys of cross-attention.
    `keep` names the stages to record; None records all. Raises SpecError if shapes do not fit.
    """
    spec, extras = spec or Spec(), extras or Extras()
    cross = context_tokens is not None
    matrices = projections.given() if projections else {}
    attention = Attention(
        spec=spec,
        project=MatrixProjections(spec, matrices, cross),
        on_heads=on_heads(spec, extras),
        on_scores=on_scores(spec, terms_of(spec, extras.bias), extras.hidden),
        normalizer=Softmax(extras.sinks),
        output=MatrixOutput(matrices),
    )
    typed = {name: _typed(name, array, spec.dtype) for name, array in given.items()}
    record = Record(typed, keeping(keep), extras.edits, extras.watch)

    def grid_of(known: Mapping[str, Array]) -> Grid:
        _, queries, keys = check_shapes(known, spec, extras, tokens, context_tokens)
        return Grid(
            spec.heads,
            _positions_of(positions, queries, spec, cross),
            _positions_of(context_positions, keys, spec, cross),
        )

    with np.errstate(all="ignore"):
        check_shapes(record.given, spec, extras, tokens, context_tokens)
        positions, context_positions = _token_positions(spec, extras, len(tokens), len(context_tokens or tokens), cross)
        place(record, spec, extras, positions, context_positions)
        grid = compute(record, attention, grid_of)
    from_start = spec.mask.from_start or cross
    layer = layer_of(
        record,
        attention,
        keep,
        query_tokens=aligned(tokens, len(grid.queries), from_start=from_start),
        key_tokens=aligned(context_tokens or tokens, len(grid.keys), from_start=from_start),
        cross=cross,
    )
    return layer if extras.hidden is None else replace(layer, hidden=read_only(extras.hidden))


def layer_of(
    record: Record,
    attention: Attention,
    keep: Collection[str] | None,
    *,
    query_tokens: tuple[str, ...],
    key_tokens: tuple[str, ...],
    cross: bool,
    name: str = "layers.0",
    index: int = 0,
) -> Layer:
    """The recorded stages as a Layer; `keep` names the stages to include, None includes all."""
    spec = attention.spec
    return Layer(
        stages=tuple(stage for stage in record.stages if keep is None or stage.name in keep),
        query_tokens=query_tokens,
        key_tokens=key_tokens,
        heads=spec.heads,
        kv_heads=spec.key_heads,
        head_index=tuple(range(spec.heads)),
        kv_head_index=tuple(range(spec.key_heads)),
        settings=attention.settings(head_width(record.known, spec)),
        name=name,
        index=index,
        kind="cross" if cross else "self",
        keys="context_tokens" if cross else "tokens",
        from_start=spec.mask.from_start,
    )


def keeping(keep: Collection[str] | None) -> Collection[str] | None:
    """The stages to record while attention runs: the parts of a score also need the scores around each step."""
    return keep if keep is None or not set(PARTS) & set(keep) else {*keep, *READS["position"]}


def _token_positions(spec: Spec, extras: Extras, tokens: int, context: int, cross: bool) -> tuple[Array, Array]:
    """The positions of the tokens and of the context's tokens: their position ids, or 0, 1, 2, …."""
    positions = np.arange(tokens) if extras.position_ids is None else extras.position_ids
    if not cross:
        return positions, positions
    ids = extras.position_ids_context
    return positions, np.arange(context) if ids is None else ids


def _positions_of(positions: Array, count: int, spec: Spec, cross: bool) -> Array:
    """The positions of `count` queries or keys: the first ones, or the last ones if the mask aligns ends."""
    return positions[:count] if spec.mask.from_start or cross else positions[len(positions) - count :]


def _change_heads(
    record: Record, attention: Attention, names: Collection[str], projected: Mapping[str, Made], grid: Grid
) -> None:
    """Record every form of Q, K and V, or of head outputs; `projected` holds the results of the projections."""
    positions = {"K": grid.keys, "V": grid.keys}
    forms = {form: name for name in names for form in FORMS[name]}
    for stage in arranged(tuple(step.makes for step in attention.on_heads)):
        if (name := forms.get(stage)) is None or stage in record.known or record.take(stage):
            continue
        steps = [step for step in attention.on_heads if step.makes == stage]
        token_positions, before = positions.get(name, grid.queries), record.form(name)
        if stage in projected:
            array, formula = projected[stage]
        elif steps and before is not None:
            first = steps.pop(0)
            array = first(record.known[before], token_positions)
            formula = f"{first.formula(before, token_positions)}   {by(array[0])}"
        else:
            continue
        words, gap, shapes = formula.partition("   ")
        for step in steps:
            array, words = step(array, token_positions), step.formula(words, token_positions)
        record.add(stage, array, words + gap + shapes)


def _weigh(record: Record, attention: Attention, inputs: ScoreInputs) -> None:
    """Record scores to head outputs, from the earliest stage that is given or can be computed."""
    normalizer = attention.normalizer if "weights" in record.given else attention.normalizer.at(inputs)
    steps: dict[str, BlockStep] = {}
    for step in (*(step.at(inputs) for step in attention.on_scores), normalizer):
        if step is not None:
            steps[step.makes] = Refined(steps[step.makes], step) if step.makes in steps else step
    names = [name for name in arranged(tuple(steps)) if name in CHAIN and (name in steps or name in record.given)]
    while names and names[0] != "scores" and names[0] not in record.given:
        del names[0]
    unscaled = attention.spec.scale == "sqrt" and head_width(record.known, attention.spec) is None
    if unscaled and "scores" in names and names[1] not in record.given:
        raise SpecError("scores need d_k, or a scale", hint='add "d_k": 64, or "scale": "none"')
    record.steps = tuple(names)
    if record.edits:
        from attn_cli.core.edits import edited_step

        steps = {name: edited_step(step, record.edits, inputs.shape) for name, step in steps.items()}
    chain = {name: None if name in record.given else steps[name] for name in names}
    if not chain or not (record.watch or record.keeps(*chain, "sink_weight", "head_output", "output")):
        return
    head_output = score(record, chain, inputs.shape, inputs.dtype)
    if not record.take("sink_weight") and normalizer.shares is not None:
        record.add("sink_weight", normalizer.shares, "sink_weight = what the sink took in softmax")
    if not record.take("head_output") and head_output is not None:
        heads, queries, keys = inputs.shape
        shapes = f"{queries}×{keys} · {by(record.known['V'][0])} → {by(head_output[0])}"
        per_head = f", in each of {heads} heads" if heads > 1 else ""
        record.add("head_output", head_output, f"head_output = weights · V   {shapes}{per_head}")


def _typed(name: str, array: Array, dtype: str) -> Array:
    """The caller's array, read-only, in the dtype of the arithmetic."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise SpecError(f"{name} holds {array.dtype}, not numbers", hint="give an array of floats")
    return read_only(array) if array.dtype == dtype else frozen(array.astype(dtype))
