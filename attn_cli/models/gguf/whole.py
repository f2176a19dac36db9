"""A model that is split into several GGUF files, as one header: whichever part is named, all are opened."""

import os

from attn_cli.errors import DocumentError
from attn_cli.models.files.tensor import Tensor
from attn_cli.models.gguf import shards
from attn_cli.models.gguf.header import AGAIN, Header, header

COUNT, NUMBER, TENSORS, ARCHITECTURE = "split.count", "split.no", "split.tensors.count", "general.architecture"
NOTHING = "missing"
MIXED = "the parts are of different models or wrongly named: copy or download them again"


def whole(path: str) -> Header:
    """The header of the model that a file holds or is a part of; DocumentError for parts that lack or contradict."""
    named = header(path)
    count = named.metadata.get(COUNT, 0)
    if isinstance(count, int) and count < 2:
        return named
    paths = shards(path)
    if not isinstance(count, int) or len(paths) != count:
        raise DocumentError(
            f"{path}: is one of {count} parts of a model, which its name does not say",
            hint="name the parts as they were, model-00001-of-00003.gguf, or join them: llama-gguf-split --merge",
        )
    if missing := next((part for part in paths if not os.path.exists(part)), None):
        raise DocumentError(
            f"{missing}: no such file, and it is one of {count} parts", hint="copy or download this part too"
        )
    headers = [header(part) for part in paths]
    tensors: dict[str, Tensor] = {}
    for number, part in enumerate(headers):
        _check(part, number, headers[0])
        if twice := next((name for name in part.tensors if name in tensors), None):
            raise DocumentError(f"{part.path}: holds {twice}, and so does another part", hint=MIXED)
        tensors |= part.tensors
    if _said(headers[0], TENSORS) not in (NOTHING, str(len(tensors))):
        raise DocumentError(
            f"{path}: the parts hold {len(tensors)} tensors, and say that they are {_said(headers[0], TENSORS)}",
            hint=AGAIN,
        )
    return Header(headers[0].path, headers[0].metadata, tensors)


def _check(part: Header, number: int, first: Header) -> None:
    """DocumentError where a part does not say of itself what its name and the first part say."""
    if (own := _said(part, NUMBER)) != str(number):
        raise DocumentError(f"{part.path}: {NUMBER} is {own}, and its name says {number}", hint=MIXED)
    for key in (COUNT, TENSORS, ARCHITECTURE):
        own, expected = _said(part, key), _said(first, key)
        if own != expected and (own != NOTHING or key != ARCHITECTURE):
            raise DocumentError(f"{part.path}: {key} is {own}, and {expected} in the first part", hint=MIXED)


def _said(part: Header, key: str) -> str:
    """What a part says under a key, in words: it may be of any type."""
    return str(part.metadata.get(key, NOTHING))
