"""Arrays of any shapes make a layer whose stages fit together, or are refused."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.core.spec import Spec, parse_mask, parse_positions
from attn_cli.errors import SpecError
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array
from tests.core.runs import MASKS, POSITIONS
from tests.core.test_shapes import attend_on

RANKS = (
    {name: len([axis for axis in (kind.heads, kind.rows, kind.columns) if axis]) for name, kind in STAGES.items()}
    | {f"{kind}_{name}": rank for kind, rank in (("W", 2), ("b", 1)) for name in "QKVO"}
    | {"embedded_context": 2, "bias": 2, "hidden": 3, "sinks": 1, "position_embeddings": 2}
    | {"position_ids": 1, "position_ids_context": 1}
)


@st.composite
def near_shapes(draw: st.DrawFn) -> dict[str, tuple[int, ...]]:
    """Shapes of some arrays, all twos but for at most two sizes or ranks, so that many fit and many nearly do."""
    names = draw(st.sets(st.sampled_from([name for name in RANKS if name not in PARTS]), min_size=1, max_size=7))
    names |= {"embedded", "W_Q", "W_K", "W_V"} if draw(st.booleans()) else set()
    shapes = {name: (2,) * RANKS[name] for name in sorted(names)}
    for name in draw(st.lists(st.sampled_from(sorted(names)), max_size=2)):
        shapes[name] = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 2, 3]), max_size=4)))
    return shapes


@settings(max_examples=400)
@given(
    shapes=near_shapes(),
    heads=st.sampled_from([(1, None), (2, None), (2, 1)]),
    mask=st.sampled_from(MASKS),
    positions=st.sampled_from(POSITIONS),
    scale=st.sampled_from(["sqrt", "none", 0.5]),
    tokens=st.sampled_from(["ab", "ab", "ab", "a", ""]),
    context=st.sampled_from([None, None, "xy", "xy", ""]),
    keep=st.none() | st.sets(st.sampled_from(list(STAGES))),
)
def test_any_shapes_make_a_layer_or_a_spec_error(
    shapes: dict[str, tuple[int, ...]],
    heads: tuple[int, int | None],
    mask: str,
    positions: str,
    scale: Any,
    tokens: str,
    context: str | None,
    keep: set[str] | None,
) -> None:
    spec = Spec(*heads, mask=parse_mask(mask), positions=parse_positions(positions), scale=scale)
    try:
        layer = attend_on(shapes, spec=spec, tokens=tokens, context_tokens=context, keep=keep)
    except SpecError:
        return
    rows = {"query": len(layer.query_tokens), "key": len(layer.key_tokens)}
    for stage in layer.stages:
        array: Array = stage.array
        assert array.size
        if stage.kind.heads:
            assert len(array) == (layer.heads if stage.kind.heads == "query heads" else layer.kv_heads)
            array = array[0]
        assert len(array) == rows[stage.kind.rows]
        assert stage.kind.columns != "key" or array.shape[1] == rows["key"]
