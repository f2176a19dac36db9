"""A watched run: mean rows of weights, the same as those of a run that keeps all, and without its memory."""

import tracemalloc

import numpy as np
import pytest

from attn_cli.core.attention import attend
from attn_cli.core.spec import Extras, Spec, parse_mask
from attn_cli.core.steps import Block
from attn_cli.core.watching import MeanRow, Rows

QUERIES = {"first": [0], "one": [311], "last": [-1], "several": [2, 3, 350, 690], "all": range(701)}


def rows(queries: list[int] | range, count: int) -> Rows:
    chosen = np.array(queries) % count
    return Rows(chosen, np.full(len(chosen), 1 / len(chosen)))


def given(count: int, heads: int = 3) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {name: generator.standard_normal((heads, count, 5)) for name in "QKV"}


@pytest.mark.parametrize("sinks", [None, np.array([0.5, 1.0, -2.0])], ids=["no sinks", "sinks"])
@pytest.mark.parametrize("mask", ["none", "causal", "sliding:7"])
@pytest.mark.parametrize("queries", QUERIES)
def test_mean_rows_are_those_of_a_run_that_keeps_everything(queries: str, mask: str, sinks: np.ndarray | None) -> None:
    count, tokens = 701, [f"t{at}" for at in range(701)]
    mean = MeanRow(lambda found: rows(QUERIES[queries], found))
    spec = Spec(heads=3, mask=parse_mask(mask))
    whole = attend(tokens, given(count), spec=spec, extras=Extras(sinks=sinks))
    watched = attend(tokens, given(count), spec=spec, extras=Extras(sinks=sinks, watch=mean), keep=())
    assert watched.stages == ()
    chosen = np.array(QUERIES[queries]) % count
    expected = whole["weights"][:, chosen].mean(axis=1)
    if len(chosen) == 1:
        np.testing.assert_array_equal(mean.weights, expected)  # to the last bit
    np.testing.assert_allclose(mean.weights, expected, rtol=1e-12, atol=1e-18)
    if mask == "none":
        assert mean.masked is None
    else:
        np.testing.assert_array_equal(mean.masked, np.isneginf(whole["masked"][:, chosen]).all(axis=1))


def test_the_order_of_blocks_changes_no_bit() -> None:
    values = np.random.default_rng(1).random((2, 6, 4))
    blocks = [Block(slice(head, head + 1), slice(row, row + 2)) for head in range(2) for row in (0, 2, 4)]
    means = []
    for order in (blocks, blocks[::-1], blocks[3:] + blocks[:3]):
        mean = MeanRow(lambda count: rows(range(count), count))
        mean.start((2, 6, 4))
        for block in order:
            mean.see("weights", block, block.of(values))
        means.append(mean.weights)
    np.testing.assert_array_equal(means[0], means[1])
    np.testing.assert_array_equal(means[0], means[2])


def test_a_watched_run_holds_no_matrix() -> None:
    count = 1200
    mean = MeanRow(lambda found: rows([-1], found))
    tracemalloc.start()
    attend(["t"] * count, given(count), spec=Spec(heads=3), extras=Extras(watch=mean), keep=())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mean.weights.shape == (3, count)
    assert peak < 3 * count * count * 8  # the weights alone
