"""Mixtures of experts and compressed keys in GGUF files, in each of the ways that files of different ages keep them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.model import open_model
from tests.parity.models.cases import TEXTS
from tests.parity.models.weights import draw, write_folder

gguf = pytest.importorskip("gguf")
from tests.models.converting import Array, convert, tensors_of, write  # noqa: E402
from tests.models.gguf.test_gguf import CASES, WIDE, folder_of, streamed  # noqa: E402


def rewritten(folder: Path, path: Path, tensors: Mapping[str, Array], more: Mapping[str, Any] | None = None) -> Path:
    """A folder's checkpoint with other tensors; those that are converted are the others'."""
    arch, keys, _ = tensors_of(folder)
    return write(path, arch, keys | dict(more or {}), tensors)


def assert_alike(folder: Path, file: Path) -> None:
    models = [open_model(str(path)) for path in (folder, file)]
    states = [[layer["residual"] for layer in streamed(model, TEXTS["long"], {"residual"})] for model in models]
    np.testing.assert_array_equal(states[1], states[0])
    logits = [model.logits(_end(model)) for model in models]
    np.testing.assert_allclose(logits[1], logits[0], rtol=0, atol=1e-5)


def _end(model: Any) -> Any:
    stream = model.stream(TEXTS["short"], [str(number) for number in TEXTS["short"]], set())
    while True:
        try:
            next(stream)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("name", ["mixtral", "qwen3-moe"])
def test_older_files_keep_each_expert_alone(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    tensors: dict[str, Array] = {}
    for key, array in tensors_of(folder)[2].items():
        if "_exps" not in key:
            tensors[key] = array
            continue
        tensors |= {key.replace("_exps", f".{number}"): np.ascontiguousarray(own) for number, own in enumerate(array)}
    assert "blk.1.ffn_down.4.weight" in tensors
    assert_alike(folder, rewritten(folder, tmp_path / "model.gguf", tensors))


@pytest.mark.parametrize("name", ["mixtral", "olmoe", "deepseek-v3"])
def test_newer_files_may_keep_gates_and_ups_in_one_stack(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    tensors = tensors_of(folder)[2]
    for gate in [key for key in tensors if "_gate_exps" in key]:
        up = tensors.pop(gate.replace("_gate_", "_up_"))
        tensors[gate.replace("_gate_", "_gate_up_")] = np.concatenate([tensors.pop(gate), up], axis=1)
    assert_alike(folder, rewritten(folder, tmp_path / "model.gguf", tensors))


def test_older_files_keep_compressed_keys_and_values_in_one_matrix(tmp_path: Path) -> None:
    folder = folder_of("deepseek-v3", tmp_path)
    tensors = tensors_of(folder)[2]
    for key in [key for key in tensors if "attn_k_b" in key]:
        k, v = tensors.pop(key), tensors.pop(key.replace("attn_k_b", "attn_v_b"))
        tensors[key.replace("attn_k_b", "attn_kv_b")] = np.concatenate([k.swapaxes(1, 2), v], 1).reshape(-1, k.shape[1])
    keys: dict[str, Any] = {"attention.head_count_kv": 6, "attention.key_length": 11, "attention.value_length": 7}
    keys |= dict.fromkeys(("attention.key_length_mla", "attention.value_length_mla"))
    more = {f"deepseek2.{key}": value for key, value in keys.items()}
    assert_alike(folder, rewritten(folder, tmp_path / "model.gguf", tensors, more))


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture wide enough for blocks of 32."""
    config = WIDE | {"model_type": "mixtral", "num_local_experts": 5, "num_experts_per_tok": 2}
    shapes = {f"self_attn.{name}_proj": [64 if name in "qo" else 32, 64] for name in "qkvo"}
    shapes |= {f"block_sparse_moe.experts.{e}.{w}": [96, 64] for e in range(5) for w in ("w1", "w3")}
    shapes |= {f"block_sparse_moe.experts.{e}.w2": [64, 96] for e in range(5)} | {"block_sparse_moe.gate": [5, 64]}
    shapes |= {"input_layernorm": [64], "post_attention_layernorm": [64]}
    shapes = {f"model.layers.0.{name}.weight": shape for name, shape in shapes.items()}
    shapes |= {"model.embed_tokens.weight": [101, 64], "model.norm.weight": [64], "lm_head.weight": [101, 64]}
    folder = tmp_path_factory.mktemp("mixture")
    write_folder(folder, replace(CASES["mixtral"], dtype="F32"), config, shapes)
    return folder


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "BF16"])
def test_of_a_quantised_stack_only_the_bytes_of_one_expert_are_read(kind: str, wide: Path, tmp_path: Path) -> None:
    dtype = gguf.GGMLQuantizationType[kind]
    model = open_model(str(convert(wide, tmp_path / "model.gguf", quantized=dtype)))
    for number in (0, 3, 4):
        name = f"model.layers.0.block_sparse_moe.experts.{number}.w2.weight"
        (piece,) = model.tensors.stored[name].pieces  # type: ignore[attr-defined]
        assert piece.size == gguf.quantize(np.zeros((64, 96), np.float32), dtype).nbytes
        expected = gguf.dequantize(gguf.quantize(draw(name, [64, 96]).astype(np.float32), dtype), dtype)
        np.testing.assert_array_equal(model.tensors.read(name, name), expected)


def test_experts_that_no_token_sees_are_not_read(wide: Path, tmp_path: Path) -> None:
    model = open_model(str(convert(wide, tmp_path / "model.gguf")))
    read: list[str] = []
    original = model.tensors.read
    model.tensors.read = lambda name, *more, **named: (read.append(name), original(name, *more, **named))[1]  # type: ignore[method-assign]
    for _ in streamed(model, [11], {"weights"}):
        pass
    assert len({name.split(".experts.")[1].split(".")[0] for name in read if ".experts." in name}) == 2


MIXTURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "routers by sigmoid": ("mixtral", {"llama.expert_gating_func": 2}, "expert_gating_func is 2"),
    "shares that are scaled": ("olmoe", {"olmoe.expert_weights_scale": 2.5}, "expert_weights_scale is 2.5"),
    "routers by another rule": ("deepseek-v3", {"deepseek2.expert_gating_func": 3}, "expert_gating_func is 3"),
    "no groups": ("deepseek-v3", {"deepseek2.expert_group_count": None}, "lacks expert_group_count"),
    "experts for nobody": ("qwen3-moe", {"qwen3moe.expert_used_count": 0}, "expert_used_count"),
}


@pytest.mark.parametrize("case", MIXTURES)
def test_a_mixture_that_is_not_understood_is_refused_by_name(case: str, tmp_path: Path) -> None:
    name, more, message = MIXTURES[case]
    with pytest.raises(DocumentError) as caught:
        open_model(str(convert(folder_of(name, tmp_path), tmp_path / "model.gguf", more=more)))
    assert message in caught.value.message


def test_pieces_that_do_not_fit_each_other_are_refused_by_name(tmp_path: Path) -> None:
    folder = folder_of("gpt-oss", tmp_path)
    tensors = tensors_of(folder)[2]
    tensors["blk.0.ffn_up_exps.weight"] = tensors["blk.0.ffn_up_exps.weight"][:, 1:]
    model = open_model(str(rewritten(folder, tmp_path / "model.gguf", tensors)))
    with pytest.raises(DocumentError, match=r"gate_up_proj of 5×7×24 and 5×6×24 does not fit"):
        list(streamed(model, [5, 17], {"weights"}))
