"""Read documents that use the names of other programs: q, attn_weights, in_proj_weight, attention_mask."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.sources.documents.catalogue import KEYS, Document
from attn_cli.trace.files.checker import quoted, to_array
from attn_cli.trace.files.usual_names import USUAL_STAGES, read_as
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class UsualName:
    """The meaning of a name: a document's key, and whether its matrix is stored out × in, like PyTorch's Linear.

    A `fused` matrix or bias stacks those of queries, keys and values, for the keys `key`Q, `key`K and `key`V.
    """

    key: str
    linear: bool = False
    fused: bool = False


def _modules() -> Iterator[tuple[str, UsualName]]:
    """The parameters of attention modules, by the suffixes of their names in a state dict."""
    for letter, names in (("Q", "q query"), ("K", "k key"), ("V", "v value"), ("O", "o out")):
        for name in names.split():
            for module in (f"{name}_proj", f"to_{name}", f"w{name}", f"{name}_lin", *([name] if len(name) > 3 else [])):
                yield f"{module}.weight", UsualName(f"W_{letter}", linear=True)
                yield f"{module}.kernel", UsualName(f"W_{letter}")
                yield f"{module}.bias", UsualName(f"b_{letter}")
            yield f"{name}_proj_weight", UsualName(f"W_{letter}", linear=True)
            yield f"{name}_proj_bias", UsualName(f"b_{letter}")
            yield f"w{name}", UsualName(f"W_{letter}")
            yield f"b{name}", UsualName(f"b_{letter}")
    for module in ("in_proj", "qkv", "qkv_proj", "wqkv", "c_attn"):
        for sign in "._":
            yield f"{module}{sign}weight", UsualName("W_", linear=module != "c_attn", fused=True)
            yield f"{module}{sign}bias", UsualName("b_", fused=True)
    for module, linear in (("proj", True), ("dense", True), ("c_proj", False), ("to_out.0", True)):
        yield f"{module}.weight", UsualName("W_O", linear=linear)
        yield f"{module}.bias", UsualName("b_O")


USUAL_NAMES: Mapping[str, UsualName] = MappingProxyType(
    {
        **{name: UsualName(stage) for name, stage in USUAL_STAGES.items()},
        **dict(_modules()),
        **dict.fromkeys(("n_heads", "n_head", "num_heads", "num_attention_heads"), UsualName("heads")),
        **dict.fromkeys(("n_kv_heads", "num_kv_heads", "num_key_value_heads"), UsualName("kv_heads")),
        **dict.fromkeys(("words", "labels"), UsualName("tokens")),
    }
)
"""Usual names in lower case; a name with dots matches by its suffix."""

_KNOWN = MappingProxyType({key.lower(): key for key in KEYS})
_MASKS = ("attention_mask", "key_padding_mask")


def renamed(document: Document, name: str) -> tuple[Document, tuple[str, ...]]:
    """The document under attn's names, and notes on renamed, split or transposed arrays.

    DocumentError if two names mean the same key, or if a fused matrix cannot be split.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    notes: list[str] = []
    for key, value in document.items():
        usual = _meaning(key)
        for target, part in _parts(key, value, usual, document, name):
            if target in origins or (target != key and target in document):
                both = f"{name}: {origins.get(target, target)} and {key} both mean {target}"
                raise DocumentError(both, hint="keep one of them")
            values[target], origins[target] = part, key
    plain = {
        key: target for target, key in origins.items() if target != key and not _is_fused(key) and key not in _MASKS
    }
    notes += read_as(plain)
    for key in filter(_is_fused, document):
        kind = "W_Q, W_K and W_V" if _meaning(key).key == "W_" else "b_Q, b_K and b_V"
        notes.append(f"{key} is cut into {kind}")
    for key in (key for key in _MASKS if key in document):
        hides = "hides a key where it is 0" if key == "attention_mask" else "hides a key where it is true"
        notes.append(f"{key} is read as attn_mask: it {hides}")
    return values, tuple(notes)


def _meaning(key: str) -> UsualName:
    """The meaning of a key; an unknown key means itself."""
    if key in KEYS:
        return UsualName(key)
    lower = key.lower()
    if lower in _KNOWN:
        return UsualName(_KNOWN[lower])
    parts = lower.split(".")
    ends = (".".join(parts[start:]) for start in range(len(parts)))
    return next((USUAL_NAMES[end] for end in ends if end in USUAL_NAMES), UsualName(key))


def _is_fused(key: str) -> bool:
    return _meaning(key).fused


def _parts(key: str, value: Any, usual: UsualName, document: Document, name: str) -> Iterator[tuple[str, Any]]:
    """The keys that a value stands for, with their values in attn's layout."""
    where = f"{name}: {key}"
    if key in _MASKS:
        yield "attn_mask", _keys_mask(value, where, hides=key == "key_padding_mask")
    elif usual.fused and usual.key == "W_":
        linear = document.get("projections") == "linear"
        whole = to_array(value, where, (2,))
        parts = _cut(whole if usual.linear else whole.T, document, where)
        yield from ((f"W_{letter}", part if linear else part.T) for letter, part in zip("QKV", parts, strict=True))
    elif usual.fused:
        yield from zip(("b_Q", "b_K", "b_V"), _cut(to_array(value, where, (1,)), document, where), strict=True)
    elif usual.key.startswith("W_") and key not in KEYS and usual.linear != (document.get("projections") == "linear"):
        yield usual.key, to_array(value, where, (2,)).T
    else:
        yield usual.key, value


def _cut(whole: Array, document: Document, where: str) -> list[Array]:
    """The rows of queries, keys and values; DocumentError if heads and kv_heads do not fit the rows."""
    counts = {_meaning(key).key: value for key, value in document.items() if _meaning(key).key in ("heads", "kv_heads")}
    heads = counts.get("heads")
    if heads is None:
        hint = "add heads: the num_heads of nn.MultiheadAttention, num_attention_heads of a config"
        raise DocumentError(f"{where}: is cut by heads, and the document does not say how many there are", hint=hint)
    groups = counts.get("kv_heads", heads)
    sound = all(type(count) is int and count > 0 for count in (heads, groups))
    if not sound or len(whole) % (heads + 2 * groups):
        message = f"{where}: {len(whole)} rows cannot be cut into {quoted(heads)} heads of queries"
        raise DocumentError(f"{message} and {quoted(groups)} of keys and values", hint="check heads and kv_heads")
    width = len(whole) // (heads + 2 * groups)
    return np.split(whole, [heads * width, (heads + groups) * width])


def _keys_mask(value: Any, where: str, *, hides: bool) -> Any:
    """A mask of keys as attn_mask: true at visible keys; numbers to add are unchanged."""
    try:
        cells = np.asarray(value)
    except ValueError as error:
        raise DocumentError(f"{where}: has rows of different lengths", hint="one number for each key") from error
    if cells.dtype.kind not in "biuf" or not cells.size:
        raise DocumentError(f"{where}: expected true and false, or 0 and 1", hint="one for each key")
    if cells.dtype.kind == "f" and not np.isin(cells, (0, 1)).all():
        return value
    if not np.isin(cells, (0, 1)).all():
        raise DocumentError(
            f"{where}: expected true and false, or 0 and 1, found other numbers", hint="one for each key"
        )
    visible = cells == 0 if hides else cells != 0
    return visible if visible.ndim > 1 else visible[np.newaxis]
