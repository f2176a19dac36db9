"""Products of some tokens with large matrices, on all cores: where a forward pass spends its time.

Handing work to another thread costs as much as a small product, so several products are shared out at a time.

Each trick here makes a warm forward pass of a GPT-2 or BERT of usual size at least 1.3 times as fast at some length
(tests/benchmarks/bench_models.py): threads 1.2 to 1.8 times; rows of a weight few enough that OpenBLAS multiplies them
without copying, with AVX-512 alone, 1.2 times for 16 tokens and 1.4 to 1.5 times for 64; tokens filled up to a
multiple of 16 for that, 1.3 to 1.5 times for 60 and 121. Without AVX-512 the last two are never used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate

import numpy as np

from attn_cli.core.threads import chunks, each, threads_for
from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array, shape_words

WORTH = 2**22  # how many multiplications are worth waking a thread for
SMALL = 100**3  # a product of so many multiplications OpenBLAS does at once, without copying its matrices first
GRAIN = 16  # shares of a matrix, and tokens in small products, are a multiple of this
MOST = 96, 128  # batches above the first are filled up to the second; above that small products gain nothing


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map: its weight (out, in), its bias (out) if it has one, and its name in messages."""

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
        """DocumentError if it does not take vectors of this width."""
        if self.weight.shape[1] != width:
            raise DocumentError(
                f"{self.what} is {shape_words(self.weight.shape)}, and takes vectors of width {width}",
                hint="config.json and the weights contradict each other",
            )


def linear(x: Array, *maps: Linear) -> list[Array]:
    """x (token, in) through each of the maps, x · weightᵀ + bias: one array (token, out) per map."""
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
    """x (token, in) up to hidden features, `between` applied to them cell by cell, and down to (token, out).

    A thread takes some of the hidden features all the way; the threads' results are added up.
    """
    for up in ups:
        up.check_takes(x.shape[1])
        down.check_takes(len(up.weight))
    if len({_is_by_rows(up.weight) for up in ups}) > 1:  # `between` goes through the cells of both side by side
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
    """Some of the features that a map makes of x, (token, out), in the order of axes that is fastest.

    `x_transposed` may have more tokens than x, which are zeros; so may the result, but `out` has none of them.
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
    """Whether a weight is stored out × in, and not in × out."""
    return weight.strides[1] == weight.itemsize


def _transposed(x: Array) -> Array:
    """x (token, in) as (in, token), filled up with tokens of zeros where products are faster with them."""
    grain = GRAIN if len(x) <= MOST[0] else MOST[1]
    filled = -(-len(x) // grain) * grain
    if len(x) < GRAIN or not _rows(GRAIN, x.shape[1], filled):
        return x.T
    transposed = np.zeros((x.shape[1], filled), x.dtype)
    transposed[:, : len(x)] = x.T
    return transposed


def _rows(out: int, into: int, tokens: int) -> int:
    """How many rows of a weight (out, in) make a small product with so many tokens; 0 if others are as fast."""
    if not 0 < tokens <= MOST[1] or not _has_small_products():
        return 0
    return next((rows for rows in (8, 4) if rows * into * tokens <= SMALL and out % rows == 0), 0)


@cache
def _has_small_products() -> bool:
    """Whether NumPy's BLAS is an OpenBLAS on a processor for which it has products that copy nothing first."""
    built = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    found = built.get("SIMD Extensions", {}).get("found", [])
    return "openblas" in blas and not {"AVX512_SKX", "X86_V4"}.isdisjoint(found)


def _within(lengths: Sequence[int], share: slice) -> list[tuple[int, slice]]:
    """The items that a share of all their lengths end to end covers, each with the part of it that is covered."""
    starts = accumulate(lengths, initial=0)
    parts = [
        (number, slice(max(share.start - start, 0), min(share.stop - start, length)))
        for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
    ]
    return [(number, part) for number, part in parts if part.start < part.stop]
