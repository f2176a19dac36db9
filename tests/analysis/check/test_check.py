"""What check says of documents: masks as arrays, remarks, recomputing, precision, the page and the JSON."""

import json
from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.check.check import CheckReport, check
from attn_cli.analysis.check.computing.rounding import precisions
from attn_cli.analysis.check.document import check_document
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.check.reading import Dumped, declared_by, read_dump, shown
from attn_cli.core.spec import parse_mask, parse_scale
from attn_cli.errors import DocumentError, UsageError
from attn_cli.trace.files.npz import write_npz
from attn_cli.trace.trace import Array
from attn_cli.views.page import Listing
from attn_cli.views.pages.check import check_page, spans, verdict
from tests.analysis.check.plain import softmax

RNG = np.random.default_rng(0)
Q, K, V = (RNG.normal(size=shape) for shape in ((2, 5, 4), (2, 5, 4), (2, 5, 3)))
SCORES = Q @ K.swapaxes(1, 2)


def codes(document: Any, **declared: Any) -> list[str]:
    return [finding.code for finding in report(document, **declared).findings]


def report(document: Any, **declared: Any) -> CheckReport:
    recompute = declared.pop("recompute", False)
    return check(read_dump(json.dumps(document).encode(), "dump.json"), declared, recompute=recompute)


def listed(array: Array) -> Any:
    return array.tolist()


def npz(**arrays: Any) -> bytes:
    return write_npz({name.replace("__", "."): np.asarray(array) for name, array in arrays.items()})


def test_a_hand_written_row_that_sums_to_nine_tenths() -> None:
    found = report({"tokens": ["a", "b"], "weights": [[0.5, 0.5], [0.3, 0.6]]})
    (finding,) = found.findings
    assert (finding.severity, finding.code, finding.worst.row, finding.worst.row_token) == (
        "fault",
        "rows-not-1",
        1,
        "b",
    )
    assert finding.worst.numbers["sum"] == pytest.approx(0.9)


def test_rounded_rows_sum_to_1_within_what_rounding_leaves() -> None:
    thirds = [[0.333, 0.333, 0.333]] * 3
    assert codes({"weights": thirds}) == []
    assert codes({"weights": [[0.333, 0.333, 0.331]] * 3}) == ["rows-not-1"]


def test_declared_settings_change_nothing_that_is_stored() -> None:
    weights = listed(softmax(SCORES / 2))
    document = {"Q": listed(Q), "K": listed(K), "weights": weights}
    assert codes(document) == []
    assert codes(document, scale=parse_scale("none")) == ["scale-wrong"]
    assert codes(document, mask=parse_mask("causal")) == ["mask-missing"]
    assert codes({"weights": weights}, mask=parse_mask("causal")) == ["future-attended"]


def test_a_mask_that_nothing_declares_is_remarked_on_and_contradicts_only_one_that_is_declared() -> None:
    causal = np.where(np.tri(5, dtype=bool), SCORES / 2, -np.inf)
    document = {"Q": listed(Q), "K": listed(K), "weights": listed(softmax(causal))}
    assert codes(document) == ["mask-undeclared"]
    assert report(document).faults == 0
    assert codes(document, mask=parse_mask("causal")) == []
    assert codes(document, mask=parse_mask("none")) == ["mask-differs"]


@pytest.mark.parametrize("stages", [{"Q": Q, "K": K}, {}])
def test_padding_that_is_attended_although_attn_mask_hides_it(stages: dict[str, Array]) -> None:
    mask = [[True, True, True, False, False]] * 5
    document = {name: listed(array) for name, array in stages.items()} | {"attn_mask": mask}
    padded = np.where(mask, SCORES / 2, -np.inf)
    assert codes(document | {"weights": listed(softmax(padded))}) == []
    code = "mask-missing" if stages else "hidden-attended"
    assert codes(document | {"weights": listed(softmax(SCORES / 2))}) == [code]


def test_an_additive_mask_is_a_bias_that_may_be_missing() -> None:
    bias = RNG.normal(size=(5, 5)).round(1)
    document = {"Q": listed(Q), "K": listed(K), "attn_mask": listed(bias)}
    assert codes(document | {"weights": listed(softmax(SCORES / 2 + bias))}) == []
    assert codes(document | {"weights": listed(softmax(SCORES / 2))}) == ["bias-missing"]


def test_sinks_take_their_share_or_are_missing() -> None:
    exponentials = np.exp(SCORES / 2)
    total = exponentials.sum(axis=2, keepdims=True) + np.exp(1.0)
    document = {"Q": listed(Q), "K": listed(K), "sinks": [1.0, 1.0]}
    sunk = {"weights": listed(exponentials / total), "sink_weight": listed((np.exp(1.0) / total)[..., 0])}
    assert codes(document | sunk) == []
    assert codes(document | {"weights": listed(softmax(SCORES / 2))}) == ["sinks-missing"]
    assert codes({"weights": sunk["weights"]}) == ["rows-not-1"]


def test_a_softcap_that_is_left_out() -> None:
    document = {"Q": listed(Q * 9), "K": listed(K), "softcap": 5}
    assert codes(document | {"weights": listed(softmax(5 * np.tanh(SCORES * 9 / 2 / 5)))}) == []
    assert codes(document | {"weights": listed(softmax(SCORES * 9 / 2))}) == ["softcap-missing"]


def test_stored_queries_against_what_x_gives() -> None:
    x, w = RNG.normal(size=(5, 6)), {f"W_{name}": RNG.normal(size=(6, 8)) for name in "QKV"}
    right = (x @ w["W_Q"]).reshape(5, 2, 4).swapaxes(0, 1)
    document = {"X": listed(x), "heads": 2, **{name: listed(matrix) for name, matrix in w.items()}}
    assert codes(document | {"Q": listed(right)}) == []
    assert codes(document | {"Q": listed((x @ w["W_Q"]).reshape(2, 5, 4))}) == ["heads-reshaped"]
    assert codes(document | {"Q": listed(right + 1)}) == ["does-not-follow"]


def test_the_output_goes_through_w_o_where_it_is_known() -> None:
    w_o = RNG.normal(size=(6, 5))
    blended = softmax(SCORES / 2) @ V
    document = {"Q": listed(Q), "K": listed(K), "V": listed(V), "W_O": listed(w_o), "head_output": listed(blended)}
    joined = blended.swapaxes(0, 1).reshape(5, 6)
    assert codes(document | {"output": listed(joined @ w_o)}) == []
    assert codes(document | {"output": listed(blended.reshape(5, 6) @ w_o)}) == ["heads-joined-wrong"]
    assert codes(document | {"output": listed(joined @ w_o + 1)}) == ["does-not-follow"]


def test_scores_without_a_scale_are_sound_under_any() -> None:
    document = {"scores": listed(SCORES), "weights": listed(softmax(SCORES * 0.37))}
    assert codes(document) == []
    assert codes(document | {"d_k": 4}) == ["scale-wrong"]


def test_keys_that_hide_in_the_scores_already_are_only_remarked_on() -> None:
    early = np.where(np.tri(5, dtype=bool), SCORES / 2, -np.inf)
    arrays = {"layers__0__scaled": early, "layers__0__weights": softmax(early), "mask": "causal"}
    found = check(read_dump(npz(**arrays), "dump.npz"))
    assert [(f.severity, f.code) for f in found.findings] == [("remark", "masked-early")]


def test_a_query_that_sees_nothing_and_weighs_nothing_is_sound() -> None:
    weights = np.zeros((3, 2))
    weights[1, 0], weights[2] = 1, 0.5
    assert codes({"weights": listed(weights), "mask": "causal"}) == []
    assert codes({"weights": listed(weights), "mask": "causal:start"}) == ["row-hidden"]


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", '"NaN"'])
def test_odd_numbers_are_read_as_python_writes_them(odd: str) -> None:
    text = '{"tokens": ["NaN", "a \\" Infinity"], "weights": [[ODD, 0], [0.5, 0.5]]}'.replace("ODD", odd)
    found = check(read_dump(text.encode(), "dump.json"))
    assert [finding.code for finding in found.findings] == ["not-a-number"]
    assert found.findings[0].worst.row_token == "NaN"


def test_odd_numbers_in_a_bare_array_and_in_a_dump_of_layers() -> None:
    weights = np.array([[np.nan, 0.5], [0.5, 0.5]])
    for data in (npz(weights=weights), npz(layers__0__weights=weights)):
        assert [finding.code for finding in check(read_dump(data, "dump.npz")).findings] == ["not-a-number"]


def test_parameters_alone_are_nothing_to_check() -> None:
    matrix = [[1.0, 0.0], [0.0, 1.0]]
    found = report({"X": [[3.0, 1.0], [1.0, 3.0]], "W_Q": matrix, "W_K": matrix, "W_V": matrix})
    assert (found.verdict, found.compared, found.findings) == ("nothing to check", (), ())


def test_only_relations_between_stored_arrays_are_listed() -> None:
    weights = softmax(SCORES / 2)
    found = report({"Q": listed(Q), "K": listed(K), "V": listed(V), "weights": listed(weights)})
    assert found.compared == ("weights follow from Q and K",)
    found = report({"V": listed(V), "weights": listed(weights), "head_output": listed(weights @ V)})
    assert found.compared == ("head_output follows from weights and V",)


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        (np.eye(7), "saturated-head"),
        (np.full((7, 7), 1 / 7), "uniform-head"),
        (np.eye(7)[np.full(7, 6)], "one-key-head"),
        (softmax(np.where(np.arange(7) < 5, RNG.normal(size=(7, 7)), -np.inf)), "unattended-keys"),
    ],
)
def test_a_remark_is_no_fault(weights: Array, code: str) -> None:
    found = report({"weights": listed(weights)})
    assert ([finding.code for finding in found.findings], found.faults, found.remarks) == ([code], 0, 1)
    assert found.verdict == "nothing to check"


def test_everything_again_in_float64() -> None:
    q, k, v = (x.astype(np.float32) for x in (Q, K, V))
    scores = q @ k.swapaxes(1, 2)
    weights = softmax(np.where(np.tri(5, dtype=bool), scores / 2, -np.inf)).astype(np.float32)
    weights[1, 3] = [0.1, 0.2, 0.3, 0.4, 0]
    stages = {"Q": q, "K": k, "V": v, "scores": scores, "weights": weights, "head_output": weights @ v}
    data = npz(mask="causal", **{f"layers__0__{name}": array for name, array in stages.items()})
    found = check(read_dump(data, "dump.npz"), recompute=True)
    assert found.errors is not None
    errors = {error.stage: error for error in found.errors}
    assert list(errors) == ["scores", "weights", "head_output"]
    exact = Q.astype(np.float32).astype(float) @ K.astype(np.float32).astype(float).swapaxes(1, 2)
    assert errors["scores"].absolute == pytest.approx(abs(scores - exact).max(), rel=1e-6)
    assert errors["scores"].relative == pytest.approx(errors["scores"].absolute / abs(exact).max())
    assert (errors["scores"].rounding, errors["weights"].rounding) == (True, False)
    expected = softmax(exact[1, 3, :4] / 2)
    assert errors["weights"].absolute == pytest.approx(abs(expected - weights[1, 3, :4]).max())
    assert errors["weights"].place[:2] == (1, 3)


def test_what_is_recomputed_and_further_off_than_rounding_is_a_fault() -> None:
    blended = listed(softmax(SCORES / 2) @ V)
    document = {"Q": listed(Q), "K": listed(K), "V": listed(V), "head_output": blended}
    assert report(document, recompute=True).findings == ()
    shaken = report(document | {"head_output": listed(np.sin(np.asarray(blended)))}, recompute=True)
    assert (shaken.verdict, [finding.code for finding in shaken.findings]) == ("faulty", ["does-not-follow"])


def test_sinks_and_biases_of_a_trace_are_recomputed_from_what_they_left() -> None:
    from attn_cli.core.attention import attend
    from attn_cli.core.masks import Sliding
    from attn_cli.core.positions import Alibi
    from attn_cli.core.spec import Extras, Spec
    from attn_cli.trace.trace import Trace

    spec = Spec(2, 2, mask=Sliding(3), positions=Alibi(), softcap=4.0, dtype="float32")
    extras = Extras(bias=RNG.normal(size=(5, 5)), sinks=np.array([0.5, -2.0]))
    tokens = tuple("abcde")
    layer = attend(tokens, {"Q": Q, "K": K, "V": V}, None, spec, extras=extras)
    found = check(Dumped(Trace(tokens, (layer,), {"kind": "arrays"})), recompute=True)
    assert found.errors is not None
    assert {"biased", "masked", "weights", "output"} <= {error.stage for error in found.errors}
    assert max(error.relative for error in found.errors) < 1e-6
    assert found.findings == ()


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (RNG.normal(size=50), "float64"),
        (RNG.normal(size=50).astype(np.float32), "float32"),
        (RNG.normal(size=50).astype(np.float32).astype(np.float64), "float32"),
        (RNG.normal(size=50).astype(np.float16).astype(np.float32), "float16"),
        ((RNG.normal(size=50).astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32), "bfloat16"),
        (np.arange(50.0), "float64"),
    ],
)
def test_numbers_show_what_they_were_rounded_to(array: Array, dtype: str) -> None:
    assert precisions({"weights": array}, None)["weights"].dtype == dtype


def test_decimals_are_as_exact_as_their_last_digit() -> None:
    found = precisions({"weights": RNG.random(50).round(4)}, None)["weights"]
    assert found.absolute == pytest.approx(5.1e-5)


def test_the_document_of_a_report_is_plain() -> None:
    dump = read_dump(b'{"weights": [[NaN, 0.5], [0.5, 0.5]]}', "dump.json")
    found = check(dump, recompute=True)
    document = check_document(shown(dump, "dump.json"), "dump.json", found)
    assert document["format"] == "attn.check"
    assert (document["version"], document["faults"], document["remarks"], document["layers"]) == (1, 1, 0, 1)
    (finding,) = document["findings"]
    keys = {"severity", "code", "what", "where", "evidence", "numbers", "cause", "fix", "alternatives"}
    assert set(finding) == keys
    assert document["verdict"] == "faulty"
    assert finding["where"]["query"] == {"index": 0, "token": "0"}
    json.dumps(document, allow_nan=False)


def test_every_kind_says_what_why_and_what_to_do() -> None:
    for code, kind in KINDS.items():
        assert code == code.lower()
        assert kind.severity in ("fault", "remark")
        assert all((kind.what, kind.cause, kind.fix))


def test_the_page_shows_each_finding_with_its_place_evidence_cause_and_fix() -> None:
    dump = read_dump(b'{"weights": [[0.5, 0.5], [0.3, 0.6]]}', "dump.json")
    found = check(dump)
    assert verdict(found) == "1 fault: 1 layer × 1 head"
    (table,) = [block for block in check_page(shown(dump, "dump.json"), found) if isinstance(block, Listing)]
    assert table.header == ("fault", "rows of weights do not sum to 1")
    assert [name for name, _ in table.rows] == ["where", "evidence", "cause", "fix", "code"]
    assert spans([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"


def test_what_is_no_dump_is_refused_with_a_hint() -> None:
    with pytest.raises(DocumentError, match=r"dump.json: X\[0\]\[1\]"):
        read_dump(b'{"X": [[1, NaN]], "W_Q": [[1]], "W_K": [[1]], "W_V": [[1]]}', "dump.json")
    with pytest.raises(UsageError, match="--mask"):
        declared_by("cusal", None, None, None)
