"""Some rows of one head, in float64, and which steps between their stages are known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.check.computing.rounding import precisions
from attn_cli.core.masks import Mask, NoMask
from attn_cli.core.spec import parse_mask
from attn_cli.errors import SpecError
from attn_cli.trace.stages import CHAIN, last_form
from attn_cli.trace.trace import Array, Layer

EVERY = slice(None)
# Of the magnitudes that a step adds up, not of its result: room for another order of summing, another exp, and products
# in TF32 (2⁻¹¹ a term), or for a few roundings to the half types in a row.
_RELATIVE = MappingProxyType({"float64": 1e-9, "float32": 1e-4, "float16": 5e-3, "bfloat16": 4e-2})
_WORDS = re.compile(r"[A-Za-z_]+")


@dataclass(frozen=True)
class Exactness:
    """How far the numbers of a stage may be off: `relative` to what they were made of, and `absolute`."""

    relative: float
    absolute: float


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of one head of a layer, in float64, and how exact the numbers of each stage are."""

    layer: Layer
    head: int
    rows: slice
    exact: Mapping[str, Exactness]

    @property
    def chain(self) -> tuple[str, ...]:
        """The stages of scores that the layer holds, in the order in which they were made, up to the weights."""
        return tuple(stage.name for stage in self.layer.stages if stage.name in CHAIN)

    def of(self, name: str) -> Array:
        """The rows of a stage: of the query head, or all rows of the key head that it uses."""
        if name[:1] in "KV":
            place = self.layer.kv_head_index.index(self.layer.key_head(self.head))
            array = self.layer[name][place]
        else:
            array = self.layer[name][self.layer.head_index.index(self.head)][self.rows]
        return np.asarray(array, dtype=np.float64)

    def slack(self, name: str) -> Array:
        """How far each of these numbers may be from the number that it was rounded from."""
        exact, numbers = self.exact[name], np.abs(self.of(name))
        return exact.absolute + exact.relative * np.where(np.isfinite(numbers), numbers, 0.0)


def rows_of(layer: Layer, head: int, rows: slice = EVERY) -> Rows:
    """Some rows of a head, with the precision of every stage of the layer."""
    arrays = {stage.name: stage.array for stage in layer.stages}
    exact = {
        name: Exactness(max(_RELATIVE.get(one.dtype, 1e-9), one.relative), one.absolute)
        for name, one in precisions(arrays, layer.settings.dtype).items()
    }
    return Rows(layer, head, rows, exact)


def matched_forms(layer: Layer) -> tuple[str, str] | None:
    """The forms of Q and K whose products are the scores; None where the layer lacks one of them."""
    names = [stage.name for stage in layer.stages]
    q, k = (last_form(name, names) for name in "QK")
    if q is None or k is None:
        return None
    formula = _formula(layer, "scores")
    if formula and not {q, k} <= set(_WORDS.findall(formula)):
        return None
    rope = layer.settings.positions.partition(":")[0] == "rope"
    return None if not formula and rope and not {"Q_rotated", "K_rotated"} & set(names) else (q, k)


def _formula(layer: Layer, stage: str) -> str:
    """What a stage was made of, in words; empty where it was stored or is not there."""
    formula = next((made.formula for made in layer.stages if made.name == stage), "")
    return "" if formula.startswith(("as stored", f"{stage} as stored")) else formula.partition(" = ")[2]


def step_known(rows: Rows, before: str, stage: str) -> bool:
    """Whether a stage was made of the one before it: its formula says so, or no step between them is left out."""
    if formula := _formula(rows.layer, stage):
        return before in _WORDS.findall(formula)
    settings, order = rows.layer.settings, list(CHAIN)
    steps = {
        "scaled": settings.scale != "none",
        "softcapped": bool(settings.softcap),
        "biased": settings.positions.partition(":")[0] == "alibi",
        "masked": bool(hidden_by_rule(rows.layer).any()),
    }
    between = order[order.index(before) + 1 : order.index(stage)] if before in order else []
    return not any(steps.get(name) for name in between if name not in rows.chain)


def hidden_by_rule(layer: Layer, rows: slice = EVERY) -> Array:
    """Truth values (query, key), True where the mask that the layer names hides the key."""
    queries, keys = len(layer.query_tokens), len(layer.key_tokens)
    visible = _mask(layer).visible(rows, queries, keys)
    count = len(range(*rows.indices(queries)))
    return np.zeros((count, keys), dtype=bool) if visible is None else np.broadcast_to(~visible, (count, keys))


def _mask(layer: Layer) -> Mask:
    """The mask that the layer names; a trace may name one that attn does not know."""
    try:
        mask = parse_mask(layer.settings.mask)
        mask.visible(slice(0, 1), len(layer.query_tokens), len(layer.key_tokens))
    except SpecError:
        return NoMask()
    return mask
