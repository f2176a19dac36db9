"""What a file is, by its content."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from attn_cli.trace.files.kinds import kind_of


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b'{"a": 1}', "json"),
        (b"\xef\xbb\xbf\n [1]", "json"),
        (b"[", "json"),
        (b'"text"', "json"),
        (b"null", "json"),
        (b"1 {", "json"),
        ('{"a"'.encode("utf-16"), "json"),
        (b"1,2\n3,4\n", "csv"),
        (b"\xef\xbb\xbf0.5;-1e-3\n", "csv"),
        (b"0.5\t.5\n", "csv"),
        (b"  1 2 +3.\r\n", "csv"),
        (b"nan,-inf\n", "csv"),
        (b"5\n6\n", "csv"),
        (b"a,b\n1,2\n", "csv"),
        (b"layer,head,stage,row,column,row_token,column_token,value\n", "csv"),
        (b"Transformers are amazing", "unknown"),
        (b"\x00\x01\x02", "unknown"),
        (b"PK\x03\x04", "npz"),
        (b"\x93NUMPY", "npy"),
    ],
)
def test_the_content_decides(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind


def test_what_libraries_write_is_known() -> None:
    npy, npz = BytesIO(), BytesIO()
    np.save(npy, np.ones(3))
    np.savez(npz, a=np.ones(3))
    text = BytesIO()
    np.savetxt(text, np.ones((2, 3)))
    assert kind_of(npy.getvalue()) == "npy"
    assert kind_of(npz.getvalue()) == "npz"
    assert kind_of(text.getvalue()) == "csv"
    assert kind_of(save({"a": np.ones(3)})) == "safetensors"


@given(st.binary(max_size=40))
def test_every_content_is_something(data: bytes) -> None:
    assert kind_of(data) in ("npz", "npy", "safetensors", "json", "csv", "empty", "unknown")
