"""One spelling for every variant, `name:field,name=value`, read and written from the variant's own fields."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from attn_cli.errors import SpecError

Table = Mapping[str, type]


def forms(table: Table) -> tuple[str, ...]:
    """How each variant of a table is spelled, fields in capitals: `sliding:WINDOW`."""
    return tuple(
        name + "".join(_placeholder(field, kind, place) for place, field in enumerate(fields(kind)))
        for name, kind in table.items()
    )


def parse(text: str, table: Table, what: str) -> Any:
    """The variant that a spelling means; SpecError where the name, a field or its value is not known."""
    name, _, rest = text.strip().partition(":")
    hint = f"a {what} is one of {', '.join(forms(table))}"
    if name not in table:
        near = get_close_matches(name, table, n=1)
        raise SpecError(f"unknown {what} {text!r}" + (f", did you mean {near[0]!r}?" if near else ""), hint=hint)
    kind = table[name]
    slots = {field.name: field for field in fields(kind)}
    given: dict[str, Any] = {}
    for place, part in enumerate(rest.split(",") if rest else []):
        key, sign, value = part.partition("=")
        if not sign:
            key, value = (list(slots)[place] if place < len(slots) else ""), part
        if key not in slots or key in given:
            raise SpecError(f"{what} {text!r}: {part!r} is not a field of {name}", hint=hint)
        given[key] = _value(value, get_type_hints(kind)[key], f"{what} {text!r}", hint)
    for key, slot in slots.items():
        if key not in given and slot.default is MISSING:
            raise SpecError(f"{what} {text!r} lacks its {key}", hint=hint)
    return kind(**given)


def spell(variant: Any, table: Table) -> str:
    """The spelling of a variant, fields that stand at their default left out; `parse` reads it back."""
    name = next(name for name, kind in table.items() if kind is type(variant))
    parts, by_place = [], True
    for field in fields(variant):
        value = getattr(variant, field.name)
        if value == field.default:
            by_place = False
            continue
        parts.append(str(value) if by_place else f"{field.name}={value}")
    return name + (":" + ",".join(parts) if parts else "")


def _placeholder(field: "Field[Any]", kind: type, place: int) -> str:
    options = get_args(get_type_hints(kind)[field.name])
    word = ("," if place else ":") + ("|".join(map(str, options)) if options else field.name.upper())
    return word if field.default is MISSING else f"[{word}]"


def _value(text: str, kind: Any, where: str, hint: str) -> Any:
    options = get_args(kind)
    if options:
        if text not in options:
            raise SpecError(f"{where}: {text!r} is not one of {', '.join(options)}", hint=hint)
        return text
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) < 10**9):
        raise SpecError(f"{where}: expected a whole number from 1, found {text!r}", hint=hint)
    return int(text)
