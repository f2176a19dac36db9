"""Everything again in float64, from the earliest stored stage, and how far the stored stages are from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.core.attention import attend
from attn_cli.core.masks import NoMask
from attn_cli.core.positions import NoPositions
from attn_cli.core.spec import Extras, Spec
from attn_cli.trace.stages import CHAIN, STAGES
from attn_cli.trace.trace import Array, Layer


@dataclass(frozen=True)
class Error:
    """The largest difference of a stored stage from the same stage in float64.

    `relative` is `absolute` over the largest number of the stage; `place` is (head, row, column) or (row, column).
    """

    layer: str
    stage: str
    absolute: float
    relative: float
    place: tuple[int, ...]

    def document(self) -> dict[str, object]:
        """The error as plain values."""
        return {"absolute": self.absolute, "relative": self.relative, "place": list(self.place)}


def recomputed(dump: Dump) -> tuple[Error, ...]:
    """The errors of all stages that follow from an earlier stored one."""
    start = dict(_start(dump))
    made = _again(dump, start)
    if made is None:
        return ()
    return tuple(
        _error(dump, stage, made[stage])
        for stage in dump.stored
        if stage in made and stage not in start and made[stage].shape == dump.stages[stage].shape
    )


def _error(dump: Dump, stage: str, made: Array) -> Error:
    stored = dump.stages[stage]
    same = (stored == made) | (np.isnan(stored) & np.isnan(made))
    off = np.where(same, 0.0, abs(stored - made))
    off = np.where(np.isnan(off), np.inf, off)
    place = tuple(map(int, np.unravel_index(int(off.argmax()), off.shape)))
    heads = {"query heads": dump.layer.head_index, "key heads": dump.layer.kv_head_index}.get(STAGES[stage].heads or "")
    largest = float(abs(made[np.isfinite(made)]).max(initial=0.0))
    error = float(off[place])
    relative = error / largest if largest else (0.0 if error == 0 else float("inf"))
    return Error(dump.layer.name, stage, error, relative, (heads[place[0]], *place[1:]) if heads else place)


def _start(dump: Dump) -> Iterator[tuple[str, Array]]:
    """The stages to start from: the last forms of Q and K, else the first scores, else the weights; and V."""
    q, k = dump.form("Q"), dump.form("K")
    if q and k:
        yield from ((form, dump.stages[form]) for form in dump.stages if form[0] in "QK")
    else:
        first = next((name for name in CHAIN if name in dump.stages), None)
        if first is not None:
            yield first, dump.stages[first]
        if first == "weights" and "sink_weight" in dump.stages:
            yield "sink_weight", dump.stages["sink_weight"]
    if "V" in dump.stages:
        yield "V", dump.stages["V"]


def _again(dump: Dump, start: Mapping[str, Array]) -> Layer | None:
    if dump.given is not None:
        return _document(dump)
    if not start or not (set(start) & set(CHAIN) or dump.form("Q")):
        return None
    given = {name: array for name, array in start.items() if name[0] not in "QKV"}
    if (q := dump.form("Q")) and (k := dump.form("K")):
        given |= {"Q": dump.stages[q], "K": dump.per_head(k)}
    if "V" in start:
        given["V"] = dump.per_head("V")
    spec = Spec(
        heads=len(dump.layer.head_index),
        mask=NoMask(),
        positions=NoPositions(),
        scale="none" if dump.factor in (None, 1.0) else dump.factor or 1.0,
        softcap=dump.spec.softcap,
    )
    tokens, keys = dump.layer.query_tokens, dump.layer.key_tokens
    made = attend(tokens, given, None, spec, extras=_extras(dump), context_tokens=keys)
    # What stood in for all heads' sake is no stage of the dump; the output has W_O behind it unless it is as wide.
    known = [stage for stage in made.stages if stage.name not in ("Q", "K", "V")]
    return replace(made, stages=tuple(s for s in known if s.name != "output" or _side_by_side(dump, s.array)))


def _side_by_side(dump: Dump, joined: Array) -> bool:
    """Whether the stored output can be the heads side by side: a W_O would change it beyond any rounding."""
    stored = dump.stages.get("output")
    if stored is None or stored.shape != joined.shape:
        return False
    return bool(abs(stored - joined).max(initial=0.0) <= 0.1 * abs(joined).max(initial=0.0))


def _document(dump: Dump) -> Layer | None:
    found = dump.given
    if found is None:
        return None
    matrices = found.projections.given()
    vectors = {name: array for name, array in found.given.items() if name[0] in "eX"}
    kept = vectors if vectors else {}
    for name in "QKV":
        if not vectors or f"W_{name}" not in matrices:
            kept |= {form: array for form, array in found.given.items() if form[0] == name}
    if not kept or not (vectors or {"Q", "K"} <= {form[0] for form in kept}):
        first = next((name for name in CHAIN if name in found.given), None)
        if first is None:
            return None
        names = (first, "V", *(("sink_weight",) if first == "weights" else ()))
        kept = {name: found.given[name] for name in names if name in found.given}
    return replace(found, given=kept, spec=replace(dump.spec, dtype="float64")).attended()


def _extras(dump: Dump) -> Extras:
    """What acted on the scores of a trace, as far as it shows: bias, hiding, sinks."""
    bias, hidden = dump.bias, dump.hidden
    chain = dump.chain()
    if "biased" in chain[1:]:
        bias = dump.stages["biased"] - dump.advanced(chain[chain.index("biased") - 1], "biased")
        bias = np.where(np.isfinite(bias), bias, 0.0)
    if "masked" in dump.stages:
        hidden = np.isneginf(dump.stages["masked"])
    elif dump.unseen and "weights" in dump.stages:
        zero = dump.stages["weights"] == 0
        hidden = zero if hidden is None else hidden | zero
    return Extras(bias=bias, hidden=hidden, sinks=_sinks(dump))


def _sinks(dump: Dump) -> Array | None:
    """Each head's sink from what it took: its share against that of the row's scores, where it is clearest."""
    share, chain = dump.stages.get("sink_weight"), dump.chain()
    if share is None or not chain:
        return None
    scores = dump.advanced(chain[-1], "weights")
    peak = scores.max(axis=2)
    total = peak + np.log(np.exp(scores - peak[:, :, np.newaxis]).sum(axis=2))  # (head, query)
    sinks = total + np.log(share) - np.log1p(-share)
    clearest = np.where(np.isfinite(sinks), abs(share - 0.5), np.inf).argmin(axis=1)
    return np.asarray(sinks[np.arange(len(sinks)), clearest])
