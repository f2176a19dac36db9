"""The number of heads of a layer, and the heads in its arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

from attn_cli.errors import DocumentError
from attn_cli.trace.files.fields import Fields


@dataclass(frozen=True)
class Heads:
    """The numbers of heads of the whole layer, and the indices of the heads in its arrays."""

    heads: int
    kv_heads: int
    head_index: tuple[int, ...]
    kv_head_index: tuple[int, ...]


def read_heads(fields: Fields, held: int | None, kv_held: int | None) -> Heads:
    """The heads that the document names, else as many as the arrays hold (None: no such array)."""
    named = fields.counts("head_index")
    heads = fields.count("heads", held or len(named or ()) or kv_held or 1)
    index = _index(fields, "head_index", named, held, heads)
    kv_named = fields.counts("kv_head_index")
    if kv_held is not None and len(index) < heads and "kv_heads" not in fields:
        hint = "give the number of key/value heads of the whole layer"
        raise DocumentError(f"{fields.path}kv_heads: is missing, and head_index names only some heads", hint=hint)
    kv_heads = fields.count("kv_heads", kv_held or heads)
    if heads % kv_heads:
        message = f"{fields.path}kv_heads: {heads} heads cannot share {kv_heads} key/value heads evenly"
        raise DocumentError(message, hint=f"kv_heads must divide {heads}")
    used = tuple(sorted({head * kv_heads // heads for head in index}))
    if kv_named is None and (kv_held is None or kv_held == len(used)):
        kv_named = used
    kv_index = _index(fields, "kv_head_index", kv_named, kv_held, kv_heads)
    if lost := [head for head in used if head not in kv_index]:
        message = f"{fields.path}kv_head_index: lacks key head {lost[0]}, which a head of head_index uses"
        raise DocumentError(message, hint=f"the heads need {_listed(used)}")
    return Heads(heads, kv_heads, index, kv_index)


def _index(fields: Fields, key: str, named: tuple[int, ...] | None, held: int | None, count: int) -> tuple[int, ...]:
    if named is None:
        if held not in (None, count):
            message = f"{fields.path}{key}: is missing: the arrays hold {held} of {count} heads"
            raise DocumentError(message, hint=f"list the heads of the arrays in {key}")
        return tuple(range(count))
    if len(set(named)) != len(named):
        raise DocumentError(f"{fields.path}{key}: names a head twice", hint="name each head once")
    if named and max(named) >= count:
        message = f"{fields.path}{key}: names head {max(named)}, there are {count}"
        raise DocumentError(message, hint=f"heads count from 0 to {count - 1}")
    if held not in (None, len(named)):
        message = f"{fields.path}{key}: names {len(named)} heads, the arrays hold {held}"
        raise DocumentError(message, hint=f"name {held} heads in {key}")
    return named


def _listed(heads: Sequence[int]) -> str:
    return ", ".join(map(str, heads))
