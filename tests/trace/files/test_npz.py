"""NPZ and NPY."""

import random
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from attn_cli.errors import DocumentError
from attn_cli.trace.files import npz
from attn_cli.trace.files.npz import read_npy, read_npz, write_npz
from attn_cli.trace.trace import Array


def saved(**values: Any) -> bytes:
    out = BytesIO()
    np.savez(out, **values)
    return out.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def npy(array: Any, **how: Any) -> bytes:
    out = BytesIO()
    np.save(out, array, **how)
    return out.getvalue()


@given(arrays.arrays(arrays.floating_dtypes(endianness="?") | arrays.integer_dtypes(), arrays.array_shapes(min_dims=0)))
def test_an_array_comes_back_as_it_was(array: Array) -> None:
    for data in (saved(a=array), saved(a=np.array(array, order="F")), write_npz({"a": array})):
        found = read_npz(data, "x")["a"]
        assert found.tobytes() == array.tobytes()
        assert (found.dtype, found.shape, found.flags.writeable) == (array.dtype, array.shape, False)


def test_numpy_reads_what_is_written() -> None:
    made = {
        "layers.0.weights": np.ones((2, 3)).T,
        "é": np.array("text"),
        "none": np.zeros((0, 3)),
        "blank": np.array(""),
        "n": np.array(5),
    }
    with np.load(BytesIO(write_npz(made))) as found:
        assert list(found) == list(made)
        for name, array in made.items():
            np.testing.assert_array_equal(found[name], array)


def test_the_same_arrays_are_the_same_bytes() -> None:
    made = {"a": np.arange(7.0), "b": np.array(["x", "y"])}
    first = write_npz(made)
    assert first == write_npz({name: array.copy() for name, array in made.items()})
    with zipfile.ZipFile(BytesIO(first)) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_compressed_files_are_read() -> None:
    out = BytesIO()
    np.savez_compressed(out, a=np.zeros((5, 7)))
    np.testing.assert_array_equal(read_npz(out.getvalue(), "x")["a"], np.zeros((5, 7)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (saved(a=np.ones(3))[:-30], "x: is a damaged NPZ: "),
        (zipped(), "x: holds no arrays"),
        (zipped(("a.txt", b"hello")), "x: 'a.txt' is not an array"),
        (zipped(("m/data.pkl", b"hello")), "x: 'm/data.pkl' is not an array"),
        (zipped(("a.npy", npy(np.ones(3))), ("a", npy(np.ones(3)))), "x: holds 'a' twice"),
        (zipped(("a.npy", npy(np.ones(3))[:-1])), "x: a: expected 24 bytes of numbers, found 23"),
        (zipped(("a.npy", npy(np.ones(3)) + b"x")), "x: a: expected 24 bytes of numbers, found 25"),
        (zipped(("a.npy", npy(np.array([{}]), allow_pickle=True))), "x: a: holds pickled Python objects"),
        (zipped(("a.npy", npy(np.ones(3, "f4,f4")))), "x: a: holds records or dates, not numbers"),
        (zipped(("a.npy", b"\x93NUMPY\x01\x00")), "x: a: has no header of an array"),
        (zipped(("a.npy", npy(np.ones(3)).replace(b"<f8", b"<f9"))), "descr is not a valid dtype descriptor: '<f9'"),
    ],
)
def test_what_is_no_npz_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        read_npz(data, "x")
    assert caught.value.hint


def test_a_file_of_pytorch_is_called_by_its_name() -> None:
    with pytest.raises(DocumentError) as caught:
        read_npz(zipped(("archive/data.pkl", b"\x80\x02")), "x")
    assert "PyTorch" in caught.value.hint


def test_a_zip_that_would_swell_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(a=np.ones(128))
    monkeypatch.setattr(npz, "LARGEST", 1151)
    with pytest.raises(DocumentError, match="GiB unpacked"):
        read_npz(data, "x")
    monkeypatch.setattr(npz, "LARGEST", 1152)
    assert read_npz(data, "x")["a"].size == 128


def test_a_header_that_claims_the_world_costs_nothing() -> None:
    data = npy(np.ones(3)).replace(b"(3,), }           ", b"(3000000000000,), }")
    with pytest.raises(DocumentError, match="expected 24,000,000,000,000 bytes of numbers"):
        read_npy(data, "x")


def test_an_npy_is_one_array() -> None:
    np.testing.assert_array_equal(read_npy(npy(np.ones((2, 3), "f4")), "x"), np.ones((2, 3)))


@pytest.mark.parametrize("compressed", [False, True])
def test_no_damage_raises_anything_else(compressed: bool) -> None:
    out = BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, a=np.ones((2, 3)), b=np.array(["x", "y"]))
    rng, refused = random.Random(0), 0
    for _ in range(1500):
        data = bytearray(out.getvalue())
        for _ in range(rng.choice([1, 2, 5])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            read_npz(bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data), "x")
        except DocumentError:
            refused += 1
    assert refused > 500
