"""The OV and QK circuits of a head: its matrices from vocabulary to vocabulary, without any text."""

from dataclasses import dataclass

import numpy as np

from attn_cli.models.model import Model
from attn_cli.models.network.arithmetic import Norm
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.trace.trace import Array

MOST = 5e11
"""The most multiplications that the two products over the vocabulary may take."""


@dataclass(frozen=True, eq=False)
class VocabularyProducts:
    """W_Uᵀ · W_E and W_Eᵀ · W_E (d_model, d_model), shared by all circuits; the final norm's weights are folded in."""

    through: Array
    among: Array


@dataclass(frozen=True)
class Circuit:
    """Σ Re λ / Σ |λ| over the eigenvalues (−1 to 1): 1 where every token raises itself (Elhage et al. 2021).

    `copying` is of W_E · W_V · W_O · W_U: a head that copies what it reads. `matching` is of W_E · W_Q · W_Kᵀ · W_Eᵀ:
    a head that looks for the word it stands on. The norms' weights are folded in; what they centre and divide, biases
    and rotation are left out.
    """

    copying: float | None
    matching: float | None


NONE = Circuit(None, None)


def vocabulary(model: Model) -> VocabularyProducts | None:
    """The products over all tokens, None if they would take too long."""
    stack = model.architecture.stacks[-1]
    weights = model.weights_of(stack)
    embed, unembed = weights.matrix("embed"), model.unembedding_matrix()
    if embed.shape != unembed.shape or float(embed.size) * embed.shape[1] > MOST:
        return None
    through = _gained(stack.final_norm, weights.find("final_norm"), (unembed.T @ embed).astype(np.float64))
    return VocabularyProducts(through, (embed.T @ embed).astype(np.float64))


def circuits(model: Model, vocabulary: VocabularyProducts | None, stack: StackPlan, number: int) -> list[Circuit]:
    """The circuits of each head of a self-attention layer of the last stack."""
    plan, weights = stack.layers[number], model.weights_of(stack, number)
    if vocabulary is None or plan.projecting is not None or any(weights.find(name) is None for name in "qkvo"):
        return [NONE] * plan.heads
    norm = plan.norm if "before_attention" in plan.norms else None
    gain = weights.find("before_attention") if norm else None
    through = _gained(norm, gain, vocabulary.through.T).T
    among = _gained(norm, gain, _gained(norm, gain, vocabulary.among).T)
    q, k, v, o = (weights.matrix(name).astype(np.float64) for name in "qkvo")
    return [_circuit(plan, head, (q, k, v, o), through, among) for head in range(plan.heads)]


def _circuit(
    plan: LayerPlan, head: int, matrices: tuple[Array, Array, Array, Array], through: Array, among: Array
) -> Circuit:
    q, k, v, o = matrices
    shared = head * plan.kv_heads // plan.heads
    head_q, head_k = q[_rows(head, plan.d_k)], k[_rows(shared, plan.d_k)]
    head_v, head_o = v[_rows(shared, plan.d_v)], o[:, _rows(head, plan.d_v)]
    # A · B and B · A have the same eigenvalues but for zeros, so a matrix as wide as the head is enough.
    return Circuit(_share(head_o.T @ through @ head_v.T), _share(head_k @ among @ head_q.T))


def _rows(head: int, width: int) -> slice:
    return slice(head * width, (head + 1) * width)


def _share(matrix: Array) -> float | None:
    values = np.linalg.eigvals(matrix)
    total = float(abs(values).sum())
    return float(values.real.sum()) / total if total > 1e-9 else None


def _gained(norm: Norm | None, weight: Array | None, matrix: Array) -> Array:
    """A matrix (d_model, …) whose rows are multiplied by the norm's weights."""
    if norm is None or weight is None:
        return matrix
    return matrix * (weight.astype(np.float64) + norm.plus_one)[:, np.newaxis]
