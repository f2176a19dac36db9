"""Read a config's rotary settings, in the old or new spelling, as a Rotary; the scalings by name."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.core.positions import Rope
from attn_cli.errors import DocumentError
from attn_cli.models.files.config import Config
from attn_cli.models.network.rotary import Frequencies, Rotary, powers
from attn_cli.trace.trace import Array

ONE = np.float32(1)
HIGHEST, WIDEST = 1e30, 2**16  # limits of a rotary base and of a head's width, far above any model's
MEND = "correct config.json"


def rotary(
    config: Config,
    d_k: int,
    kind: str | None = None,
    *,
    style: Literal["half", "interleaved"] = "half",
    dim: int | None = None,
    base: float | None = None,
) -> Rotary:
    """The rotary embedding of a head of width `d_k`, from `rope_parameters`, or `rope_theta` and `rope_scaling`.

    `kind` is the layer type, if the config has settings per type. `dim` and `base` are for families with other keys for
    them.
    """
    settings = _settings(config, kind)
    theta = settings.number("rope_theta", None) or config.number("rope_theta", None)
    base = base or theta or 10000.0
    if not 0 < base <= HIGHEST:
        raise DocumentError(f"{config.where}: rope_theta: expected a number above 0, found {base:g}", hint=MEND)
    shares = [part.number("partial_rotary_factor", None) for part in (settings, config)]  # files may repeat it
    share = shares[0] or shares[1] or 1.0
    dim = dim or int(d_k * share)
    if dim % 2 or dim > min(d_k, WIDEST):
        raise DocumentError(
            f"{config.where}: {dim} features of a head of width {d_k} cannot be rotated: they go in pairs",
            hint=MEND,
        )
    name = settings.word("rope_type", None) or settings.word("type", None) or "default"
    settings.word("type", None)
    if name not in SCALINGS:
        raise DocumentError(
            f"{settings.where}: the rotary scaling {name!r} is not known", hint=f"known are {', '.join(SCALINGS)}"
        )
    with np.errstate(all="ignore"):  # factors such as 0 give NaN, which a trace notes
        frequencies, factor = SCALINGS[name](config, settings, base, dim)
    return Rotary(frequencies, Rope(float(base), style, dim if dim != d_k else None), factor)


def _settings(config: Config, kind: str | None) -> Config:
    """The object with the rotary settings; in the old spelling, sliding attention has no scaling."""
    if kind == "sliding_attention" and not config.values.get("rope_parameters"):
        return Config({}, config.where)
    settings = config.part("rope_parameters" if config.values.get("rope_parameters") else "rope_scaling")
    if kind is not None and isinstance(settings.values.get(kind), dict):
        for name, value in settings.values.items():
            if isinstance(value, dict):
                settings.read.add(name)
        return settings.part(kind)
    return settings


def _always(frequencies: Array) -> Frequencies:
    return lambda _: frequencies


def _default(config: Config, settings: Config, base: float, dim: int) -> tuple[Frequencies, float]:
    return _always(ONE / powers(base, dim)), 1.0


def _linear(config: Config, settings: Config, base: float, dim: int) -> tuple[Frequencies, float]:
    """Position interpolation: all frequencies divided by a factor."""
    return _always(ONE / powers(base, dim) / np.float32(settings.number("factor"))), 1.0


def _dynamic(config: Config, settings: Config, base: float, dim: int) -> tuple[Frequencies, float]:
    """NTK-aware scaling: the base grows with texts longer than in training."""
    factor, longest = settings.number("factor"), config.whole("max_position_embeddings")

    def frequencies(length: int) -> Array:
        stretched = factor * max(length, longest) / longest - (factor - 1)
        return ONE / powers(base * stretched ** (dim / (dim - 2)), dim)

    return frequencies, 1.0


def _original(config: Config, settings: Config) -> float:
    """The maximal text length in training."""
    inside = settings.number("original_max_position_embeddings", None)
    outside = config.number("original_max_position_embeddings", None)
    return float(outside or inside or config.number("max_position_embeddings"))


def _llama3(config: Config, settings: Config, base: float, dim: int) -> tuple[Frequencies, float]:
    """Llama 3.1: low frequencies divided by a factor, high ones unchanged, those between blended."""
    factor, low, high = (settings.number(key) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    length = _original(config, settings)
    frequencies = ONE / powers(base, dim)
    waves = np.float32(2 * math.pi) / frequencies
    slowed = np.where(waves > length / low, frequencies / np.float32(factor), frequencies)
    blend = (np.float32(length) / waves - np.float32(low)) / np.float32(high - low)
    between = ~(waves < length / high) & ~(waves > length / low)
    blended = (1 - blend) * slowed / np.float32(factor) + blend * slowed
    return _always(np.where(between, blended, slowed).astype(np.float32)), 1.0


def _yarn(config: Config, settings: Config, base: float, dim: int) -> tuple[Frequencies, float]:
    """YaRN: high frequencies unchanged, low ones divided, a ramp between (Peng et al. 2023, arXiv 2309.00071)."""
    length = _original(config, settings)
    factor = settings.number("factor", None) or config.number("max_position_embeddings") / length
    fast, slow = settings.number("beta_fast", None) or 32, settings.number("beta_slow", None) or 1

    def pair(rotations: float) -> float:
        return dim * math.log(length / (rotations * 2 * math.pi)) / (2 * math.log(base))

    first, last = pair(fast), pair(slow)
    if settings.flag("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, dim - 1)
    ramp = (np.arange(dim // 2, dtype=np.float32) - np.float32(first)) / np.float32((last - first) or 0.001)
    unscaled = 1 - np.clip(ramp, 0, 1)
    raised = powers(base, dim)
    frequencies = ONE / (np.float32(factor) * raised) * (1 - unscaled) + ONE / raised * unscaled
    return _always(frequencies), _yarn_factor(settings, factor)


def _yarn_factor(settings: Config, factor: float) -> float:
    def grown(by: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * by * math.log(factor) + 1.0

    stated = settings.number("attention_factor", None)
    mscale, mscale_all = settings.number("mscale", None), settings.number("mscale_all_dim", None)
    if stated is not None:
        return float(stated)
    return grown(mscale) / grown(mscale_all) if mscale and mscale_all else grown(1)


def _longrope(config: Config, settings: Config, base: float, dim: int) -> tuple[Frequencies, float]:
    """LongRoPE: a divisor per pair, one list for short texts and one for long (Ding et al. 2024, arXiv 2402.13753)."""
    length = _original(config, settings)
    factor = settings.number("factor", None) or config.number("max_position_embeddings") / length
    raised = powers(base, dim)
    lists = [np.asarray(settings.get(key), dtype=np.float32) for key in ("short_factor", "long_factor")]
    for key, divisors in zip(("short_factor", "long_factor"), lists, strict=True):
        if divisors.shape != raised.shape:
            raise DocumentError(
                f"{settings.where}: {key}: expected {len(raised)} numbers, found {divisors.size}",
                hint=MEND,
            )
    short, long = (ONE / (divisors * raised) for divisors in lists)
    stated = settings.number("attention_factor", None)
    computed = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(length))
    return (lambda count: long if count > length else short), computed if stated is None else stated


Scaling = Callable[[Config, Config, float, int], tuple[Frequencies, float]]
SCALINGS: Mapping[str, Scaling] = MappingProxyType(
    {
        "default": _default,
        "linear": _linear,
        "dynamic": _dynamic,
        "llama3": _llama3,
        "yarn": _yarn,
        "longrope": _longrope,
        "su": _longrope,
    }
)
