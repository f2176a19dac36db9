"""Read the settings of a document as a Spec; command-line options override them."""

from collections.abc import Callable, Mapping
from typing import Any

from attn_cli.core.spec import (
    Spec,
    parse_clip,
    parse_dtype,
    parse_mask,
    parse_positions,
    parse_qk_norm,
    parse_query_scaling,
    parse_scale,
    parse_softcap,
)
from attn_cli.core.spelling import finite
from attn_cli.errors import DocumentError, SpecError
from attn_cli.sources.documents.catalogue import SETTINGS, Document
from attn_cli.trace.files.checker import quoted

PARSERS: dict[str, Callable[[Any], Any]] = {
    "mask": parse_mask,
    "positions": parse_positions,
    "scale": parse_scale,
    "softcap": parse_softcap,
    "dtype": parse_dtype,
}
_OTHERS: dict[str, Callable[[Any], Any]] = {
    "clip": parse_clip,
    "qk_norm": parse_qk_norm,
    "query_scaling": parse_query_scaling,
}
"""Settings without a command-line option."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "scale": (str, int, float),
    "softcap": (str, int, float),
    "clip": (int, float),
}


MOST = 65_536
"""The most heads of a layer, and the largest width of a head."""


def read_spec(document: Document, name: str, overrides: Mapping[str, Any], counts: Mapping[str, int]) -> Spec:
    """The settings as a Spec; `counts` are the numbers of heads in the arrays. DocumentError for a wrong setting."""
    settings: dict[str, Any] = {}
    for key, parse in (PARSERS | _OTHERS).items():
        if key in document:
            value = document[key]
            if isinstance(value, bool) or not isinstance(value, _TYPES.get(key, (str,))):
                raise DocumentError(f"{name}: {key}: found {quoted(value)}", hint=f"{key} is {SETTINGS[key]}")
            if isinstance(value, str) and finite(value) is not None:
                raise DocumentError(f"{name}: {key}: found {quoted(value)}", hint="write the number without quotes")
            settings[key] = within(name, parse, value)
    for key in ("heads", "kv_heads", "d_k"):
        if key in document:
            settings[key] = _count(document[key], f"{name}: {key}", SETTINGS[key])
    heads = settings.get("heads")
    if heads is not None and heads != counts.get("heads", heads):
        raise DocumentError(
            f"{name}: heads is {heads}, and the arrays hold {counts['heads']}",
            hint="give arrays heads × tokens × features, and set heads to their number of heads",
        )
    settings = {**counts, **settings}
    if "heads" in overrides and "kv_heads" not in overrides and settings.get("kv_heads") == settings.get("heads", 1):
        settings.pop("kv_heads", None)
    spec: Spec = within(name, lambda given: Spec(**given), settings | dict(overrides))
    return spec


def _count(value: Any, where: str, meaning: str) -> int:
    whole = value.is_integer() if isinstance(value, float) else isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= value <= MOST:
        raise DocumentError(f"{where}: expected a whole number from 1 to {MOST:,}, found {quoted(value)}", hint=meaning)
    return int(value)


def within(name: str, parse: Callable[[Any], Any], value: Any) -> Any:
    """The parsed value; errors begin with the document's name."""
    try:
        return parse(value)
    except SpecError as error:
        raise DocumentError(f"{name}: {error.message}", hint=error.hint) from error
