"""The origin of the numbers in a view, and the command that made it."""

from collections.abc import Iterator

from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.page import Block, Command, Prose


def provenance(trace: Trace, again: str | None) -> Iterator[Block]:
    """One line about the input, then the notes, then the command."""
    yield Prose(origin(trace), faint=True)
    yield from notes(trace)
    yield from made_with(again)


def notes(trace: Trace) -> Iterator[Block]:
    """The notes of a trace, one faint line each."""
    for note in trace.notes:
        yield Prose(f"note: {note}", faint=True)


def made_with(again: str | None) -> Iterator[Block]:
    """The command that made the page, if it is known."""
    if again:
        yield Command(again)


def origin(trace: Trace) -> str:
    """The number of tokens, the sizes and settings, and the source of the numbers."""
    context = [] if trace.context_tokens is None else [f"looking at {count(len(trace.context_tokens), 'token')}"]
    parts = [count(len(trace.tokens), "token"), *context]
    if trace.layers:
        parts += [count(len(trace.layers), "layer")] if len(trace.layers) > 1 else []
        parts += _sizes(trace.layers[0])
    return " · ".join([*parts, _source(trace)])


def _sizes(layer: Layer) -> Iterator[str]:
    if "X" in layer:
        yield f"d_model {layer['X'].shape[1]}"
    width = f" of width {layer['Q'].shape[2]}" if "Q" in layer else ""
    shared = f", {layer.kv_heads} key/value" if layer.kv_heads != layer.heads else ""
    yield count(layer.heads, "head") + width + shared
    if layer.head_index != tuple(range(layer.heads)):
        yield "shown: head " + ", ".join(map(str, layer.head_index))
    for name in ("mask", "positions"):
        if (spelled := getattr(layer.settings, name)) != "none":
            yield f"{name} {spelled}"
    yield layer.settings.dtype


def _source(trace: Trace) -> str:
    source = trace.source
    if source.get("kind") == "random":
        fine = "fine " if source.get("random") == "fine" else ""
        return f"{fine}random weights, seed {source.get('seed')}"
    path = source.get("path")
    if source.get("kind") == "checkpoint":
        return f"{source.get('model_type')} checkpoint {path}"
    return "numbers from " + ("standard input" if path == "-" else str(path or source.get("kind", "a trace")))


def count(number: int, thing: str) -> str:
    """A number with its noun: 1 key, 2 keys."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
