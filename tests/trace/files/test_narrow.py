"""Decimals back to the numbers whose shortest decimals they are."""

import json

import numpy as np
import pytest

from attn_cli.trace.files.narrow import narrow, widest
from attn_cli.trace.files.to_json import json_of
from attn_cli.trace.trace import Array


def through_decimals(array: Array) -> Array:
    decimals = np.array(json.loads(b"".join(json_of(array))))
    return narrow(decimals, array.dtype.name)


def test_every_float16_reads_back() -> None:
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16)
    numbers = numbers[np.isfinite(numbers)]
    assert through_decimals(numbers).tobytes() == numbers.tobytes()


def test_a_float32_whose_decimal_falls_halfway_reads_back() -> None:
    # 7.038531e-26 read as float64 is the middle of two float32 numbers, and rounds to the wrong one.
    number = np.array([[0x15AE43FD, 0x95AE43FD, 0x15AE43FE]], np.uint32).view(np.float32)
    assert np.float32(7.038531e-26) != number[0, 0]
    assert through_decimals(number).tobytes() == number.tobytes()


def test_float32_of_every_size_read_back() -> None:
    numbers = np.random.default_rng(0).integers(0, 2**32, 100_003, dtype=np.uint32).view(np.float32)
    numbers = numbers[np.isfinite(numbers)]
    assert through_decimals(numbers).tobytes() == numbers.tobytes()


def test_a_true_middle_is_rounded_as_ever() -> None:
    middle = np.array([1 + 2.0**-24, 1 + 3 * 2.0**-24])
    np.testing.assert_array_equal(narrow(middle, "float32"), middle.astype(np.float32))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (set(), "float64"),
        ({"float16", "bfloat16"}, "float32"),
        ({"bfloat16"}, "bfloat16"),
        ({"float32", "float64"}, "float64"),
    ],
)
def test_the_widest_dtype_holds_all(dtypes: set[str], expected: str) -> None:
    assert widest(dtypes) == expected
