"""Make attention.npz: what PyTorch, and the papers' formulas written out in it, give for small inputs.

    python tests/parity/make_attention.py

Run by hand, in an environment that has PyTorch (2.13.0, CPU, made the stored file); the tests need only NumPy. A case
is a function of a draw of random numbers. It runs in float64 and in float32: what comes out the same, as the inputs do,
is stored once, as `case.array`, the rest as `case.float64.array` and `case.float32.array`.
Masks and weights are stored as PyTorch takes them: in scaled_dot_product_attention a boolean mask is True where a query
may look, in nn.MultiheadAttention True hides; its matrices are out × in.
"""

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

Arrays = dict[str, Tensor]
INFINITY = float("inf")


class Draw:
    """Random arrays of one case, the same numbers in every dtype."""

    def __init__(self, case: str, dtype: torch.dtype) -> None:
        self.generator = torch.Generator().manual_seed(sum(case.encode()))
        self.dtype = dtype

    def __call__(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=torch.float32).to(self.dtype)

    def seen(self, *shape: int) -> Tensor:
        """Truth values, at least one of each row True."""
        seen = torch.rand(*shape, generator=self.generator) < 0.5
        seen[..., 0] |= ~seen.any(-1)
        return seen

    def qkv(self, queries: int, keys: int, heads: int = 3, kv_heads: int | None = None, width: int = 11) -> Arrays:
        kv_heads = kv_heads or heads
        return {"Q": self(heads, queries, width), "K": self(kv_heads, keys, width), "V": self(kv_heads, keys, 2)}


CASES: dict[str, Callable[[Draw], Arrays]] = {}


def case(function: Callable[[Draw], Arrays]) -> Callable[[Draw], Arrays]:
    CASES[function.__name__] = function
    return function


def sdpa(arrays: Arrays, attn_mask: object = None, **options: object) -> Arrays:
    """Outputs, and weights as the outputs for values that are the identity."""
    q, k, v = (arrays[name].unsqueeze(0) for name in "QKV")
    every = torch.eye(k.shape[-2], dtype=k.dtype).expand(1, k.shape[1], -1, -1)
    output, weights = (scaled_dot_product_attention(q, k, x, attn_mask, **options)[0] for x in (v, every))
    stored = {"attn_mask": attn_mask} if isinstance(attn_mask, Tensor) and type(attn_mask) is Tensor else {}
    return arrays | stored | {"head_output": output, "weights": weights}


@case
def sdpa_plain(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7))


@case
def sdpa_one_query(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(1, 7))


@case
def sdpa_scale(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), scale=0.7)


@case
def sdpa_causal(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 5), is_causal=True)


@case
def sdpa_causal_few_queries(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), is_causal=True)


@case
def sdpa_causal_many_queries(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(7, 5), is_causal=True)


@case
def sdpa_lower_right_few_queries(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), causal_lower_right(5, 7))


@case
def sdpa_lower_right_many_queries(draw: Draw) -> Arrays:
    """The first two queries see nothing, and their outputs are zeros, though PyTorch warns of NaN."""
    with warnings.catch_warnings(action="ignore"):
        return sdpa(draw.qkv(7, 5), causal_lower_right(7, 5))


@case
def sdpa_boolean(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), draw.seen(5, 7))


@case
def sdpa_boolean_per_head(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), draw.seen(3, 5, 7))


@case
def sdpa_boolean_hidden_row(draw: Draw) -> Arrays:
    seen = draw.seen(5, 7)
    seen[2] = False
    return sdpa(draw.qkv(5, 7), seen)


@case
def sdpa_additive(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), draw(5, 7).masked_fill(~draw.seen(5, 7), -INFINITY))


@case
def sdpa_additive_per_head(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7), draw(3, 5, 7))


@case
def sdpa_additive_hidden_row(draw: Draw) -> Arrays:
    added = draw(5, 7)
    added[2] = -INFINITY
    return sdpa(draw.qkv(5, 7), added)


@case
def sdpa_gqa(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7, 6, 2), enable_gqa=True)


@case
def sdpa_gqa_causal(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 5, 6, 3), enable_gqa=True, is_causal=True)


@case
def sdpa_one_key_head(draw: Draw) -> Arrays:
    return sdpa(draw.qkv(5, 7, 3, 1), enable_gqa=True)


def mha(draw: Draw, context: int | None = None, *, bias: bool = True, keys: int = 7, **masks: Tensor) -> Arrays:
    """nn.MultiheadAttention of 2 heads on 5 tokens of width 6; `context` is the width of a context of 7 tokens."""
    widths = {} if context is None else {"kdim": context, "vdim": context}
    layer = nn.MultiheadAttention(6, 2, bias=bias, dtype=draw.dtype, batch_first=True, **widths)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw(*parameter.shape))
        x, seen = draw(1, 5, 6), None if context is None else draw(1, keys, context)
        looked = x if seen is None else seen
        output, weights = layer(x, looked, looked, average_attn_weights=False, **masks)
    if layer.in_proj_weight is None:
        w_q, w_k, w_v = layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight
    else:
        w_q, w_k, w_v = layer.in_proj_weight.chunk(3)
    arrays = {"X": x[0], "W_Q": w_q, "W_K": w_k, "W_V": w_v, "W_O": layer.out_proj.weight}
    arrays |= {"weights": weights[0], "output": output[0]}
    if seen is not None:
        arrays["X_context"] = seen[0]
    if bias:
        b_q, b_k, b_v = layer.in_proj_bias.chunk(3)
        arrays |= {"b_Q": b_q, "b_K": b_k, "b_V": b_v, "b_O": layer.out_proj.bias}
    return {name: array.detach() for name, array in (arrays | masks).items()}


@case
def mha_self(draw: Draw) -> Arrays:
    return mha(draw)


@case
def mha_without_biases(draw: Draw) -> Arrays:
    return mha(draw, bias=False)


@case
def mha_key_padding(draw: Draw) -> Arrays:
    return mha(draw, key_padding_mask=torch.tensor([[False, False, False, True, True]]))


@case
def mha_boolean(draw: Draw) -> Arrays:
    return mha(draw, attn_mask=~draw.seen(5, 5))


@case
def mha_boolean_per_head(draw: Draw) -> Arrays:
    return mha(draw, attn_mask=~draw.seen(2, 5, 5))


@case
def mha_additive(draw: Draw) -> Arrays:
    return mha(draw, attn_mask=draw(5, 5))


@case
def mha_hidden_row(draw: Draw) -> Arrays:
    hidden = torch.zeros(5, 5, dtype=torch.bool)
    hidden[2] = True
    return mha(draw, attn_mask=hidden)


@case
def mha_cross(draw: Draw) -> Arrays:
    return mha(draw, 6)


@case
def mha_cross_padded(draw: Draw) -> Arrays:
    padded = torch.tensor([[False, False, False, False, False, True, True]])
    return mha(draw, 6, key_padding_mask=padded, attn_mask=~(draw.seen(5, 7) | ~padded))


@case
def mha_cross_of_another_width(draw: Draw) -> Arrays:
    return mha(draw, 13)


def formula(
    arrays: Arrays,
    *,
    turn: Callable[[Tensor, Tensor], Tensor] | None = None,
    slopes: list[float] | None = None,
    softcap: float | None = None,
    seen: Tensor | None = None,
) -> Arrays:
    """Attention written out: rotary positions, scale, softcap, ALiBi, mask, and the sinks that `arrays` may hold."""
    q, k, v = arrays["Q"], arrays["K"], arrays["V"]
    queries, keys = q.shape[1], k.shape[1]
    places = arrays.get("position_ids", torch.arange(keys))
    own = places[keys - queries :]
    made: Arrays = {}
    if turn is not None:
        q, k = turn(q, own), turn(k, places)
        made = {"Q_rotated": q, "K_rotated": k}
    k, v = (x.repeat_interleave(len(q) // len(x), 0) for x in (k, v))
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[2])
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if slopes is not None:
        distance = (own[:, None] - places).abs().to(q.dtype)
        scores = scores - torch.tensor(slopes, dtype=q.dtype)[:, None, None] * distance
    if seen is not None:
        scores = scores.masked_fill(~seen, -INFINITY)
    if "sinks" in arrays:
        sinks = arrays["sinks"][:, None, None].expand(-1, queries, 1)
        combined = torch.cat([scores, sinks], dim=-1)
        combined = combined - combined.max(dim=-1, keepdim=True).values
        shares = torch.softmax(combined, dim=-1)
        weights, made["sink_weight"] = shares[..., :-1], shares[..., -1]
    else:
        weights = torch.softmax(scores, dim=-1)
    return arrays | made | {"weights": weights, "head_output": weights @ v}


def causal(queries: int, keys: int) -> Tensor:
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)


def rope(
    *, base: float = 10000.0, interleaved: bool = False, dim: int | None = None, factor: float = 1.0
) -> Callable[[Tensor, Tensor], Tensor]:
    """Rotary positions: pairs as complex numbers times e^(i·angle); frequencies and angles as model code rounds them.

    Su et al. 2021 pair neighbours; GPT-NeoX and Llama pair a feature with the one half the width further on.
    Linear scaling (Chen et al. 2023) divides the frequencies, as model code does.
    """

    def turn(x: Tensor, positions: Tensor) -> Tensor:
        width = dim or x.shape[-1]
        exponents = torch.arange(0, width, 2, dtype=torch.int64).to(x.dtype) / width
        angles = positions.to(x.dtype)[:, None] * (1.0 / base**exponents / factor)
        part, rest = x[..., :width], x[..., width:]
        pairs = part.unflatten(-1, (-1, 2)) if interleaved else part.unflatten(-1, (2, -1)).transpose(-1, -2)
        turned = torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angles), angles)
        back = torch.view_as_real(turned)
        return torch.cat([(back if interleaved else back.transpose(-1, -2)).flatten(-2), rest], dim=-1)

    return turn


@case
def rope_half(draw: Draw) -> Arrays:
    return formula(draw.qkv(7, 7, width=6), turn=rope())


@case
def rope_interleaved(draw: Draw) -> Arrays:
    return formula(draw.qkv(7, 7, width=6), turn=rope(interleaved=True))


@case
def rope_base(draw: Draw) -> Arrays:
    return formula(draw.qkv(7, 7, width=6), turn=rope(base=500000.0))


@case
def rope_half_partial(draw: Draw) -> Arrays:
    return formula(draw.qkv(7, 7, width=6), turn=rope(dim=4))


@case
def rope_interleaved_partial(draw: Draw) -> Arrays:
    return formula(draw.qkv(7, 7, width=6), turn=rope(dim=4, interleaved=True))


@case
def rope_factor(draw: Draw) -> Arrays:
    return formula(draw.qkv(7, 7, width=6), turn=rope(factor=4.0))


@case
def rope_few_queries(draw: Draw) -> Arrays:
    return formula(draw.qkv(5, 7, width=6), turn=rope(), seen=causal(5, 7))


@case
def rope_far(draw: Draw) -> Arrays:
    places = {"position_ids": torch.tensor([0, 1, 13, 127, 257, 509, 2039])}
    return formula(draw.qkv(7, 7, width=6) | places, turn=rope())


@case
def rope_far_factor(draw: Draw) -> Arrays:
    places = {"position_ids": torch.tensor([0, 1, 13, 127, 257, 509, 2039])}
    return formula(draw.qkv(7, 7, width=6) | places, turn=rope(factor=3.0))


@case
def alibi_of_4_heads(draw: Draw) -> Arrays:
    """Press et al. 2021: for a power of two heads the slopes are 2^(−8/h), and its powers."""
    return formula(draw.qkv(5, 5, 4), slopes=[2**-2, 2**-4, 2**-6, 2**-8], seen=causal(5, 5))


@case
def alibi_of_6_heads(draw: Draw) -> Arrays:
    """Otherwise those of the power of two below, then every other one of the power of two above."""
    return formula(draw.qkv(5, 5, 6), slopes=[2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3], seen=causal(5, 5))


@case
def alibi_both_ways(draw: Draw) -> Arrays:
    return formula(draw.qkv(5, 5, 4), slopes=[2**-2, 2**-4, 2**-6, 2**-8])


@case
def alibi_few_queries(draw: Draw) -> Arrays:
    return formula(draw.qkv(3, 7, 4), slopes=[2**-2, 2**-4, 2**-6, 2**-8], seen=causal(3, 7))


@case
def sinusoidal(draw: Draw) -> Arrays:
    """Vaswani et al. 2017, section 3.5: PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i + 1) the cosine."""
    embedded, matrices = draw(5, 6), {name: draw(6, 6) for name in ("W_Q", "W_K", "W_V")}
    added = torch.zeros(5, 6, dtype=torch.float64)
    for position in range(5):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            added[position, 2 * i], added[position, 2 * i + 1] = math.sin(angle), math.cos(angle)
    x = embedded + added.to(draw.dtype)
    made = formula({name[-1]: (x @ matrix)[None] for name, matrix in matrices.items()})
    return matrices | {"embedded": embedded, "X": x} | {name: made[name] for name in ("weights", "head_output")}


@case
def softcap(draw: Draw) -> Arrays:
    """Gemma 2: the cap after the scale, before the mask."""
    return formula(draw.qkv(5, 5), softcap=0.9, seen=causal(5, 5))


@case
def sinks(draw: Draw) -> Arrays:
    """GPT-OSS: a learned score for each head joins the softmax, and its column is dropped."""
    return formula(draw.qkv(5, 5) | {"sinks": draw(3)}, seen=causal(5, 5))


@case
def sinks_gqa_rope_sliding(draw: Draw) -> Arrays:
    seen = causal(5, 7) & ~torch.ones(5, 7, dtype=torch.bool).tril(2 - 3)
    return formula(draw.qkv(5, 7, 6, 2, width=8) | {"sinks": draw(6)}, turn=rope(base=150000.0), seen=seen)


@case
def softcap_alibi_gqa(draw: Draw) -> Arrays:
    return formula(draw.qkv(5, 5, 4, 2), slopes=[2**-2, 2**-4, 2**-6, 2**-8], softcap=0.7)


def main() -> None:
    stored: dict[str, np.ndarray] = {}
    for name, function in CASES.items():
        wide, narrow = (function(Draw(name, dtype)) for dtype in (torch.float64, torch.float32))
        for array in wide:
            if torch.equal(wide[array], narrow[array].to(wide[array].dtype)):
                stored[f"{name}.{array}"] = narrow[array].numpy()
            else:
                stored |= {
                    f"{name}.float64.{array}": wide[array].numpy(),
                    f"{name}.float32.{array}": narrow[array].numpy(),
                }
    np.savez_compressed(Path(__file__).with_name("attention.npz"), **stored)


if __name__ == "__main__":
    main()
