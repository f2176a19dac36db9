"""Read and write NumPy's containers: NPZ, a zip of named arrays, and NPY, one array. Nothing is unpickled."""

from collections.abc import Mapping
from io import BytesIO
from math import prod
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array, frozen

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MOST_UNPACKED = 1_000_000_000
"""The default limit of the bytes in an NPZ's arrays; for a larger file, four times its size."""

_MAGIC = b"\x93NUMPY"
_LAST_CODE_POINT = 0x10FFFF
_CHUNK = 2**20
_BROKEN = "it may have been cut off while it was copied: write or copy it again"


def read_npz(data: bytes, name: str, max_bytes: int | None = None) -> dict[str, Array]:
    """The arrays by name, read-only.

    DocumentError for a damaged zip, for members that are not arrays or hold Python objects, and, before anything is
    unpacked, for arrays of more than `max_bytes` together. A member with a false header is not read further.
    """
    from lzma import LZMAError
    from struct import error as StructError  # noqa: N812
    from zipfile import BadZipFile, ZipFile
    from zlib import error as ZlibError  # noqa: N812

    broken = (BadZipFile, ZlibError, LZMAError, StructError, EOFError, OSError, ValueError, OverflowError)
    try:
        with ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            _check_size(sum(member.file_size for member in members), len(data), name, max_bytes)
            return _arrays(archive, members, name)
    except broken as error:
        raise DocumentError(f"{name}: is a damaged NPZ: {error}", hint=_BROKEN) from error
    except (RuntimeError, NotImplementedError) as error:
        raise DocumentError(f"{name}: cannot be unpacked: {error}", hint="write it with numpy.savez") from error


def write_npz(arrays: Mapping[str, Array]) -> bytes:
    """An NPZ without compression; the same arrays always give the same bytes."""
    from zipfile import ZipFile, ZipInfo

    out = BytesIO()
    with ZipFile(out, "w") as archive:
        for key, array in arrays.items():
            header = BytesIO()
            plain = np.asarray(array, order="C")
            np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(plain))
            member = ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.file_size = header.tell() + plain.nbytes
            with archive.open(member, "w") as stream:
                stream.write(header.getvalue())
                stream.write(plain.reshape(-1).view(np.uint8).data)
    return out.getvalue()


def read_npy(data: bytes, name: str) -> Array:
    """The array of an NPY file, read-only; DocumentError if the file is truncated or holds Python objects."""
    stream = BytesIO(data)
    dtype, shape, fortran = _header(stream, name, "")
    _check_length(prod(shape) * dtype.itemsize, len(data) - stream.tell(), name)
    return _array(np.frombuffer(data, np.uint8, offset=stream.tell()), dtype, shape, fortran, name)


def _check_size(size: int, packed: int, name: str, max_bytes: int | None) -> None:
    """Raise DocumentError if the arrays take more bytes than the limit."""
    limit = max(MOST_UNPACKED, 4 * packed) if max_bytes is None else max_bytes
    if size > limit:
        message = f"{name}: {packed:,} bytes would unpack to {size:,}, and the limit is {limit:,}"
        raise DocumentError(message, hint=f"if you trust the file: --max-bytes {size}; or write fewer stages into it")


def _arrays(archive: "ZipFile", members: "list[ZipInfo]", name: str) -> dict[str, Array]:
    """The arrays of the members, each read only as far as its header says."""
    if not members:
        raise DocumentError(f"{name}: holds no arrays", hint="write it with numpy.savez(file, **arrays)")
    arrays: dict[str, Array] = {}
    for member in members:
        key = member.filename.removesuffix(".npy")
        where = f"{name}: {key}"
        if key in arrays:
            raise DocumentError(f"{name}: holds {key!r} twice", hint="keep one of them")
        with archive.open(member) as stream:
            head = BytesIO(stream.read(len(_MAGIC)))
            if head.getvalue() != _MAGIC:
                raise _not_an_array(member.filename, name)
            head = BytesIO(_MAGIC + stream.read(6))
            wide = head.getvalue()[6:7] != b"\x01"
            length = int.from_bytes(head.getvalue()[8 : 12 if wide else 10], "little") - (0 if wide else 2)
            head = BytesIO(head.getvalue() + stream.read(max(0, min(length, _CHUNK))))
            dtype, shape, fortran = _header(head, where, key)
            size = prod(shape) * dtype.itemsize
            _check_length(size, member.file_size - head.tell(), where)
            arrays[key] = _array(_unpacked(stream, size, where), dtype, shape, fortran, where)
    return arrays


def _not_an_array(member: str, name: str) -> DocumentError:
    torch = member.endswith("data.pkl")
    hint = "this is PyTorch's own format: write it with numpy.savez or safetensors" if torch else "leave it out"
    return DocumentError(f"{name}: {member!r} is not an array", hint=hint)


def _unpacked(stream: IO[bytes], size: int, where: str) -> Array:
    """`size` bytes from a stream, which must end there."""
    whole = np.empty(size, np.uint8)
    view, filled = whole.data, 0
    while filled < size and (chunk := stream.read1(min(size - filled, _CHUNK))):  # type: ignore[attr-defined]
        view[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    _check_length(size, filled + len(stream.read(1)), where)
    return whole


def _check_length(expected: int, held: int, where: str) -> None:
    if expected != held:
        raise DocumentError(f"{where}: expected {expected:,} bytes of numbers, found {held:,}", hint=_BROKEN)


def _array(flat: Array, dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool, where: str) -> Array:
    """The array in these bytes, read-only; DocumentError for text with invalid characters."""
    if dtype.kind == "U" and flat.size:
        code = int(flat.view(np.dtype(np.uint32).newbyteorder(dtype.byteorder)).max())
        if code > _LAST_CODE_POINT:
            raise DocumentError(f"{where}: holds the character {code:,}, which does not exist", hint=_BROKEN)
    if not flat.size:
        return frozen(np.zeros(shape, dtype))
    return frozen(flat.view(dtype).reshape(shape, order="F" if fortran else "C"))


def _header(stream: BytesIO, where: str, key: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """The dtype, the shape and whether the order is Fortran's; leaves the stream at the numbers.

    NumPy's own reader reads the header, and knows no more than the library of Python objects: nothing is executed.
    """
    import warnings

    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = np.lib.format.read_magic(stream)
            shape, fortran, dtype = readers[version](stream)
    except KeyError:
        dtype, shape, fortran = np.dtype([("", "f8")]), (0,), False  # version 3 is only for records
    except Exception as error:  # ast and tokenize raise several kinds
        raise DocumentError(f"{where}: has no header of an array", hint=_BROKEN) from error
    if dtype.hasobject:
        saved = (
            f"strings: np.array({key}, dtype=str)" if key.endswith("tokens") else "numbers: np.array(…, dtype=float)"
        )
        raise DocumentError(f"{where}: holds pickled Python objects, which attn does not load", hint=f"save {saved}")
    if dtype.names is not None or dtype.subdtype is not None or not dtype.itemsize:
        kind = "records" if dtype.names is not None else f"items of dtype {dtype}"
        raise DocumentError(f"{where}: holds {kind}, not numbers", hint="save an array of floats")
    if any(type(count) is not int or count < 0 for count in shape) or len(shape) > 32:
        raise DocumentError(f"{where}: has the shape {shape}, which no array has"[:400], hint=_BROKEN)
    return dtype, shape, fortran
