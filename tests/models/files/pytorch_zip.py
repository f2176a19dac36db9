"""Files as torch.save() writes them, put together by hand: a pickle, and the numbers of each storage."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from struct import pack

import numpy as np

STORAGES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<f8": "DoubleStorage", "<u2": "BFloat16Storage"}


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(word: str) -> bytes:
    return b"X" + pack("<I", len(word.encode())) + word.encode()


def whole(number: int) -> bytes:
    return b"J" + pack("<i", number)


def run(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def tensor(key: str, array: np.ndarray, *, shape: tuple[int, ...] | None = None, offset: int = 0) -> bytes:
    """A call that makes a tensor of the storage `key`, which holds the array's numbers."""
    shape = array.shape if shape is None else shape
    steps = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    kind = name("torch", STORAGES[array.dtype.str])
    storage = run(text("storage"), kind, text(key), text("cpu"), whole(array.size)) + b"Q"
    sizes, strides = (run(*map(whole, numbers)) for numbers in (shape, steps))
    hooks = name("collections", "OrderedDict") + b")R"
    return (
        name("torch._utils", "_rebuild_tensor_v2") + run(storage, whole(offset), sizes, strides, b"\x89", hooks) + b"R"
    )


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    items = b"".join(text(key) + value for key, value in entries.items())
    return b"\x80\x02}(" + items + b"u."


def write(
    path: Path, pickle: bytes, storages: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED, **more: bytes
) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle)
        for key, numbers in storages.items():
            archive.writestr(f"archive/data/{key}", numbers)
        for file, content in more.items():
            archive.writestr(f"archive/{file}", content)
