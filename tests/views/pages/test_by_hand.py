"""`attn why --by-hand`: each line comes out of the digits that stand before it."""

import re

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.why import why_cell
from attn_cli.trace.trace import Trace
from attn_cli.views.display import Display
from attn_cli.views.pages.why.page import cell_page
from tests.views.pages.equations import lines, number, unit
from tests.views.pages.test_why import damaged, document
from tests.views.screens import screen

ROW = re.compile(r"^ +\d+(?: +-?[\d.e+-]+){4}$")


def page(trace: Trace, draw: np.random.Generator, precision: int) -> str:
    """The page of a random cell."""
    layer = trace.layers[0]
    head = int(draw.choice(layer.head_index))
    cell = why_cell(layer, head, int(draw.integers(len(layer.query_tokens))), int(draw.integers(len(layer.key_tokens))))
    display = Display(precision, full=True)
    return screen(*cell_page(trace, layer, cell, display, by_hand=True), width=900, display=display)


def check(text: str) -> None:
    """Products and sums come out digit for digit, and every line begins with the result of the one before it."""
    total = 0.0
    for _, q, k, product, running in (line.split() for line in text.split("\n") if ROW.match(line)):
        assert abs(float(q) * float(k) - float(product)) <= 0.51 * unit(product), text
        assert abs(total + float(product) - float(running)) <= 0.51 * unit(running), text
        total = float(running)
    before = None
    for line in lines(text):
        assert line.sign in ("=", ""), text
        assert line.holds(), (line, text)
        if line.label in ("scaled", "softcapped") and before is not None and line.left:
            assert before in line.left, (line, text)
        before = line.result


@pytest.mark.parametrize("seed", range(60))
def test_every_line_comes_out_of_the_printed_digits(seed: int) -> None:
    draw = np.random.default_rng([seed, 7])
    trace = explain(weights=document(draw, "float64"), stage="all")
    check(page(trace, draw, [2, 4, 6][draw.integers(3)]))


@pytest.mark.parametrize("seed", range(30))
def test_so_it_does_on_a_dump_with_mistakes(seed: int) -> None:
    draw = np.random.default_rng([seed, 8])
    trace = damaged(draw, explain(weights=document(draw, "float64"), stage="all"))
    text = page(trace, draw, 4)
    for line in lines(text):
        assert line.holds(), (line, text)


def test_the_weight_by_hand_and_in_full_are_both_named_where_they_differ() -> None:
    trace = explain("the cat sat on the mat", random="fine", heads=2)
    texts = []
    for query in range(6):
        cell = why_cell(trace.layers[0], 0, query, 1)
        texts.append(screen(*cell_page(trace, trace.layers[0], cell, Display(2), by_hand=True), width=300))
        shown = next(line for line in lines(texts[-1]) if line.label == "weight")
        said = re.search(r"The weight is (\S+?)(?:, as in full|; in full it is (\S+))\.", texts[-1])
        assert said is not None
        assert said[1] == shown.result
        assert number(said[2] or said[1]) == pytest.approx(cell.key.weight, abs=0.0051)
    assert any("in full it is" in text for text in texts)
    assert any("as in full" in text for text in texts)
