"""Open a model split into several GGUF files as one header, from any of its shards."""

import os

from attn_cli.errors import DocumentError
from attn_cli.models.files.tensor import Tensor
from attn_cli.models.gguf import shards
from attn_cli.models.gguf.header import AGAIN, Header, header

COUNT, NUMBER, TENSORS, ARCHITECTURE = "split.count", "split.no", "split.tensors.count", "general.architecture"
NOTHING = "missing"
MIXED = "the shards are of different models or wrongly named: copy or download them again"


def whole(path: str) -> Header:
    """The header of the whole model of a file or shard; DocumentError for missing or contradictory shards."""
    named = header(path)
    count = named.metadata.get(COUNT, 0)
    if isinstance(count, int) and count < 2:
        return named
    paths = shards(path)
    if not isinstance(count, int) or len(paths) != count:
        raise DocumentError(
            f"{path}: is one of {count} shards of a model, which its name does not say",
            hint="name the shards as they were, model-00001-of-00003.gguf, or join them: llama-gguf-split --merge",
        )
    if missing := next((shard for shard in paths if not os.path.exists(shard)), None):
        raise DocumentError(
            f"{missing}: no such file, and it is one of {count} shards", hint="copy or download this shard too"
        )
    headers = [header(shard) for shard in paths]
    tensors: dict[str, Tensor] = {}
    for number, shard in enumerate(headers):
        _check(shard, number, headers[0])
        if twice := next((name for name in shard.tensors if name in tensors), None):
            raise DocumentError(f"{shard.path}: holds {twice}, and so does another shard", hint=MIXED)
        tensors |= shard.tensors
    if _stated(headers[0], TENSORS) not in (NOTHING, str(len(tensors))):
        raise DocumentError(
            f"{path}: the shards hold {len(tensors)} tensors, and say that they are {_stated(headers[0], TENSORS)}",
            hint=AGAIN,
        )
    return Header(headers[0].path, headers[0].metadata, tensors)


def _check(shard: Header, number: int, first: Header) -> None:
    """DocumentError if a shard contradicts its name or the first shard."""
    if (value := _stated(shard, NUMBER)) != str(number):
        raise DocumentError(f"{shard.path}: {NUMBER} is {value}, and its name says {number}", hint=MIXED)
    for key in (COUNT, TENSORS, ARCHITECTURE):
        value, expected = _stated(shard, key), _stated(first, key)
        if value != expected and (value != NOTHING or key != ARCHITECTURE):
            raise DocumentError(f"{shard.path}: {key} is {value}, and {expected} in the first shard", hint=MIXED)


def _stated(shard: Header, key: str) -> str:
    """The value of a key in a shard as text, whatever its type."""
    return str(shard.metadata.get(key, NOTHING))
