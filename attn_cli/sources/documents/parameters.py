"""Parameters: the arguments of attend(), from a seed or a document."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attn_cli.core.attention import Projections, attend
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import SpecError, UsageError
from attn_cli.sources.changes import stage_order
from attn_cli.sources.seeded import embeddings, projection
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.stages import followers
from attn_cli.trace.trace import Array, Layer


@dataclass(frozen=True, eq=False, repr=False)
class Parameters:
    """The contents of a document: stages to start from, projections and settings.

    `table` is token → vector, None if vectors are in the order of tokens. Stages in `left_out` are not computed,
    because the document lacks their inputs. `notes` say how the document was read.
    """

    tokens: tuple[str, ...]
    given: Mapping[str, Array]
    projections: Projections
    spec: Spec
    extras: Extras = field(default_factory=Extras)
    context_tokens: tuple[str, ...] | None = None
    table: Mapping[str, Array] | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def attended(self, keep: Collection[str] | None = None) -> Layer:
        """Attention on these parameters; `keep` names the stages to keep, all when None."""
        layer = attend(
            self.tokens,
            self.given,
            self.projections,
            self.spec,
            extras=self.extras,
            context_tokens=self.context_tokens,
            keep=keep,
        )
        return replace(layer, stages=tuple(stage for stage in layer.stages if stage.name not in self.left_out))

    def changed(self, what_if: WhatIf) -> "Parameters":
        """The parameters with cells set and heads ablated; stored stages that depend on them are computed again."""
        edits = what_if.edits(["layers.0"]).get("layers.0", ())
        if not edits:
            return self
        matrices = self.projections.given()
        for edit in edits:
            made_later = [name for name in "QKV" if name in self.given and f"W_{name}" not in matrices]
            if edit.stage in ("embedded", "X") and made_later:
                raise UsageError(
                    f"--set {edit.stage} cannot act here: the document starts later, with {made_later[0]}",
                    hint=f"set {made_later[0]} instead",
                )
        stale = followers(*(edit.stage for edit in edits), order=stage_order(self.spec, self.given))
        given = {name: array for name, array in self.given.items() if name not in stale}
        left_out = "output" in self.given and "output" in stale and "W_O" not in matrices
        return replace(
            self,
            given=given,
            extras=replace(self.extras, edits=edits),
            left_out=("output",) if left_out else (),
        )


def draw(
    tokens: Sequence[str],
    spec: Spec,
    seed: int,
    d_model: int,
    d_k: int | None = None,
    context_tokens: Sequence[str] | None = None,
    random: str = "coarse",
) -> Parameters:
    """Random embeddings and projections; a vector depends only on the seed and its token.

    A head is `d_k` wide, by default d_model / heads; SpecError if that does not divide evenly.
    """
    if min(d_model, 1 if d_k is None else d_k) < 1:
        raise SpecError("a vector needs at least one number", hint="choose 1 or more for --dim and --head-dim")
    if d_k is None and d_model % spec.heads:
        raise SpecError(
            f"d_model {d_model} cannot be shared evenly by {spec.heads} heads",
            hint=f"choose --dim {spec.heads * -(-d_model // spec.heads)}, or set the width of a head with --head-dim",
        )
    width = d_k or d_model // spec.heads
    given = {"embedded": embeddings(seed, tokens, d_model, random)}
    if context_tokens is not None:
        given["embedded_context"] = embeddings(seed, context_tokens, d_model, random)
    heads = {"W_Q": spec.heads, "W_K": spec.key_heads, "W_V": spec.key_heads}
    matrices = {name: projection(seed, name, d_model, count * width, random) for name, count in heads.items()}
    words = (*tokens, *(context_tokens or ()))
    vectors = [vector for matrix in given.values() for vector in matrix]
    return Parameters(
        tokens=tuple(tokens),
        given=given,
        projections=Projections(**matrices),
        spec=spec,
        context_tokens=None if context_tokens is None else tuple(context_tokens),
        table=dict(zip(words, vectors, strict=True)),
    )
