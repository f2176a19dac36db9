"""NumPy's containers: NPZ, a zip of arrays with names, and NPY, one array."""

import warnings
import zlib
from collections.abc import Mapping
from io import BytesIO
from math import prod
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array, frozen

LARGEST = 8 * 2**30
"""Bytes that the arrays of one NPZ may take; more is refused before anything is unpacked."""

_MAGIC = b"\x93NUMPY"
_BROKEN = "it may have been cut off on its way here: write or copy it again"


def read_npz(data: bytes, name: str) -> dict[str, Array]:
    """The arrays by name, read-only; DocumentError for a damaged zip, pickles, and members that are no arrays."""
    from zipfile import BadZipFile, ZipFile

    arrays: dict[str, Array] = {}
    try:
        with ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            if not members:
                raise DocumentError(f"{name}: holds no arrays", hint="write it with numpy.savez(file, **arrays)")
            if (size := sum(member.file_size for member in members)) > LARGEST:
                message = f"{name}: would take {size / 2**30:,.0f} GiB unpacked, {LARGEST // 2**30} GiB is the most"
                raise DocumentError(message, hint="write fewer layers or stages into one file")
            for member in members:
                key = member.filename.removesuffix(".npy")
                if key in arrays:
                    raise DocumentError(f"{name}: holds {key!r} twice", hint="keep one of them")
                arrays[key] = _from_npy(_member(archive.read(member), member.filename, name), f"{name}: {key}")
    except (BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise DocumentError(f"{name}: is a damaged NPZ: {error}", hint=_BROKEN) from error
    except (RuntimeError, NotImplementedError) as error:
        raise DocumentError(f"{name}: cannot be unpacked: {error}", hint="write it with numpy.savez") from error
    return arrays


def write_npz(arrays: Mapping[str, Array]) -> bytes:
    """An NPZ, stored without compression; the same arrays always give the same bytes."""
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
    """The one array of an NPY file, read-only; DocumentError where it is cut off or holds Python objects."""
    return _from_npy(data, name)


def _member(data: bytes, member: str, name: str) -> bytes:
    if not data.startswith(_MAGIC):
        torch = member.endswith("data.pkl")
        hint = "this is PyTorch's own format: write it with numpy.savez or safetensors" if torch else "leave it out"
        raise DocumentError(f"{name}: {member!r} is not an array", hint=hint)
    return data


def _from_npy(data: bytes, where: str) -> Array:
    dtype, shape, fortran, start = _header(data, where)
    size = prod(shape) * dtype.itemsize
    if size != len(data) - start or len(shape) > 32 or min(shape, default=0) < 0:
        message = f"{where}: expected {size:,} bytes of numbers, found {len(data) - start:,}"
        raise DocumentError(message, hint=_BROKEN)
    if not size:
        return frozen(np.zeros(shape, dtype))
    return frozen(np.frombuffer(data, dtype, prod(shape), start).reshape(shape, order="F" if fortran else "C"))


def _header(data: bytes, where: str) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """The array's dtype, its shape, whether its order is Fortran's, and the offset of its numbers."""
    form, stream = np.lib.format, BytesIO(data)
    try:
        with warnings.catch_warnings(action="ignore"):  # headers that Python 2 wrote are read all the same
            read = form.read_array_header_1_0 if form.read_magic(stream) == (1, 0) else form.read_array_header_2_0
            shape, fortran, dtype = read(stream)
    except Exception as error:  # NumPy's reader raises whatever Python's parsers raise
        raise DocumentError(f"{where}: has no header of an array: {error}"[:300], hint=_BROKEN) from error
    if dtype.hasobject or dtype.kind not in "biufcUS":
        what = "pickled Python objects" if dtype.hasobject else "records or dates"
        raise DocumentError(f"{where}: holds {what}, not numbers", hint="write it as an array of floats")
    return dtype, shape, fortran, stream.tell()
