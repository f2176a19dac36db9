"""explain(): from a sentence, or a document, to a Trace."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.core.spec import Spec
from attn_cli.errors import AttnError, DocumentError, SelectionError, SpecError
from attn_cli.sources.documents.parameters import draw
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.sources.seeded import embeddings, projection
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Trace
from tests.sources.documents.files import a_document, arrays, as_json, numbers, same, trace_of


def test_without_anything_else_vectors_are_4_wide_and_there_is_one_head() -> None:
    trace = explain("the cat sat")
    layer = trace["layers.0"]
    assert {name: array.shape for name, array in arrays(layer).items()} == {
        "X": (3, 4),
        "Q": (1, 3, 4),
        "K": (1, 3, 4),
        "V": (1, 3, 4),
        "scores": (1, 3, 3),
        "scaled": (1, 3, 3),
        "weights": (1, 3, 3),
        "head_output": (1, 3, 4),
        "output": (3, 4),
    }
    assert trace.source == {"kind": "random", "seed": 0}
    assert trace.tokens == layer.query_tokens == layer.key_tokens == ("the", "cat", "sat")
    assert trace.text == "the cat sat"
    assert "random weights" in trace.notes[0]
    np.testing.assert_array_equal(layer["X"], embeddings(0, ["the", "cat", "sat"], 4))
    np.testing.assert_array_equal(layer["Q"][0], layer["X"] @ projection(0, "W_Q", 4, 4))


def test_the_widths_are_those_that_are_asked_for() -> None:
    layer = explain("the cat sat", dim=7, heads=6, kv_heads=2, head_dim=5)["layers.0"]
    assert (layer["X"].shape, layer["Q"].shape, layer["K"].shape) == ((3, 7), (6, 3, 5), (2, 3, 5))
    assert layer["output"].shape == (3, 30)
    assert explain("the cat sat", dim=12, heads=3)["layers.0"]["Q"].shape == (3, 3, 4)


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    same(explain("the cat", seed=3).layers[0], explain("the cat", seed=3).layers[0])
    assert not np.array_equal(explain("the cat", seed=3).layers[0]["X"], explain("the cat").layers[0]["X"])
    assert explain("the cat", seed=3).source == {"kind": "random", "seed": 3}


def test_a_context_is_what_is_looked_at() -> None:
    trace = explain("the cat", context="le chat noir")
    layer = trace.layers[0]
    assert (trace.context_tokens, layer.key_tokens) == (("le", "chat", "noir"), ("le", "chat", "noir"))
    assert layer["weights"].shape == (1, 2, 3)
    np.testing.assert_array_equal(layer["X_context"], embeddings(0, ["le", "chat", "noir"], 4))


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_blank_text_is_refused(text: str) -> None:
    with pytest.raises(AttnError, match="the text is"):
        explain(text)
    with pytest.raises(AttnError, match="the text is"):
        explain("the cat", context=text)


def test_no_text_at_all_is_refused() -> None:
    with pytest.raises(DocumentError, match="there is no text"):
        explain()


def test_only_the_stages_and_heads_that_are_named_are_kept_and_they_are_the_same() -> None:
    request = Request(text="the cat sat", heads=6, kv_heads=2, dim=12)
    whole, some = run(request).layers[0], run(request, heads="1,-1", stages=["K", "weights", "output"]).layers[0]
    assert [stage.name for stage in some.stages] == ["K", "weights", "output"]
    assert (some.head_index, some.kv_head_index, some.heads, some.kv_heads) == ((1, 5), (0, 1), 6, 2)
    np.testing.assert_array_equal(some["weights"], whole["weights"][[1, 5]])
    np.testing.assert_array_equal(some["output"], whole["output"])
    first = run(request, heads="0-2").layers[0]
    np.testing.assert_array_equal(first["K"], whole["K"][:1])
    assert not some["weights"].flags.writeable


def test_a_head_or_stage_that_is_not_there_is_refused(tmp_path: Path) -> None:
    request = Request(text="the cat sat")
    with pytest.raises(SelectionError, match="there is no head 1"):
        run(request, heads="1")
    with pytest.raises(SelectionError, match="there is no stage 'weigths'") as caught:
        run(request, stages=["weigths"])
    assert "did you mean 'weights'?" in caught.value.hint
    with pytest.raises(SelectionError, match="no stage 'masked'"):
        run(request, stages=["weights", "masked"])
    from attn_cli.trace.files.codec import trace_to_json

    path = tmp_path / "trace.json"
    path.write_bytes(trace_to_json(run(request, stages=["weights"])))
    with pytest.raises(SelectionError, match="no stage 'Q'"):
        run(Request(weights=str(path)), stages=["Q"])
    with pytest.raises(SelectionError, match="no stage 'content'"):
        run(Request(weights=str(path)), stages=["content"])


def test_every_stage_has_a_name_that_may_be_asked_for() -> None:
    for name in STAGES:
        try:
            trace = run(Request(text="the cat sat", positions="rope", mask="causal", softcap="3"), stages=[name])
        except SelectionError as error:
            assert f"no stage {name!r}" in error.message  # noqa: PT017
        else:
            assert [stage.name for stage in trace.layers[0].stages] == [name]


def blind(tmp_path: Path, mask: list[Any]) -> Trace:
    document = {"Q": numbers(2, 3, 5).tolist(), "K": numbers(2, 3, 5).tolist(), "V": numbers(2, 3, 5).tolist()}
    return trace_of(as_json(document | {"attn_mask": mask}), tmp_path)


def test_notes_say_which_queries_see_nothing(tmp_path: Path) -> None:
    seeing, nothing = [True, False, True], [False, False, False]
    assert blind(tmp_path, [seeing, seeing, nothing]).notes == (
        "1 query sees no key and weighs nothing, the first is query 2",
    )
    assert blind(tmp_path, [seeing, nothing, nothing]).notes == (
        "2 queries see no key and weigh nothing, the first is query 1",
    )
    assert blind(tmp_path, [[seeing, nothing, seeing], [seeing, seeing, seeing]]).notes == (
        "1 query sees no key and weighs nothing in some heads, the first is query 1",
    )
    assert blind(tmp_path, [seeing, seeing, seeing]).notes == ()


def test_notes_name_the_stages_with_numbers_too_large(tmp_path: Path) -> None:
    trace = trace_of(as_json(a_document(W_Q=numbers(7, 3) * 1e6, mask="causal")), tmp_path, dtype="float16")
    named = {note.split()[0] for note in trace.notes}
    assert {"Q", "scores", "scaled", "masked"} <= named
    assert trace.notes[0] == "Q holds NaN or infinities: numbers too large for float16"
    assert trace_of(as_json(a_document(mask="causal")), tmp_path).notes == ()


def test_a_draw_holds_a_table_of_every_word() -> None:
    parameters = draw(["a", "b", "a"], Spec(heads=2), 0, 6, None, ["c"])
    assert parameters.table is not None
    assert list(parameters.table) == ["a", "b", "c"]
    assert parameters.given["embedded_context"].shape == (1, 6)


def test_heads_that_do_not_divide_the_width_are_refused_with_one_that_does() -> None:
    with pytest.raises(SpecError, match="d_model 7 cannot be shared evenly by 3 heads") as caught:
        explain("a", dim=7, heads=3)
    assert "--dim 9" in caught.value.hint
