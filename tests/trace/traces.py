"""Traces of every shape, for the tests of what writes and reads them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from attn_cli.trace.files.codec import (
    trace_from_json,
    trace_from_npz,
    trace_from_safetensors,
    trace_to_json,
    trace_to_npz,
    trace_to_safetensors,
)
from attn_cli.trace.files.npz import read_npz
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.files.tensors import read_safetensors
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array, Layer, Settings, Stage, Trace, aligned

WIDTHS = {"X": 7, "Q": 3, "V": 2, "head_output": 2, "output": 11}
BITS = {"float16": "uint16", "bfloat16": "uint32", "float32": "uint32", "float64": "uint64"}


def any_numbers(seed: int, shape: tuple[int, ...], dtype: str) -> Array:
    """Numbers of every size, with NaN, infinities, subnormals and zeros of both signs."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2 ** (8 * np.dtype(BITS[dtype]).itemsize), shape, dtype=BITS[dtype])
    numbers = bits.view("float32" if dtype == "bfloat16" else dtype)
    odd = rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], numbers.dtype), shape)
    numbers = np.where(rng.random(shape) < 0.3, odd, numbers)
    return np.where(np.isnan(numbers), numbers.dtype.type(np.nan), numbers)  # JSON knows one NaN


def layer_of(
    tokens: tuple[str, ...],
    keys: tuple[str, ...],
    /,
    *,
    stages: tuple[str, ...] = ("weights",),
    heads: int = 1,
    kv_heads: int = 1,
    dtype: str = "float64",
    seed: int = 0,
    **rest: Any,
) -> Layer:
    sizes = {"query": len(tokens), "key": len(keys), "query heads": heads, "key heads": kv_heads}

    def shape(name: str) -> tuple[int, ...]:
        kind = STAGES[name]
        width = WIDTHS.get(name, 7 if kind.heads is None else 3)
        columns = {"key": (len(keys),), "feature": (width,), None: ()}[kind.columns]
        return (*((sizes[kind.heads],) if kind.heads else ()), sizes[kind.rows], *columns)

    made = tuple(
        Stage(name, any_numbers(seed + place, shape(name), dtype), f"{name} = …" if place % 2 else "")
        for place, name in enumerate(stages)
    )
    settings = Settings(mask="causal", positions="rope:10000", scale=0.1, softcap=None, dtype=dtype)
    index, kv_index = tuple(range(heads)), tuple(range(kv_heads))
    return Layer(made, tokens, keys, heads, kv_heads, index, kv_index, settings, **rest)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    token = st.one_of(st.text(max_size=4), st.sampled_from(["[/b]", "a\0", "\0", ":smile:", "=1+1", '"', "\r\n", ""]))
    tokens = tuple(draw(st.lists(token, min_size=1, max_size=5)))
    context = draw(st.none() | st.lists(token, min_size=1, max_size=3).map(tuple))
    layers = []
    for number in range(draw(st.integers(1, 2))):
        stages = draw(st.lists(st.sampled_from(list(STAGES)), min_size=1, max_size=6, unique=True))
        kv_heads = draw(st.integers(1, 3))
        common: dict[str, Any] = {
            "stages": tuple(stages),
            "kv_heads": kv_heads,
            "heads": kv_heads * draw(st.integers(1, 2)),
            "dtype": draw(st.sampled_from(list(BITS))),
            "seed": draw(st.integers(0, 2**32)),
            "index": number,
        }
        if context is not None and draw(st.booleans()):
            cross: dict[str, Any] = {
                "name": f"decoder.layers.{number}.cross",
                "kind": "cross",
                "keys": "context_tokens",
            }
            layers.append(layer_of(tokens, context, **common, **cross))
        else:
            known = {STAGES[name].rows for name in stages} | {STAGES[name].columns for name in stages}
            count = draw(st.integers(1, len(tokens))) if {"query", "key"} <= known else len(tokens)
            queries = aligned(tokens, count, from_start=False)
            layers.append(layer_of(queries, tokens, **common, name=f"layers.{number}"))
        if draw(st.booleans()):
            layers[-1] = layers[-1].select(heads=[draw(st.integers(0, layers[-1].heads - 1))])
    return Trace(
        tokens=tokens,
        layers=tuple(layers),
        source={"kind": "random", "seed": draw(st.integers(-(2**70), 2**70))},
        text=draw(st.none() | st.text(max_size=5)),
        token_ids=draw(st.none() | st.just(tuple(range(len(tokens))))),
        context_tokens=context,
        notes=tuple(draw(st.lists(st.text(max_size=5), max_size=2))),
    )


def through_json(trace: Trace) -> Trace:
    return trace_from_json(parse_json(trace_to_json(trace), "t.json"), "t.json")


def through_npz(trace: Trace) -> Trace:
    return trace_from_npz(read_npz(trace_to_npz(trace), "t.npz"), "t.npz")


def through_safetensors(trace: Trace) -> Trace:
    return trace_from_safetensors(*read_safetensors(trace_to_safetensors(trace), "t.st"), "t.st")
