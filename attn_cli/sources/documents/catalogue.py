"""The keys of a document and their meanings; an unknown key is an error."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attn_cli.errors import DocumentError, did_you_mean
from attn_cli.trace.files.usual_names import UNCLEAR
from attn_cli.trace.stages import PARTS, STAGES

Document = Mapping[str, Any]

INPUTS = MappingProxyType(
    {
        "tokens": "the text, cut into tokens; they name the keys, and the last of them the queries",
        "context_tokens": "the tokens of the keys and values in cross-attention",
        "embeddings": "token → vector",
        "embedding_tokens": "in NPZ and safetensors: the tokens of the rows of embeddings",
        "X": "tokens × d_model, in the order of tokens, instead of embeddings",
        "X_context": "context tokens × d_model, for cross-attention",
    }
)
MATRICES = MappingProxyType(
    {
        "W_Q": "d_model × (heads · d_k), or heads × d_model × d_k",
        "W_K": "d_model × (kv_heads · d_k), or kv_heads × d_model × d_k",
        "W_V": "d_model × (kv_heads · d_v), or kv_heads × d_model × d_v",
        "W_O": "(heads · d_v) × d_out, or heads × d_v × d_out; without it the output is the heads side by side",
    }
)
BIASES = MappingProxyType(
    {
        "b_Q": "added to X · W_Q: heads · d_k numbers, or heads × d_k",
        "b_K": "added to X · W_K, likewise",
        "b_V": "added to X · W_V, likewise",
        "b_O": "added to … · W_O",
    }
)
LATER = MappingProxyType(
    {
        name: kind.meaning
        for name, kind in STAGES.items()
        if name not in (*PARTS, "X", "X_context", "embedded", "residual")
    }
)
CONDITIONS = MappingProxyType(
    {
        "attn_mask": "queries × keys, for each head or for all, or one row for all queries: true, or a number to add, "
        "for a visible key; false or null for a hidden one",
        "sinks": "a score for each head that joins its softmax (attention sink)",
        "position_embeddings": "positions × d_model, added to the embeddings",
        "position_ids": "the position of each token, 0, 1, 2, … unless given",
        "position_ids_context": "the position of each context token",
        "rotary_frequencies": "radians per position for each rotating pair of features, which replace the base of rope",
        "Q_norm": "weights of the norm of queries: d_k numbers; heads × d_k with over=each, heads · d_k with over=all",
        "K_norm": "weights of the norm of keys, likewise",
        "Q_norm_bias": "added after the norm of queries",
        "K_norm_bias": "added after the norm of keys",
    }
)
SETTINGS = MappingProxyType(
    {
        "heads": "how many query heads",
        "kv_heads": "how many key/value heads they share (grouped-query attention); as many as heads unless set",
        "dtype": "the arithmetic: float64, float32 or float16",
        "mask": "the keys that each query sees, such as causal",
        "positions": "how positions enter, such as rope",
        "scale": "sqrt (1/√d_k), none, or a number",
        "d_k": "the width of the heads that made the scores, where a document starts with scores",
        "softcap": "scores are kept between − and + this number (cap · tanh(x / cap)); null for none",
        "clip": "Q, K and V are limited to ± this number",
        "qk_norm": "the norm of queries and keys, such as rms:1e-06 or layer:1e-05,over=all",
        "query_scaling": "queries grow with their position, such as log:0.1,step=8192",
        "projections": "linear: matrices are stored out × in, as PyTorch's Linear does",
    }
)
IGNORED = ("$schema", "comment")
KEYS = (*INPUTS, *MATRICES, *BIASES, *LATER, *CONDITIONS, *SETTINGS, *IGNORED)


def check_keys(document: Document, name: str) -> None:
    """Raise DocumentError for an unknown key; the hint names the nearest known key."""
    for key in document:
        if key not in KEYS:
            hint = UNCLEAR.get(key.lower()) or did_you_mean(key, KEYS) + "attn manual keys lists all keys"
            raise DocumentError(f"{name}: unknown key {key!r}", hint=hint)


def check_start(document: Document, name: str) -> None:
    """Raise DocumentError if attention cannot start from the document; it names what is missing."""
    if "embeddings" in document and "X" in document:
        raise DocumentError(f"{name}: has both embeddings and X", hint="keep one of them")
    if set(document) & {"scores", "scaled", "softcapped", "biased", "masked", "weights"}:
        return
    if all({name, f"{name}_normed", f"{name}_rotated"} & set(document) for name in "QK"):
        return
    embedded = {"embeddings", "X"} & set(document)
    matrices = {"W_Q", "W_K", "W_V"} & set(document)
    if not embedded and not matrices:
        stages = {"Q", "K", "V"} & set(document)
        problem = (
            f"lacks {'K' if 'Q' in document else 'Q'}" if stages else "holds nothing that attention can start from"
        )
        raise DocumentError(
            f"{name}: {problem}",
            hint="give embeddings or X with W_Q, W_K, W_V; or Q and K; or scores; or weights (attn manual documents)",
        )
    if not embedded:
        raise DocumentError(f"{name}: lacks embeddings or X", hint="give each token a vector in embeddings")
    if missing := [key for key in ("W_Q", "W_K", "W_V") if key not in document and key[-1:] not in document]:
        raise DocumentError(f"{name}: lacks {missing[0]}", hint="embeddings need W_Q, W_K and W_V")
