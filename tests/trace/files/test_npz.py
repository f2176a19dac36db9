"""NPZ and NPY."""

import random
import tracemalloc
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from attn_cli.errors import DocumentError
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
        (zipped(("a.npy", npy(np.ones(3, "f4,f4")))), "x: a: holds records, not numbers"),
        (zipped(("a.npy", b"\x93NUMPY\x01\x00")), "x: a: has no header of an array"),
        (zipped(("a.npy", npy(np.ones(3)).replace(b"<f8", b"<f9"))), "x: a: has no header of an array"),
        (zipped(("a.npy", npy(np.ones(3)).replace(b"(3,)", b"(-3)"))), "x: a: has no header of an array"),
        (zipped(("a.npy", npy(np.ones(3)).replace(b"(3,), }", b"(-3,), }"))), r"x: a: has the shape \(-3,\)"),
        (zipped(("a.npy", npy(np.ones(3)).replace(b"{'descr'", b"((((((((("))), "x: a: has no header of an array"),
        (
            zipped(("a.npy", npy(np.array(["ab", "c"])).replace(b"c\0\0\0", b"\xff" * 4))),
            "x: a: holds the character 4,294,967,295",
        ),
        (zipped(("a.npy", npy(np.array(["ab"])).replace(b"'<U2'", b"'<U0'"))), "x: a: holds items of dtype <U0"),
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


def test_objects_are_never_loaded_and_the_hint_says_how_to_save() -> None:
    objects = npy(np.array(["the", "cat"], dtype=object), allow_pickle=True)
    for key, saved_as in (("tokens", "np.array(tokens, dtype=str)"), ("W_Q", "np.array(…, dtype=float)")):
        with pytest.raises(DocumentError, match="holds pickled Python objects, which attn does not load") as caught:
            read_npz(zipped((f"{key}.npy", objects)), "x")
        assert saved_as in caught.value.hint


def swollen(size: int, claimed: int | None = None) -> bytes:
    """A compressed array of `size` zeros, whose member may claim another number of bytes."""
    header, out = BytesIO(), BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (size,)})
    member = header.getvalue() + bytes(8 * size)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    if claimed is None:
        return out.getvalue()
    assert out.getvalue().count(len(member).to_bytes(4, "little")) == 2  # in the member's header and in the directory
    return out.getvalue().replace(len(member).to_bytes(4, "little"), claimed.to_bytes(4, "little"))


def peak(data: bytes, max_bytes: int | None = None) -> tuple[int, DocumentError]:
    """The bytes of memory that reading takes until it is refused, and the error."""
    tracemalloc.start()
    try:
        with pytest.raises(DocumentError) as caught:
            read_npz(data, "x", max_bytes)
        return tracemalloc.get_traced_memory()[1], caught.value
    finally:
        tracemalloc.stop()


def test_an_npz_that_would_swell_is_refused_before_it_is_unpacked() -> None:
    taken, error = peak(swollen(2**20, 1_100_000_000))
    assert "bytes would unpack to 1,100,000,000, and the limit is 1,000,000,000" in error.message
    assert "--max-bytes 1100000000" in error.hint
    assert taken < 1_000_000


def test_a_limit_can_be_lowered_and_raised() -> None:
    data = swollen(2**20)
    assert read_npz(data, "x")["a"].size == 2**20
    taken, error = peak(data, 8_000_000)
    assert "would unpack to 8,388,736, and the limit is 8,000,000" in error.message
    assert taken < 4_000_000
    assert read_npz(data, "x", 8_388_736)["a"].size == 2**20


@pytest.mark.parametrize("claimed", [200, 2**20, 8 * 2**20 + 127, 900_000_000])
def test_a_member_that_lies_about_its_size_is_not_unpacked(claimed: int) -> None:
    taken, _ = peak(swollen(2**20, claimed))
    assert taken < 12_000_000  # the array itself takes 8 MB


def test_numbers_that_are_not_packed_have_no_limit_but_their_own() -> None:
    packed = np.random.default_rng(0).integers(0, 255, 4_000, dtype=np.uint8)
    assert read_npz(saved(a=packed), "x")["a"].size == 4_000


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
