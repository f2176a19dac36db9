"""Runs of attention of every kind, and the same runs through attend()."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.core.attention import Projections, attend
from attn_cli.core.edits import Edit
from attn_cli.core.positions import QueryScaling
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions, parse_qk_norm
from attn_cli.trace.trace import Array, Layer
from tests.core.reference import Run

TOKENS, CONTEXT = ("a", "b", "c", "d", "e"), tuple("tuvwxyz")
D_MODEL, D_K, D_V, D_OUT = 11, 4, 3, 13
MASKS = ("none", "causal", "causal:start", "sliding:1", "sliding:3", "local:2", "prefix:2")
POSITIONS = (
    "none",
    "sinusoidal",
    "alibi",
    "rope",
    "rope:50",
    "rope:style=interleaved",
    "rope:dim=2",
    "rope:700,style=interleaved,dim=2,factor=3",
)
EXTRAS = (
    *("softcap", "sinks", "bias", "bias per head", "hidden", "hidden per head"),
    *("scale", "biases", "W_O", "ids", "position_embeddings"),
)

ON_HEADS = ("clip", "grows", "a norm", "a norm for each", "a norm of all", "a norm after rotation")


def a_run(
    *extras: str,
    mask: str = "none",
    positions: str = "none",
    heads: int = 6,
    kv_heads: int = 3,
    cross: bool = False,
    seed: int = 0,
) -> Run:
    rng = np.random.default_rng(seed)
    widths = {"Q": heads * D_K, "K": kv_heads * D_K, "V": kv_heads * D_V}
    n, m = len(TOKENS), len(CONTEXT) if cross else len(TOKENS)
    optional: dict[str, Any] = {
        "softcap": {"softcap": 0.7},
        "sinks": {"sinks": rng.normal(size=heads)},
        "bias": {"bias": rng.normal(size=(n, m))},
        "bias per head": {"bias": rng.normal(size=(heads, n, m))},
        "hidden": {"hidden": rng.random((n, m)) < 0.4},
        "hidden per head": {"hidden": rng.random((heads, n, m)) < 0.4},
        "scale": {"scale": -0.3},
        "biases": {"b": {name: rng.normal(size=width) for name, width in (widths | {"O": D_OUT}).items()}},
        "W_O": {"W_O": rng.normal(size=(heads * D_V, D_OUT))},
        "ids": {"ids": [3, 4, 9, 1, 1], "ids_context": [8, 0, 5, 2, 2, 1, 13] if cross else None},
        "position_embeddings": {"position_embeddings": rng.normal(size=(17, D_MODEL))},
        "frequencies": {"frequencies": [0.7, 0.05]},
        "clip": {"clip": 0.4},
        "grows": {"grows": (0.5, 2, 1)},
        "a norm": {"qk_norm": "rms:0.1"},
        "a norm for each": {
            "qk_norm": "layer:0.001,over=each",
            "norms": norms_of(seed, {"Q": (heads, D_K), "K": (kv_heads, D_K)}, bias=True),
        },
        "a norm of all": {
            "qk_norm": "rms:0.01,over=all",
            "norms": norms_of(seed, {"Q": (heads * D_K,), "K": (kv_heads * D_K,)}),
        },
        "a norm after rotation": {
            "qk_norm": "rms:0.01,after=rotation",
            "norms": norms_of(seed, {"Q": (D_K,), "K": (D_K,)}),
        },
    }
    chosen: dict[str, Any] = {}
    matrices: dict[str, Any] = {f"W_{name}": rng.normal(size=(D_MODEL, width)) / 3 for name, width in widths.items()}
    for extra in extras:
        chosen |= optional[extra]
    if "biases" in extras:
        chosen |= optional["W_O"]
    return Run(
        X=rng.normal(size=(n, D_MODEL)),
        context=rng.normal(size=(m, D_MODEL)) if cross else None,
        **matrices,
        heads=heads,
        kv_heads=kv_heads,
        mask=mask,
        positions=positions,
        **chosen,
    )


def norms_of(seed: int, shapes: Mapping[str, tuple[int, ...]], *, bias: bool = False) -> dict[str, Array]:
    """Weights of norms, and perhaps their biases, by the names that documents give them."""
    rng = np.random.default_rng(seed + 1)
    norms = {f"{name}_norm": rng.normal(size=shape) for name, shape in shapes.items()}
    return norms | {f"{name}_norm_bias": rng.normal(size=shape) for name, shape in shapes.items() if bias}


def spec_of(run: Run, dtype: str = "float64") -> Spec:
    return Spec(
        heads=run.heads,
        kv_heads=run.kv_heads,
        mask=parse_mask(run.mask),
        positions=parse_positions(run.positions),
        scale="sqrt" if run.scale is None else run.scale,
        softcap=run.softcap,
        dtype=dtype,
        clip=run.clip,
        qk_norm=None if run.qk_norm is None else parse_qk_norm(run.qk_norm),
        query_scaling=None if run.grows is None else QueryScaling(*run.grows),
    )


def conditions_of(run: Run) -> Extras:
    return Extras(
        bias=run.bias,
        hidden=run.hidden,
        sinks=run.sinks,
        position_embeddings=run.position_embeddings,
        position_ids=None if run.ids is None else np.array(run.ids),
        position_ids_context=None if run.ids_context is None else np.array(run.ids_context),
        rotary_frequencies=None if run.frequencies is None else np.array(run.frequencies),
        **run.norms,
    )


def given_of(run: Run) -> dict[str, Array]:
    return {"embedded": run.X} | ({} if run.context is None else {"embedded_context": run.context})


def attended(
    run: Run,
    given: Mapping[str, Array] | None = None,
    *,
    dtype: str = "float64",
    keep: set[str] | None = None,
    edits: tuple[Edit, ...] = (),
) -> Layer:
    """The run through attend(), from its vectors, or from the stages that are given."""
    biases = {f"b_{name}": bias for name, bias in run.b.items()}
    projections = Projections(W_Q=run.W_Q, W_K=run.W_K, W_V=run.W_V, W_O=run.W_O, **biases)
    if given:
        projections = Projections(W_O=run.W_O, **{name: bias for name, bias in biases.items() if name == "b_O"})
    return attend(
        TOKENS,
        given or given_of(run),
        projections,
        spec_of(run, dtype),
        extras=replace(conditions_of(run), edits=edits),
        context_tokens=None if run.context is None else CONTEXT,
        keep=keep,
    )


def arrays(layer: Layer) -> dict[str, Array]:
    return {stage.name: stage.array for stage in layer.stages}
