"""Parameters: tokens, their vectors, projections and settings, ready for attend(); drawn from a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attn_cli.core.attention import Projections
from attn_cli.core.spec import Spec
from attn_cli.errors import SpecError
from attn_cli.sources.seeded import embeddings, projection
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Parameters:
    """What a weights document holds: `table` is token → vector, or None where `x` (token, d_model) came in order."""

    tokens: tuple[str, ...]
    x: Array
    table: Mapping[str, Array] | None
    projections: Projections
    spec: Spec


def draw(tokens: Sequence[str], spec: Spec, seed: int, d_model: int, d_k: int | None = None) -> Parameters:
    """Random embeddings and projections; a vector depends on the seed and its token alone.

    Heads of width `d_k`, d_model / heads unless given; SpecError where that does not divide.
    """
    if d_k is None and d_model % spec.heads:
        raise SpecError(
            f"d_model {d_model} cannot be shared evenly by {spec.heads} heads",
            hint=f"choose --dim {spec.heads * -(-d_model // spec.heads)}, or set the width of a head with --head-dim",
        )
    width = d_k or d_model // spec.heads
    x = embeddings(seed, tokens, d_model)
    heads = {"W_Q": spec.heads, "W_K": spec.key_heads, "W_V": spec.key_heads}
    matrices = {name: projection(seed, name, d_model, count * width) for name, count in heads.items()}
    return Parameters(
        tokens=tuple(tokens),
        x=x,
        table=dict(zip(tokens, x, strict=True)),
        projections=Projections(**matrices),
        spec=spec,
    )
