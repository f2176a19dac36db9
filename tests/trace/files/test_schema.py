"""The schema of a trace."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from attn_cli.trace.files.codec import trace_to_json
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.files.schema import trace_schema
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Trace
from tests.trace.traces import layer_of, traces

VALIDATOR = Draft202012Validator(trace_schema())


def document() -> Any:
    tokens = ("a", "b")
    layer = layer_of(tokens, tokens, stages=tuple(STAGES), heads=2)
    return parse_json(trace_to_json(Trace(tokens, (layer,), {})), "t")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(trace_schema())


@settings(max_examples=40)
@given(trace=traces())
def test_every_trace_that_is_written_validates(trace: Trace) -> None:
    VALIDATOR.validate(parse_json(trace_to_json(trace), "t"))


def test_every_stage_has_its_meaning() -> None:
    properties = trace_schema()["properties"]["layers"]["items"]["properties"]
    assert {name: properties[name]["description"] for name in STAGES} == {n: kind.meaning for n, kind in STAGES.items()}


def changed(key: str, value: Any) -> Any:
    found = document()
    found["layers"][0][key] = value
    return found


@pytest.mark.parametrize(
    "wrong",
    [
        {key: value for key, value in document().items() if key != "format"},
        document() | {"format": "attn.heads"},
        document() | {"version": 2},
        document() | {"tokenz": []},
        document() | {"layers": []},
        document() | {"layers": [{"name": "layers.0"}]},
        changed("wieghts", [[[1]]]),
        changed("stages", ["wieghts"]),
        changed("weights", [["x"]]),
        changed("weights", [[[None]]]),
        changed("output", [[[1]]]),
        changed("scale", "half"),
        changed("heads", 0),
    ],
)
def test_what_is_no_trace_is_refused(wrong: Any) -> None:
    assert VALIDATOR.is_valid(document())
    assert not VALIDATOR.is_valid(wrong)
