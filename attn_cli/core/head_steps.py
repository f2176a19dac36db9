"""Steps on heads: what happens to queries, keys and values before they meet, each step a value that makes a stage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.positions import QueryScaling, rotates
from attn_cli.core.spec import Spec
from attn_cli.trace.trace import Array


class HeadStep(Protocol):
    """A change of queries, keys, values or head outputs (head, token, feature).

    It starts from the last form of them before it. A step that makes the same stage as the one before it, or as the
    projections, changes what that has made before it becomes a stage.
    """

    @property
    def makes(self) -> str: ...

    @property
    def by_position(self) -> bool:
        """Whether it changes with the positions of the tokens."""

    def formula(self, before: str, positions: Array) -> str:
        """The formula of the stage, given the name of the form before it, or the formula of the step before it."""

    def __call__(self, x: Array, positions: Array) -> Array: ...


@dataclass(frozen=True)
class Clip:
    """Limit every number to ± `limit`."""

    makes: str
    limit: float
    by_position: bool = False

    def formula(self, before: str, positions: Array) -> str:
        name, _, made = before.partition(" = ")
        return f"{name} = {made}, clipped to ±{self.limit:g}"

    def __call__(self, x: Array, positions: Array) -> Array:
        return np.clip(x, -self.limit, self.limit)


@dataclass(frozen=True, eq=False)
class NormHeads:
    """Norm queries or keys: the features of each head, or with `together` those of all heads of a token at once.

    `norm` is given the number of a head, 0 for all of them, and vectors (token, feature).
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


@dataclass(frozen=True, eq=False)
class Rotate:
    """Rotate pairs of features by angles that grow with the position."""

    makes: str
    rotation: Callable[[Array, Array], Array | None]
    by_position: bool = True

    def formula(self, before: str, positions: Array) -> str:
        return f"{self.makes} = rotate({before}, position)"

    def __call__(self, x: Array, positions: Array) -> Array:
        rotated = self.rotation(x, positions)
        return x if rotated is None else rotated


@dataclass(frozen=True)
class ScaleQueries:
    """Multiply queries by a factor that grows with their position."""

    makes: str
    scaling: QueryScaling
    by_position: bool = True

    def formula(self, before: str, positions: Array) -> str:
        return before if (self.scaling.factors(positions) == 1).all() else f"{before} · {self.scaling.formula}"

    def __call__(self, x: Array, positions: Array) -> Array:
        factors = self.scaling.factors(positions)
        return x if (factors == 1).all() else x * factors[:, np.newaxis].astype(x.dtype)


def on_heads(spec: Spec) -> tuple[HeadStep, ...]:
    """The steps on heads of a spec, in their order."""
    if not rotates(spec.positions):
        return ()
    return tuple(Rotate(f"{name}_rotated", spec.positions.rotated) for name in "QK")
