"""OV and QK circuits against the whole products over the vocabulary, for every way in which families differ."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from attn_cli.analysis.logits.circuits import Circuit, circuits, vocabulary
from attn_cli.analysis.logits.head_writes import writes
from attn_cli.core.norms import Norm
from attn_cli.errors import SelectionError
from attn_cli.models.explain import run_model
from attn_cli.models.model import Model, open_model
from attn_cli.models.network.plan import QKNorm
from attn_cli.models.network.weights import Weights
from attn_cli.models.output_matrix import writes_of_model
from attn_cli.trace.trace import Array
from tests.analysis.logits.small_models import CASES, request_for
from tests.analysis.logits.test_logit_attribution import Gated, with_stack

NAMES = (
    *("gpt2", "llama", "qwen2", "gemma", "gemma2", "qwen3", "gemma3", "olmo2", "granite", "bloom", "gpt_neox"),
    *("stablelm-12b", "cohere-qk-norm", "phi-qk-norm", "gpt_bigcode-many", "falcon-40b", "exaone4"),
)
"""Grouped heads, norms around 0, norms after attention, of embeddings, and of queries and keys: per head, each, all."""


@pytest.mark.parametrize("name", NAMES)
def test_circuits_are_the_eigenvalues_of_the_products_over_the_vocabulary(name: str, tmp_path: Path) -> None:
    request_for(CASES[name], tmp_path / name)
    model = open_model(str(tmp_path / name))
    for number in range(len(model.architecture.stacks[0].layers)):
        expected = whole_products(model, number)
        given = circuits_of(model, number)
        for circuit, (copying, matching) in zip(given, expected, strict=True):
            assert circuit.missing == ""
            np.testing.assert_allclose([circuit.copying, circuit.matching], [copying, matching], atol=1e-6)
        assert len({round(copying, 4) for copying, _ in expected}) > 1  # heads differ, so a mix-up would show


def circuits_of(model: Model, number: int) -> list[Circuit]:
    return circuits(model, vocabulary(model), model.architecture.stacks[-1], number)


def whole_products(model: Model, number: int) -> list[tuple[float, float]]:
    """Σ Re λ / Σ |λ| of W_E · W_V · W_O · W_U and of W_E · W_Q · W_Kᵀ · W_Eᵀ, token by token."""
    (stack,) = model.architecture.stacks
    plan, weights, outside = stack.layers[number], model.weights_of(stack, number), model.weights_of(stack)
    width = len(weights.matrix("q")[0])
    read = outside.matrix("embed").astype(np.float64) @ linear(stack.embed_norm, outside, "embed_norm", width)
    read = read @ linear(plan.norm if "before_attention" in plan.norms else None, weights, "before_attention", width)
    write = linear(plan.norm if "after_attention" in plan.norms else None, weights, "after_attention", width)
    write = write @ linear(stack.final_norm, outside, "final_norm", width) @ model.unembedding_matrix().T
    q, k, v, o = (weights.matrix(name).T.astype(np.float64) for name in "qkvo")  # (in, out)
    group = plan.heads // plan.kv_heads
    products = []
    for head in range(plan.heads):
        shared = head // group
        value = read @ v[:, shared * plan.d_v : (shared + 1) * plan.d_v]
        copying = value @ o[head * plan.d_v : (head + 1) * plan.d_v] @ write
        query = normed(read @ q, plan.qk_norm, weights, "q_norm", head, plan.d_k)
        key = normed(read @ k, plan.qk_norm, weights, "k_norm", shared, plan.d_k)
        products.append((share(copying), share(query @ key.T)))
    return products


def linear(norm: Norm | None, weights: Weights, name: str, width: int) -> Array:
    """The norm as a matrix (in, out) that it is at one vector, but for what it divides by."""
    if norm is None:
        return np.eye(width)
    return norm.frozen_at(np.linspace(-1, 2, width), weights.find(name))(np.eye(width))


def normed(made: Array, qk_norm: QKNorm | None, weights: Weights, name: str, head: int, d_k: int) -> Array:
    """One head's columns of queries or keys (token, head · feature), under the norm of queries and keys."""
    rows = slice(head * d_k, (head + 1) * d_k)
    if qk_norm is None:
        return made[:, rows]
    if qk_norm.over == "all":
        return (made @ linear(qk_norm.norm, weights, name, made.shape[1]))[:, rows]
    own = weights.expert(head) if qk_norm.over == "each" else weights
    return made[:, rows] @ linear(qk_norm.norm, own, name, d_k)


def share(matrix: Array) -> float:
    values = np.linalg.eigvals(matrix)
    return float(values.real.sum() / abs(values).sum())


def test_the_weights_of_query_and_key_norms_change_what_heads_match(tmp_path: Path) -> None:
    request_for(CASES["qwen3"], tmp_path / "qwen3")
    before = circuits_of(open_model(str(tmp_path / "qwen3")), 0)
    path = tmp_path / "qwen3" / "model.safetensors"
    flip_signs(path, "q_norm")
    after = circuits_of(open_model(str(tmp_path / "qwen3")), 0)
    assert [circuit.copying for circuit in after] == [circuit.copying for circuit in before]
    assert all(abs(a.matching - b.matching) > 1e-3 for a, b in zip(after, before, strict=True))  # type: ignore[operator]


def flip_signs(path: Path, name: str) -> None:
    """Multiply the tensors of that name by ±3, feature by feature."""
    tensors = load_file(path)
    for key, tensor in tensors.items():
        if name in key:
            tensors[key] = tensor * np.where(np.arange(len(tensor)) % 2, -3, 3).astype(tensor.dtype)
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("deepseek-v3", "keys and values from a compressed vector"), ("mpt-clipped", "bounds on Q, K and V")],
)
def test_circuits_that_are_not_linear_maps_of_the_stream_are_undefined_and_say_why(
    name: str, reason: str, tmp_path: Path
) -> None:
    written = writes(request_for(CASES[name], tmp_path / name))
    assert {(head.circuit.copying, head.circuit.matching, head.circuit.missing) for head in written.heads} == {
        (None, None, f"the layer has {reason}")
    }


def test_a_norm_after_rotation_leaves_the_qk_circuit_undefined(tmp_path: Path) -> None:
    request_for(CASES["qwen3"], tmp_path / "qwen3")
    model = open_model(str(tmp_path / "qwen3"))
    (stack,) = model.architecture.stacks
    late = QKNorm(stack.layers[0].norm, after_rotation=True)
    changed = with_stack(model, layers=tuple(replace(plan, qk_norm=late) for plan in stack.layers))
    for before, circuit in zip(circuits_of(model, 0), circuits_of(changed, 0), strict=True):
        assert (circuit.copying, circuit.matching) == (before.copying, None)
        assert "after their rotation" in circuit.missing


def test_a_layer_that_does_more_than_is_known_has_no_circuits(tmp_path: Path) -> None:
    request_for(CASES["llama"], tmp_path / "llama")
    model = open_model(str(tmp_path / "llama"))
    (stack,) = model.architecture.stacks
    changed = with_stack(model, layers=tuple(Gated(**vars(plan), output_gate=True) for plan in stack.layers))
    assert {circuit.missing for circuit in circuits_of(changed, 0)} == {"the layer has output gate"}
    with pytest.raises(SelectionError, match=r"layers\.0, which has output gate"):
        writes_of_model(changed)(run_model(request_for(CASES["llama"], tmp_path / "llama"))[0])
