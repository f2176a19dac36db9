"""Open a checkpoint's folder: its config and its tensors."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import Config
from attn_cli.models.files.names import INDEX, PICKLED, PICKLED_INDEX, SINGLE, WEIGHTS
from attn_cli.models.files.other import check_lfs, lacking_weights
from attn_cli.models.files.safetensors_file import tensors_of_file
from attn_cli.models.files.tensor import AGAIN, Tensor
from attn_cli.models.files.tensors import Tensors
from attn_cli.sources.documents.files import note_read
from attn_cli.trace.files.parsing import parse_json


def _tensors_of_pytorch(path: str) -> dict[str, Tensor]:
    """The tensors of a pickled file; the reader of pickles is imported only here."""
    from attn_cli.models.files.pytorch_file import tensors_of_pytorch

    return tensors_of_pytorch(path)


FILES: Mapping[str, Callable[[str], dict[str, Tensor]]] = MappingProxyType(
    {SINGLE: tensors_of_file, PICKLED: _tensors_of_pytorch}
)
"""A file of weights → the reader of its header."""
SHARDS: Mapping[str, Callable[[str], dict[str, Tensor]]] = MappingProxyType(
    {INDEX: tensors_of_file, PICKLED_INDEX: _tensors_of_pytorch}
)
"""An index of shards → the reader of each shard's header."""


def config_of_folder(folder: str, ignored: Collection[str] = ()) -> Config:
    """The config.json of a folder; DocumentError if it is missing or unreadable."""
    path = os.path.join(folder, "config.json")
    check_lfs(path)
    try:
        with open(path, "rb") as file:
            note_read(file)
            values = parse_json(file.read(), path)
    except OSError as error:
        raise DocumentError(
            f"{path}: cannot be read: {error.strerror}", hint="name a folder that holds config.json and the weights"
        ) from error
    if not isinstance(values, dict):
        raise DocumentError(f"{path}: is not an object", hint=AGAIN)
    return Config(values, path, ignored)


def open_folder(folder: str, config: Config | None = None) -> Tensors:
    """The tensors of a checkpoint folder; DocumentError for missing, damaged or outside files."""
    name = next((name for name in WEIGHTS if os.path.exists(os.path.join(folder, name))), None)
    if name is None:
        raise lacking_weights(folder)
    path = os.path.join(folder, name)
    tensors = FILES[name](path) if name in FILES else _sharded(folder, path, SHARDS[name])
    if config is None or config.get("quantization", None) is None:
        return Tensors(tensors)
    from attn_cli.models.files.mlx import mlx_tensors, packings

    return mlx_tensors(tensors, packings(config), folder)


def _sharded(folder: str, index: str, read: Callable[[str], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all shards in an index."""
    check_lfs(index)
    with open(index, "rb") as file:
        document = parse_json(file.read(), index)
    shards = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise DocumentError(f"{index}: holds no weight_map", hint="copy or download the checkpoint again")
    tensors: dict[str, Tensor] = {}
    for shard in dict.fromkeys(shards.values()):
        if PurePosixPath(shard).name != shard or shard in ("", ".", ".."):
            raise DocumentError(
                f"{index}: the shard {shard!r} is not a file of the folder", hint="put shards beside the index"
            )
        path = os.path.join(folder, shard)
        if not os.path.exists(path):
            raise DocumentError(
                f"{path}: no such file, and {os.path.basename(index)} needs it", hint="copy or download this shard too"
            )
        tensors |= read(path)
    if missing := [name for name in shards if name not in tensors]:
        raise DocumentError(f"{index}: {missing[0]} is in no shard", hint="copy or download the checkpoint again")
    return tensors
