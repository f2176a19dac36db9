"""safetensors."""

import json
import random

import numpy as np
import pytest
from safetensors.numpy import load, save

from attn_cli.errors import DocumentError
from attn_cli.trace.files.tensors import read_safetensors, write_safetensors

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"]


def file_of(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_library_and_we_read_each_other(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for data in (save({"a": array}, {"k": "v"}), write_safetensors({"a": array}, {"k": "v"})):
        arrays, metadata = read_safetensors(data, "x")
        assert metadata == {"k": "v"}
        for found in (arrays["a"], load(data)["a"]):
            assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes())
        assert not arrays["a"].flags.writeable


def test_other_orders_and_no_numbers_at_all_are_written() -> None:
    made = {"t": np.arange(6.0).reshape(2, 3).T, "big": np.ones(2, ">f4"), "none": np.zeros((0, 2)), "one": np.array(5)}
    arrays, metadata = read_safetensors(write_safetensors(made, {}), "x")
    assert metadata == {}
    assert arrays.keys() == made.keys()
    for name, array in made.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_arrays_are_the_same_bytes() -> None:
    made = {name: np.ones(3, dtype) for name, dtype in zip("abcdef", ["f2", "f8", "f4", "b1", "i8", "f8"], strict=True)}
    metadata = {name: name for name in "qwertyuiop"}
    assert write_safetensors(made, metadata) == write_safetensors(dict(made), dict(metadata))
    assert list(read_safetensors(write_safetensors(made, metadata), "x")[1]) == list(metadata)


def test_bfloat16_is_widened_exactly() -> None:
    bits = np.array([0x3F80, 0xC040, 0x8000, 0x7F80, 0x0001], "<u2")
    header = {"a": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}}
    arrays, metadata = read_safetensors(file_of(header, bits.tobytes()), "x")
    assert arrays["a"].dtype == np.float32
    assert arrays["a"].tolist() == [1.0, -3.0, -0.0, np.inf, 2.0**-133]
    assert metadata == {}


def test_a_layer_of_bfloat16_alone_is_said_to_be_that() -> None:
    header = {
        name: {"dtype": dtype, "shape": [1], "data_offsets": [2 * place, 2 * place + 2]}
        for place, (name, dtype) in enumerate(
            {"layers.0.Q": "BF16", "layers.0.K": "BF16", "layers.1.Q": "BF16", "layers.1.K": "F16"}.items()
        )
    }
    assert read_safetensors(file_of(header, bytes(8)), "x")[1] == {"layers.0.dtype": "bfloat16"}
    header["__metadata__"] = {"trace": "{}"}
    assert read_safetensors(file_of(header, bytes(8)), "x")[1] == {"trace": "{}"}


ENTRY = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (save({"a": np.ones(3)})[:-1], "x: is a damaged safetensors file"),
        (save({"a": np.ones(3)})[:20], "x: is a damaged safetensors file"),
        (save({"a": np.ones(3)}) + b"x", "x: is a damaged safetensors file"),
        (file_of(b'{"a":' + ENTRY + b',"a":' + ENTRY + b"}", bytes(4)), "x: (a: the key 'a'|is a damaged)"),
        (
            file_of({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)),
            "x: a: numbers of dtype F8_E4M3 cannot be read",
        ),
    ],
)
def test_what_is_no_safetensors_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        read_safetensors(data, "x")
    assert caught.value.hint


def test_no_damage_raises_anything_else() -> None:
    whole = save({"layers.0.weights": np.ones((2, 3), "f4"), "b": np.ones(3)}, {"tokens": '["a", "b"]'})
    rng, refused = random.Random(0), 0
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 2, 5])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            read_safetensors(bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data), "x")
        except DocumentError:
            refused += 1
    assert refused > 500
