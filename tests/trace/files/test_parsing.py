"""JSON from bytes."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import DocumentError
from attn_cli.trace.files.parsing import parse_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=11,
)


@given(values.filter(lambda value: value is not None), st.sampled_from([b"", b"\xef\xbb\xbf"]), st.booleans())
def test_json_means_what_it_says(value: Any, mark: bytes, escaped: bool) -> None:
    assert parse_json(mark + json.dumps(value, ensure_ascii=escaped).encode(), "x") == value


def test_numbers_that_json_has_not_are_read_for_the_checker_to_refuse() -> None:
    found = parse_json(b"[Infinity, -Infinity, 1e999, -1e999, NaN]", "x")
    assert found[:4] == [math.inf, -math.inf, math.inf, -math.inf]
    assert math.isnan(found[4])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.json: is empty"),
        (b" \n\t", "x.json: is empty"),
        (b"\xef\xbb\xbf\n", "x.json: is empty"),
        (b"[1,\n2,]", "x.json: line 2, column 2: illegal trailing comma"),
        (b'{"a": 1 ,\n }', "x.json: line 1, column 9: illegal trailing comma"),
        (b"[,]", "x.json: line 1, column 2: expecting value"),
        (b"\xef\xbb\xbf{'a': 1}", "x.json: line 1, column 2: "),
        (b"{} {}", "x.json: line 1, column 4: extra data"),
        (b'{"a": ', "x.json: line 1, column 7: "),
        (b'{"a": "\xff"}', "x.json: is not UTF-8 text: byte 7 is 0xff"),
        (b'\xef\xbb\xbf"\xff"', "x.json: is not UTF-8 text: byte 4 is 0xff"),
        ('{"a": 1}'.encode("utf-16"), "x.json: is UTF-16 text, expected UTF-8"),
        ('{"a": 1}'.encode("utf-16-be"), "x.json: is UTF-16-BE text, expected UTF-8"),
        ('{"a": 1}'.encode("utf-32-le"), "x.json: is UTF-32-LE text, expected UTF-8"),
        (b'{"a": 1, "b": 2, "a": 3}', "x.json: a: the key 'a' is given twice"),
        (b'[{"a": {"b": [0, {"c": 1, "c": 1}]}}]', r"x.json: \[0\].a.b\[1\].c: the key 'c' is given twice"),
        (b'{"a": {"b": 1, "b": 2}, "a": 3}', "x.json: a: the key 'a' is given twice"),
        (b"[" * 100_000 + b"]" * 100_000, "x.json: lists or objects are nested too deeply"),
        (b"[" * 100_000, "x.json: lists or objects are nested too deeply"),
        (b'{"a":' * 100_000, "x.json: lists or objects are nested too deeply"),
        (b"[1,\n 2" + b"0" * 4301 + b"]", "x.json: line 2, column 2: a whole number of more than 4300 digits"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}") as caught:
        parse_json(data, "x.json")
    assert caught.value.hint


@given(st.binary(max_size=30))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(DocumentError):
        parse_json(data, "x")
