"""Head outputs against weights and V, and the output against them."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.links import Mistake, follow
from attn_cli.analysis.check.scores import Bad
from attn_cli.analysis.check.softmax import recipe_of
from attn_cli.core.ops import join_heads
from attn_cli.trace.trace import Array


def check_blend(dump: Dump, bad: Bad) -> Iterator[Mark]:
    """head_output = weights · V; without stored weights, those that the scores give."""
    if "head_output" not in dump.stored or "V" not in dump.stages:
        return
    weights, doubt = _weights(dump)
    if weights is None:
        return
    v = dump.per_head("V")
    slack = (dump.relative * abs(weights) + doubt) @ abs(v)
    slack = slack + dump.absolute("V") * abs(weights).sum(axis=2, keepdims=True)
    slack = slack + dump.absolute("weights") * abs(v).sum(axis=1, keepdims=True) + dump.absolute("head_output")
    expected = weights @ v
    mistakes = []
    if (tiled := dump.tiled()) is not None:
        layer = dump.layer
        words = {"groups": str(layer.kv_heads), "heads": str(layer.heads), "share": str(layer.heads // layer.kv_heads)}
        mistakes.append(Mistake("heads-tiled", lambda: weights @ dump.per_head("V", tiled), words))
    if weights.shape[1] == weights.shape[2] > 1:
        mistakes.append(Mistake("weights-transposed", lambda: weights.swapaxes(1, 2) @ v))
    unsure = "weights" not in dump.stages and dump.given is None
    skip = set().union(*(bad.get(name, ()) for name in ("weights", "head_output", "heads of V")))
    yield from follow(dump, "head_output", "weights and V", expected, slack, mistakes, skip=skip, unsure=unsure)


def _weights(dump: Dump) -> tuple[Array | None, Array]:
    """The stored weights, which are as exact as they are; else those computed, and how far they may be off."""
    if "weights" in dump.stages:
        return dump.stages["weights"], np.zeros(())
    recipe = recipe_of(dump)
    return (None, np.zeros(())) if recipe is None or dump.unseen or dump.unplaced else recipe.weights()


def check_output(dump: Dump, bad: Bad) -> Iterator[Mark]:
    """The output against the heads; where W_O is not known, only heads that are joined in the wrong order show."""
    if "output" not in dump.stored or "head_output" not in dump.stages or bad.get("output") or bad.get("head_output"):
        return
    heads, output = dump.stages["head_output"], dump.stages["output"]
    matrices = {} if dump.given is None else dump.given.projections.given()
    w, b = (None if (array := matrices.get(name)) is None else array.astype(np.float64) for name in ("W_O", "b_O"))
    joined, mixed = join_heads(heads), heads.reshape(heads.shape[1], -1)

    def through(x: Array) -> Array:
        y = x if w is None else x @ w
        return y if b is None else y + b

    expected, sizes = through(joined), (abs(joined) if w is None else abs(joined) @ abs(w))
    if expected.shape != output.shape or len(dump.layer.head_index) != dump.layer.heads:
        return
    wide = dump.absolute("head_output") * (1.0 if w is None else abs(w).sum(axis=0))
    slack = dump.relative * (sizes + abs(expected)) + wide + dump.absolute("output")
    mistakes = [Mistake("heads-joined-wrong", lambda: through(mixed))] if len(heads) > 1 else []
    source = "head_output" if w is None else "head_output and W_O"
    yield from follow(dump, "output", source, expected, slack, mistakes, unsure=w is None)
