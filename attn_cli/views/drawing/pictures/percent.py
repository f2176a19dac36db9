"""Shares in per cent, rounded so that a row that sums to 1 says 100."""

from collections.abc import Sequence

import numpy as np

from attn_cli.trace.trace import Array

MARKED = 40
"""The most shares that are told apart."""
LEAST = 0.01
"""A smaller share belongs to the rest."""


def percents(shares: Sequence[float], digits: int = 0) -> list[int]:
    """Whole per cents that add up to the rounded sum, by the largest remainders (Hamilton's method).

    With `digits` they count tenths, hundredths and so on of a per cent.
    Where a share is not a number, or below 0, each is rounded by itself; −∞ is 0.
    """
    row = np.asarray(shares, dtype=np.float64)
    row = np.where(np.isneginf(row), 0, row) * 100 * 10**digits
    if not np.isfinite(row).all() or (row < 0).any():
        return [round(share) if np.isfinite(share) else 0 for share in row.tolist()]
    whole = np.floor(row + 1e-9)
    missing = round(float(row.sum())) - int(whole.sum())
    for at in np.argsort(-(row - whole), kind="stable")[: max(0, missing)]:
        whole[at] += 1
    return [int(share) for share in whole]


def cell_texts(values: Array, mask: str) -> list[list[str]]:
    """Each cell of a matrix of shares in per cent: `mask` where masked, ? where it is not a number."""
    texts = []
    for row in values:
        numbers = percents(row)
        texts.append(
            [
                mask if np.isneginf(share) else "?" if np.isnan(share) else str(number)
                for share, number in zip(row, numbers, strict=True)
            ]
        )
    return texts


def strongest(shares: Array, *beside: float, digits: int = 0) -> dict[int, int]:
    """The strongest shares by their index, the strongest first, in per cent that add up with the rest and `beside`."""
    finite = np.where(np.isfinite(shares), shares, 0)
    order = np.argsort(-finite, kind="stable")[:MARKED].tolist()
    keys = [key for key in order if finite[key] >= LEAST]
    rest = max(0.0, float(finite.sum() - finite[keys].sum()))
    return dict(zip(keys, percents([*finite[keys].tolist(), rest, *beside], digits), strict=False))


def per_cent(number: int, digits: int = 0) -> str:
    """A per cent that `percents` made: 41%, with two digits 41.38%."""
    return f"{number / 10**digits:.{digits}f}%"


def percent(share: float) -> str:
    """One share for a scale: 41%, and below one per cent two digits: 0.35%."""
    return f"{100 * share:.0f}%" if share >= 0.01 or share == 0 else f"{100 * share:.2g}%"
