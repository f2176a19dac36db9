"""Attention in plain steps, any of which a test may do wrong; nothing here is attn's own arithmetic."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from attn_cli.trace.files.npz import write_npz
from attn_cli.trace.trace import Array

Stages = dict[str, Array]
WEIGHTS = ("Q", "K", "V", "weights")
BLENDED = ("Q", "K", "V", "head_output")
OUTPUT = ("Q", "K", "V", "output")
OUTER = ("Q", "K", "V", "weights", "head_output")
ALL = ("Q", "K", "V", "scores", "scaled", "masked", "weights", "head_output", "output")
MODULE = ("X", "output")


def softmax(scores: Array, axis: int | None = -1) -> Array:
    peak = scores.max(axis=axis, keepdims=True)
    exponentials = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    total = exponentials.sum(axis=axis, keepdims=True)
    return np.asarray(exponentials / np.where(total == 0, 1, total))


def hide(scores: Array, seen: Array, value: float = -np.inf) -> Array:
    return np.where(seen, scores, value)


def causal(queries: int, keys: int, shift: int = 0) -> Array:
    """True where a query may look; the last query stands on the last key."""
    return np.tri(queries, keys, keys - queries + shift, dtype=bool)


def sliding(queries: int, keys: int, window: int) -> Array:
    return causal(queries, keys) & ~causal(queries, keys, -window)


def rope(
    x: Array,
    places: Any,
    base: float = 10000.0,
    style: str = "half",
    dim: int | None = None,
    sign: int = 1,
    speeds: Any = None,
    length: float = 1.0,
) -> Array:
    """x (…, token, feature) rotated, a pair at a time, by the speeds of a base or by speeds of its own."""
    dim = 2 * len(speeds) if speeds is not None else dim or x.shape[-1]
    turned = x.copy()
    for pair in range(dim // 2):
        a, b = (pair, pair + dim // 2) if style == "half" else (2 * pair, 2 * pair + 1)
        speed = base ** (-2 * pair / dim) if speeds is None else speeds[pair]
        angle = sign * np.asarray(places, dtype=np.float64) * speed
        turned[..., a] = length * (x[..., a] * np.cos(angle) - x[..., b] * np.sin(angle))
        turned[..., b] = length * (x[..., b] * np.cos(angle) + x[..., a] * np.sin(angle))
    return turned


def rms(x: Array, eps: float, axes: tuple[int, ...] = (-1,)) -> Array:
    return np.asarray(x / np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + eps))


def layer_norm(x: Array, eps: float, axes: tuple[int, ...] = (-1,)) -> Array:
    return rms(x - x.mean(axis=axes, keepdims=True), eps, axes)


def slopes(heads: int) -> Array:
    """ALiBi's, for a number of heads that is a power of two."""
    return 2.0 ** (-8.0 * np.arange(1, heads + 1) / heads)


def cut(flat: Array, heads: int) -> Array:
    return flat.reshape(len(flat), heads, -1).swapaxes(0, 1)


def joined(x: Array) -> Array:
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def reshaped(x: Array) -> Array:
    """Heads cut by reshaping alone."""
    return joined(x).reshape(x.shape)


class Plain:
    """One layer: every step is a method that a mistake takes the place of; `store` names what the file keeps."""

    def __init__(
        self,
        heads: int = 3,
        groups: int | None = None,
        queries: int = 7,
        keys: int | None = None,
        d_k: int = 8,
        d_v: int = 5,
        d_model: int = 11,
        seed: int = 0,
        spread: float = 1.0,
        **settings: Any,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.heads, self.groups = heads, groups or heads
        self.queries, self.keys, self.d_k, self.d_v = queries, keys or queries, d_k, d_v
        self.cross = bool(settings.pop("cross", False))
        self.x = rng.normal(size=(self.keys, d_model))
        self.context = rng.normal(size=(self.keys, d_model)) if self.cross else self.x
        self.w = {
            "W_Q": rng.normal(size=(d_model, heads * d_k)) * spread / d_model**0.5,
            "W_K": rng.normal(size=(d_model, self.groups * d_k)) * spread / d_model**0.5,
            "W_V": rng.normal(size=(d_model, self.groups * d_v)) / d_model**0.5,
            "W_O": rng.normal(size=(heads * d_v, d_model)) / (heads * d_v) ** 0.5,
        }
        self.b = {f"b_{name}": rng.normal(size=self.w[f"W_{name}"].shape[1]) * 0.5 for name in "QKVO"}
        self.biased = bool(settings.pop("biases", False))
        self.settings: dict[str, Any] = settings
        self.seen = np.ones((self.queries, self.keys), dtype=bool)
        if settings.get("mask") == "causal":
            self.seen = causal(self.queries, self.keys)
        if str(settings.get("mask")).startswith("sliding:"):
            self.seen = sliding(self.queries, self.keys, int(settings["mask"][8:]))
        if "attn_mask" in settings and settings["attn_mask"].dtype == bool:
            self.seen = self.seen & settings["attn_mask"]
        self.factor = d_k**-0.5
        self.rounded: Callable[[Array], Array] = np.asarray

    # the steps

    def project(self, name: str) -> Array:
        flat = (self.x if name == "Q" else self.context) @ self.w[f"W_{name}"]
        return self.limit(name, flat + self.b[f"b_{name}"] if self.biased else flat)

    def limit(self, name: str, flat: Array) -> Array:
        clip = self.settings.get("clip")
        return flat if clip is None else np.clip(flat, -clip, clip)

    def split(self, name: str, flat: Array) -> Array:
        return cut(flat, self.heads if name == "Q" else self.groups)

    def places(self) -> tuple[Array, Array]:
        return np.arange(self.keys - self.queries, self.keys), np.arange(self.keys)

    def norm(self, name: str, x: Array) -> Array:
        words = self.settings.get("qk_norm")
        if words is None:
            return x
        kind, _, rest = words.partition(":")
        function = rms if kind == "rms" else layer_norm
        if "over=all" in rest:
            whole = joined(function(x, 1e-5, (0, 2))) * self.settings[f"{name}_norm"]
            return cut(whole, len(x))
        gain = self.settings[f"{name}_norm"]
        return function(x, 1e-5) * (gain[:, None] if "over=each" in rest else gain)

    def turn(self, name: str, x: Array) -> Array:
        words, speeds = str(self.settings.get("positions")), self.settings.get("rotary_frequencies")
        if words.startswith("rope"):
            length = float(words.partition("attention_factor=")[2] or 1)
            return rope(x, self.places()[name != "Q"], speeds=speeds, length=length)
        return x

    def prepare(self, name: str, x: Array) -> Array:
        """Queries or keys after norm and rotation, in the order of the layer."""
        steps = [self.norm, self.turn]
        for step in steps[::-1] if "after=rotation" in str(self.settings.get("qk_norm")) else steps:
            x = step(name, x)
        return x

    def grow(self, q: Array) -> Array:
        if "query_scaling" not in self.settings:
            return q
        return np.asarray(q * (1 + 0.5 * np.log(1 + np.floor(self.places()[0] / 2)))[:, None])

    def product_q(self, q: Array) -> Array:
        return q

    def product_k(self, k: Array) -> Array:
        return k

    def share(self, x: Array) -> Array:
        return x.repeat(self.heads // self.groups, axis=0)

    def share_values(self, x: Array) -> Array:
        return x.repeat(self.heads // self.groups, axis=0)

    def product(self, q: Array, k: Array) -> Array:
        return np.asarray(q @ k.swapaxes(1, 2))

    def scale(self, scores: Array) -> Array:
        return scores * self.factor

    def cap(self, scores: Array) -> Array:
        cap = self.settings.get("softcap")
        return scores if cap is None else cap * np.tanh(scores / cap)

    def bias(self, scores: Array) -> Array:
        if self.settings.get("positions") == "alibi":
            q, k = self.places()
            return scores - slopes(self.heads)[:, None, None] * abs(q[:, None] - k)
        added = self.settings.get("attn_mask")
        return scores if added is None or added.dtype == bool else scores + added

    def mask(self, scores: Array) -> Array:
        return hide(scores, self.seen)

    def weigh(self, masked: Array) -> Array:
        if "sinks" in self.settings:
            sink = np.asarray(self.settings["sinks"])[:, None, None]
            total = np.exp(masked).sum(axis=2, keepdims=True) + np.exp(sink)
            return np.asarray(np.exp(masked) / total)
        return softmax(masked)

    def weigh_all(self, stages: Stages) -> Array:
        return self.weigh(stages["masked"])

    def after(self, weights: Array) -> Array:
        return weights

    def values(self, v: Array) -> Array:
        return v

    def blend(self, weights: Array, v: Array) -> Array:
        return np.asarray(weights @ v)

    def join(self, blended: Array) -> Array:
        return joined(blended)

    def out(self, flat: Array) -> Array:
        y = flat @ self.w["W_O"] if self.with_output_matrix else flat
        return y + self.b["b_O"] if self.biased and self.with_output_matrix else y

    with_output_matrix = False

    def stored(self, name: str, array: Array) -> Array:
        return array

    # all of them

    @np.errstate(all="ignore")
    def stages(self) -> Stages:
        made: Stages = {"X": self.x}
        if self.cross:
            made["X_context"] = self.context
        for name in "QKV":
            whole = self.split(name, self.project(name))
            made[name] = whole[:, -self.queries :] if name == "Q" else whole
        for name in "QK":
            made[f"{name}_normed"] = self.norm(name, made[name])
            made[f"{name}_rotated"] = self.prepare(name, made[name])
        made["Q_rotated"] = self.grow(made["Q_rotated"])
        q, k = self.product_q(made["Q_rotated"]), self.product_k(made["K_rotated"])
        made["scores"] = self.product(q, self.share(k))
        made["scaled"] = self.scale(made["scores"])
        made["softcapped"] = self.cap(made["scaled"])
        made["biased"] = self.bias(made["softcapped"])
        made["masked"] = self.mask(made["biased"])
        made["weights"] = self.after(self.weigh_all(made))
        made["head_output"] = self.blend(made["weights"], self.share_values(self.values(made["V"])))
        made["output"] = self.out(self.join(made["head_output"]))
        return {name: self.stored(name, array) for name, array in made.items()}

    def arrays(self, store: tuple[str, ...]) -> dict[str, Any]:
        """A document of some stages, with the settings; X brings its matrices."""
        self.with_output_matrix = "X" in store
        stages = self.stages()
        arrays: dict[str, Any] = {name: self.rounded(stages[name]) for name in store}
        if "X" in store:
            arrays |= {name: self.rounded(matrix) for name, matrix in self.w.items()}
            arrays |= {name: self.rounded(vector) for name, vector in self.b.items()} if self.biased else {}
            arrays["heads"], arrays["kv_heads"] = np.array(self.heads), np.array(self.groups)
            if self.cross:
                arrays["X_context"] = self.rounded(self.context)
                arrays["context_tokens"] = np.array([f"c{i}" for i in range(self.keys)])
        return arrays | {name: np.asarray(value) for name, value in self.settings.items()}

    def document(self, *store: str) -> bytes:
        return write_npz(self.arrays(tuple(store)))

    def layered(self, *store: str, **more: Any) -> bytes:
        """The same as arrays by path, as a training loop writes them."""
        arrays = self.arrays(tuple(store)) | more | {"heads": np.array(self.heads), "kv_heads": np.array(self.groups)}
        return write_npz({f"layers.0.{name}": array for name, array in arrays.items()})


def with_steps(plain: Plain, **steps: Callable[..., Any]) -> Plain:
    """The same with other steps in place of its own; `self` is not passed on."""
    for name, step in steps.items():
        assert hasattr(plain, name), name
        setattr(plain, name, step)
    return plain


def bfloat16(array: Array) -> Array:
    """Rounded to bfloat16, in float32."""
    if array.dtype.kind != "f":
        return array
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


ROUNDED: Mapping[str, Callable[[Array], Array]] = {
    "float64": lambda x: np.asarray(x, np.float64),
    "float32": lambda x: np.asarray(x, np.float32),
    "float16": lambda x: np.asarray(x, np.float16),
    "bfloat16": bfloat16,
}
