"""The attention of a layer for the core: projections, steps on heads and on scores, bound to weights."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from attn_cli.core.attention import Attention
from attn_cli.core.biases import Addend, ArrayTerm, Term, terms_of
from attn_cli.core.head_steps import HeadStep, NormHeads, Rotate, in_order
from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.projecting import Made
from attn_cli.core.record import by
from attn_cli.core.score_steps import Softmax, on_scores
from attn_cli.core.steps import ScoreInputs
from attn_cli.models.network.plan import Disentangled, LayerPlan, QKNorm
from attn_cli.models.network.products import linear
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


def attention_of(plan: LayerPlan, weights: Weights, bias: Array | None = None, *, cross: bool = False) -> Attention:
    """The self- or cross-attention of a layer; `bias` (head, query, key) is its relative position bias, if any."""
    side, spec = ("cross_" if cross else ""), plan.spec(cross=cross)
    qk_norm, rotary = plan.qk_norm, None if cross else plan.rotary
    terms: list[Term] = [] if bias is None else [ArrayTerm(bias, "relative bias")]
    if plan.disentangled is not None and not cross:
        terms.append(DisentangledTerm(plan.disentangled, weights))
    sinks = weights.find("sinks") if plan.sinks else None
    return Attention(
        spec=spec,
        project=LayerProjections(plan, weights, side),
        on_heads=in_order(
            plan.clip,
            [] if qk_norm is None else [_norm(qk_norm, weights, side, name) for name in "QK"],
            [] if rotary is None else [Rotate(f"{name}_rotated", rotary) for name in "QK"],
            plan.query_scaling,
            norm_last=qk_norm is not None and qk_norm.after_rotation,
        ),
        on_scores=on_scores(spec, (*terms, *terms_of(spec))),
        normalizer=Softmax(None if sinks is None else sinks.copy()),
        output=LayerOutput(weights, f"{side}o"),
    )


def _norm(qk_norm: QKNorm, weights: Weights, side: str, name: str) -> HeadStep:
    module = f"{side}{name.lower()}_norm"

    def norm(head: int, vectors: Array) -> Array:
        of_head = weights.expert(head) if qk_norm.over == "each" else weights
        return of_head.normed(qk_norm.norm, module, vectors)

    return NormHeads(f"{name}_normed", norm, together=qk_norm.over == "all")


@dataclass(frozen=True, eq=False)
class LayerProjections:
    """Project X to queries, keys and values; in cross-attention keys and values come from the encoder's output."""

    plan: LayerPlan
    weights: Weights
    side: str

    def __call__(self, known: Mapping[str, Array], wanted: Collection[str]) -> Mapping[str, Made]:
        """Q, K and V (head, token, feature); DocumentError if weights and config contradict each other."""
        plan, weights = self.plan, self.weights
        if plan.projecting is not None:
            return plan.projecting(weights, known["X"])
        shapes = {"Q": (plan.heads, plan.d_k), "K": (plan.kv_heads, plan.d_k), "V": (plan.kv_heads, plan.d_v)}
        sources = {name: "X_context" if self.side and name != "Q" else "X" for name in shapes}
        maps = {name: weights.linear(self.side + name.lower()) for name in shapes}
        projected: list[Array] = []
        for source in dict.fromkeys(sources.values()):
            projected += linear(known[source], *(maps[name] for name in shapes if sources[name] == source))
        made = {}
        for (name, (heads, width)), features in zip(shapes.items(), projected, strict=True):
            weights.check_heads(self.side + name.lower(), features, heads, width)
            array, source = split_heads(features, heads), sources[name]
            bias = f" + b_{name}" if maps[name].bias is not None else ""
            shape = f"{by(known[source])} → {by(features)}, {heads} heads of {by(array[0])}"
            made[name] = array, f"{name} = {source} · W_{name}{bias}   {shape}"
        return made


@dataclass(frozen=True, eq=False)
class LayerOutput:
    """Join the heads and multiply by the layer's W_O."""

    weights: Weights
    module: str

    def __call__(self, heads: Array) -> Made:
        """The output (query, d_model) of head outputs (head, query, feature), with its formula."""
        joined = join_heads(heads)
        output = self.weights.apply(self.module, joined)
        return output, f"output = heads side by side · W_O   {by(joined)} → {by(output)}"


@dataclass(frozen=True, eq=False)
class DisentangledTerm:
    """Disentangled attention (DeBERTa) with a layer's weights, as a bias on scores."""

    disentangled: Disentangled
    weights: Weights
    words: str = "relative bias"
    part: str = "bias"

    def at(self, inputs: ScoreInputs) -> Addend:
        stages = inputs.stages
        bias = self.disentangled(self.weights, stages["Q"], stages["K"], inputs.queries, inputs.keys)
        return lambda block: block.of(bias)
