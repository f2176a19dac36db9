"""What a layer declares of itself: its recipe, where its tokens stand, the norms of its queries and keys."""

import numpy as np

from attn_cli.analysis.check.computing.recipe import Cap, Hides, Norm, Recipe, Rotation, Slopes, Stand
from attn_cli.analysis.check.dump import Dump, NormFit
from attn_cli.core.positions import Positions, Rope
from attn_cli.core.spec import Extras, Spec
from attn_cli.trace.trace import Array, Layer


def declared_recipe(dump: Dump, spec: Spec, extras: Extras) -> Recipe:
    """What the layer declares, as a recipe."""
    layer = dump.layer
    held = {head: place for place, head in enumerate(layer.kv_head_index)}
    shared = tuple(held.get(layer.key_head(head), 0) for head in layer.head_index)
    slopes = spec.positions.slopes(layer.heads)
    scheme = spec.positions
    width = dump.head_width("Q") or dump.head_width("K")
    factor = None if spec.scale == "sqrt" and width is None else spec.factor(width)
    keys = "X_context" if dump.cross else "X"
    return Recipe(
        sources=("X", keys, keys),
        query_heads=tuple(range(dump.heads)),
        key_heads=shared,
        value_heads=shared,
        stands=(Stand(), Stand(), Stand("zero")),
        rotation=_rotation(scheme, extras.rotary_frequencies),
        clip=spec.clip,
        norm=None if spec.qk_norm is None else Norm(),
        norm_last=spec.qk_norm is not None and spec.qk_norm.after == "rotation",
        growing=spec.query_scaling,
        factor=1.0 if factor is None and spec.scale != "sqrt" else factor,
        cap=None if spec.softcap is None else Cap(spec.softcap),
        slopes=None if slopes is None else Slopes(tuple(float(slopes[head]) for head in layer.head_index)),
        hides=Hides(spec.mask),
        sinks=None if extras.sinks is None else tuple(map(float, extras.sinks)),
        left="sink_weight" in dump.stored and extras.sinks is None,
    )


def declared_positions(layer: Layer, spec: Spec, extras: Extras) -> tuple[Array, Array]:
    """The positions of queries and of keys: those that are given, else counted."""
    queries, keys = len(layer.query_tokens), len(layer.key_tokens)
    cross = layer.kind == "cross"
    own = np.arange(queries if cross else max(queries, keys)) if extras.position_ids is None else extras.position_ids
    context = extras.position_ids_context if cross else own
    context = np.arange(keys) if context is None else context
    if spec.mask.from_start or cross:
        return own[:queries], context[:keys]
    return own[len(own) - queries :], context[len(context) - keys :]


def declared_norms(layer: Layer, spec: Spec, extras: Extras) -> dict[str, NormFit]:
    """The norms of queries and keys that the file holds, by letter."""
    norm = spec.qk_norm
    if norm is None:
        return {}
    over = "all heads" if norm.over == "all" else "head"

    def headed(array: Array | None, name: str, default: float) -> Array:
        count = layer.heads if name == "Q" else layer.kv_heads
        if array is None:
            return np.full((1, 1, 1), default)
        flat = array.astype(np.float64).reshape(1 if norm.over == "head" else count, 1, -1)
        index = layer.head_index if name == "Q" else layer.kv_head_index
        return flat if norm.over == "head" else flat[list(index)]

    return {
        name: NormFit(
            norm.kind,
            over,
            headed(getattr(extras, f"{name}_norm"), name, 1.0),
            headed(getattr(extras, f"{name}_norm_bias"), name, 0.0),
            norm.eps,
        )
        for name in "QK"
    }


def _rotation(scheme: Positions, frequencies: Array | None) -> Rotation | None:
    if not isinstance(scheme, Rope):
        return None
    length = (scheme.attention_factor,) * 2
    own = None if frequencies is None else tuple(map(float, frequencies))
    return Rotation(scheme.base, scheme.style, scheme.dim, scheme.factor, frequencies=own, length=length)


def with_heads(array: Array) -> Array:
    return array if array.ndim == 3 else array[np.newaxis]
