"""From embeddings to queries, keys and values."""

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
"""A stage that was just made, and its formula."""
Project = Callable[[Mapping[str, Array], Collection[str]], Mapping[str, Made]]
"""From the stages so far to those of Q, K and V that are wanted and can be made."""


def place(record: Record, spec: Spec, extras: Extras, positions: Array, context_positions: Array) -> None:
    """Embeddings to X, and the context's likewise, with what positions add; without that X is what was embedded."""
    record.take("residual")
    sides = (("embedded", "X", positions), ("embedded_context", "X_context", context_positions))
    for before, name, places in sides:
        embedded = record.given.get(before)
        vectors = None if embedded is None or name in record.given else _added(embedded, spec, extras, places)
        if before in STAGES and (vectors is not None or name in record.given):
            record.take(before)
        if embedded is None or name in record.given:
            record.take(name)
        elif vectors is None:
            record.take(name, before)
        else:
            scheme = [] if spec.positions.added(places[:1], 1) is None else ["sin, cos of position"]
            table = [] if extras.position_embeddings is None else ["position_embeddings"]
            words = " + ".join(["embedded", *scheme, *table])
            record.add(name, embedded + vectors, f"{name} = {words}   {by(embedded)}")


def _added(x: Array, spec: Spec, extras: Extras, positions: Array) -> Array | None:
    """What is added to embeddings (token, feature) at these positions, None for nothing."""
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
    """Queries, keys and values out of X, or of the context's X in cross-attention, by matrices of the caller."""

    spec: Spec
    matrices: Matrices
    cross: bool

    def __call__(self, known: Mapping[str, Array], wanted: Collection[str]) -> dict[str, Made]:
        """Those of Q, K and V (head, token, feature) that are wanted and have a matrix; SpecError for shapes."""
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
    """Heads side by side, through W_O where there is one."""

    matrices: Matrices

    def __call__(self, heads: Array) -> Made:
        """Head outputs (head, query, feature) to the output (query, feature)."""
        side_by_side = "head_output" if len(heads) == 1 else "heads side by side"
        output, formula = linear(side_by_side, join_heads(heads), "O", self.matrices)
        return output, f"output = {formula}"


def linear(left: str, x: Array, name: str, matrices: Matrices) -> tuple[Array, str]:
    """x · W_name + b_name with its formula; a copy of x where there is neither."""
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
