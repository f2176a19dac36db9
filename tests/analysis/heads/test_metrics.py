"""Head metrics on weights whose answer can be worked out on paper, and laws that hold for any."""

from math import log

import numpy as np
import pytest

from attn_cli.analysis.heads.head_names import thresholds
from attn_cli.analysis.heads.heads import Head, heads
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Trace
from tests.analysis.heads.weights import before, everywhere, first, followers, looking, same, trace_of


def only(trace: Trace, period: int | None = None) -> Head:
    (head,) = heads([trace], thresholds([]), period).heads
    return head


def test_a_head_of_three_tokens_measured_on_paper() -> None:
    head = only(trace_of("<s> a a", [[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]))
    expected = {
        "entropy": (0 + log(2) + (0.5 * log(4) + 0.5 * log(2))) / 3,
        "normalized_entropy": (1 + 1.5 * log(2) / log(3)) / 2,
        "effective_tokens": (1 + 2 + 2**1.5) / 3,
        "distance": (0 + 0.5 + 0.25 * 2 + 0.25) / 3,
        "confidence": (1 + 0.5 + 0.5) / 3,
        "first_token_share": 1.75 / 3,
        "self_share": 2 / 3,
        "local_share": 1,
        "sink": 1.75 / 3,
        "special_share": 1.75 / 3,
        "previous_token.mul": 0.75 / 3,
        "previous_token.abs": 1 - round((1 + (0.5 + 0.5) + (0.25 + 0.75 + 0.5)) / 3, 3),
        "previous_token.diag": 0.75 / 2,
        "duplicate_token.mul": 0.25 / 3,
        "duplicate_token.diag": 0.25,
        "induction.mul": 0.5 / 3,  # x1 = x2, so query 2 looks at key 2: itself
        "induction.diag": 0.5,
        "current_token.mul": 2 / 3,
        "current_token.diag": 2 / 3,
        "first_token.mul": 1.75 / 3,
        "first_token.diag": 1.75 / 3,
    }
    for name, figure in expected.items():
        assert head.metrics[name] == pytest.approx(figure, abs=1e-12), name
    assert head.sink == (0, "<s>")
    assert head.metrics["next_token.mul"] is None


@pytest.mark.parametrize("count", [2, 5, 13])
def test_an_even_head_is_its_own_baseline(count: int) -> None:
    tokens = [str(place % 3) for place in range(count)]
    head = only(trace_of(tokens, looking(tokens, everywhere, first)))
    harmonic = sum(1 / number for number in range(1, count + 1))
    assert head.metrics["first_token_share"] == pytest.approx(harmonic / count)
    assert head.metrics["previous_token.mul"] == pytest.approx((harmonic - 1) / count)
    assert head.metrics["normalized_entropy"] == pytest.approx(1)
    for name, figure in head.metrics.items():
        assert head.baseline[name] == (None if figure is None else pytest.approx(figure, abs=1e-12)), name
        assert head.lift[name] is None or head.lift[name] == pytest.approx(1)


def test_perfect_heads_score_what_their_definitions_allow() -> None:
    tokens = ["<s>", *"abcdefg", *"abcdefg"]
    n = len(tokens)
    previous = only(trace_of(tokens, looking(tokens, before, first)))
    assert previous.metrics["previous_token.mul"] == pytest.approx((n - 1) / n)
    assert previous.metrics["previous_token.diag"] == 1
    induction = only(trace_of(tokens, looking(tokens, followers(tokens), first)), period=7)
    assert induction.metrics["induction.mul"] == pytest.approx(7 / n)
    assert induction.metrics["induction.diag"] == 1
    assert induction.metrics["induction.repeat"] == pytest.approx(8 / 9)  # row s−1 rests on <s> too
    duplicate = only(trace_of(tokens, looking(tokens, same(tokens), first)), period=7)
    assert duplicate.metrics["duplicate_token.diag"] == 1
    assert duplicate.metrics["duplicate_token.repeat"] == 1


def test_without_repeats_induction_and_duplicates_are_undefined_and_not_zero() -> None:
    report = heads([trace_of("a b c", np.tril(np.ones((3, 3))) / [[1], [2], [3]])], thresholds([]))
    names = {name for name in METRICS if name.startswith(("duplicate", "induction"))}
    assert {name for name, figure in report.heads[0].metrics.items() if figure is None} >= names
    assert "repeats no token" in report.undefined["induction.diag"]


def test_both_directions_have_a_next_token_and_an_even_spread_over_all_keys() -> None:
    ahead = [[0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]
    head = only(trace_of("a b c", ahead, mask="none"))
    assert head.metrics["next_token.diag"] == 1
    assert head.baseline["next_token.diag"] == pytest.approx(1 / 3)
    assert head.baseline["entropy"] == pytest.approx(log(3))
    assert head.metrics["distance"] == pytest.approx((1 + 1 + 1.5) / 3)
    assert head.name == "next token"


def test_weights_that_never_look_ahead_are_taken_as_causal_with_a_note() -> None:
    report = heads([trace_of("a b", [[1, 0], [0.5, 0.5]], mask="none")], thresholds([]))
    assert report.heads[0].baseline["entropy"] == pytest.approx(log(2) / 2)
    assert any("treated as causal" in note for note in report.notes)


def test_the_end_of_a_text_takes_no_part_in_confidence() -> None:
    rows = [[0.2, 0.2, 0.6], [0.3, 0.1, 0.6], [0.1, 0.1, 0.8]]
    assert only(trace_of("a b </s>", rows, mask="none")).metrics["confidence"] == pytest.approx((0.2 + 0.3 + 0.1) / 3)


def test_several_texts_are_averaged_with_their_spread() -> None:
    two = [trace_of("a b", [[1, 0], [share, 1 - share]]) for share in (1.0, 0.5)]
    head = only_of(two)
    assert head.metrics["self_share"] == pytest.approx(0.625)
    assert head.spread is not None
    assert head.spread["self_share"] == pytest.approx(0.125)
    mixed = [trace_of("a b a b", looking(list("abab"), everywhere, first)), two[0]]
    assert only_of(mixed).metrics["duplicate_token.diag"] == pytest.approx((1 / 3 + 1 / 4) / 2)


def only_of(traces: list[Trace]) -> Head:
    (head,) = heads(traces, thresholds([])).heads
    return head


def test_shares_are_of_the_attention_there_is_where_a_sink_outside_takes_some() -> None:
    head = only(trace_of("a b", [[0.5, 0], [0.2, 0.1]]))
    assert head.metrics["previous_token.mul"] == pytest.approx(0.2 / 0.8)
    assert head.metrics["previous_token.diag"] == pytest.approx(0.2)


def test_a_head_that_attends_to_nothing_has_no_shares_and_no_name() -> None:
    head = only(trace_of("a b", [[0, 0], [0, 0]]))
    assert head.metrics["entropy"] == 0
    assert np.isnan(head.metrics["distance"])  # type: ignore[arg-type]
    assert head.name == "mixed"


def test_one_token_is_too_few() -> None:
    with pytest.raises(DocumentError, match="one token"):
        only(trace_of("a", [[1]]))
