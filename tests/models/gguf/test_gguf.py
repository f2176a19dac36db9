"""GGUF files against the folders that they were made from."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.cli.boundary import run
from attn_cli.errors import AttnError, DocumentError
from attn_cli.models.describe import describe
from attn_cli.models.hub import resolved
from attn_cli.models.model import Model, open_model
from attn_cli.trace.trace import Layer
from tests.parity.models.cases import TEXTS, cases
from tests.parity.models.weights import write_folder

gguf = pytest.importorskip("gguf")
from tests.models.converting import add, convert, written  # noqa: E402

FIGURES = Path(__file__).parents[2] / "parity" / "models" / "figures"
CASES = {case.name: case for case in cases()}
SAME = (
    "llama", "llama-wide-heads", "llama-tied", "llama-linear", "llama-yarn", "llama-3.1", "mistral", "mistral-wide",
    "qwen2", "qwen3", "gpt2", "gemma", "gemma2", "gemma3", "phi3", "phi3-window", "phi3-longrope", "starcoder2",
    "starcoder2-window", "bert", "mixtral", "mixtral-window", "qwen2-moe", "qwen3-moe", "olmo", "olmo2", "olmo3",
    "olmoe", "gpt-oss", "granite", "smollm3-listed", "glm4", "deepseek-v2", "deepseek-v2-lite", "deepseek-v3",
    "deepseek-v3-whole", "cohere", "cohere-qk-norm", "cohere2", "phi", "gpt_neox", "gpt_neox-serial", "bloom",
    "arcee", "seed-oss",
)  # fmt: skip
OWN = {
    "deepseek-v2-lite": {"n_group": 1, "topk_group": 1},
    "deepseek-v3-whole": {"rope_interleave": True},
    "gpt-oss": {"swiglu_limit": 7.0},
    "qwen2-moe": {"num_hidden_layers": 1, "layer_types": ["full_attention"], "mlp_only_layers": []},
    "smollm3-listed": {"no_rope_layers": [1, 1]},
}
"""What a GGUF file cannot say and llama.cpp takes to be one way, by the case that has it another way."""
MORE = {
    "gemma3": {"gemma3.attention.sliding_window_pattern": 2},
    "cohere2": {"cohere2.attention.sliding_window_pattern": 3},
}
WIDE = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 1,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-6,
    "vocab_size": 101,
}
"""Wide enough for blocks of 32."""


def folder_of(name: str, place: Path) -> Path:
    """A case's folder in float32, with what a GGUF file cannot say as llama.cpp takes it to be."""
    with np.load(FIGURES / f"{name}.npz") as stored:
        said = json.loads(str(stored["case"]))
    config = said["config"]
    if "query_pre_attn_scalar" in config:
        config["query_pre_attn_scalar"] = config["head_dim"]
    if "mscale" in config.get("rope_parameters", {}):
        config["rope_parameters"]["mscale"] = config["rope_parameters"]["mscale_all_dim"]
    config |= OWN.get(name, {})
    layers = config.get("num_hidden_layers", 99)
    shapes = {name: shape for name, shape in said["shapes"].items() if _layer(name) < layers}
    write_folder(place / name, replace(CASES[name], dtype="F32", shards=1), config, shapes)
    return place / name


def _layer(name: str) -> int:
    return next((int(part) for part in name.split(".") if part.isdigit()), 0)


def wide_folder(place: Path) -> Path:
    width, narrow, inner = (64, 32, 96)
    parts = {
        "self_attn.q_proj": [width, width],
        "self_attn.k_proj": [narrow, width],
        "self_attn.v_proj": [narrow, width],
    }
    parts |= {"self_attn.o_proj": [width, width], "mlp.gate_proj": [inner, width], "mlp.up_proj": [inner, width]}
    parts |= {"mlp.down_proj": [width, inner], "input_layernorm": [width], "post_attention_layernorm": [width]}
    shapes = {f"model.layers.0.{name}.weight": shape for name, shape in parts.items()}
    shapes |= {"model.embed_tokens.weight": [101, width], "model.norm.weight": [width], "lm_head.weight": [101, width]}
    write_folder(place / "wide", replace(CASES["llama"], dtype="F32"), WIDE, shapes)
    return place / "wide"


def streamed(model: Model, ids: list[int], keep: set[str]) -> Iterator[Layer]:
    return model.stream(ids, [str(number) for number in ids], keep)


@pytest.mark.parametrize("name", SAME)
def test_every_stage_is_that_of_the_folder_to_the_bit(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    file = convert(folder, tmp_path / "model.gguf", more=MORE.get(name))
    keep = {"residual", "Q", "K", "V", "Q_rotated", "K_rotated", "weights", "output"}
    models = [open_model(str(path)) for path in (folder, file)]
    for one, other in zip(*(streamed(model, TEXTS["long"], keep) for model in models), strict=True):
        assert [stage.name for stage in one.stages] == [stage.name for stage in other.stages]
        for stage in one.stages:
            # The divisors of Llama 3.1 are rounded once more in the file.
            np.testing.assert_allclose(other[stage.name], stage.array, rtol=0, atol=2e-6 if name == "llama-3.1" else 0)
    for text in ("short", "one"):
        ids = TEXTS[text]
        logits = []
        for model in models:
            stream = model.stream(ids, [str(number) for number in ids], set())
            state = _last(stream)
            logits.append(state if model.architecture.unembedding is None else model.logits(state))
        np.testing.assert_allclose(logits[1], logits[0], rtol=0, atol=1e-5)


def _last(stream: Any) -> Any:
    while True:
        try:
            next(stream)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(("kind", "near"), [("F16", 1e-2), ("BF16", 5e-2), ("Q8_0", 5e-2), ("Q4_0", 1.0)])
def test_quantized_weights_are_near_those_of_the_folder(kind: str, near: float, tmp_path: Path) -> None:
    folder = wide_folder(tmp_path)
    file = convert(folder, tmp_path / "model.gguf", quantized=gguf.GGMLQuantizationType[kind])
    one, other = (next(streamed(open_model(str(path)), TEXTS["short"], {"weights", "Q"})) for path in (folder, file))
    np.testing.assert_allclose(other["weights"], one["weights"], atol=near)
    assert np.abs(other["weights"] - one["weights"]).max() > 0
    assert describe(str(file)).dtypes == tuple(sorted({"F32", kind}))


@pytest.mark.parametrize("kind", ["Q4_K", "Q6_K", "Q5_0", "IQ4_XS", "Q2_K"])
def test_blocks_of_every_kind_are_dequantised_whole_and_by_rows(kind: str, tmp_path: Path) -> None:
    dtype = gguf.GGMLQuantizationType[kind]
    block, size = gguf.GGML_QUANT_SIZES[dtype]
    raw = np.random.default_rng(5).integers(0, 60, (7, 256 // block * size), dtype=np.uint8)
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(raw, dtype)
    writer = gguf.GGUFWriter(str(tmp_path / "model.gguf"), "llama")
    keys = {"block_count": 1, "embedding_length": 256, "attention.head_count": 2}
    for key, value in {**keys, "attention.layer_norm_rms_epsilon": 1e-5}.items():
        add(writer, f"llama.{key}", value)
    writer.add_tensor("token_embd.weight", raw, raw_dtype=dtype)
    model = open_model(str(written(writer, tmp_path / "model.gguf")))
    name = "model.embed_tokens.weight"
    assert model.embedding_shape == (7, 256)
    np.testing.assert_array_equal(model.tensors.read(name, name), expected)
    np.testing.assert_array_equal(model.tensors.read(name, name, rows=np.array([6, 0, 0])), expected[[6, 0, 0]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of("llama", tmp_path_factory.mktemp("folder"))


KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "another architecture": ({"general.architecture": "mamba"}, "'mamba' is not one that attn reads"),
    "a key that nobody knows": ({"llama.attention.twist": 3}, "attention.twist is not understood"),
    "experts": ({"llama.expert_count": 8}, "lacks expert_used_count"),
    "no heads": ({"llama.attention.head_count": None}, "llama.attention.head_count"),
    "no epsilon": ({"llama.attention.layer_norm_rms_epsilon": None}, "lacks llama.attention.layer_norm_rms_epsilon"),
    "a word for heads": ({"llama.attention.head_count": "six"}, "llama.attention.head_count"),
    "heads by layer": ({"llama.attention.head_count_kv": [3, 2]}, "differs between layers"),
    "values of a width of their own": ({"llama.attention.value_length": 5}, "value_length is 5"),
    "half a head turned": ({"llama.rope.dimension_count": 2}, "rope.dimension_count is 2"),
    "not causal": ({"llama.attention.causal": False}, "attention.causal is False"),
    "a scaling that nobody knows": ({"llama.rope.scaling.type": "ntk"}, "rope.scaling.type is 'ntk with no factors'"),
    "longrope without its factors": ({"llama.rope.scaling.type": "longrope"}, "rope.scaling.type is 'longrope"),
    "a yarn of llama.cpp's own": (
        {"llama.rope.scaling.yarn_ext_factor": 0.5},
        "rope.scaling.yarn_ext_factor is not understood",
    ),
    "a part of a model": ({"split.count": 3}, "one of 3 shards"),
    "more layers than tensors": ({"llama.block_count": 4_000_000_000}, "says 4000000000 layers, and holds"),
    "an adapter": ({"general.type": "adapter"}, "holds no model"),
}


@pytest.mark.parametrize("case", KEYS)
def test_what_is_not_understood_is_refused_by_name(case: str, folder: Path, tmp_path: Path) -> None:
    more, message = KEYS[case]
    with pytest.raises(DocumentError) as caught:
        open_model(str(convert(folder, tmp_path / "model.gguf", more=more)))
    assert message in caught.value.message
    assert "model.gguf" in caught.value.message
    assert caught.value.hint


def test_tensors_that_lack_or_that_nobody_knows_are_named(folder: Path, tmp_path: Path) -> None:
    lacking = convert(folder, tmp_path / "lacking.gguf", drop="token_embd.weight")
    with pytest.raises(DocumentError, match=r"lacks model\.embed_tokens\.weight"):
        open_model(str(lacking))
    deeper = convert(folder, tmp_path / "deeper.gguf", more={"llama.block_count": 1})
    with pytest.raises(DocumentError, match=r"blk\.1\.\S+ is not understood"):
        open_model(str(deeper))
    writer = gguf.GGUFWriter(str(tmp_path / "whole.gguf"), "llama")
    writer.add_tensor("token_embd.weight", np.ones((3, 4), np.int32))
    with pytest.raises(DocumentError, match=r"token_embd\.weight is stored as I32"):
        open_model(str(written(writer, tmp_path / "whole.gguf")))


def test_a_file_that_breaks_off_anywhere_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = convert(folder, tmp_path / "whole.gguf", more={"tokenizer.ggml.tokens": ["a", "b"]}).read_bytes()
    for size in [*range(0, 4000, 37), len(whole) // 2, len(whole) - 1]:
        path = tmp_path / f"{size}.gguf"
        path.write_bytes(whole[:size])
        with pytest.raises(DocumentError, match=r"breaks off|is not a GGUF file|version") as caught:
            open_model(str(path))
        assert "\n" not in caught.value.message


def test_a_file_with_a_changed_byte_never_gives_a_traceback(folder: Path, tmp_path: Path) -> None:
    whole = convert(folder, tmp_path / "whole.gguf").read_bytes()
    random = np.random.default_rng(3)
    for number in range(300):
        changed = bytearray(whole)
        changed[int(random.integers(4, 2500))] = int(random.integers(256))
        path = tmp_path / f"{number % 7}-{number}.gguf"
        path.write_bytes(changed)
        with suppress(AttnError):
            next(streamed(open_model(str(path)), [5, 17], {"weights"}))


FOREIGN = {
    "text": b"once upon a time, there was a model",
    "nothing": b"",
    "another version": b"GGUF\x01\0\0\0" + b"\0" * 40,
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_file_is_said_in_two_lines(
    case: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "model.gguf").write_bytes(FOREIGN[case])
    for command in (
        ["heatmap", "-m", str(tmp_path / "model.gguf"), "the cat"],
        ["model", str(tmp_path / "model.gguf")],
    ):
        code = run(command)
        output = capsysbinary.readouterr()
        assert (code, output.out, len(output.err.splitlines())) == (1, b"", 2)
        assert b"GGUF" in output.err


def test_a_file_that_is_not_there_is_never_looked_for_on_the_hub() -> None:
    with pytest.raises(DocumentError, match="no such file"):
        resolved("llama.gguf")


def test_without_the_package_its_command_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = convert(folder, tmp_path / "model.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(AttnError) as caught:
        open_model(str(path))
    assert "pip install -e '.[gguf]' brings it" in caught.value.hint


def test_a_file_is_described_as_its_folder_is(folder: Path, tmp_path: Path) -> None:
    file = str(convert(folder, tmp_path / "model.gguf"))
    assert describe(file) == replace(describe(str(folder)), folder=file)
