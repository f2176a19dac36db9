"""From vectors to heads: positions added, heads cut, norms, rotation, each right or by a mistaken rule."""

from collections.abc import Callable

import numpy as np

from attn_cli.analysis.check.computing.measured import Measured, NotThereError, changed, exact, finite, plus
from attn_cli.analysis.check.computing.recipe import Norm, Rotation, Stand
from attn_cli.analysis.check.computing.rounding import Rounding
from attn_cli.analysis.check.dump import Dump, NormFit
from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.positions import QueryScaling
from attn_cli.trace.trace import Array


def joined(x: Measured) -> Measured:
    """Heads side by side (token, head · feature)."""
    return x.mapped(join_heads)


def cut(flats: list[Measured], index: int, heads: int, how: str) -> Measured:
    """Heads (head, token, feature) of vectors side by side; `how` is split, or a mistaken cut.

    reshaped: (token, head · feature) seen as (head, token, feature); features: cut as (feature, head);
    turned: each head's (token, feature) seen as (feature, token) and transposed;
    qkv …: of Q, K and V side by side, those of `index` cut from another order of the three.
    """
    if how.startswith("qkv"):
        if len({flat.value.shape for flat in flats}) > 1:
            raise NotThereError("Q, K and V of one shape")
        together = Measured(
            np.concatenate([flat.value for flat in flats], axis=1),
            np.concatenate([flat.variance for flat in flats], axis=1),
        )
        return together.mapped(lambda x: _QKV[how](x, heads)[index])
    return flats[0].mapped(lambda x: _CUTS[how](x, heads))


def _reshaped(x: Array, heads: int) -> Array:
    return x.reshape(heads, len(x), -1)


def _by_feature(x: Array, heads: int) -> Array:
    return np.moveaxis(x.reshape(len(x), -1, heads), 2, 0)


def _turned(x: Array, heads: int) -> Array:
    whole = split_heads(x, heads)
    return whole.reshape(heads, whole.shape[2], whole.shape[1]).swapaxes(1, 2)


_CUTS = {"split": split_heads, "reshaped": _reshaped, "features": _by_feature, "turned": _turned}


def _from_heads(x: Array, heads: int) -> Array:
    """Cut as (head, 3, feature) what lies as (3, head, feature)."""
    return x.reshape(len(x), heads, 3, -1).transpose(2, 1, 0, 3)


def _from_features(x: Array, heads: int) -> Array:
    """Cut as (head, feature, 3) what lies as (3, head, feature)."""
    return x.reshape(len(x), heads, -1, 3).transpose(3, 1, 0, 2)


def _from_thirds(x: Array, heads: int) -> Array:
    """Cut as (3, head, feature) what lies as (head, 3, feature)."""
    together = x.reshape(len(x), 3, heads, -1).transpose(0, 2, 1, 3).reshape(len(x), -1)
    return together.reshape(len(x), 3, heads, -1).transpose(1, 2, 0, 3)


_QKV = {"qkv by head": _from_heads, "qkv by feature": _from_features, "qkv thirds": _from_thirds}


def where_they_stand(dump: Dump, stand: Stand, side: int) -> Array:
    """Positions of queries (side 0), or of keys and values (1, 2), under a rule."""
    declared = dump.positions[min(side, 1)].astype(np.float64)
    count = len(declared)
    rules: dict[str, Callable[[], Array]] = {
        "declared": lambda: declared,
        "twice": lambda: declared,
        "zero": lambda: np.zeros(count),
        "index": lambda: np.arange(count, dtype=np.float64),
        "end": lambda: np.arange(count, dtype=np.float64) + dump.keys - count,
        "padding": lambda: _without_padding(dump, count),
    }
    places = rules[stand.rule]()
    return np.asarray(stand.sign * (places + stand.shift))


def _without_padding(dump: Dump, count: int) -> Array:
    """Positions at which padding does not count: the running sum of the padding mask, less 1."""
    padded = np.zeros(dump.keys, dtype=bool) if dump.hidden is None else dump.hidden.all(axis=(0, 1))
    places = np.maximum(np.cumsum(~padded) - 1, 0).astype(np.float64)
    return np.asarray(places[len(places) - count :])


def placed(dump: Dump, x: Measured, source: str, stand: Stand, rounding: Rounding) -> Measured:
    """Embeddings with what positions add to them."""
    scheme, table = dump.scheme, dump.table
    if stand.rule == "left out":
        return x
    places = where_they_stand(dump, stand, 0 if source == "X" else 1)
    places = np.maximum(places, 0) if table is not None else places
    added = scheme.added(places, x.value.shape[1])
    if table is not None:
        rows = table[np.clip(places, 0, len(table) - 1).astype(np.int64)]
        added = rows if added is None else added + rows
    if added is not None and stand.rule == "twice":
        added = 2 * added
    return x if added is None else plus(x, exact(added), rounding)


def rotated(dump: Dump, x: Measured, side: int, stand: Stand, rotation: Rotation, rounding: Rounding) -> Measured:
    """Heads (head, token, feature) rotated by where their tokens stand."""
    width = x.value.shape[2]
    dim = width if rotation.dim is None else rotation.dim
    if dim > width or dim % 2:
        return x
    speeds = _speeds(rotation, dim)
    dim = 2 * len(speeds)
    places = where_they_stand(dump, stand, side)
    if len(places) != x.value.shape[1]:
        raise NotThereError("a position for each token")
    angles = places[:, np.newaxis] * speeds  # (token, pair)
    length = rotation.length[min(side, 1)]
    cos, sin = length * np.cos(angles), length * np.sin(angles)
    start = width - dim if rotation.last else 0
    first, second = (
        (slice(start, start + dim // 2), slice(start + dim // 2, start + dim))
        if rotation.style == "half"
        else (slice(start, start + dim, 2), slice(start + 1, start + dim, 2))
    )
    value, variance = x.value.copy(), x.variance.copy()
    a, b = x.value[..., first], x.value[..., second]
    value[..., first], value[..., second] = a * cos - b * sin, b * cos + a * sin
    # Angles are rounded too: in float32 they are off by 6e-8 of themselves, sines and cosines as any result.
    error = np.square(6e-8 * angles * (rounding.relative > 1e-9)) + np.square(rounding.relative)
    both = x.variance[..., first] * cos**2 + x.variance[..., second] * sin**2
    other = x.variance[..., second] * cos**2 + x.variance[..., first] * sin**2
    spread = error * (np.square(a) + np.square(b))
    variance[..., first], variance[..., second] = both + spread, other + spread
    return Measured(value, variance)


def _speeds(rotation: Rotation, dim: int) -> Array:
    """Radians per position for each pair of `dim` features, or for as many pairs as have a frequency of their own."""
    if rotation.frequencies is not None:
        return np.array(rotation.frequencies)
    pair = np.arange(0, dim, 2) / 2.0
    counted = dim if rotation.counted is None else rotation.counted
    return np.asarray(rotation.base ** (-rotation.doubled * pair / counted) / rotation.factor)


def grown(dump: Dump, x: Measured, growing: QueryScaling, stand: Stand, rounding: Rounding) -> Measured:
    """Queries (head, query, feature) multiplied by a factor that grows with their position."""
    factors = growing.factors(where_they_stand(dump, stand, 0))[:, np.newaxis]
    return changed(x.times(factors), x.value * factors, rounding)


def normed(dump: Dump, x: Measured, letter: str, norm: Norm, rounding: Rounding) -> Measured:
    """Queries or keys after a norm, with the gain that the file holds or its stages show, another one, or none.

    NotThereError where the file shows no such norm, or its gain does not fit.
    """
    fit = dump.norms.get("QK".replace(letter, "") if norm.gain == "exchanged" else letter)
    if fit is None and norm.kind == norm.over == norm.gain == "own":
        return x  # nothing shows the norm, and the step is unsure
    if fit is None and "own" in (norm.kind, norm.over, norm.gain):
        raise NotThereError("a norm")
    kind = fit.kind if fit is not None and norm.kind == "own" else norm.kind
    over = fit.over if fit is not None and norm.over == "own" else norm.over
    value, size = bare_norm(x.value, kind, over, 0.0 if fit is None else fit.epsilon)
    if fit is not None and norm.gain != "none":
        gain = fit.gain + {"plus one": 1.0, "less one": -1.0}.get(norm.gain, 0.0)
        if gain.shape[0] not in (1, len(value)):
            raise NotThereError("a gain for each head")
        value, size = value * gain + fit.offset, size * gain
    variance = x.variance * np.square(size) + np.square(rounding.relative * finite(value))
    return Measured(value, variance)


def bare_norm(x: Array, kind: str, over: str, epsilon: float = 0.0) -> tuple[Array, Array]:
    """Heads (head, token, feature) after a norm without gain, and what each number was multiplied with."""
    axes = (0, 2) if over == "all heads" else (2,)
    centered = x - x.mean(axis=axes, keepdims=True) if kind == "layer" else x
    squares = np.square(centered)
    total = squares.sum(axis=axes, keepdims=True) if kind == "l2" else squares.mean(axis=axes, keepdims=True)
    size = 1 / np.sqrt(np.where(total + epsilon == 0, 1.0, total + epsilon))
    return centered * size, np.broadcast_to(size, x.shape)


def fitted_norm(before: Array, after: Array, tolerance: float) -> NormFit | None:
    """The norm, with a gain (and offset) of each head and feature, by which one stage comes from another; None if none.

    Three tokens or more are needed to tell a gain from an accident.
    """
    if before.shape != after.shape or before.shape[1] < 3:
        return None
    before, after = before.astype(np.float64), after.astype(np.float64)
    fits = [
        _fitted(before, after, kind, over, epsilon)
        for kind in ("rms", "l2", "layer")
        for over in ("head", "all heads")[: 1 if len(before) == 1 else 2]
        for epsilon in (0.0, 1e-8, 1e-6, 1e-5)
    ]
    off, best = min(fits, key=lambda fit: fit[0])
    return best if off <= tolerance else None


def _fitted(before: Array, after: Array, kind: str, over: str, epsilon: float) -> tuple[float, NormFit]:
    """The gain (and offset) nearest to what is stored, and the largest difference that it leaves."""
    bare = bare_norm(before, kind, over, epsilon)[0]
    middle = average = np.zeros((len(bare), 1, bare.shape[2]))
    if kind == "layer" and bare.shape[1] > 3:
        middle, average = bare.mean(axis=1, keepdims=True), after.mean(axis=1, keepdims=True)
    spread = np.square(bare - middle).sum(axis=1, keepdims=True)
    gain = ((bare - middle) * (after - average)).sum(axis=1, keepdims=True) / np.where(spread == 0, 1.0, spread)
    offset = average - gain * middle
    off = abs(bare * gain + offset - after) / np.maximum(abs(after).max(axis=(1, 2), keepdims=True), 1e-300)
    worst = float(off.max(initial=0.0))
    return (worst if np.isfinite(worst) else np.inf), NormFit(kind, over, gain, offset, epsilon)
