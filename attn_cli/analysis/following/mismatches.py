"""The stored numbers of a layer that do not follow, the worst of each stage."""

import numpy as np

from attn_cli.analysis.following.expected import Mismatch, expected
from attn_cli.analysis.following.rows import EVERY, Rows, rows_of
from attn_cli.trace.trace import Layer


@np.errstate(all="ignore")
def mismatches(layer: Layer) -> list[tuple[int, int, Mismatch]]:
    """The worst number of each stage that does not follow, with its head and query; edited stages are left out."""
    worst: dict[str, tuple[float, int, int, Mismatch]] = {}
    edited = {stage.name for stage in layer.stages if "; " in stage.formula}
    exact = rows_of(layer, layer.head_index[0]).exact if layer.head_index else {}
    for head in layer.head_index:
        for made in expected(Rows(layer, head, EVERY, exact)):
            at = None if made.stage in edited else made.worst()
            mismatch = None if at is None else made.mismatch(*at)
            if at is None or mismatch is None:
                continue
            size = abs(mismatch.calculated - mismatch.stored)
            size = size if np.isfinite(size) else np.inf
            if made.stage not in worst or size > worst[made.stage][0]:
                worst[made.stage] = (size, head, at[0], mismatch)
    return [(head, query, mismatch) for _, head, query, mismatch in worst.values()]
