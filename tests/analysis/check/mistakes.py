"""The mistakes that people make with attention, each planted into a plain layer, with the name that check must give it."""

# A mistake a line, however long, so that the table can be read.
# ruff: noqa: E501

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.analysis.check.plain import (
    BLENDED,
    MODULE,
    OUTER,
    OUTPUT,
    WEIGHTS,
    Plain,
    causal,
    cut,
    hide,
    joined,
    layer_norm,
    reshaped,
    rms,
    rope,
    sliding,
    slopes,
    softmax,
    with_steps,
)

Store = tuple[str, ...]
Make = Callable[..., Plain]
ROTATED = ("Q", "K", "V", "Q_rotated", "K_rotated", "weights")
PROJECTED = ("X", "Q", "K", "V")
EVERYWHERE = (WEIGHTS, BLENDED, OUTPUT, MODULE)
AFTER = (BLENDED, OUTPUT, MODULE)


@dataclass(frozen=True)
class Mistake:
    """A mistake: what check must call it, how it is made (settings of the layer pass through), where it shows."""

    name: str
    code: str
    make: Make
    stores: tuple[Store, ...] = EVERYWHERE
    severity: str = "fault"


def _plain(**own: Any) -> Callable[..., Plain]:
    return lambda **more: Plain(**(own | more))


def _causal(change: Callable[[Plain], Plain], **own: Any) -> Make:
    return lambda **more: change(Plain(**({"mask": "causal"} | own | more)))


def _open(change: Callable[[Plain], Plain], **own: Any) -> Make:
    return lambda **more: change(Plain(**(own | more)))


def _mask(seen: Callable[[Plain], Any], **own: Any) -> Make:
    return _causal(lambda p: with_steps(p, mask=lambda s: hide(s, seen(p))), **own)


def _padded(change: Callable[[Plain], Plain], left: int = 2, right: int = 0, **own: Any) -> Make:
    """A layer whose first or last keys are padding, hidden by a boolean attn_mask."""

    def make(**more: Any) -> Plain:
        queries = (own | more).get("queries", 7)
        keys = np.arange(queries)
        seen = np.broadcast_to((keys >= left) & (keys < queries - right), (queries, queries)).copy()
        return change(Plain(**({"attn_mask": seen} | own | more)))

    return make


def _rope(change: Callable[[Plain], Plain], **own: Any) -> Make:
    return _causal(change, positions="rope", **own)


def _turning(
    q: Callable[[Any, Any], Any] | None = None, k: Callable[[Any, Any], Any] | None = None, **own: Any
) -> Make:
    """A layer that rotates queries and keys by rules of its own; None leaves the right one."""

    def change(p: Plain) -> Plain:
        def turn(name: str, x: Any) -> Any:
            rule = q if name == "Q" else k
            places = p.places()[name != "Q"]
            return rope(x, places) if rule is None else rule(x, places)

        return with_steps(p, turn=turn)

    return _rope(change, **own)


def _both(rule: Callable[[Any, Any], Any], **own: Any) -> Make:
    return _turning(rule, rule, **own)


def _alibi(slope: Callable[[Plain], Any], **own: Any) -> Make:
    def change(p: Plain) -> Plain:
        def bias(scores: Any) -> Any:
            q, k = p.places()
            return scores - slope(p)[:, None, None] * abs(q[:, None] - k)

        return with_steps(p, bias=bias)

    return _causal(change, **({"heads": 4, "positions": "alibi"} | own))


def _order(p: Plain, *steps: str) -> Plain:
    """Steps on scores in another order: the later stages stand in for the earlier."""
    right = {name: getattr(p, name) for name in ("scale", "cap", "bias", "mask")}

    def none(scores: Any) -> Any:
        return scores

    def run(scores: Any) -> Any:
        for step in steps:
            scores = right[step](scores)
        return scores

    return with_steps(p, scale=none, cap=none, bias=none, mask=run)


def _dropout(p: float, seed: int = 3, *, scaled: bool = True) -> Callable[[Plain], Plain]:
    def change(plain: Plain) -> Plain:
        def after(weights: Any) -> Any:
            kept = np.random.default_rng(seed).random(weights.shape) >= p
            return weights * kept / ((1 - p) if scaled else 1)

        return with_steps(plain, after=after)

    return change


def _tiled(p: Plain, *, keys: bool = True, values: bool = True) -> Plain:
    tile = lambda x: np.tile(x, (p.heads // p.groups, 1, 1))  # noqa: E731
    return with_steps(p, **({"share": tile} if keys else {}), **({"share_values": tile} if values else {}))


def _first(p: Plain) -> Plain:
    first = lambda x: x[[0] * p.heads]  # noqa: E731
    return with_steps(p, share=first, share_values=first)


def _qkv(p: Plain, how: str) -> Plain:
    """Q, K and V of one product, cut in the wrong order."""

    def split(name: str, flat: Any) -> Any:
        together = np.concatenate([p.project(each) for each in "QKV"], axis=1)
        index, count = "QKV".index(name), len(together)
        if how == "head":
            return together.reshape(count, p.heads, 3, -1).transpose(2, 1, 0, 3)[index]
        return together.reshape(count, p.heads, -1, 3).transpose(3, 1, 0, 2)[index]

    return with_steps(p, split=split)


def _features(flat: Any, heads: int) -> Any:
    return np.moveaxis(flat.reshape(len(flat), -1, heads), 2, 0)


_RNG = np.random.default_rng(17)
GAINS = {"Q_norm": _RNG.uniform(0.3, 2.0, 8), "K_norm": _RNG.uniform(0.3, 2.0, 8)}
NORMED = {"qk_norm": "rms:1e-05", **GAINS}
LAYERED = {
    "qk_norm": "layer:1e-05,over=each",
    "Q_norm": _RNG.uniform(0.3, 2.0, (3, 8)),
    "K_norm": _RNG.uniform(0.3, 2.0, (3, 8)),
}
TOGETHER = {"qk_norm": "rms:1e-05,over=all", "Q_norm": _RNG.uniform(0.3, 2.0, 24), "K_norm": _RNG.uniform(0.3, 2.0, 24)}
NORMED_LAST = {"qk_norm": "rms:1e-05,after=rotation", **GAINS}
STRETCHED = {"positions": "rope", "rotary_frequencies": np.array([1.0, 0.31, 0.02, 0.0013])}
LONGER = {"positions": "rope:attention_factor=1.2"}
GROWING = {"positions": "rope", "query_scaling": "log:0.5,step=2"}


def _head_steps(change: Callable[[Plain], dict[str, Any]], **own: Any) -> Make:
    return _causal(lambda p: with_steps(p, **change(p)), **own)


SQUARE = {"heads": 2, "d_k": 8, "d_v": 8, "d_model": 16}
_CROSS = {"cross": True, "queries": 5, "keys": 7}

MISTAKES: tuple[Mistake, ...] = (
    # masks
    Mistake("mask forgotten", "mask-missing", _mask(lambda p: np.ones((p.queries, p.keys), bool))),
    Mistake("mask inverted", "mask-inverted", _mask(lambda p: ~p.seen)),
    Mistake("mask transposed", "mask-transposed", _mask(lambda p: p.seen.T)),
    Mistake("one key too many", "mask-off-by-one", _mask(lambda p: causal(p.queries, p.keys, 1))),
    Mistake("one key too few", "mask-off-by-one", _mask(lambda p: causal(p.queries, p.keys, -1))),
    Mistake("top-left with a cache", "mask-aligned-wrong", _mask(lambda p: np.tri(p.queries, p.keys, dtype=bool), queries=3, keys=7), (WEIGHTS, BLENDED, OUTPUT)),
    Mistake("top-left in a decode step", "mask-aligned-wrong", _mask(lambda p: np.tri(p.queries, p.keys, dtype=bool), queries=1, keys=7), (WEIGHTS, BLENDED, OUTPUT)),
    Mistake("bottom-right where start is declared", "mask-aligned-wrong", _mask(lambda p: causal(p.queries, p.keys), mask="causal:start", queries=3, keys=7), (WEIGHTS, BLENDED, OUTPUT)),
    Mistake("window one too wide", "mask-window-off-by-one", _mask(lambda p: sliding(p.queries, p.keys, 4), mask="sliding:3")),
    Mistake("window one too narrow", "mask-window-off-by-one", _mask(lambda p: sliding(p.queries, p.keys, 2), mask="sliding:3")),
    Mistake("window without effect", "mask-differs", _mask(lambda p: causal(p.queries, p.keys), mask="sliding:3")),
    Mistake("window forgotten whole", "mask-missing", _mask(lambda p: np.ones((p.queries, p.keys), bool), mask="sliding:3")),
    Mistake("window on both sides", "mask-differs", _mask(lambda p: abs(np.arange(p.queries)[:, None] - np.arange(p.keys)) < 3, mask="sliding:3")),
    Mistake("window where causal is declared", "mask-differs", _mask(lambda p: sliding(p.queries, p.keys, 3))),
    Mistake("causal where none is declared", "mask-differs", _mask(lambda p: causal(p.queries, p.keys), mask="none")),
    Mistake("causal cross-attention, none declared", "mask-differs", _mask(lambda p: np.tri(p.queries, p.keys, dtype=bool), mask="none", queries=5, keys=7), (WEIGHTS, BLENDED, OUTPUT)),
    Mistake("−10 added", "mask-finite", _causal(lambda p: with_steps(p, mask=lambda s: np.where(p.seen, s, s - 10)))),
    Mistake("−3.5 put in place", "mask-finite", _causal(lambda p: with_steps(p, mask=lambda s: np.where(p.seen, s, -3.5)))),
    Mistake("+8 added", "mask-finite", _causal(lambda p: with_steps(p, mask=lambda s: np.where(p.seen, s, s + 8)))),
    Mistake("0 put where hidden", "mask-filled-with-0", _causal(lambda p: with_steps(p, mask=lambda s: np.where(p.seen, s, 0)))),
    Mistake("scores × mask", "mask-filled-with-0", _causal(lambda p: with_steps(p, mask=lambda s: s * p.seen))),
    Mistake("boolean mask added", "mask-as-numbers", _causal(lambda p: with_steps(p, mask=lambda s: s + p.seen))),
    Mistake("inverted boolean mask added", "mask-as-numbers", _causal(lambda p: with_steps(p, mask=lambda s: s + ~p.seen))),
    Mistake("mask after softmax", "mask-after-softmax", _causal(lambda p: with_steps(p, weigh_all=lambda s: softmax(s["scaled"]) * p.seen))),
    Mistake("−10000 added after softmax", "mask-added-after-softmax", _causal(lambda p: with_steps(p, weigh_all=lambda s: softmax(s["scaled"]) + np.where(p.seen, 0, -1e4)))),
    Mistake("padding missing", "mask-missing", _padded(lambda p: with_steps(p, mask=lambda s: s))),
    Mistake("padding missing, causal kept", "mask-missing", _padded(lambda p: with_steps(p, mask=lambda s: hide(s, causal(p.queries, p.keys))), right=2, left=0, mask="causal")),
    Mistake("causal missing, padding kept", "mask-missing", _padded(lambda p: with_steps(p, mask=lambda s: hide(s, p.settings["attn_mask"])), right=2, left=0, mask="causal")),
    Mistake("padding inverted", "mask-inverted", _padded(lambda p: with_steps(p, mask=lambda s: hide(s, ~p.seen)))),
    Mistake("padding on queries", "mask-on-queries", _padded(lambda p: with_steps(p, mask=lambda s: hide(s, p.seen.T)), left=0, right=2)),
    Mistake("padding on queries, causal kept", "mask-on-queries", _padded(lambda p: with_steps(p, mask=lambda s: hide(s, causal(p.queries, p.keys) & p.settings["attn_mask"].T)), left=0, right=2, mask="causal")),
    Mistake("padding on the wrong side", "mask-moved", _padded(lambda p: with_steps(p, mask=lambda s: hide(s, p.seen[:, ::-1])))),
    Mistake("padding of −5", "mask-finite", _padded(lambda p: with_steps(p, mask=lambda s: np.where(p.seen, s, s - 5)))),
    # scale, softcap, bias
    Mistake("scale forgotten", "scale-missing", _causal(lambda p: with_steps(p, scale=lambda s: s))),
    Mistake("divided by d", "scale-doubled", _causal(lambda p: with_steps(p, scale=lambda s: s / p.d_k))),
    Mistake("times √d", "scale-inverted", _causal(lambda p: with_steps(p, scale=lambda s: s * p.d_k**0.5), spread=0.3)),
    Mistake("√ of all heads", "scale-wrong-width", _causal(lambda p: with_steps(p, scale=lambda s: s / (p.d_k * p.heads) ** 0.5))),
    Mistake("√ of a value", "scale-wrong-width", _causal(lambda p: with_steps(p, scale=lambda s: s / p.d_v**0.5))),
    Mistake("√ of the tokens", "scale-wrong-width", _causal(lambda p: with_steps(p, scale=lambda s: s / p.keys**0.5))),
    Mistake("2^x in place of e^x", "scale-base-2", _causal(lambda p: with_steps(p, scale=lambda s: s * p.factor * np.log(2)))),
    Mistake("a temperature", "scale-wrong", _causal(lambda p: with_steps(p, scale=lambda s: s * p.factor / 1.7))),
    Mistake("scale of no declared scale", "scale-wrong", _causal(lambda p: p, scale="none")),
    Mistake("softcap forgotten", "softcap-missing", _causal(lambda p: with_steps(p, cap=lambda s: s), softcap=1.5, spread=2.0)),
    Mistake("softcap after the mask", "softcap-after-mask", _causal(lambda p: _order(p, "scale", "mask", "cap"), softcap=5.0)),
    Mistake("softcap before the scale", "softcap-order", _causal(lambda p: _order(p, "cap", "scale", "mask"), softcap=3.0)),
    Mistake("softcap x·tanh", "softcap-formula", _causal(lambda p: with_steps(p, cap=lambda s: s * np.tanh(s / 3)), softcap=3.0)),
    Mistake("softcap without its factor", "softcap-formula", _causal(lambda p: with_steps(p, cap=lambda s: np.tanh(s / 3)), softcap=3.0)),
    Mistake("another softcap", "softcap-wrong", _causal(lambda p: with_steps(p, cap=lambda s: 2 * np.tanh(s / 2)), softcap=3.0, spread=1.5)),
    Mistake("ALiBi forgotten", "bias-missing", _alibi(lambda p: np.zeros(p.heads))),
    Mistake("ALiBi's sign", "bias-sign", _alibi(lambda p: -slopes(p.heads))),
    Mistake("ALiBi's slopes reversed", "alibi-reversed", _alibi(lambda p: slopes(p.heads)[::-1])),
    Mistake("ALiBi before the scale", "bias-order", _alibi(lambda p: slopes(p.heads) * p.factor)),
    Mistake("ALiBi of eight heads", "alibi-slopes", _alibi(lambda p: slopes(8)[: p.heads])),
    Mistake("ALiBi counted from 0", "alibi-slopes", _alibi(lambda p: 2.0 ** (-8.0 * np.arange(p.heads) / p.heads))),
    Mistake("attn_mask's numbers forgotten", "bias-missing", _open(lambda p: with_steps(p, bias=lambda s: s), attn_mask=np.random.default_rng(5).normal(size=(7, 7)))),
    Mistake("attn_mask's numbers subtracted", "bias-sign", _open(lambda p: with_steps(p, bias=lambda s: s - p.settings["attn_mask"]), attn_mask=np.random.default_rng(5).normal(size=(7, 7)))),
    # softmax
    Mistake("softmax over queries", "softmax-over-queries", _open(lambda p: with_steps(p, weigh=lambda s: softmax(s, 1)))),
    Mistake("softmax over queries, causal", "softmax-over-queries", _causal(lambda p: with_steps(p, weigh=lambda s: softmax(s, 1)))),
    Mistake("softmax over heads", "softmax-over-heads", _open(lambda p: with_steps(p, weigh=lambda s: softmax(s, 0)))),
    Mistake("softmax over heads, causal", "softmax-over-heads", _causal(lambda p: with_steps(p, weigh=lambda s: softmax(s, 0)))),
    Mistake("softmax over everything", "softmax-over-all", _open(lambda p: with_steps(p, weigh=lambda s: np.stack([softmax(x, None) for x in s])))),
    Mistake("softmax forgotten", "softmax-missing", _open(lambda p: with_steps(p, weigh=lambda s: s))),
    Mistake("softmax forgotten, 0 where hidden", "softmax-missing", _causal(lambda p: with_steps(p, weigh=lambda s: np.where(p.seen, s, 0)))),
    Mistake("exponentials alone", "softmax-not-divided", _causal(lambda p: with_steps(p, weigh=np.exp))),
    Mistake("log-softmax", "log-weights", _open(lambda p: with_steps(p, weigh=lambda s: np.log(softmax(s))))),
    Mistake("sigmoid", "softmax-sigmoid", _causal(lambda p: with_steps(p, weigh=lambda s: 1 / (1 + np.exp(-s))))),
    Mistake("sinks forgotten", "sinks-missing", _causal(lambda p: with_steps(p, weigh=softmax), sinks=np.array([0.3, -1.0, 0.8]))),
    Mistake("sinks of another layer", "sinks-differ", _causal(lambda p: with_steps(p, weigh=lambda s: np.exp(s) / (np.exp(s).sum(2, keepdims=True) + np.exp(np.array([1.0, 0.2, -0.4]))[:, None, None])), sinks=np.array([0.3, -1.0, 0.8]))),
    # positions
    Mistake("not rotated", "rotation-missing", _both(lambda x, at: x)),
    Mistake("K not rotated", "rotation-one-sided", _turning(k=lambda x, at: x)),
    Mistake("Q not rotated", "rotation-one-sided", _turning(q=lambda x, at: x)),
    Mistake("pairs interleaved", "rotation-style", _both(lambda x, at: rope(x, at, style="interleaved"))),
    Mistake("base of another model", "rotation-base", _both(lambda x, at: rope(x, at, base=500000.0))),
    Mistake("a base that nobody uses", "rotation-base", _both(lambda x, at: rope(x, at, base=3456.0))),
    Mistake("half of the features", "rotation-features", _both(lambda x, at: rope(x, at, dim=4))),
    Mistake("the other way round", "rotation-sign", _both(lambda x, at: rope(x, at, sign=-1))),
    Mistake("K one position further", "rotation-offset", _turning(k=lambda x, at: rope(x, at + 1))),
    Mistake("Q five positions further", "rotation-offset", _turning(q=lambda x, at: rope(x, at + 5))),
    Mistake("cache: queries count from 0", "rotation-offset", _turning(q=lambda x, at: rope(x, at - at[0]), queries=3, keys=7), (WEIGHTS, BLENDED, OUTPUT)),
    Mistake("decode: one position further", "rotation-offset", _turning(q=lambda x, at: rope(x, at + 1), queries=1, keys=7), (WEIGHTS, BLENDED, OUTPUT)),
    Mistake("V rotated", "rotation-of-values", _rope(lambda p: with_steps(p, values=lambda v: rope(v, p.places()[1])), d_v=6), (OUTER, BLENDED, OUTPUT, MODULE)),
    # norms, clipping, stretched positions, growing queries
    Mistake("QK-norm left out", "norm-missing", _head_steps(lambda p: {"norm": lambda n, x: x}, **NORMED)),
    Mistake("QK-norm left out, rope", "norm-missing", _head_steps(lambda p: {"norm": lambda n, x: x}, positions="rope", **NORMED)),
    Mistake("K not normed", "norm-one-sided", _head_steps(lambda p: {"norm": lambda n, x: Plain.norm(p, n, x) if n == "Q" else x}, positions="rope", **NORMED)),
    Mistake("Q not normed", "norm-one-sided", _head_steps(lambda p: {"norm": lambda n, x: Plain.norm(p, n, x) if n == "K" else x}, **LAYERED)),
    Mistake("normed after rope", "rotation-before-norm", _head_steps(lambda p: {"prepare": lambda n, x: p.norm(n, p.turn(n, x))}, positions="rope", **NORMED)),
    Mistake("normed before rope", "rotation-before-norm", _head_steps(lambda p: {"prepare": lambda n, x: p.turn(n, p.norm(n, x))}, positions="rope", **NORMED_LAST)),
    Mistake("QK-norm without its gain", "norm-differs", _head_steps(lambda p: {"norm": lambda n, x: rms(x, 1e-5)}, positions="rope", **NORMED)),
    Mistake("gains of Q and K exchanged", "norm-differs", _head_steps(lambda p: {"norm": lambda n, x: rms(x, 1e-5) * p.settings["K_norm" if n == "Q" else "Q_norm"]}, positions="rope", **NORMED)),
    Mistake("1 added to the gain", "norm-differs", _head_steps(lambda p: {"norm": lambda n, x: rms(x, 1e-5) * (1 + p.settings[f"{n}_norm"])}, **NORMED)),
    Mistake("LayerNorm for RMSNorm", "norm-differs", _head_steps(lambda p: {"norm": lambda n, x: layer_norm(x, 1e-5) * p.settings[f"{n}_norm"]}, **NORMED)),
    Mistake("normed over each head, not all", "norm-differs", _head_steps(lambda p: {"norm": lambda n, x: rms(x, 1e-5) * cut(p.settings[f"{n}_norm"][None], 3)}, **TOGETHER)),
    Mistake("clip left out", "clip-missing", _head_steps(lambda p: {"limit": lambda n, flat: flat}, clip=0.8), (PROJECTED, MODULE)),
    Mistake("rotary_frequencies left out", "rotation-frequencies", _head_steps(lambda p: {"turn": lambda n, x: rope(x, p.places()[n != "Q"])}, **STRETCHED)),
    Mistake("attention factor left out", "rotation-length", _head_steps(lambda p: {"turn": lambda n, x: rope(x, p.places()[n != "Q"])}, **LONGER)),
    Mistake("attention factor on Q alone", "rotation-length", _head_steps(lambda p: {"turn": lambda n, x: rope(x, p.places()[n != "Q"], length=1.2 if n == "Q" else 1.0)}, **LONGER), (ROTATED,)),
    Mistake("queries do not grow", "query-scaling-differs", _head_steps(lambda p: {"grow": lambda q: q}, **GROWING)),
    # heads
    Mistake("groups tiled", "heads-tiled", _causal(_tiled, heads=4, groups=2)),
    Mistake("groups tiled, six on three", "heads-tiled", _open(_tiled, heads=6, groups=3)),
    Mistake("keys tiled alone", "heads-tiled", _causal(lambda p: _tiled(p, values=False), heads=4, groups=2)),
    Mistake("values tiled alone", "heads-tiled", _causal(lambda p: _tiled(p, keys=False), heads=4, groups=2), (OUTER, *AFTER)),
    Mistake("first group for all", "heads-one-group", _causal(_first, heads=4, groups=2)),
    Mistake("K reshaped", "keys-reshaped", _causal(lambda p: with_steps(p, product=lambda q, k: q @ k.reshape(k.shape[0], k.shape[2], k.shape[1])))),
    Mistake("K · Qᵀ", "scores-transposed", _causal(lambda p: with_steps(p, product=lambda q, k: k @ q.swapaxes(1, 2)))),
    Mistake("K cut by reshape", "heads-reshaped", _causal(lambda p: with_steps(p, product_k=reshaped))),
    Mistake("Q cut by reshape", "heads-reshaped", _causal(lambda p: with_steps(p, product_q=reshaped))),
    Mistake("V cut by reshape", "heads-reshaped", _causal(lambda p: with_steps(p, values=reshaped)), (OUTER, *AFTER)),
    Mistake("V reshaped", "values-reshaped", _causal(lambda p: with_steps(p, values=lambda v: v.reshape(v.shape[0], v.shape[2], v.shape[1]).swapaxes(1, 2))), (OUTER, *AFTER)),
    Mistake("K for V", "wrong-input", _causal(lambda p: with_steps(p, values=lambda v: p.split("K", p.project("K"))), d_v=8), (OUTER, *AFTER)),
    Mistake("V for K", "wrong-input", _causal(lambda p: with_steps(p, product_k=lambda k: p.split("V", p.project("V"))), d_v=8)),
    Mistake("heads exchanged", "heads-exchanged", _causal(lambda p: with_steps(p, share_values=lambda v: v[[1, 0, 2]])), (OUTER, *AFTER)),
    Mistake("all cut by reshape", "heads-reshaped", _causal(lambda p: with_steps(p, split=lambda n, flat: flat.reshape(p.heads, len(flat), -1))), (PROJECTED, MODULE)),
    Mistake("cut as feature, head", "heads-by-feature", _causal(lambda p: with_steps(p, split=lambda n, flat: _features(flat, p.heads))), (PROJECTED, MODULE)),
    Mistake("qkv by head", "qkv-interleaved", _causal(lambda p: _qkv(p, "head"), d_v=8), (PROJECTED, MODULE)),
    Mistake("qkv by feature", "qkv-interleaved", _causal(lambda p: _qkv(p, "feature"), d_v=8), (PROJECTED, MODULE)),
    Mistake("Linear not transposed", "linear-not-transposed", _causal(lambda p: with_steps(p, project=lambda n: p.x @ p.w[f"W_{n}"].T), **SQUARE), (PROJECTED, MODULE)),
    Mistake("W_K not transposed", "linear-not-transposed", _causal(lambda p: with_steps(p, project=lambda n: p.x @ (p.w["W_K"].T if n == "K" else p.w[f"W_{n}"])), **SQUARE), (PROJECTED, MODULE)),
    Mistake("b_Q left out", "bias-left-out", _causal(lambda p: with_steps(p, project=lambda n: p.x @ p.w[f"W_{n}"] + (0 if n == "Q" else p.b[f"b_{n}"])), biases=True), (PROJECTED, MODULE)),
    Mistake("all biases left out", "bias-left-out", _causal(lambda p: with_steps(p, project=lambda n: p.x @ p.w[f"W_{n}"]), biases=True), (PROJECTED, MODULE)),
    Mistake("b_Q and b_K exchanged", "biases-exchanged", _causal(lambda p: with_steps(p, project=lambda n: p.x @ p.w[f"W_{n}"] + p.b[{"Q": "b_K", "K": "b_Q", "V": "b_V"}[n]]), biases=True), (PROJECTED, MODULE)),
    # after softmax, and the output
    Mistake("weights transposed", "weights-transposed", _causal(lambda p: with_steps(p, stored=lambda n, x: x.swapaxes(1, 2) if n == "weights" else x)), (WEIGHTS,)),
    Mistake("weights transposed, no mask", "weights-transposed", _open(lambda p: with_steps(p, stored=lambda n, x: x.swapaxes(1, 2) if n == "weights" else x)), (WEIGHTS,)),
    Mistake("V blended with transposed weights", "weights-transposed", _causal(lambda p: with_steps(p, blend=lambda w, v: w.swapaxes(1, 2) @ v)), (OUTER, *AFTER)),
    Mistake("dropout 0.1", "dropout", _causal(_dropout(0.1)), (WEIGHTS,)),
    Mistake("dropout 0.25", "dropout", _causal(_dropout(0.25)), (WEIGHTS,)),
    Mistake("dropout 0.5, no mask", "dropout", _open(_dropout(0.5)), (WEIGHTS,)),
    Mistake("dropout 0.37", "dropout", _causal(_dropout(0.37)), (WEIGHTS,)),
    Mistake("dropout that is not scaled", "dropout", _causal(_dropout(0.3, scaled=False)), (WEIGHTS,)),
    Mistake("mean over heads", "heads-averaged", _causal(lambda p: with_steps(p, stored=lambda n, x: x.mean(0) if n == "weights" else x)), (WEIGHTS,)),
    Mistake("mean over heads, broadcast", "heads-averaged", _causal(lambda p: with_steps(p, after=lambda w: np.broadcast_to(w.mean(0), w.shape))), (WEIGHTS, BLENDED)),
    Mistake("heads joined by reshape", "heads-joined-wrong", _causal(lambda p: with_steps(p, join=lambda b: b.reshape(b.shape[1], -1))), (OUTPUT, MODULE, (*OUTER, "output"))),
    Mistake("heads joined by feature", "heads-joined-wrong", _causal(lambda p: with_steps(p, join=lambda b: np.moveaxis(b, 0, 2).reshape(b.shape[1], -1))), (OUTPUT, MODULE, (*OUTER, "output"))),
    Mistake("W_O transposed", "output-matrix-transposed", _causal(lambda p: with_steps(p, out=lambda y: y @ p.w["W_O"].T), **SQUARE), (MODULE,)),
    Mistake("W_O forgotten", "output-matrix-missing", _causal(lambda p: with_steps(p, out=lambda y: y), **SQUARE), (MODULE,)),
    Mistake("b_O forgotten", "output-bias-missing", _causal(lambda p: with_steps(p, out=lambda y: y @ p.w["W_O"]), biases=True), (MODULE,)),
    Mistake("residual included", "residual-added", _causal(lambda p: with_steps(p, out=lambda y: y @ p.w["W_O"] + p.x)), (MODULE,)),
)  # fmt: skip
"""Faulty layers. Each stands for its kind; test_kinds tries it in every store it shows in, and in every dtype."""


def _sinks(p: Plain, sinks: Any) -> Plain:
    own = np.asarray(sinks)[:, None, None]
    return with_steps(p, weigh=lambda s: np.exp(s) / (np.exp(s).sum(2, keepdims=True) + np.exp(own)))


def _packed(p: Plain, *lengths: int) -> Plain:
    text = np.repeat(np.arange(len(lengths)), lengths)
    return with_steps(p, mask=lambda s: hide(s, causal(p.queries, p.keys) & (text[:, None] == text)))


def _blind_uniform(p: Plain) -> Plain:
    return with_steps(p, mask=lambda s: np.where(p.seen.any(1)[:, None], hide(s, p.seen), -1e30))


REMARKS: tuple[Mistake, ...] = (
    Mistake("causal, undeclared", "mask-undeclared", _open(lambda p: with_steps(p, mask=lambda s: hide(s, causal(p.queries, p.keys)))), severity="remark"),
    Mistake("sliding:3, undeclared", "mask-undeclared", _open(lambda p: with_steps(p, mask=lambda s: hide(s, sliding(p.queries, p.keys, 3)))), severity="remark"),
    Mistake("packed texts, causal declared", "mask-undeclared", _causal(lambda p: _packed(p, 3, 4)), severity="remark"),
    Mistake("packed texts, nothing declared", "mask-undeclared", _open(lambda p: _packed(p, 3, 4)), severity="remark"),
    Mistake("three packed texts", "mask-undeclared", _causal(lambda p: _packed(p, 3, 2, 2)), (WEIGHTS, OUTER), severity="remark"),
    Mistake("right padding, undeclared", "mask-undeclared", _open(lambda p: with_steps(p, mask=lambda s: hide(s, np.arange(p.keys) < 5))), severity="remark"),
    Mistake("causal cross-attention, undeclared", "mask-undeclared", _open(lambda p: with_steps(p, mask=lambda s: hide(s, np.tri(p.queries, p.keys, dtype=bool))), queries=5, keys=7), (WEIGHTS, BLENDED, OUTPUT), severity="remark"),
    Mistake("sinks, undeclared", "sinks-undeclared", _causal(lambda p: _sinks(p, [0.3, -1.0, 0.8])), severity="remark"),
    Mistake("softmax-1", "sinks-undeclared", _causal(lambda p: _sinks(p, [0.0, 0.0, 0.0])), severity="remark"),
    Mistake("uniform rows of padding", "hidden-row-uniform", _padded(_blind_uniform, mask="causal"), severity="remark"),
    Mistake("rope, undeclared", "positions-undeclared", _causal(lambda p: with_steps(p, turn=lambda n, x: rope(x, p.places()[n != "Q"]))), severity="remark"),
    Mistake("softcap, undeclared", "softcap-undeclared", _causal(lambda p: with_steps(p, cap=lambda s: 5 * np.tanh(s / 5)), spread=2.0), severity="remark"),
)  # fmt: skip
"""Sound layers of which the file leaves something out: a remark says what, and nothing is a fault."""

SOUND: dict[str, Make] = {
    "plain": _plain(),
    "causal": _plain(mask="causal"),
    "one head": _plain(heads=1, mask="causal"),
    "grouped": _plain(heads=6, groups=2, mask="causal"),
    "multi-query": _plain(heads=5, groups=1, mask="causal"),
    "sliding": _plain(mask="sliding:3"),
    "a cache": _plain(mask="causal", queries=3, keys=11),
    "one decode step": _plain(mask="causal", queries=1, keys=11),
    "cross": _plain(cross=True, mask="none"),
    "rope": _plain(mask="causal", positions="rope"),
    "rope with a cache": _plain(mask="causal", positions="rope", queries=2, keys=7),
    "alibi": _plain(heads=4, mask="causal", positions="alibi"),
    "softcap": _plain(mask="causal", softcap=3.0, spread=2.0),
    "sinks": _plain(mask="causal", sinks=np.array([0.3, -1.0, 0.8])),
    "padding": _padded(lambda p: p, left=0, right=2, mask="causal"),
    "left padding": _padded(lambda p: p, mask="causal"),
    "numbers added": _plain(attn_mask=np.random.default_rng(5).normal(size=(7, 7))),
    "−65504 added": _plain(attn_mask=np.where(causal(7, 7), 0.0, -65504.0)),
    "sharp": _plain(mask="causal", spread=6.0),
    "faint": _plain(mask="causal", spread=0.01),
    "biases": _plain(mask="causal", biases=True),
    "square": _plain(mask="causal", **SQUARE),
    "QK-norm": _plain(mask="causal", positions="rope", **NORMED),
    "QK-norm of each head": _plain(mask="causal", **LAYERED),
    "QK-norm over all heads": _plain(mask="causal", positions="rope", **TOGETHER),
    "QK-norm after rope": _plain(mask="causal", positions="rope", **NORMED_LAST),
    "stretched rope": _plain(mask="causal", **STRETCHED),
    "attention factor": _plain(mask="causal", **LONGER),
    "clipped": _plain(mask="causal", clip=0.8),
    "growing queries": _plain(mask="causal", **GROWING),
    "long": _plain(mask="causal", queries=61, d_k=16, d_v=16),
}
"""Sound layers, in which nothing may be found."""

__all__ = ["MISTAKES", "REMARKS", "SOUND", "Mistake", "cut", "joined"]
