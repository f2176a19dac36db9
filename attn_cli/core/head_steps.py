"""Steps on heads: clip, norm, rotate and scale queries, keys, values or head outputs; each step makes a stage."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.positions import Positions, QueryScaling, Rope, rotates
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import SpecError
from attn_cli.trace.stages import FORMS
from attn_cli.trace.trace import Array

if TYPE_CHECKING:
    from attn_cli.core.norms import HeadNorm


class HeadStep(Protocol):
    """A change of queries, keys, values or head outputs (head, token, feature).

    It reads their last form. If the step before it or the projections make the same stage, it changes their result
    before the stage is recorded.
    """

    @property
    def makes(self) -> str:
        """The stage it makes."""

    @property
    def by_position(self) -> bool:
        """Whether its result depends on token positions."""

    def formula(self, before: str, positions: Array) -> str:
        """The stage's formula; `before` is the name of the previous form, or the formula to extend."""

    def __call__(self, x: Array, positions: Array) -> Array:
        """The changed array, of the same shape; `positions` (token) are those of the tokens."""


class Clip(NamedTuple):
    """Clip every number to ± `limit`."""

    makes: str
    limit: float
    by_position: bool = False

    def formula(self, before: str, positions: Array) -> str:
        name, _, made = before.partition(" = ")
        return f"{name} = {made}, clipped to ±{self.limit:g}"

    def __call__(self, x: Array, positions: Array) -> Array:
        return np.clip(x, -self.limit, self.limit)


class NormHeads(NamedTuple):
    """Normalize queries or keys per head, or with `together` over all heads of a token at once.

    `norm` gets a head's number (0 for all heads together) and vectors (token, feature).
    """

    makes: str
    norm: Callable[[int, Array], Array]
    together: bool = False
    by_position: bool = False

    def formula(self, before: str, positions: Array) -> str:
        return f"{self.makes} = norm({before})"

    def __call__(self, x: Array, positions: Array) -> Array:
        if self.together:
            return split_heads(self.norm(0, join_heads(x)), len(x))
        return np.stack([self.norm(head, vectors) for head, vectors in enumerate(x)])


class Rotate(NamedTuple):
    """Rotate pairs of features by angles that grow with the position."""

    makes: str
    rotation: Callable[[Array, Array], Array | None]
    by_position: bool = True

    def formula(self, before: str, positions: Array) -> str:
        return f"{self.makes} = rotate({before}, position)"

    def __call__(self, x: Array, positions: Array) -> Array:
        rotated = self.rotation(x, positions)
        return x if rotated is None else rotated


class ScaleQueries(NamedTuple):
    """Multiply queries by a factor that grows with their position."""

    makes: str
    scaling: QueryScaling
    by_position: bool = True

    def formula(self, before: str, positions: Array) -> str:
        return before if (self.scaling.factors(positions) == 1).all() else f"{before} · {self.scaling.formula}"

    def __call__(self, x: Array, positions: Array) -> Array:
        factors = self.scaling.factors(positions)
        return x if (factors == 1).all() else x * factors[:, np.newaxis].astype(x.dtype)


def in_order(
    clip: float | None,
    norms: Sequence[HeadStep],
    rotations: Sequence[HeadStep],
    scaling: QueryScaling | None,
    *,
    norm_last: bool,
) -> tuple[HeadStep, ...]:
    """The steps on heads in order: clip, norm, rotate (rotate before norm if `norm_last`), then scale queries."""
    clips = [] if clip is None else [Clip(name, clip) for name in "QKV"]
    steps: list[HeadStep] = [*clips, *rotations, *norms] if norm_last else [*clips, *norms, *rotations]
    if scaling is not None:
        last = next((step.makes for step in reversed(steps) if step.makes in FORMS["Q"]), "Q")
        steps.append(ScaleQueries(last, scaling))
    return tuple(steps)


def on_heads(spec: Spec, extras: Extras) -> tuple[HeadStep, ...]:
    """The steps on heads of a spec, in order; SpecError for arrays that no setting uses."""
    norm = spec.qk_norm
    arrays = {key: getattr(extras, key) for key in ("Q_norm", "K_norm", "Q_norm_bias", "K_norm_bias")}
    if norm is None and (given := [key for key, array in arrays.items() if array is not None]):
        raise SpecError(f"{given[0]} is given, and no qk_norm", hint='add "qk_norm": "rms:1e-06"')
    norms = (
        []
        if norm is None
        else [_norm(norm, name, arrays[f"{name}_norm"], arrays[f"{name}_norm_bias"]) for name in "QK"]
    )
    rotation = _rotation(spec.positions, extras.rotary_frequencies)
    rotations = [] if rotation is None else [Rotate(f"{name}_rotated", rotation) for name in "QK"]
    last = norm is not None and norm.after == "rotation"
    return in_order(spec.clip, norms, rotations, spec.query_scaling, norm_last=last)


def _norm(head_norm: "HeadNorm", name: str, weight: Array | None, bias: Array | None) -> NormHeads:
    together = head_norm.over == "all"

    def norm(head: int, x: Array) -> Array:
        wide = np.promote_types(x.dtype, np.float32)  # float16 overflows at the square of 256
        of_head = [a if a is None or a.ndim == 1 else a[head] for a in (weight, bias)]
        weights = [None if a is None else a.astype(wide, copy=False) for a in of_head]
        return head_norm.norm(x.astype(wide, copy=False), *weights).astype(x.dtype, copy=False)

    return NormHeads(f"{name}_normed", norm, together)


def _rotation(scheme: Positions, frequencies: Array | None) -> Callable[[Array, Array], Array | None] | None:
    """The rotation of queries and keys, None without one; SpecError for frequencies that no rotation uses."""
    if frequencies is None:
        return scheme.rotated if rotates(scheme) else None
    if not isinstance(scheme, Rope):
        raise SpecError("rotary_frequencies are given, and no position scheme rotates", hint='add "positions": "rope"')
    if replace(scheme, base=Rope.base, dim=Rope.dim, factor=Rope.factor) != scheme:
        raise SpecError("rotary_frequencies replace the base, dim and factor of rope", hint="keep one of the two")
    return partial(scheme.rotated, frequencies=frequencies)
