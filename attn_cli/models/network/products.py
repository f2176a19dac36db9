"""Products of some tokens with large matrices, on all cores: where a forward pass spends its time.

To hand work to another thread costs as much as a small product, so several products go there at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate

import numpy as np

from attn_cli.core.memory import lined_up, turn
from attn_cli.core.threads import each, parts, threads_for
from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array

WORTH = 2**22  # how many multiplications are worth waking a thread for
BAND = 2**17  # how many hidden features of tokens go through an activation at a time, so that a core's cache holds them
SMALL = 100**3  # a product of so many multiplications OpenBLAS does at once, without copying its matrices first
GRAIN = 16  # shares of a matrix, and tokens in small products, are a multiple of this
MOST = 96, 128  # more tokens than the first are made as many as the second, and with more a small product gains nothing


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map: its weight (out, in), its bias (out) if it has one, and what messages call it."""

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
        """DocumentError where it does not take vectors of this width."""
        if self.weight.shape[1] != width:
            raise DocumentError(
                f"{self.what} is {self.weight.shape[0]}×{self.weight.shape[1]}, and takes vectors of width {width}",
                hint="config.json and the weights contradict each other",
            )


def linear(x: Array, *maps: Linear) -> list[Array]:
    """x (token, in) through each of the maps, x · weightᵀ + bias: as many arrays (token, out)."""
    for one in maps:
        one.check_takes(x.shape[1])
    made = [np.empty((len(x), len(one.weight)), np.result_type(x, one.weight)) for one in maps]
    turned = _turned(x)

    def columns(share: slice) -> None:
        for number, part in _within([len(one.weight) for one in maps], share):
            _product(maps[number], part, x, turned, made[number][:, part])

    width = sum(len(one.weight) for one in maps)
    threads = threads_for(width * x.size, WORTH)
    each(parts(width, threads, GRAIN), columns, threads)
    return made


def through(x: Array, ups: Sequence[Linear], between: Callable[..., Array], down: Linear) -> Array:
    """x (token, in) up to hidden features, what is `between` them cell by cell, and down to (token, out).

    A thread takes some of the hidden features all the way; what they come to is added up.
    """
    for up in ups:
        up.check_takes(x.shape[1])
        down.check_takes(len(up.weight))
    if len({_by_rows(up.weight) for up in ups}) > 1:  # what is between them goes through their cells side by side
        ups = [replace(up, weight=np.ascontiguousarray(up.weight)) for up in ups]
    turned = _turned(x)
    hidden = down.weight.shape[1]
    threads = threads_for((len(ups) + 1) * hidden * x.size, WORTH)
    shares = parts(hidden, threads, GRAIN)
    sums: list[Array] = [x] * len(shares)

    def features(number: int) -> None:
        share = shares[number]
        raised = [_product(up, share, x, turned) for up in ups]
        cells = [y.ravel(order="K") for y in raised]
        for band in parts(cells[0].size, -(-cells[0].size // BAND)):
            cells[0][band] = between(*(some[band] for some in cells))
        own = Linear(down.weight[:, share])
        sums[number] = _product(own, slice(None), raised[0], raised[0].T)[: len(x)]

    each(range(len(shares)), features, threads)
    total = sums[0]
    for more in sums[1:]:
        total += more
    y = np.empty((len(x), total.shape[1]), total.dtype)
    turn(total.T, y)
    if down.bias is not None:
        y += down.bias
    return y


def _product(one: Linear, part: slice, x: Array, turned: Array, out: Array | None = None) -> Array:
    """Some of the features that a map makes of x, (token, out), the way round that is fastest.

    `turned` is xᵀ, perhaps with tokens of zeros more; the product may have as many, but `out` has not.
    """
    weight, tokens = one.weight[part], turned.shape[1]
    by_rows = _by_rows(weight)
    rows = _rows(len(weight), *turned.shape) if by_rows else 0
    if not rows and tokens >= (64 if by_rows else 24):
        y = np.matmul(x, weight.T, out=out)
        if one.bias is not None:
            y += one.bias[part]
        return y
    features = lined_up((len(weight), tokens), np.result_type(weight, turned))
    if rows:
        np.matmul(weight.reshape(-1, rows, weight.shape[1]), turned, out=features.reshape(-1, rows, tokens))
    else:
        np.matmul(weight, turned, out=features)
    if one.bias is not None:
        features += one.bias[part, np.newaxis]
    if out is not None:
        turn(features[:, : len(out)], out)
    return features.T


def _by_rows(weight: Array) -> bool:
    """Whether a weight is stored out × in, and not in × out."""
    return weight.strides[1] == weight.itemsize


def _turned(x: Array) -> Array:
    """x (token, in) as (in, token), with some tokens of zeros more where products are faster with them."""
    grain = GRAIN if len(x) <= MOST[0] else MOST[1]
    padded = -(-len(x) // grain) * grain
    if len(x) < GRAIN or not _rows(GRAIN, x.shape[1], padded):
        return x.T
    turned = lined_up((x.shape[1], padded), x.dtype)
    turn(x, turned[:, : len(x)])
    turned[:, len(x) :] = 0
    return turned


def _rows(out: int, into: int, tokens: int) -> int:
    """How many rows of a weight (out, in) make a small product with so many tokens; 0 where others are as fast."""
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
    """The share of things that stand one after another: which of them, and what part of each."""
    starts = accumulate(lengths, initial=0)
    found = [
        (number, slice(max(share.start - start, 0), min(share.stop - start, length)))
        for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
    ]
    return [(number, part) for number, part in found if part.start < part.stop]
