"""attend(): the road from vectors to outputs, recording a stage after each step."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from attn_cli.core.ops import by_key_head, join_heads, softmax, split_heads
from attn_cli.core.spec import Spec
from attn_cli.core.steps import on_scores
from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array, Layer, Stage, frozen, read_only

AS_STORED = "as stored"


@dataclass(frozen=True, eq=False)
class Projections:
    """The learned matrices of one layer; they multiply from the right, heads side by side.

    `W_Q` is d_model × (h · d_k), `W_K` d_model × (g · d_k), `W_V` d_model × (g · d_v), `W_O` (h · d_v) × d_out.
    """

    W_Q: Array
    W_K: Array
    W_V: Array
    W_O: Array | None = None
    b_Q: Array | None = None
    b_K: Array | None = None
    b_V: Array | None = None
    b_O: Array | None = None

    def given(self) -> dict[str, Array]:
        """The matrices and biases that are there, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def attend(
    tokens: Sequence[str],
    given: Mapping[str, Array],
    projections: Projections | None = None,
    spec: Spec | None = None,
    *,
    keep: Collection[str] | None = None,
) -> Layer:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762), every stage recorded.

    `given` holds the stages to start from: `X` (token, d_model) with `projections`, or `Q`, `K` and perhaps `V`
    (head, token, feature), or later ones; what is given is shown as it is. `keep` names the stages to hold on to,
    all when None. Raises SpecError where shapes do not fit together.
    """
    spec = spec or Spec()
    run = _Run(spec, keep, {name: _typed(array, spec.dtype) for name, array in given.items()})
    with np.errstate(all="ignore"):
        run.project(projections.given() if projections else {})
        run.score()
        run.blend(projections.given() if projections else {})
    queries, keys = run.counts(len(tokens))
    return Layer(
        stages=tuple(run.stages),
        query_tokens=tuple(tokens)[len(tokens) - queries :],
        key_tokens=tuple(tokens)[:keys],
        heads=spec.heads,
        kv_heads=spec.key_heads,
        head_index=tuple(range(spec.heads)),
        kv_head_index=tuple(range(spec.key_heads)),
        settings=spec.settings(run.factor),
    )


class _Run:
    """One pass over the stages: what is known so far, and which of it is kept."""

    def __init__(self, spec: Spec, keep: Collection[str] | None, given: Mapping[str, Array]) -> None:
        self.spec = spec
        self.keep = keep
        self.given = given
        self.known: dict[str, Array] = {}
        self.stages: list[Stage] = []
        self.factor = None if isinstance(spec.scale, str) else spec.scale

    def kept(self, name: str) -> bool:
        return self.keep is None or name in self.keep

    def record(self, name: str, formula: str, array: Array) -> Array:
        self.known[name] = array
        if self.kept(name):
            stored = name in self.given
            self.stages.append(Stage(name, array if stored else frozen(array), AS_STORED if stored else formula))
        return array

    def project(self, matrices: Mapping[str, Array]) -> None:
        """X to Q, K and V."""
        if "X" in self.given:
            self.record("X", AS_STORED, self.given["X"])
        for name in "QKV":
            if name in self.given:
                self.record(name, AS_STORED, self.given[name])
            elif "X" in self.known and f"W_{name}" in matrices:
                heads = self.spec.heads if name == "Q" else self.spec.key_heads
                projected, formula = self._linear("X", self.known["X"], name, matrices)
                if projected.shape[1] % heads:
                    raise SpecError(
                        f"W_{name} has {projected.shape[1]} columns, which {heads} heads cannot share evenly",
                        hint=f"give W_{name} a multiple of {heads} columns, or choose another number of heads",
                    )
                array = split_heads(projected, heads)  # (head, token, feature)
                per_head = f", {heads} heads of {_by(array[0])}" if heads > 1 else ""
                self.record(name, f"{name} = {formula}{per_head}", array)

    def score(self) -> None:
        """Q and K to scores, through the steps, to weights."""
        if "scores" in self.given:
            self.record("scores", AS_STORED, self.given["scores"])
        elif "Q" in self.known and "K" in self.known:
            self.record("scores", *self._match(self.known["Q"], self.known["K"]))
        if "weights" in self.given:
            for name in ("scaled", "softcapped", "biased", "masked", "weights"):
                if name in self.given:
                    self.record(name, AS_STORED, self.given[name])
        elif "scores" in self.known:
            self._soften()

    def _match(self, q: Array, k: Array) -> tuple[str, Array]:
        if q.shape[2] != k.shape[2]:
            raise SpecError(
                f"a query of width {q.shape[2]} cannot meet a key of width {k.shape[2]} (Q {_by(q)}, K {_by(k)})",
                hint="W_Q and W_K must give each head the same number of columns",
            )
        grouped = by_key_head(q, len(k)) @ k[:, np.newaxis].swapaxes(-1, -2)  # (key head, query head, query, key)
        scores = grouped.reshape(len(q), q.shape[1], k.shape[1])  # (head, query, key)
        shapes = f"{_by(q[0])} · {_by(k[0].T)} → {_by(scores[0])}"
        return f"scores = Q · Kᵀ   {shapes}{self._each()}", scores

    def _soften(self) -> None:
        name, scores = "scores", self.known["scores"]
        d_k = self.known["Q"].shape[2] if "Q" in self.known else 1
        self.factor = self.spec.factor(d_k)
        for step in on_scores(self.spec, d_k, *scores.shape[1:]):
            scores = self.record(step.name, step.formula(name), step(scores, self._reuse(name)))
            name = step.name
        weights = softmax(scores, self._reuse(name))
        self.record("weights", f"weights = softmax({name})   over each row's {weights.shape[2]} keys", weights)

    def _reuse(self, name: str) -> Array | None:
        """The array of a stage that nobody will look at again, to be written over."""
        return None if self.kept(name) or name in self.given else self.known.pop(name)

    def blend(self, matrices: Mapping[str, Array]) -> None:
        """Weights and V to outputs."""
        if "head_output" in self.given:
            self.record("head_output", AS_STORED, self.given["head_output"])
        elif "weights" in self.known and "V" in self.known:
            weights, v = self.known["weights"], self.known["V"]
            blended = (by_key_head(weights, len(v)) @ v[:, np.newaxis]).reshape(len(weights), weights.shape[1], -1)
            shapes = f"{_by(weights[0])} · {_by(v[0])} → {_by(blended[0])}"
            self.record("head_output", f"head_output = weights · V   {shapes}{self._each()}", blended)
        if "output" in self.given:
            self.record("output", AS_STORED, self.given["output"])
        elif "head_output" in self.known:
            joined = join_heads(self.known["head_output"])  # (query, head · feature)
            side_by_side = "head_output" if self.spec.heads == 1 else "heads side by side"
            output, formula = self._linear(side_by_side, joined, "O", matrices)
            self.record("output", f"output = {formula}", output)

    def _each(self) -> str:
        return f", in each of {self.spec.heads} heads" if self.spec.heads > 1 else ""

    def _linear(self, left: str, x: Array, name: str, matrices: Mapping[str, Array]) -> tuple[Array, str]:
        """x · W_name + b_name with its formula; x itself where there is no such matrix."""
        dtype = x.dtype
        formula, shapes, y = left, _by(x), x
        if (matrix := matrices.get(f"W_{name}")) is not None:
            if matrix.shape[0] != x.shape[1]:
                raise SpecError(
                    f"W_{name} does not fit {left}: {left} is {_by(x)}, W_{name} is {_by(matrix)}",
                    hint=f"W_{name} needs {x.shape[1]} rows, one for each column of {left}",
                )
            formula, shapes, y = f"{left} · W_{name}", f"{_by(x)} · {_by(matrix)}", x @ matrix.astype(dtype, copy=False)
        if (bias := matrices.get(f"b_{name}")) is not None:
            if bias.shape != y.shape[1:]:
                raise SpecError(
                    f"b_{name} does not fit: it has {bias.size} numbers, {formula} has {y.shape[1]} columns",
                    hint=f"b_{name} needs {y.shape[1]} numbers",
                )
            formula, shapes, y = f"{formula} + b_{name}", f"{shapes} + {bias.size}", y + bias.astype(dtype, copy=False)
        return (x.copy() if y is x else y), f"{formula}   {shapes} → {_by(y)}"

    def counts(self, tokens: int) -> tuple[int, int]:
        """How many queries and keys there are; SpecError where tokens and arrays disagree."""
        last = next((self.known[name] for name in ("weights", "scores") if name in self.known), None)
        queries, keys = last.shape[1:] if last is not None else (tokens, tokens)
        if keys != tokens:
            raise SpecError(f"{tokens} tokens cannot label {keys} rows", hint="give as many tokens as X or K has rows")
        return queries, keys


def _typed(array: Array, dtype: str) -> Array:
    """The caller's array, read-only, in the dtype of the arithmetic."""
    array = np.asarray(array)
    return read_only(array) if array.dtype == dtype else frozen(array.astype(dtype))


def _by(array: Array) -> str:
    return "×".join(map(str, array.shape))
