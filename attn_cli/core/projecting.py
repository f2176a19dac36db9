"""From embeddings to X, and from X to queries, keys and values."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.record import Record, by
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import SpecError
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

Matrices = Mapping[str, Array]
Made = tuple[Array, str]
"""A computed stage: its array and its formula."""
Project = Callable[[Mapping[str, Array], Collection[str]], Mapping[str, Made]]
"""Makes those of Q, K and V that are wanted from the stages so far; a name without a matrix is left out."""


def place(record: Record, spec: Spec, extras: Extras, positions: Array, context_positions: Array) -> None:
    """Record X and X_context: the embeddings plus position vectors, or the embeddings themselves if none are added."""
    record.take("residual")
    inputs = (("embedded", "X", positions), ("embedded_context", "X_context", context_positions))
    for before, name, token_positions in inputs:
        embedded = record.given.get(before)
        vectors = None if embedded is None or name in record.given else _added(embedded, spec, extras, token_positions)
        if before in STAGES and (vectors is not None or name in record.given):
            record.take(before)
        if embedded is None or name in record.given:
            record.take(name)
        elif vectors is None:
            record.take(name, before)
        else:
            scheme = [] if spec.positions.added(token_positions[:1], 1) is None else ["sin, cos of position"]
            table = [] if extras.position_embeddings is None else ["position_embeddings"]
            words = " + ".join(["embedded", *scheme, *table])
            record.add(name, embedded + vectors, f"{name} = {words}   {by(embedded)}")


def _added(x: Array, spec: Spec, extras: Extras, positions: Array) -> Array | None:
    """The position vectors (token, feature) to add to embeddings at these positions; None if there are none."""
    vectors = spec.positions.added(positions, x.shape[1])
    table = extras.position_embeddings
    if table is not None:
        if table.shape[1:] != x.shape[1:]:
            raise SpecError(
                f"position_embeddings are {by(table)}, and embeddings {by(x)}", hint="make them equally wide"
            )
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(table):
            raise SpecError(
                f"position_embeddings has {len(table)} rows, and there is a token at position {positions.max()}",
                hint="add rows, or shorten the text",
            )
        vectors = table[positions] if vectors is None else vectors + table[positions]
    return None if vectors is None else vectors.astype(x.dtype, copy=False)


@dataclass(frozen=True, eq=False, repr=False)
class MatrixProjections:
    """Project X to queries, keys and values by matrices; in cross-attention keys and values come from X_context."""

    spec: Spec
    matrices: Matrices
    cross: bool

    def __call__(self, known: Mapping[str, Array], wanted: Collection[str]) -> dict[str, Made]:
        """The wanted ones of Q, K and V (head, token, feature) that have a matrix; SpecError if shapes do not fit."""
        made = {}
        for name in wanted:
            source = "X_context" if self.cross and name != "Q" else "X"
            if f"W_{name}" not in self.matrices:
                continue
            if source not in known:
                if "X" in known:
                    hint = "give the context its vectors"
                    raise SpecError(f"{name} is made from X_context, which is missing", hint=hint)
                continue
            heads = self.spec.heads if name == "Q" else self.spec.key_heads
            projected, formula = linear(source, known[source], name, self.matrices)
            if projected.shape[1] % heads or not projected.size:
                raise SpecError(
                    f"W_{name} has {projected.shape[1]} columns, which {heads} heads cannot share evenly",
                    hint=f"give W_{name} a multiple of {heads} columns, or choose another number of heads",
                )
            array = split_heads(projected, heads)
            per_head = f", {heads} heads of {by(array[0])}" if heads > 1 else ""
            made[name] = array, f"{name} = {formula}{per_head}"
        return made


@dataclass(frozen=True, eq=False, repr=False)
class MatrixOutput:
    """Join the heads and multiply by W_O, if there is one."""

    matrices: Matrices

    def __call__(self, heads: Array) -> Made:
        """The output (query, feature) of head outputs (head, query, feature), with its formula."""
        side_by_side = "head_output" if len(heads) == 1 else "heads side by side"
        output, formula = linear(side_by_side, join_heads(heads), "O", self.matrices)
        return output, f"output = {formula}"


def linear(left: str, x: Array, name: str, matrices: Matrices) -> tuple[Array, str]:
    """x · W_name + b_name (a copy of x without both), and its formula, in which `left` stands for x."""
    formula, shapes, y = left, by(x), x
    if (matrix := matrices.get(f"W_{name}")) is not None:
        if matrix.ndim != 2 or matrix.shape[0] != x.shape[1]:
            raise SpecError(
                f"W_{name} does not fit {left}: {left} is {by(x)}, W_{name} is {by(matrix)}",
                hint=f"W_{name} needs {x.shape[1]} rows, one for each column of {left}, and no third dimension",
            )
        formula, shapes, y = f"{left} · W_{name}", f"{by(x)} · {by(matrix)}", x @ matrix.astype(x.dtype, copy=False)
    if (bias := matrices.get(f"b_{name}")) is not None:
        if bias.shape != y.shape[1:]:
            raise SpecError(
                f"b_{name} does not fit: it is {by(bias)}, and {formula} is {by(y)}",
                hint=f"b_{name} needs {y.shape[1]} numbers",
            )
        formula, shapes, y = f"{formula} + b_{name}", f"{shapes} + {bias.size}", y + bias.astype(x.dtype, copy=False)
    return (x.copy() if y is x else y), f"{formula}   {shapes} → {by(y)}"
