"""Queries that grow with their position, so that softmax stays sharp over long texts."""

from dataclasses import dataclass

import numpy as np

from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class QueryScaling:
    """Queries times 1 + `slope` · ln(1 + ⌊(position + `ahead`) / `step`⌋) (Nakanishi 2025, arXiv 2501.19399)."""

    slope: float
    step: float
    ahead: int = 0

    def __call__(self, q: Array, positions: Array, formula: str) -> tuple[Array, str]:
        """Queries (head, token, feature) and their formula; as they were where no position is far enough."""
        factors = 1 + self.slope * np.log1p(np.floor((positions + self.ahead) / self.step))
        if (factors == 1).all():
            return q, formula
        made, gap, shapes = formula.partition("   ")
        place = f"(position + {self.ahead})" if self.ahead else "position"
        words = f"{made} · (1 + {self.slope:g} · ln(1 + ⌊{place} / {self.step:g}⌋))"
        return q * factors[:, np.newaxis].astype(q.dtype), words + gap + shapes
