"""Read one layer of a document: its arrays, checked against each other, and its settings."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.files.checker import to_array
from attn_cli.trace.files.fields import Fields
from attn_cli.trace.files.heads import Heads, read_heads
from attn_cli.trace.files.narrow import DTYPES, held_in, narrow, widest
from attn_cli.trace.stages import FORMS, STAGES
from attn_cli.trace.trace import Array, Settings, Stage, frozen, read_only, shape_words

IGNORED = ("$schema", "comment")
SETTINGS = ("heads", "kv_heads", "mask", "positions", "scale", "softcap", "dtype")
"""The settings that a file of arrays may give for a layer."""
_NAMES = ("name", "index", "kind", "queries", "keys", "head_index", "kv_head_index", "stages", "formulas")
KEYS = (*_NAMES, *SETTINGS, *STAGES, *IGNORED)
KINDS = ("self", "cross")
LABELS = ("tokens", "context_tokens")

# Stages whose rows are vectors of one space.
_WIDTHS = MappingProxyType({"d_k": (*FORMS["Q"], *FORMS["K"]), "d_v": (*FORMS["V"], *FORMS["head_output"])})


_NULL = MappingProxyType({"masked": -math.inf, "weights": math.nan})
"""The number that null means, in stages that may hold null."""


@dataclass(frozen=True)
class Draft:
    """A layer without its tokens; `queries` and `keys` are counts, None if no stage shows them."""

    name: str
    index: int
    fields: Fields
    stages: tuple[Stage, ...]
    heads: Heads
    settings: Settings
    queries: int | None
    keys: int | None


def read_layer(fields: Fields, name: str, place: Callable[[str], str]) -> Draft:
    """The layer; `place` gives the path of a stage for errors. DocumentError if stages do not fit together."""
    fields.only(KEYS)
    formulas = fields.object("formulas", {})
    names = _stage_names(fields)
    arrays = {stage: _array(fields.values[stage], stage, place(stage)) for stage in names}
    dtype = fields.choice("dtype", None, DTYPES) or widest({_dtype(fields.values[stage]) for stage in names})
    arrays = {stage: _in_dtype(array, fields.values[stage], dtype, place(stage)) for stage, array in arrays.items()}
    texts = Fields(formulas, f"{fields.path}formulas.")
    texts.only(names)
    stages = tuple(Stage(stage, array, texts.text(stage) or "") for stage, array in arrays.items())
    counts = _counts(stages, fields.path)
    return Draft(
        name=name,
        index=fields.count("index", _number_in(name), least=0),
        fields=fields,
        stages=stages,
        heads=read_heads(fields, counts.get("query heads"), counts.get("key heads")),
        settings=_settings(fields, dtype, counts.get("d_k")),
        queries=counts.get("query"),
        keys=counts.get("key"),
    )


def _stage_names(fields: Fields) -> tuple[str, ...]:
    """The stages in the document's order, else in the order of the catalog."""
    held = tuple(stage for stage in STAGES if stage in fields.values)
    named = fields.strings("stages")
    if named is None:
        if not held:
            raise DocumentError(f"{fields.path.rstrip(' .')}: holds no stage", hint='such as "weights": [[…]]')
        return held
    for stage in named:
        if stage not in held:
            hint = "leave it out of stages" if stage in STAGES else f"stages are {', '.join(STAGES)}"
            raise DocumentError(f"{fields.path}stages: names {stage!r}, which the layer does not hold", hint=hint)
    for stage in held:
        if named.count(stage) != 1:
            message = f"{fields.path}stages: names {stage!r} {named.count(stage)} times"
            raise DocumentError(message, hint="name each stage once, or leave stages out")
    return named


def _array(value: Any, stage: str, where: str) -> Array:
    kind = STAGES[stage]
    rank = 2 if kind.columns else 1  # of one matrix
    array = to_array(
        value,
        where,
        (rank, rank + 1) if kind.heads else (rank,),
        special=True,
        null=-math.inf if stage == "masked" else None,
    )
    return array if not kind.heads or array.ndim > rank else array[np.newaxis]


def _dtype(value: Any) -> str:
    """The dtype of a value in its file; float64 for JSON numbers and integers."""
    keeps = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.dtype.itemsize < 8
    return f"float{value.dtype.itemsize * 8}" if keeps else "float64"


def _in_dtype(array: Array, value: Any, dtype: str, where: str) -> Array:
    if isinstance(value, list):
        cast = narrow(array, dtype)
        if (lost := np.isinf(cast) & ~np.isinf(array)).any():
            number = array[tuple(np.argwhere(lost)[0])]
            raise DocumentError(f"{where}: {number} is too large for {dtype}", hint="name a wider dtype")
        return frozen(cast)
    if array.dtype == held_in(dtype):
        return read_only(array)
    with np.errstate(all="ignore"):
        cast = array.astype(held_in(dtype))
    if not np.array_equal(cast, array, equal_nan=True):
        message = f"{where}: holds {array.dtype} numbers that {dtype}, the layer's dtype, cannot hold"
        raise DocumentError(message, hint=f"set dtype to {array.dtype}")
    return frozen(cast)


def _counts(stages: tuple[Stage, ...], path: str) -> Mapping[str, int]:
    """The numbers of heads, queries, keys and features; DocumentError if two stages disagree."""
    counts: dict[str, tuple[int, Stage]] = {}
    for stage in stages:
        kind = stage.kind
        axes = [*([kind.heads] if kind.heads else []), kind.rows, *([kind.columns] if kind.columns == "key" else [])]
        sizes = dict(zip(axes, stage.array.shape, strict=False))
        sizes |= {width: stage.array.shape[-1] for width, names in _WIDTHS.items() if stage.name in names}
        for axis, size in sizes.items():
            expected, first = counts.setdefault(axis, (size, stage))
            if size != expected:
                label = f"{axis}{'' if axis.endswith('heads') or axis in _WIDTHS else ' rows'}"
                message = (
                    f"{path}{stage.name}: {size} {label} ({shape_words(stage.array.shape)}) do not fit {first.name} "
                    f"with {expected} ({shape_words(first.array.shape)})"
                )
                raise DocumentError(message, hint="the stages of one layer share heads, queries and keys")
    return {axis: size for axis, (size, _) in counts.items()}


def _settings(fields: Fields, dtype: str, d_k: int | None) -> Settings:
    softcap = fields.number("softcap", (), None)
    return Settings(
        mask=fields.word("mask", "none"),
        positions=fields.word("positions", "none"),
        scale=fields.number("scale", ("none", "sqrt"), "sqrt" if d_k is None else 1 / math.sqrt(d_k)),
        softcap=None if softcap is None else float(softcap),
        dtype=dtype,
    )


def _number_in(name: str) -> int:
    numbers = re.findall(r"[0-9]{1,9}", name)
    return int(numbers[-1]) if numbers else 0
