"""Read a trace from the keys and values of a document, from any container."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attn_cli.errors import DocumentError
from attn_cli.installing import update_hint
from attn_cli.trace.files.checker import quoted
from attn_cli.trace.files.describe import FORMAT, VERSION
from attn_cli.trace.files.fields import Fields
from attn_cli.trace.files.labels import labelled
from attn_cli.trace.files.layers import IGNORED, Draft, read_layer
from attn_cli.trace.trace import Trace

KEYS = (
    *("format", "version", "attn", "text", "tokens", "token_ids", "context_tokens", "source", "layers", "notes"),
    *IGNORED,
)
Place = Callable[[int, str, str], str]
"""Makes the path of a stage for errors, from the layer's index, the layer's name and the stage's name."""


def read_trace(document: Mapping[str, Any], name: str, place: Place) -> Trace:
    """The trace; missing keys are derived from the arrays. DocumentError names the path of a mistake."""
    fields = Fields(document, f"{name}: ")
    fields.only(KEYS)
    _check_format(document, name)
    drafts = _drafts(document.get("layers"), name, place)
    layers, tokens, context = labelled(drafts, fields.strings("tokens"), fields.strings("context_tokens"), name)
    ids = fields.counts("token_ids")
    if ids is not None and len(ids) != len(tokens):
        message = f"{name}: token_ids: {len(ids)} ids do not fit {len(tokens)} tokens"
        raise DocumentError(message, hint="give one id to each token")
    fields.text("attn")
    return Trace(
        tokens=tokens,
        layers=layers,
        source=fields.object("source", {"kind": "arrays"}),
        text=fields.text("text"),
        token_ids=ids,
        context_tokens=context,
        notes=fields.strings("notes") or (),
    )


def _check_format(document: Mapping[str, Any], name: str) -> None:
    form, version = document.get("format", FORMAT), document.get("version", VERSION)
    if form != FORMAT:
        hint = "attn reads traces only: attn explain … --json"
        raise DocumentError(f"{name}: format: expected {FORMAT!r}, found {quoted(form)}", hint=hint)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DocumentError(
            f"{name}: version: expected {VERSION}, found {quoted(version)}", hint=f"put {VERSION} there"
        )
    if version > VERSION:
        message = f"{name}: trace version {version} is newer than this attn, which reads {VERSION}"
        raise DocumentError(message, hint=update_hint())


def _drafts(layers: Any, name: str, place: Place) -> list[Draft]:
    if not isinstance(layers, list) or not layers:
        held = "an empty list" if layers == [] else quoted(layers)
        raise DocumentError(f"{name}: layers: expected a list of layers, found {held}", hint='such as [{"weights": …}]')
    drafts: list[Draft] = []
    for number, layer in enumerate(layers):
        if not isinstance(layer, dict):
            message = f"{name}: layers[{number}]: expected an object, found {quoted(layer)}"
            raise DocumentError(message, hint='such as {"weights": [[…]]}')
        fields = Fields(layer, f"{name}: layers[{number}].")
        layer_name = fields.word("name", f"layers.{number}")
        if any(draft.name == layer_name for draft in drafts):
            raise DocumentError(
                f"{fields.path}name: {layer_name!r} is the name of two layers", hint="give each its own name"
            )
        drafts.append(read_layer(fields, layer_name, partial(place, number, layer_name)))
    return drafts
