"""Read pytorch_model.bin: a zip of numbers, and a pickle that describes the tensors."""

import zipfile
from math import prod

from attn_cli.errors import DocumentError
from attn_cli.models.files.other import SAVE, check_lfs
from attn_cli.models.files.pickles import Pickled, tensors_of_pickle
from attn_cli.models.files.safetensors_file import BYTES
from attn_cli.models.files.tensor import AGAIN, Tensor
from attn_cli.sources.documents.files import note_read

LARGEST = 64 * 2**20
"""The largest pickle, in bytes; that of a model with 10,000 tensors has about two million."""
LOCAL_HEADER = 30
"""Bytes of a zip's local header without name and extra field, whose lengths are its last fields."""


def tensors_of_pytorch(path: str) -> dict[str, Tensor]:
    """The tensors of a file, read without running its pickle; DocumentError if it is not a valid zip of tensors."""
    check_lfs(path)
    try:
        with open(path, "rb") as file:
            note_read(file)
            if not zipfile.is_zipfile(file):
                file.seek(0)
                raise _not_zip(path, file.read(2))
            with zipfile.ZipFile(file) as archive:
                members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
                if "data.pkl" not in members:
                    raise DocumentError(f"{path}: holds no data.pkl: torch.save() did not write it", hint=SAVE)
                if "byteorder" in members and archive.read(members["byteorder"])[:6] != b"little":
                    raise DocumentError(f"{path}: its numbers are big-endian, which attn does not read", hint=SAVE)
                if members["data.pkl"].file_size > LARGEST:
                    raise DocumentError(f"{path}: its data.pkl is too large to be a list of tensors", hint=AGAIN)
                pickled = tensors_of_pickle(archive.read(members["data.pkl"]), path)
                starts = {
                    key: _start(path, archive, members, key)
                    for key in {tensor.storage.key for tensor in pickled.values()}
                }
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise DocumentError(f"{path}: cannot be read: {error}"[:300], hint=AGAIN) from error
    return {name: _tensor(path, name, entry, *starts[entry.storage.key]) for name, entry in pickled.items()}


def _start(path: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], key: str) -> tuple[int, int]:
    """The offset of a storage in the file, and its size, in bytes."""
    member = members.get(f"data/{key}")
    if member is None:
        raise DocumentError(f"{path}: lacks data/{key}", hint=AGAIN)
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise DocumentError(f"{path}: data/{key} is compressed or encrypted, as torch.save() never does", hint=SAVE)
    file = archive.fp
    assert file is not None
    file.seek(member.header_offset)
    header = file.read(LOCAL_HEADER)
    if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise DocumentError(f"{path}: data/{key} is not where the zip says", hint=AGAIN)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = member.header_offset + LOCAL_HEADER + lengths
    size = file.seek(0, 2)
    if start + member.file_size > size:
        raise DocumentError(f"{path}: breaks off in data/{key}", hint=AGAIN)
    return start, member.file_size


def _tensor(path: str, name: str, entry: Pickled, start: int, size: int) -> Tensor:
    width = BYTES[entry.storage.dtype]
    if (entry.offset + entry.span) * width > size:
        raise DocumentError(f"{path}: {name} reaches past its {size} bytes", hint=AGAIN)
    return Tensor(
        path,
        entry.storage.dtype,
        entry.shape,
        start + entry.offset * width,
        entry.span * width,
        None if _in_order(entry) else entry.strides,
    )


def _in_order(entry: Pickled) -> bool:
    """Whether the numbers are stored row by row."""
    expected = [prod(entry.shape[axis + 1 :]) for axis in range(len(entry.shape))]
    steps = zip(entry.shape, entry.strides, expected, strict=True)
    return not prod(entry.shape) or all(size == 1 or step == contiguous for size, step, contiguous in steps)


def _not_zip(path: str, begin: bytes) -> DocumentError:
    """The error for a file from before PyTorch wrote zips, or of another kind."""
    if begin[:1] == b"\x80":
        return DocumentError(
            f"{path}: is in PyTorch's form from before version 1.6, not a zip, which attn does not read",
            hint="load it where you trust it, and save it again: model.save_pretrained(folder)",
        )
    why = "breaks off" if begin == b"PK" else "is not a file that torch.save() wrote"
    return DocumentError(f"{path}: {why}", hint=AGAIN)
