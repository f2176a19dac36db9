"""The containers that hold documents: what a file is by its content, and how each is read and written."""

from attn_cli.trace.files.kinds import kind_of
from attn_cli.trace.files.npz import read_npy, read_npz, write_npz
from attn_cli.trace.files.table import read_csv_matrix
from attn_cli.trace.files.tensors import read_safetensors, write_safetensors

__all__ = [
    "kind_of",
    "read_csv_matrix",
    "read_npy",
    "read_npz",
    "read_safetensors",
    "write_npz",
    "write_safetensors",
]
