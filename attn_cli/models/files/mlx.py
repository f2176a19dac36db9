"""Read checkpoints quantized by MLX: integers of a few bits, times a scale, plus a bias, per group."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import Config
from attn_cli.models.files.tensor import Tensor, check_finite, check_rows, is_run, read_bytes, read_rows
from attn_cli.models.files.tensors import Tensors
from attn_cli.trace.trace import Array

BITS, SIZES = (2, 3, 4, 5, 6, 8), (16, 32, 64, 128)
CONVERT = "use a copy of the checkpoint in bfloat16 or float32, or a GGUF file"


class Packing(NamedTuple):
    """The packing of a matrix: bits per number, and consecutive numbers in a row that share a scale and a bias."""

    bits: int
    group: int


class Quantized(NamedTuple):
    """A packed matrix (row, word) with the scales and biases of its groups (row, group)."""

    packed: Tensor
    scales: Tensor
    biases: Tensor
    packing: Packing


class MlxTensors(Tensors):
    """Tensors, some of them quantized; each read gives float32."""

    def __init__(self, tensors: Mapping[str, Tensor], quantized: Mapping[str, Quantized]) -> None:
        super().__init__(tensors)
        self.quantized = quantized

    def _floats(self, name: str, out: Array) -> None:
        if name not in self.quantized:
            super()._floats(name, out)
            return
        for start in range(0, len(out), step := max(1, 2**20 // max(1, out.shape[1]))):
            rows = np.arange(start, min(start + step, len(out)))
            out[start : start + step] = self._rows(name, rows)

    def _rows(self, name: str, rows: Array) -> Array:
        if name not in self.quantized:
            return super()._rows(name, rows)
        check_rows(name, self.tensors[name], rows)
        matrix = self.quantized[name]
        scales, biases = (read_rows(name, tensor, rows) for tensor in (matrix.scales, matrix.biases))
        words = _words(name, matrix.packed, rows)
        numbers = unpacked(words, matrix.packing.bits).reshape(*scales.shape, matrix.packing.group)
        floats: Array = numbers * scales[..., np.newaxis] + biases[..., np.newaxis]
        floats = floats.reshape(len(rows), -1)
        check_finite(name, matrix.packed, floats)
        return floats


def unpacked(words: Array, bits: int) -> Array:
    """Unpack words of 32 bits (row, word) into numbers (row, number), float32, lowest bits first."""
    if bits == 8:
        return words.view(np.uint8).astype(np.float32)
    if bits == 4:
        pairs = words.view(np.uint8)[..., np.newaxis] >> np.array([0, 4], np.uint8) & np.uint8(15)
        return pairs.reshape(len(words), -1).astype(np.float32)
    singles = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").reshape(len(words), -1, bits)
    return singles @ (1 << np.arange(bits)).astype(np.float32)


def packings(config: Config) -> Mapping[str, Any]:
    """The config's settings of MLX's quantization; DocumentError for modes that attn does not read.

    Older configs have them only under `quantization`; newer ones repeat them under `quantization_config`.
    """
    settings = config.get("quantization", None)
    if not isinstance(settings, dict):
        raise DocumentError(f"{config.where}: quantization: expected an object", hint="correct config.json")
    mode = settings.get("mode", "affine")
    if mode != "affine":
        raise DocumentError(
            f"{config.where}: the weights are quantized by MLX in the mode {mode!r}"[:300]
            + ", which attn does not read",
            hint=CONVERT,
        )
    return settings


def mlx_tensors(tensors: Mapping[str, Tensor], settings: Mapping[str, Any], where: str) -> Tensors:
    """The tensors by their usual names; one tensor stands for a packed weight, its scales and its biases."""
    plain = dict(tensors)
    quantized: dict[str, Quantized] = {}
    for name in [name for name, tensor in tensors.items() if tensor.dtype == "U32" and name.endswith(".weight")]:
        module = name.removesuffix(".weight")
        scales, biases = (plain.pop(f"{module}.{kind}", None) for kind in ("scales", "biases"))
        if scales is None or biases is None:
            raise DocumentError(f"{where}: {module} is packed, and lacks its scales or biases", hint=CONVERT)
        matrix = Quantized(tensors[name], scales, biases, _packing(settings, module, where))
        plain[name] = replace(tensors[name], dtype=f"MLX_Q{matrix.packing.bits}", shape=_shape(name, matrix))
        quantized[name] = matrix
    return MlxTensors(plain, quantized)


def _packing(settings: Mapping[str, Any], module: str, where: str) -> Packing:
    """The packing of a module: its own, or the default."""
    of_module = settings.get(module)
    values = {**settings, **of_module} if isinstance(of_module, dict) else settings
    bits, group = values.get("bits", 4), values.get("group_size", 64)
    if bits not in BITS or group not in SIZES:
        raise DocumentError(
            f"{where}: quantization: {bits!r} bits in groups of {group!r} are not supported"[:300],
            hint=f"it reads {', '.join(map(str, BITS))} bits in groups of {', '.join(map(str, SIZES))}",
        )
    return Packing(bits, group)


def _shape(name: str, matrix: Quantized) -> tuple[int, ...]:
    """The shape of the matrix (out, in); DocumentError if its three tensors contradict each other."""
    packed, packing = matrix.packed.shape, matrix.packing
    numbers = packed[-1] * 32 // packing.bits if len(packed) == 2 else 0
    groups = (packed[0], numbers // packing.group) if numbers else ()
    if not numbers or numbers % packing.group or {matrix.scales.shape, matrix.biases.shape} != {groups}:
        raise DocumentError(
            f"{matrix.packed.path}: {name} with its scales and biases does not fit "
            f"{packing.bits} bits in groups of {packing.group}",
            hint="config.json and the weights contradict each other",
        )
    return packed[0], numbers


def _words(name: str, tensor: Tensor, rows: Array) -> Array:
    """Some rows of a packed matrix as words of 32 bits."""
    size = 4 * tensor.shape[1]
    raw = np.empty((len(rows), size), np.uint8)
    if is_run(rows):
        read_bytes(name, tensor, int(rows[0]) * size, raw.reshape(-1))
    else:
        for row, number in zip(raw, rows.tolist(), strict=True):
            read_bytes(name, tensor, number * size, row)
    return raw.view("<u4")
