"""Read and write the spelling of a variant, `name:value,field=value`, from the fields of its dataclass."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from types import MappingProxyType, NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from attn_cli.errors import SpecError, did_you_mean

Table = Mapping[str, type]


def forms(table: Table) -> tuple[str, ...]:
    """The spelling of each variant of a table, with fields in capitals: `sliding:WINDOW`."""
    return tuple(
        name + "".join(_placeholder(field, kind, place) for place, field in enumerate(fields(kind)))
        for name, kind in table.items()
    )


def completions(table: Table) -> tuple[str, ...]:
    """The shell's completions: `causal`, `causal:start`, and `sliding:` if a number must follow."""
    offered: list[str] = []
    for name, kind in table.items():
        slots = fields(kind)
        if all(slot.default is not MISSING for slot in slots):
            offered.append(name)
        if slots:
            values = get_args(hint) if get_origin(hint := get_type_hints(kind)[slots[0].name]) is Literal else ("",)
            offered += [f"{name}:{value}" for value in values if value != slots[0].default]
    return tuple(offered)


def parse(text: str, table: Table, noun: str, also: Mapping[str, str] = MappingProxyType({})) -> Any:
    """The variant of a spelling; SpecError if the name, a field or its value is unknown.

    `noun` names the kind of variant in errors. `also` maps other names to those of the table, for the error's hint.
    """
    name, colon, rest = text.strip().partition(":")
    hint = f"a {noun} is one of {', '.join(forms(table))} (attn manual masks)"
    if name not in table:
        raise SpecError(f"unknown {noun} {text!r}", hint=did_you_mean(name, table, also=also) + hint)
    kind = table[name]
    slots = {field.name: field for field in fields(kind)}
    given: dict[str, Any] = {}
    for number, part in enumerate(rest.split(",") if colon else []):
        key, sign, value = part.partition("=")
        if not sign and (number == 0 or _is_list(kind)):
            key, value = next(iter(slots), ""), part
            if number and key in given:
                given[key] += _value(value, get_type_hints(kind)[key], f"{noun} {text!r}", hint)
                continue
        if key not in slots or key in given:
            raise SpecError(f"{noun} {text!r}: {part!r} is not a field of {name}", hint=hint)
        given[key] = _value(value, get_type_hints(kind)[key], f"{noun} {text!r}", hint)
    for key, slot in slots.items():
        if key not in given and slot.default is MISSING:
            raise SpecError(f"{noun} {text!r} lacks its {key}", hint=hint)
    return kind(**given)


def spell(variant: Any, table: Table) -> str:
    """The spelling of a variant without its default values; `parse` reads it back."""
    name = next(name for name, kind in table.items() if kind is type(variant))
    parts = []
    for number, field in enumerate(fields(variant)):
        value = getattr(variant, field.name)
        if value != field.default:
            word = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
            word = ",".join(map(str, value)) if isinstance(value, tuple) else word
            parts.append(word if number == 0 else f"{field.name}={word}")
    return name + (":" + ",".join(parts) if parts else "")


def _is_list(kind: type) -> bool:
    """Whether the first field of a variant takes several values, as in `packed:3,3`."""
    return get_origin(next(iter(get_type_hints(kind).values()), None)) is tuple


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types of a field, without None."""
    return tuple(kind for kind in get_args(hint) or (hint,) if kind is not NoneType)


def _placeholder(field: "Field[Any]", kind: type, number: int) -> str:
    hint = get_type_hints(kind)[field.name]
    word = "|".join(map(str, get_args(hint))) if get_origin(hint) is Literal else field.name.upper()
    word = f"{word.removesuffix('S')},…" if get_origin(hint) is tuple else word
    word = f":{word}" if number == 0 else f",{field.name}={word}"
    return word if field.default is MISSING else f"[{word}]"


def _value(text: str, hint: Any, where: str, help_: str) -> Any:
    kinds = _kinds(hint)
    if get_origin(hint) is Literal:
        if text not in kinds:
            raise SpecError(f"{where}: {text!r} is not one of {', '.join(kinds)}", hint=help_)
        return text
    if kinds[0] is float:
        return positive(text, where, help_)
    if not (text.isascii() and text.isdigit() and 0 < len(text.lstrip("0")) < 10):
        raise SpecError(f"{where}: expected a whole number from 1, found {text!r}", hint=help_)
    return (int(text),) if get_origin(hint) is tuple else int(text)


def positive(text: str | float, where: str, help_: str) -> float:
    """A finite number above 0; SpecError for anything else."""
    number = finite(text)
    if number is None or number <= 0:
        raise SpecError(f"{where}: expected a number above 0, found {text!r}", hint=help_)
    return number


def finite(text: str | float) -> float | None:
    """A finite number, None for anything else, including `1_000` and digits of other scripts."""
    if isinstance(text, str) and ("_" in text or not text.isascii()):
        return None
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
