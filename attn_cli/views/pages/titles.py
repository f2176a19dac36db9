"""Titles of heads: the address, and for a checkpoint the head's name."""

from collections.abc import Mapping

from attn_cli.errors import AttnError
from attn_cli.trace.addresses import address
from attn_cli.trace.trace import Layer, Stage, Trace

Names = Mapping[tuple[str, int], str]
MOST = 24
"""The most heads that are named in titles."""


def head_names(trace: Trace) -> Names:
    """The names of the heads of a checkpoint's layers; none for random numbers, or where there is nothing to name."""
    count = sum(len(layer.head_index) for layer in trace.layers if "weights" in layer)
    if trace.source.get("kind") != "checkpoint" or not 0 < count <= MOST:
        return {}
    from attn_cli.analysis.heads.head_names import thresholds
    from attn_cli.analysis.heads.heads import MIXED, heads
    from attn_cli.views.pages.heads_found import title_of

    try:
        report = heads([trace], thresholds([]))
    except AttnError:  # one token, whose heads have no names
        return {}
    return {(head.layer, head.head): title_of(head) for head in report.heads if head.kind != MIXED}


def head_name(trace: Trace, layer: str, head: int) -> str:
    """What a page calls a head: its address, L3.5, or `head 5` where a text or document has one layer alone."""
    one = trace.source.get("kind") != "checkpoint" and len(trace.layers) == 1
    return f"head {head}" if one else address(layer, head)


def head_title(trace: Trace, layer: Layer, stage: Stage, head: int, names: Names) -> str:
    """The title of a head's matrix: `L0.2 · previous token 1.00`; `head 2` in a document of one layer."""
    if stage.kind.heads == "query heads":
        name = names.get((layer.name, head)) if stage.name == "weights" else None
        return head_name(trace, layer.name, head) + (f" · {name}" if name else "")
    users = [str(i) for i in layer.head_index if layer.key_head(i) == head]
    return f"key head {head} (of heads {', '.join(users)})" if layer.kv_heads != layer.heads else f"head {head}"
