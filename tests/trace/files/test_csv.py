"""CSV, one number a line."""

import csv
from io import StringIO

import numpy as np
from hypothesis import given, settings

from attn_cli.trace.files.csv import trace_to_csv
from attn_cli.trace.files.kinds import kind_of
from attn_cli.trace.trace import Layer, Settings, Stage, Trace
from tests.trace.traces import layer_of, traces


def by_hand(tokens: tuple[str, ...], **arrays: list[object]) -> Trace:
    stages = tuple(Stage(name, np.array(array, np.float64)) for name, array in arrays.items())
    return Trace(tokens, (Layer(stages, tokens, tokens, 1, 1, (0,), (0,), Settings()),), {})


def test_a_trace_by_hand() -> None:
    trace = by_hand(("a", "b"), X=[[0.1], [2]], masked=[[[1, -np.inf], [np.nan, -0.0]]], sink_weight=[[0.5, 1e-7]])
    assert trace_to_csv(trace).decode().splitlines() == [
        "layer,head,stage,row,column,row_token,column_token,value,layer_index",
        "layers.0,,X,0,0,a,,0.1,0",
        "layers.0,,X,1,0,b,,2.0,0",
        "layers.0,0,masked,0,0,a,a,1.0,0",
        "layers.0,0,masked,0,1,a,b,-inf,0",
        "layers.0,0,masked,1,0,b,a,nan,0",
        "layers.0,0,masked,1,1,b,b,-0.0,0",
        "layers.0,0,sink_weight,0,,a,,0.5,0",
        "layers.0,0,sink_weight,1,,b,,1e-7,0",
    ]


def test_tokens_are_quoted_where_they_must_be_and_where_a_spreadsheet_would_run_them() -> None:
    tokens = ('a"b', "x,y", "", "=1+1", "+1", "-1", "@a", "\t=1", "\r\n", '=cmd|"a"', " c", "a=b")
    trace = by_hand(tokens, output=[[1]] * len(tokens))
    text = trace_to_csv(trace).decode()
    for cell in ('"a""b"', '"x,y"', '""', "'=1+1", "'+1", "'-1", "'@a", "'\t=1", '"\'\r\n"', '"\'=cmd|""a"""', "a=b"):
        assert f",0,{cell},,1.0,0\n" in text
    assert ",0, c,,1.0,0\n" in text


def test_a_heads_number_is_its_own_in_the_whole_layer() -> None:
    layer = layer_of(("a",), ("a",), stages=("V", "weights"), heads=6, kv_heads=3).select(heads=[5])
    rows = list(csv.DictReader(StringIO(trace_to_csv(Trace(("a",), (layer,), {})).decode())))
    assert [(row["stage"], row["head"]) for row in rows] == [("V", "2"), ("V", "2"), ("weights", "5")]


def test_a_lone_surrogate_is_escaped() -> None:
    assert b",\\ud800,," in trace_to_csv(by_hand(("\ud800",), output=[[1]]))


def unrun(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r\n") else text


@settings(max_examples=40)
@given(trace=traces())
def test_every_number_stands_on_its_line(trace: Trace) -> None:
    data = trace_to_csv(trace)
    assert kind_of(data) == "csv"
    rows = list(csv.DictReader(StringIO(data.decode(), newline="")))
    place = 0
    for layer in trace.layers:
        for stage in layer.stages:
            for head, matrix in layer.matrices(stage):
                for (i, j), number in np.ndenumerate(matrix):
                    row = rows[place]
                    place += 1
                    assert (row["layer"], row["stage"], row["row"]) == (unrun(layer.name), stage.name, str(i))
                    assert row["head"] == ("" if head is None else str(head))
                    assert row["column"] == (str(j) if stage.kind.columns else "")
                    assert row["row_token"] == unrun(layer.rows_of(stage)[i])
                    columns = layer.columns_of(stage)
                    assert row["column_token"] == (unrun(columns[j]) if columns else "")
                    np.testing.assert_array_equal(number.dtype.type(float(row["value"])), number)
    assert place == len(rows)
