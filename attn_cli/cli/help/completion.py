"""Completions that depend on what stands before them: layers, heads and tokens of the model or text of a command."""

import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attn_cli.errors import AttnError

if TYPE_CHECKING:
    from attn_cli.models.family import Architecture


def complete_layers(ctx: Any, incomplete: str) -> list[str]:
    """The addresses of a checkpoint's layers; after a comma, those of the next layer of a list."""
    from attn_cli.models.layer_names import layer_names
    from attn_cli.trace.addresses import address

    architecture = _architecture(ctx)
    names = [] if architecture is None else [address(name) for name in layer_names(architecture)]
    return _listed(incomplete, [*(names or ["0"]), "all"])


def complete_heads(ctx: Any, incomplete: str) -> list[str]:
    """The numbers of the query heads, of a checkpoint those of its first layer; addresses once a letter is typed."""
    if incomplete.rpartition(",")[2][:1].isupper():
        return complete_addresses(ctx, incomplete)
    architecture = _architecture(ctx)
    count = (ctx.params.get("heads") or 1) if architecture is None else architecture.stacks[0].layers[0].heads
    return _listed(incomplete, [*map(str, range(count)), "all"])


def complete_addresses(ctx: Any, incomplete: str) -> list[str]:
    """The addresses of all heads of a checkpoint, or of a text's one layer."""
    from attn_cli.models.layer_names import layer_names
    from attn_cli.trace.addresses import address

    architecture = _architecture(ctx)
    if architecture is None:
        return _listed(incomplete, [address("layers.0", head) for head in range(ctx.params.get("heads") or 1)])
    counts = [
        plan.heads for stack in architecture.stacks for plan in stack.layers for _ in range(2 if plan.cross else 1)
    ]
    heads = zip(layer_names(architecture), counts, strict=True)
    return _listed(incomplete, [address(name, head) for name, count in heads for head in range(count)])


def complete_tokens(ctx: Any, incomplete: str) -> list[str]:
    """The tokens of TEXT, one that is repeated with its number: the#1."""
    from attn_cli.sources.tokenizers import TOKENIZERS, tokenize

    text = ctx.params.get("text") or next(iter(ctx.args), None)  # Typer stops reading at an option without its value
    if text in (None, "-") or ctx.params.get("model") is not None:
        return []
    name = ctx.params.get("tokenizer") or "word"
    tokens = tokenize(text, name) if name in TOKENIZERS and text.strip() else ()
    count, seen, offered = Counter(tokens), Counter[str](), []
    for token in tokens:
        seen[token] += 1
        offered.append(token if count[token] == 1 else f"{token}#{seen[token]}")
    return offered


def complete_queries(ctx: Any, incomplete: str) -> list[str]:
    """The tokens of TEXT, and `all`."""
    return [*complete_tokens(ctx, incomplete), "all"]


def _architecture(ctx: Any) -> "Architecture | None":
    """What the checkpoint of -m computes; None without one that can be read from this machine's disk."""
    path = ctx.params.get("model")
    if path is None or not os.path.exists(path):
        return None
    from attn_cli.models.opened import OpenedCheckpoint

    with suppress(AttnError, OSError):
        return OpenedCheckpoint(path).model.architecture
    return None


def _listed(incomplete: str, values: list[str]) -> list[str]:
    """Values to follow those of a list that are typed already."""
    before, comma, _ = incomplete.rpartition(",")
    return [f"{before}{comma}{value}" for value in values]
