"""The values that options take, read from the tables that hold them, for help, completion and error hints.

A table is imported only when one of these asks for it, so that commands start as quickly as without it. In the help of
an option `{masks}` stands for the values that CHOICES has under that name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from attn_cli.errors import UsageError, did_you_mean


@dataclass(frozen=True, eq=False, repr=False)
class Choices:
    """The values of an option: `spelled` as help and hints print them, `typed` as a shell completes them."""

    noun: str
    spelled: Callable[[], Iterable[str]]
    typed: Callable[[], Iterable[str]] | None = None

    def completions(self) -> list[str]:
        """What a shell offers."""
        return list((self.typed or self.spelled)())


def _in(module: str, table: str) -> Callable[[], Iterable[str]]:
    """The names in a table, which is imported when they are asked for."""

    def names() -> Iterable[str]:
        held: Any = getattr(import_module(f"attn_cli.{module}"), table)
        listing: Iterable[str] = held() if callable(held) else held
        return listing

    return names


def _variants(noun: str, module: str, table: str) -> Choices:
    """Variants that are spelled with their fields: `sliding:WINDOW`, completed up to the colon."""

    def spelled() -> Iterable[str]:
        from attn_cli.core.spelling import forms

        return forms(getattr(import_module(f"attn_cli.{module}"), table))

    def typed() -> Iterable[str]:
        from attn_cli.core.spelling import completions

        return completions(getattr(import_module(f"attn_cli.{module}"), table))

    return Choices(noun, spelled, typed)


_STAGES = _in("trace.stages", "STAGES")
_STEMS = _in("analysis.heads.metric_names", "stems")
_ORDERS = _in("analysis.heads.orders", "ORDERS")
_METRICS = _in("analysis.heads.metrics", "METRICS")
_HEAD_TYPES = _in("analysis.heads.head_names", "KINDS")
_SETTINGS = _in("cli.two_runs", "WITH")
_VALUED = MappingProxyType({"mask": "masks", "positions": "positions", "scale": "scales", "dtype": "dtypes"})


def _settings_typed() -> Iterable[str]:
    """`layer=`, and `mask=causal` where a setting has values of its own."""
    for name in _SETTINGS():
        yield f"{name}="
        yield from (f"{name}={value}" for value in (CHOICES[_VALUED[name]].completions() if name in _VALUED else ()))


CHOICES: Mapping[str, Choices] = MappingProxyType(
    {
        "masks": _variants("mask", "core.masks", "MASKS"),
        "positions": _variants("position scheme", "core.positions", "POSITIONS"),
        "scales": Choices("scale", _in("core.spec", "SCALE_RULES")),
        "dtypes": Choices("dtype", _in("core.spec", "DTYPES")),
        "tokenizers": Choices("tokenizer", _in("sources.tokenizers", "TOKENIZERS")),
        "random": Choices("way to draw", _in("sources.seeded", "RANDOM")),
        "unknown": Choices("choice", _in("sources.request", "UNKNOWN")),
        "matrix_stages": Choices("stage of a bare matrix", _in("sources.request", "MATRIX_STAGES")),
        "stages": Choices("stage", lambda: (*_STAGES(), "parts", "all")),
        "aggregations": Choices("aggregation", _in("analysis.aggregation.aggregates", "METHODS")),
        "dropped": Choices("group of keys", _in("analysis.dropping", "GROUPS")),
        "metrics": Choices(
            "metric",
            lambda: (*_STEMS(), *_ORDERS(), "ablation"),
            lambda: dict.fromkeys((*_STEMS(), *_ORDERS(), "ablation", *_METRICS())),
        ),
        "definitions": Choices("definition", lambda: (*_STEMS(), "names", "all")),
        "head_types": Choices("head type", _HEAD_TYPES, lambda: (f"{name}=" for name in _HEAD_TYPES())),
        "formats": Choices("format", _in("cli.results", "FORMATS")),
        "palettes": Choices("palette", _in("views.drawing.colors.palette", "PALETTES")),
        "color_scales": Choices("color scale", _in("views.drawing.colors.color_scales", "COLOR_SCALES")),
        "backgrounds": Choices("background", _in("cli.background", "BACKGROUNDS")),
        "pools": Choices("way to pool", _in("views.drawing.pictures.pooling", "POOLS")),
        "colors": Choices("color mode", _in("cli.output", "COLORS")),
        "topics": Choices("page", _in("manual", "TOPICS")),
        "schemas": Choices("schema", _in("cli.commands.schema", "SCHEMAS")),
        "settings": Choices("setting", _SETTINGS, _settings_typed),
    }
)
"""The values of options by the name that stands for them in help texts."""


def filled(help_text: str) -> str:
    """The help of an option with the values themselves in place of `{masks}` and the like.

    A long spelling may be broken before each of its optional fields.
    """
    return re.sub(r"\{(\w+)\}", lambda match: listed(CHOICES[match[1]].spelled()).replace("[,", " [,"), help_text)


def listed(values: Iterable[str]) -> str:
    """Values as a sentence lists them: `a, b or c`."""
    *first, last = values
    return f"{', '.join(first)} or {last}" if first else last


def completing(name: str) -> Callable[[str], list[str]]:
    """What Typer asks for the completions of an option; after a comma, those of the next value of a list."""

    def complete(incomplete):  # type: ignore[no-untyped-def]  # Typer knows the parameter by its name
        before, comma, _ = incomplete.rpartition(",")
        return [f"{before}{comma}{value}" for value in CHOICES[name].completions()]

    return complete


def require(option: str, value: str | None, name: str) -> None:
    """Raise UsageError where the value of an option is given and is not one of those under this name."""
    if value is not None:
        known = list(CHOICES[name].spelled())
        if value not in known:
            hint = f"{did_you_mean(value, known)}choose one of {', '.join(known)}"
            raise UsageError(f"{option}: there is no {CHOICES[name].noun} {value!r}", hint=hint)
