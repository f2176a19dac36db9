"""Products of token vectors with large matrices on all cores; a forward pass spends most of its time here.

Waking a thread costs as much as a small product, so the threads share several products at a time.

Each optimization makes a warm forward pass of GPT-2 or BERT at least 1.3 times as fast at some length
(tests/benchmarks/bench_models.py): threads 1.2 to 1.8 times; blocks of so few rows that OpenBLAS multiplies them
without copying, 1.2 times for 16 tokens and 1.4 to 1.5 times for 64; padding of tokens to a multiple of 16 for those
blocks, 1.3 to 1.5 times for 60 and 121. The last two need AVX-512 and are off without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate

import numpy as np

from attn_cli.core.threads import chunks, each, threads_for
from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array, shape_words

WORTH = 2**22  # with fewer multiplications per thread, waking the thread costs more than it saves
SMALL = 100**3  # OpenBLAS does not copy the matrices of a product with at most so many multiplications
GRAIN = 16  # shares of a matrix, and padded tokens, are a multiple of this
MOST = 96, 128  # batches above the first are padded to the second; above that, small products gain nothing


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map: its weight (out, in), its bias (out) or None, and its name for errors."""

    weight: Array
    bias: Array | None = None
    what: str = "a matrix"

    def __post_init__(self) -> None:
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            raise DocumentError(
                f"{self.what} makes {len(self.weight)} numbers, and its bias has {self.bias.size}",
                hint="config.json and the weights contradict each other",
            )

    def check_takes(self, width: int) -> None:
        """DocumentError unless it takes vectors of this width."""
        if self.weight.shape[1] != width:
            raise DocumentError(
                f"{self.what} is {shape_words(self.weight.shape)}, and takes vectors of width {width}",
                hint="config.json and the weights contradict each other",
            )


def linear(x: Array, *maps: Linear) -> list[Array]:
    """x · weightᵀ + bias for each of the maps: from x (token, in), one array (token, out) per map."""
    for each_map in maps:
        each_map.check_takes(x.shape[1])
    products = [np.empty((len(x), len(each_map.weight)), np.result_type(x, each_map.weight)) for each_map in maps]
    x_transposed = _transposed(x)

    def columns(share: slice) -> None:
        for number, part in _within([len(each_map.weight) for each_map in maps], share):
            _product(maps[number], part, x, x_transposed, products[number][:, part])

    width = sum(len(each_map.weight) for each_map in maps)
    threads = threads_for(width * x.size, WORTH)
    each(chunks(width, threads, GRAIN), columns, threads)
    return products


def through(x: Array, ups: Sequence[Linear], between: Callable[..., Array], down: Linear) -> Array:
    """An MLP: x (token, in) times each of `ups`, then the elementwise `between`, then `down`, to (token, out).

    Each thread computes a share of the hidden features from start to end; the results are summed.
    """
    for up in ups:
        up.check_takes(x.shape[1])
        down.check_takes(len(up.weight))
    if len({_is_by_rows(up.weight) for up in ups}) > 1:  # `between` is fast only on arrays of one memory layout
        ups = [replace(up, weight=np.ascontiguousarray(up.weight)) for up in ups]
    x_transposed = _transposed(x)
    hidden = down.weight.shape[1]
    threads = threads_for((len(ups) + 1) * hidden * x.size, WORTH)
    shares = chunks(hidden, threads, GRAIN)
    sums: list[Array] = [x] * len(shares)

    def features(number: int) -> None:
        share = shares[number]
        raised = between(*(_product(up, share, x, x_transposed) for up in ups))
        sums[number] = _product(Linear(down.weight[:, share]), slice(None), raised, raised.T)[: len(x)]

    each(range(len(shares)), features, threads)
    total = sums[0]
    for partial_sum in sums[1:]:
        total += partial_sum
    y = np.ascontiguousarray(total)
    if down.bias is not None:
        y += down.bias
    return y


def _product(linear_map: Linear, part: slice, x: Array, x_transposed: Array, out: Array | None = None) -> Array:
    """Some of a map's output features for x, (token, out), in the fastest memory layout.

    `x_transposed`, and so the result, may have more tokens than x, as padding; `out` has none.
    """
    weight, tokens = linear_map.weight[part], x_transposed.shape[1]
    by_rows = _is_by_rows(weight)
    rows = _rows(len(weight), *x_transposed.shape) if by_rows else 0
    if not rows and tokens >= (64 if by_rows else 24):
        y = np.matmul(x, weight.T, out=out)
        if linear_map.bias is not None:
            y += linear_map.bias[part]
        return y
    features = np.empty((len(weight), tokens), np.result_type(weight, x_transposed))
    if rows:
        np.matmul(weight.reshape(-1, rows, weight.shape[1]), x_transposed, out=features.reshape(-1, rows, tokens))
    else:
        np.matmul(weight, x_transposed, out=features)
    if linear_map.bias is not None:
        features += linear_map.bias[part, np.newaxis]
    if out is not None:
        out[...] = features[:, : len(out)].T
    return features.T


def _is_by_rows(weight: Array) -> bool:
    """Whether a weight is stored out × in, not in × out."""
    return weight.strides[1] == weight.itemsize


def _transposed(x: Array) -> Array:
    """x (token, in) as (in, token), padded with zeros if that makes products faster."""
    grain = GRAIN if len(x) <= MOST[0] else MOST[1]
    filled = -(-len(x) // grain) * grain
    if len(x) < GRAIN or not _rows(GRAIN, x.shape[1], filled):
        return x.T
    transposed = np.zeros((x.shape[1], filled), x.dtype)
    transposed[:, : len(x)] = x.T
    return transposed


def _rows(out: int, into: int, tokens: int) -> int:
    """The rows of a weight (out, in) per small product with these tokens; 0 if small products gain nothing."""
    if not 0 < tokens <= MOST[1] or not _has_small_products():
        return 0
    return next((rows for rows in (8, 4) if rows * into * tokens <= SMALL and out % rows == 0), 0)


@cache
def _has_small_products() -> bool:
    """Whether NumPy uses OpenBLAS on a processor with AVX-512, where small products do not copy matrices."""
    built = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    simd = built.get("SIMD Extensions", {}).get("found", [])
    return "openblas" in blas and not {"AVX512_SKX", "X86_V4"}.isdisjoint(simd)


def _within(lengths: Sequence[int], share: slice) -> list[tuple[int, slice]]:
    """The items that a slice of their concatenation covers, each with its covered slice."""
    starts = accumulate(lengths, initial=0)
    parts = [
        (number, slice(max(share.start - start, 0), min(share.stop - start, length)))
        for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
    ]
    return [(number, part) for number, part in parts if part.start < part.stop]
