"""Whether stored rotated queries and keys are the stored queries and keys, rotated to some position."""

import numpy as np

from attn_cli.analysis.following.expected import Mismatch
from attn_cli.analysis.following.rows import Rows
from attn_cli.core.positions import Rope
from attn_cli.core.spec import parse_positions
from attn_cli.errors import SpecError
from attn_cli.trace.stages import FORMS
from attn_cli.trace.trace import Array

FARTHEST = 8192
"""The largest position that a token is looked for at."""


def rotation_mismatch(rows: Rows, query: int, key: int) -> Mismatch | None:
    """The feature of a stored rotated query or key that is furthest from the rotated vector; None if it follows.

    What attn itself rotated has a formula and is not checked: a model may rotate by frequencies that no spelling names.
    """
    scheme = _rope(rows)
    if scheme is None:
        return None
    shift = rows.layer.first_query or 0
    for name, row, position in (("Q", 0, query + shift), ("K", key, key)):
        rotated = next((stage for stage in rows.layer.stages if stage.name == f"{name}_rotated"), None)
        before = _before(rows, name)
        if rotated is None or before is None or rotated.formula not in ("", "as stored"):
            continue
        mismatch = _mismatch(rows, scheme, (before, rotated.name), row, position)
        if mismatch is not None:
            return mismatch
    return None


def _rope(rows: Rows) -> Rope | None:
    try:
        scheme = parse_positions(rows.layer.settings.positions)
    except SpecError:
        return None
    return scheme if isinstance(scheme, Rope) else None


def _before(rows: Rows, name: str) -> str | None:
    """The last form of Q or K before it is rotated, None where it is not rotated or none is stored."""
    names = [stage.name for stage in rows.layer.stages if stage.name in FORMS[name]]
    rotated = f"{name}_rotated"
    before = names[: names.index(rotated)] if rotated in names else []
    return before[-1] if before else None


def _mismatch(rows: Rows, scheme: Rope, names: tuple[str, str], row: int, position: int) -> Mismatch | None:
    """The worst feature at the token's own position, unless the vector fits at another position."""
    vector, stored = (rows.of(name)[row] for name in names)
    allowed = rows.slack(names[0])[row].max() * 2 + rows.slack(names[1])[row]
    allowed = allowed + max(rows.exact[name].relative for name in names) * np.abs(vector).max(initial=0.0)
    if not np.isfinite(vector).all() or (scheme.dim is not None and scheme.dim > vector.size) or vector.size % 2:
        return None
    own = _rotated(scheme, vector, np.array([position]))[0]
    if (np.abs(own - stored) <= allowed).all():
        return None
    everywhere = _rotated(scheme, vector, np.arange(FARTHEST))
    if (np.abs(everywhere - stored) <= allowed).all(axis=1).any():
        return None
    off = np.nan_to_num(np.abs(own - stored), nan=np.inf)
    feature = int(off.argmax())
    return Mismatch(
        names[1],
        names[0],
        row if names[1].startswith("K") else None,
        feature,
        float(own[feature]),
        float(stored[feature]),
    )


def _rotated(scheme: Rope, vector: Array, positions: Array) -> Array:
    """A vector (feature) rotated to each position (position, feature)."""
    copies = np.broadcast_to(vector, (1, len(positions), vector.size))
    return np.asarray(scheme.rotated(copies.copy(), positions)[0])
