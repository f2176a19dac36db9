"""MLX's packed weights, against plain loops over bits in float64."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import Config
from attn_cli.models.files.mlx import unpacked
from attn_cli.models.files.opening import open_folder
from attn_cli.models.model import open_model

CASE = Path(__file__).parents[1] / "cases" / "mlx-old"
IDS = [3, 17, 9, 25, 11]


def number(words: list[int], place: int, bits: int) -> int:
    """The number at a place in a row of words of 32 bits, bit by bit, the lowest first."""
    total = 0
    for bit in range(bits):
        at = place * bits + bit
        total += ((words[at // 32] >> (at % 32)) & 1) << bit
    return total


def widened(stored: dict[str, np.ndarray], bits: int, group: int) -> dict[str, np.ndarray]:
    """Every tensor in float64: number · scale + bias."""
    plain: dict[str, np.ndarray] = {}
    for name, array in stored.items():
        module, _, kind = name.rpartition(".")
        if kind in ("scales", "biases"):
            continue
        if array.dtype != np.uint32:
            plain[name] = array.astype(np.float64)
            continue
        scales, biases = (stored[f"{module}.{part}"].astype(np.float64) for part in ("scales", "biases"))
        width = array.shape[1] * 32 // bits
        matrix = np.zeros((len(array), width))
        for row, words in enumerate(array.tolist()):
            for place in range(width):
                part = place // group
                matrix[row, place] = number(words, place, bits) * scales[row, part] + biases[row, part]
        plain[name] = matrix
    return plain


def pack(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Rows of numbers as rows of words of 32 bits, the lowest bits first."""
    rows = []
    for row in numbers.tolist():
        whole = sum(value << (place * bits) for place, value in enumerate(row))
        rows.append([(whole >> (32 * word)) & 0xFFFFFFFF for word in range(len(row) * bits // 32)])
    return np.array(rows, np.uint32)


def test_every_tensor_of_a_folder_is_what_its_bits_say() -> None:
    truth = widened(load_file(CASE / "model.safetensors"), 4, 64)
    tensors = open_model(str(CASE)).tensors
    assert set(tensors.tensors) == set(truth)
    for name, expected in truth.items():
        assert tensors.tensors[name].shape == expected.shape
        np.testing.assert_allclose(tensors.read(name, name), expected, rtol=1e-6, atol=1e-7, err_msg=name)
        rows = np.array([len(expected) - 1, 0, 0])
        np.testing.assert_allclose(tensors.read(name, name, rows=rows), expected[rows], rtol=1e-6, atol=1e-7)


def test_the_attention_is_that_of_the_widened_folder(tmp_path: Path) -> None:
    truth = widened(load_file(CASE / "model.safetensors"), 4, 64)
    save_file({name: array.astype(np.float32) for name, array in truth.items()}, tmp_path / "model.safetensors")
    config = json.loads((CASE / "config.json").read_text())
    del config["quantization"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = [next(open_model(str(folder)).stream(IDS, [*"abcde"], ("weights",))) for folder in (CASE, tmp_path)]
    np.testing.assert_allclose(found[0]["weights"], found[1]["weights"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_numbers_of_any_width_are_unpacked(bits: int) -> None:
    numbers = np.random.default_rng(bits).integers(0, 2**bits, (3, 64))
    words = pack(numbers, bits)
    assert [[number(row, place, bits) for place in range(64)] for row in words.tolist()] == numbers.tolist()
    np.testing.assert_array_equal(unpacked(words, bits), numbers)


def quantized(folder: Path, said: dict[str, Any], packing: dict[str, tuple[int, int]]) -> Path:
    """A folder with the case's shapes, random numbers, and a packing for each module (bits, group)."""
    draw = np.random.default_rng(5)
    stored: dict[str, np.ndarray] = {}
    for name, array in widened(load_file(CASE / "model.safetensors"), 4, 64).items():
        module = name.removesuffix(".weight")
        bits, group = packing.get(module, packing[""])
        if array.ndim < 2:
            stored[name] = array.astype(np.float16)
            continue
        stored[name] = pack(draw.integers(0, 2**bits, array.shape), bits)
        for kind, size in (("scales", 0.05), ("biases", 0.2)):
            parts = (len(array), array.shape[1] // group)
            stored[f"{module}.{kind}"] = (size * draw.standard_normal(parts)).astype(np.float16)
    save_file(stored, folder / "model.safetensors")
    config = json.loads((CASE / "config.json").read_text()) | {"quantization": said}
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": said}))
    return folder


def test_modules_may_be_packed_each_its_own_way(tmp_path: Path) -> None:
    odd = "model.layers.0.mlp.down_proj"
    said = {"group_size": 32, "bits": 8, odd: {"group_size": 64, "bits": 6}, "model.embed_tokens": True}
    folder = quantized(tmp_path, said, {"": (8, 32), odd: (6, 64)})
    tensors, stored = open_model(str(folder)).tensors, load_file(folder / "model.safetensors")
    for module, bits, group in ((odd, 6, 64), ("model.layers.0.self_attn.q_proj", 8, 32)):
        only = {name: array for name, array in stored.items() if name.startswith(module)}
        expected = widened(only, bits, group)[f"{module}.weight"]
        np.testing.assert_allclose(tensors.read(f"{module}.weight", "x"), expected, rtol=1e-5, atol=1e-6)


WRONG = {
    "another mode": ({"group_size": 32, "bits": 4, "mode": "mxfp4"}, "in the mode 'mxfp4'"),
    "bits that nobody packs": ({"group_size": 64, "bits": 7}, "7 bits in groups of 64"),
    "bits that are not a number": ({"group_size": 64, "bits": [4]}, "bits in groups of 64"),
    "other bits than those of the weights": ({"group_size": 64, "bits": 8}, "does not fit 8 bits in groups of 64"),
    "other groups than those of the weights": ({"group_size": 32, "bits": 4}, "does not fit 4 bits in groups of 32"),
    "no object": ("4 bits", "expected an object"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_the_weights_contradict_is_refused(what: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CASE, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    said, message = WRONG[what]
    (folder / "config.json").write_text(json.dumps(config | {"quantization": said}))
    with pytest.raises(DocumentError) as caught:
        open_model(str(folder))
    assert message in caught.value.message


def test_a_packed_weight_without_its_scales_is_refused(tmp_path: Path) -> None:
    stored = load_file(CASE / "model.safetensors")
    del stored["model.layers.0.self_attn.q_proj.scales"]
    save_file(stored, tmp_path / "model.safetensors")
    with pytest.raises(DocumentError, match="q_proj is packed, and lacks its scales or biases"):
        open_folder(str(tmp_path), Config(json.loads((CASE / "config.json").read_text()), "config.json"))


def test_other_quantizations_are_refused_by_name() -> None:
    for values, name in (
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq"),
        ({"quantization_config": {"bits": 4}}, "an unnamed method"),
        ({"quantization_config": {"quant_method": "awq"}, "quantization": {"bits": 4}}, "awq"),
    ):
        with pytest.raises(DocumentError, match=f"quantized by {name}"):
            Config(values, "config.json").refuse_quantized()
