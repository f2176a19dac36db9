"""The OV and QK circuits of a head: its matrices from vocabulary to vocabulary, without any text."""

from dataclasses import dataclass

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.models.model import Model
from attn_cli.models.network.plan import LayerPlan, QKNorm, StackPlan
from attn_cli.models.network.slots import unknown_slot
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array

MOST = 5e11
"""The most multiplications that the two products over the vocabulary may take."""
KNOWN = frozenset(
    (
        *("heads", "kv_heads", "d_k", "d_v", "norm", "norms", "mlp", "parallel", "residual_scale", "cross"),
        *("rotary", "query_scaling", "mask", "scale", "softcap", "temperature", "slopes", "alibi", "relative"),
        *("sinks", "qk_norm"),
    )
)
"""The slots of a plan that are folded in, or that the circuits leave out: positions, and what scales or hides."""


@dataclass(frozen=True, eq=False)
class VocabularyProducts:
    """W_Uᵀ · W_E and W_Eᵀ · W_E (d_model, d_model), shared by all circuits; the outer norms are folded in."""

    through: Array
    among: Array


@dataclass(frozen=True)
class Circuit:
    """Σ Re λ / Σ |λ| over the eigenvalues (−1 to 1): 1 where every token raises itself (Elhage et al. 2021).

    `copying` is of W_E · W_V · W_O · W_U: a head that copies what it reads. `matching` is of W_E · W_Q · W_Kᵀ · W_Eᵀ:
    a head that attends to the same token. The linear part of each norm, its weights and its centering, is folded in;
    its division, biases and positions are left out. `missing` says why a number is None.
    """

    copying: float | None
    matching: float | None
    missing: str = ""


def vocabulary(model: Model) -> VocabularyProducts | str:
    """The products over all tokens, or the reason why there are none."""
    stack = model.architecture.stacks[-1]
    weights = model.weights_of(stack)
    embed, unembed = weights.matrix("embed"), model.unembedding_matrix()
    if weights.find("project_in") is not None or embed.shape != unembed.shape:
        return "the embeddings and the unembedding differ in width"
    if float(embed.size) * embed.shape[1] > MOST:
        return f"the products over {len(embed):,} tokens would take too long"
    through = (unembed.T @ embed).astype(np.float64)
    through = _reading(stack.final_norm, weights.find("final_norm"), through.T).T
    among = (embed.T @ embed).astype(np.float64)
    norm, weight = stack.embed_norm, weights.find("embed_norm")
    return VocabularyProducts(_folded(norm, weight, through.T).T, _folded(norm, weight, _folded(norm, weight, among).T))


def circuits(model: Model, products: VocabularyProducts | str, stack: StackPlan, number: int) -> list[Circuit]:
    """The circuits of each head of a self-attention layer of the last stack."""
    plan, weights = stack.layers[number], model.weights_of(stack, number)
    if (missing := _missing(plan, weights, products)) is not None:
        return [Circuit(None, None, missing)] * plan.heads
    assert not isinstance(products, str)
    before = plan.norm if "before_attention" in plan.norms else None
    after = plan.norm if "after_attention" in plan.norms else None
    gain = weights.find("before_attention") if before else None
    through = _folded(before, gain, products.through.T).T
    among = _folded(before, gain, _folded(before, gain, products.among).T)
    q, k, v, o = (weights.matrix(name).astype(np.float64) for name in "qkvo")
    # A norm of the output acts on W_O's result, and `through` begins with that: o is (out, in).
    o = _folded(after, weights.find("after_attention") if after else None, o)
    split = plan.qk_norm is not None and plan.qk_norm.after_rotation and plan.rotary is not None
    split = split and _weighted(plan.qk_norm, weights)
    reason = "QK: the norm of queries and keys comes after their rotation, so it cannot be folded in" if split else ""
    return [
        _circuit(plan, head, _norms(plan, weights, head, (q, k, v, o)), through, among, reason)
        for head in range(plan.heads)
    ]


def _missing(plan: LayerPlan, weights: Weights, products: VocabularyProducts | str) -> str | None:
    """The reason why a layer has no circuits; None if it has."""
    if isinstance(products, str):
        return products
    if (slot := unknown_slot(plan, KNOWN)) is not None:
        return f"the layer has {slot}"
    lacking = [name for name in "qkvo" if weights.find(name) is None]
    return f"the layer has no matrix of its own for {', '.join(lacking)}" if lacking else None


def _norms(
    plan: LayerPlan, weights: Weights, head: int, matrices: tuple[Array, Array, Array, Array]
) -> tuple[Array, Array, Array, Array]:
    """One head's q, k, v (feature, d_model) and o (d_model, feature), the norm of queries and keys folded in."""
    q, k, v, o = matrices
    shared = head * plan.kv_heads // plan.heads
    head_q, head_k = q[_rows(head, plan.d_k)], k[_rows(shared, plan.d_k)]
    if plan.qk_norm is not None:
        head_q = _qk_normed(plan.qk_norm, weights, "q_norm", head, plan.d_k, head_q, q)
        head_k = _qk_normed(plan.qk_norm, weights, "k_norm", shared, plan.d_k, head_k, k)
    return head_q, head_k, v[_rows(shared, plan.d_v)], o[:, _rows(head, plan.d_v)]


def _qk_normed(qk_norm: QKNorm, weights: Weights, name: str, head: int, width: int, own: Array, whole: Array) -> Array:
    """A head's rows of W_Q or W_K under the linear part of the norm: per head, or over all heads together."""
    if qk_norm.over == "head":
        return _folded(qk_norm.norm, weights.find(name), own)
    if qk_norm.over == "each":
        return _folded(qk_norm.norm, weights.expert(head).find(name), own)
    return _folded(qk_norm.norm, weights.find(name), whole)[_rows(head, width)]


def _weighted(qk_norm: QKNorm | None, weights: Weights) -> bool:
    """Whether the norm of queries and keys does more than divide."""
    assert qk_norm is not None
    return qk_norm.norm.kind == "layer" or qk_norm.over == "each" or weights.find("q_norm") is not None


def _circuit(
    plan: LayerPlan,
    head: int,
    matrices: tuple[Array, Array, Array, Array],
    through: Array,
    among: Array,
    reason: str,
) -> Circuit:
    q, k, v, o = matrices
    # A · B and B · A have the same eigenvalues but for zeros, so a matrix as wide as the head is enough.
    copying, matching = _share(o.T @ through @ v.T), None if reason else _share(k @ among @ q.T)
    zero = [name for name, share in (("OV", copying), ("QK", matching)) if share is None]
    return Circuit(copying, matching, reason or (f"the {' and the '.join(zero)} circuit is zero" if zero else ""))


def _rows(head: int, width: int) -> slice:
    return slice(head * width, (head + 1) * width)


def _share(matrix: Array) -> float | None:
    values = np.linalg.eigvals(matrix)
    total = float(abs(values).sum())
    return float(values.real.sum()) / total if total > 1e-9 else None


def _folded(norm: Norm | None, weight: Array | None, matrix: Array) -> Array:
    """The linear part of a norm applied to the columns of a matrix (feature, …): centering, then its weights."""
    if norm is None:
        return matrix
    centered = matrix - matrix.mean(axis=0) if norm.kind == "layer" else matrix
    return centered * _gain(norm, weight)[:, np.newaxis]


def _reading(norm: Norm | None, weight: Array | None, matrix: Array) -> Array:
    """A matrix (…, feature) that reads normed vectors, as one that reads them before the norm."""
    if norm is None:
        return matrix
    scaled = matrix * _gain(norm, weight)
    return scaled - scaled.mean(axis=-1, keepdims=True) if norm.kind == "layer" else scaled


def _gain(norm: Norm, weight: Array | None) -> Array:
    return np.ones(1) if weight is None else weight.astype(np.float64) + norm.plus_one
