"""The ways in which masks go wrong, each as what it would hide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.core.masks import MASKS, Causal, Chunked, Local, Mask, NoMask, Prefix, Sliding
from attn_cli.core.spelling import spell
from attn_cli.trace.trace import Array

_SHIFTS = MappingProxyType({1: "the next key too", -1: "no further than the key before its own"})


@dataclass(frozen=True, eq=False)
class Hiding:
    """What a mistaken mask hides (head, query, key), and the finding that it would be."""

    code: str
    hidden: Array
    words: Mapping[str, str]


def mistaken(dump: Dump) -> Iterator[Hiding]:
    """What would be hidden if the declared mask were missing, shifted, turned round; nothing twice."""
    known = [np.broadcast_to(np.zeros(dump.shape[1:], bool), dump.shape) if dump.hidden is None else dump.hidden]
    for hiding in _all(dump):
        if not any(_same(hiding.hidden, other) for other in known):
            known.append(hiding.hidden)
            yield hiding


def _same(one: Array, other: Array) -> bool:
    """Whether two hide the same; what all heads share is compared once."""
    shared = one.strides[0] == other.strides[0] == 0
    return np.array_equal(one[0], other[0]) if shared else np.array_equal(one, other)


def spelled(mask: Mask) -> str:
    return spell(mask, MASKS)


def _all(dump: Dump) -> Iterator[Hiding]:
    mask, arrays = dump.spec.mask, dump.array_hidden
    if not isinstance(mask, NoMask):
        yield _hiding(dump, "mask-missing", _all_seen(dump), {"what": f"the mask {spelled(mask)}"})
        yield from _moved(dump, mask)
    elif arrays is None:
        for undeclared in (Causal(), Causal("start")):
            words = {"mask": f"mask {spelled(undeclared)}"}
            yield _hiding(dump, "mask-undeclared", _seen(undeclared, dump), words)
    if arrays is not None:
        yield Hiding("mask-missing", _merged(dump, _seen(mask, dump), None), {"what": "attn_mask"})
        yield Hiding("mask-missing", _merged(dump, _all_seen(dump), None), {"what": "any mask"})
        yield Hiding("mask-inverted", _merged(dump, _seen(mask, dump), ~arrays), {"mask": "attn_mask"})


def _moved(dump: Dump, mask: Mask) -> Iterator[Hiding]:
    """The declared mask, shifted by one, in the other corner, turned round."""
    _, queries, keys = dump.shape
    name = spelled(mask)
    for shift, sees in _SHIFTS.items():
        words = {"mask": name, "sees": sees, "diagonal": str(shift)}
        yield _hiding(dump, "mask-off-by-one", _seen(mask, dump, shift), words)
    for near in _near(mask):
        yield _hiding(dump, "mask-window-off-by-one", _seen(near, dump), {"mask": name, "acts": spelled(near)})
    if queries != keys:
        seen = _seen(mask, dump, (queries - keys) * (-1 if mask.from_start else 1))
        acts = "causal" if mask.from_start else "causal:start" if isinstance(mask, Causal) else f"{name} from the start"
        words = {"mask": name, "acts": acts, "queries": str(queries), "keys": str(keys)}
        yield _hiding(dump, "mask-aligned-wrong", seen, words)
    yield _hiding(dump, "mask-inverted", ~_seen(mask, dump), {"mask": name})
    if queries == keys:
        yield _hiding(dump, "mask-transposed", _seen(mask, dump).T, {"mask": name})


def _near(mask: Mask) -> Iterator[Mask]:
    """The masks with a window, a prefix or chunks of one more or less."""
    for step in (1, -1):
        if isinstance(mask, Sliding | Local) and mask.window + step > 0:
            yield replace(mask, window=mask.window + step)
        if isinstance(mask, Prefix) and mask.length + step > 0:
            yield replace(mask, length=mask.length + step)
        if isinstance(mask, Chunked) and mask.size + step > 0:
            yield replace(mask, size=mask.size + step)


def _seen(mask: Mask, dump: Dump, shift: int = 0) -> Array:
    """Truth values (query, key): what is visible if every query stood `shift` keys further on."""
    _, queries, keys = dump.shape
    place = np.arange(queries)[:, np.newaxis] + mask.first_query(queries, keys) + shift
    seen = mask.sees(place, np.arange(keys))
    return np.ones((queries, keys), dtype=bool) if seen is None else np.asarray(seen)


def _all_seen(dump: Dump) -> Array:
    return np.ones(dump.shape[1:], dtype=bool)


def _hiding(dump: Dump, code: str, seen: Array, words: Mapping[str, str]) -> Hiding:
    return Hiding(code, _merged(dump, seen, dump.array_hidden), words)


def _merged(dump: Dump, seen: Array, arrays: Array | None) -> Array:
    hidden = ~seen if arrays is None else ~seen | arrays
    return np.broadcast_to(hidden, dump.shape)
