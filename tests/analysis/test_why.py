"""One cell and one row of a trace, against loops over its arrays."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.changes import changes
from attn_cli.analysis.why import why_cell, why_row
from attn_cli.analysis.why_document import cell_document, row_document
from attn_cli.trace.trace import Layer, Settings, Stage, Trace

NAMES = ("scaled", "softcapped", "biased", "masked")
TEXT = "the cat sat on the mat"


@pytest.fixture(scope="module", params=["none", "causal"])
def trace(request: pytest.FixtureRequest) -> Trace:
    return explain(TEXT, mask=request.param, heads=4, kv_heads=2, dim=12, positions="alibi", softcap="3")


def test_a_dot_product_is_the_sum_of_its_terms(trace: Trace) -> None:
    layer = trace.layers[0]
    for head in range(4):
        match = why_cell(layer, head, 2, 1).match
        assert match is not None
        q, k = layer["Q"][head, 2], layer["K"][head // 2, 1]
        for term in match.terms:
            assert (term.q, term.k) == (q[term.feature], k[term.feature])
            assert term.product == term.q * term.k
        assert sorted(term.feature for term in match.terms) == list(range(len(q)))
        assert match.terms[-1].total == pytest.approx(layer["scores"][head, 2, 1], abs=1e-14)


def test_a_rotated_match_says_what_it_was_before() -> None:
    layer = explain(TEXT, positions="rope").layers[0]
    match = why_cell(layer, 0, 4, 1).match
    assert match is not None
    assert (match.q, match.k) == ("Q_rotated", "K_rotated")
    assert match.unturned == pytest.approx(float(layer["Q"][0, 4] @ layer["K"][0, 1]), abs=1e-14)


def test_the_weight_is_the_exponential_over_the_denominator(trace: Trace) -> None:
    for query in range(6):
        row = why_row(trace.layers[0], 3, query)
        assert row.denominator == pytest.approx(math.fsum(key.exponential or 0 for key in row.keys), rel=1e-14)
        for key in row.keys:
            assert (key.exponential or 0) / (row.denominator or 1) == pytest.approx(key.weight, abs=1e-15)
        assert [key.weight for key in row.keys] == sorted((key.weight for key in row.keys), reverse=True)
        assert max(key.exponential or 0 for key in row.keys) == 1


def test_a_hidden_key_is_said_to_be_hidden() -> None:
    row = why_row(explain("a b c", mask="causal").layers[0], 0, 0)
    assert [key.hidden for key in sorted(row.keys, key=lambda key: key.index)] == [False, True, True]


def test_each_change_leads_to_the_next(trace: Trace) -> None:
    layer = trace.layers[0]
    found = why_cell(layer, 2, 5, 1).changes
    assert [change.stage for change in found] == [name for name in NAMES if name in layer]
    for one, other in pairwise(found):
        assert one.after == other.before
    numbers = {change.stage: change.numbers for change in found}
    assert numbers["scaled"]["factor"] == pytest.approx(1 / math.sqrt(3))
    assert numbers["softcapped"] == {"cap": 3}
    assert numbers["biased"]["distance"] == 4
    assert numbers["biased"]["slope"] == pytest.approx(2 ** (-8 * 3 / 4))


def biased(added: float, **parts: float) -> Layer:
    """A layer of one query at place 2 among 3 keys, to whose first score something was added."""
    before = np.zeros((1, 1, 3))
    after = before.copy()
    after[0, 0, 0] = added
    stages = [Stage("scaled", before), Stage("biased", after), Stage("weights", np.full((1, 1, 3), 1 / 3))]
    stages += [Stage(name, np.full((1, 1, 3), value)) for name, value in parts.items()]
    return Layer(
        stages=tuple(stages),
        query_tokens=("c",),
        key_tokens=("a", "b", "c"),
        heads=1,
        kv_heads=1,
        head_index=(0,),
        kv_head_index=(0,),
        settings=Settings(positions="alibi"),
    )


@pytest.mark.parametrize(
    ("added", "parts", "numbers"),
    [
        (-2 / 256, {}, {"distance": 2}),
        (-14 / 256, {}, {"distance": 14}),  # tokens that stand elsewhere
        (-2 / 256 + 0.3, {}, {"distance": 2, "bias": 0.3}),
        (-2 / 256 - 1e9, {}, {"distance": 2, "bias": -1e9}),
        (-2 / 256 - 0.25, {"position": -2 / 256, "bias": -0.25}, {"distance": 2, "bias": -0.25}),
        (-14 / 256, {"position": -14 / 256}, {"distance": 14}),
    ],
)
def test_alibi_is_told_from_what_else_is_added(
    added: float, parts: dict[str, float], numbers: dict[str, float]
) -> None:
    (change,) = changes(biased(added, **parts), 0, 0, 0, {"scaled": 0.0, "biased": added}, {})
    assert change.numbers == pytest.approx({"slope": 1 / 256} | numbers, rel=1e-6)


def test_documents_hold_plain_values(trace: Trace) -> None:
    layer = trace.layers[0]
    for document in (cell_document(trace, why_cell(layer, 1, 3, 0)), row_document(trace, why_row(layer, 1, 3))):
        assert json.loads(json.dumps(document, allow_nan=False))["format"] == "attn.why"
