"""`attn why` on sound and faulty numbers: no printed equation is false, and a stored number that differs is named."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.why import why_cell, why_row
from attn_cli.analysis.why_document import cell_document, row_document
from attn_cli.trace.files.to_json import dumped, worded
from attn_cli.trace.trace import Array, Layer, Stage, Trace
from attn_cli.views.display import Display
from attn_cli.views.pages.why.mismatches import stored_name
from attn_cli.views.pages.why.page import cell_page, row_page
from tests.views.pages.equations import Printed, lines, number, unit
from tests.views.screens import screen

Draw = np.random.Generator
Fault = Callable[[Draw, Array], Array]
CHAIN = ("scores", "scaled", "softcapped", "biased", "masked")


def document(draw: Draw, dtype: str) -> dict[str, Any]:
    """A document of random sizes and settings; numbers have one decimal, or all digits, or are large."""
    heads, groups = [(1, 1), (2, 2), (4, 2), (3, 1)][draw.integers(4)]
    queries, width, size = int(draw.integers(1, 7)), 2 * int(draw.integers(1, 5)), [1, 1, 1, 30, 1e-3][draw.integers(5)]
    keys = queries + int(draw.integers(0, 3))

    def numbers(*shape: int) -> Array:
        made = draw.normal(size=shape) * size
        return made.round(1) if size == 1 and draw.random() < 0.3 else made

    settings: dict[str, Any] = {
        "mask": ["none", "causal", "sliding:2", "prefix:2"][draw.integers(4)],
        "positions": ["none", "rope", "alibi", "rope:100,style=interleaved"][draw.integers(4)],
        "scale": ["sqrt", "none", 0.123456789][draw.integers(3)],
        "dtype": dtype,
    }
    if draw.random() < 0.3:
        settings["softcap"] = float(draw.uniform(0.5, 20))
    if draw.random() < 0.3:
        settings["sinks"] = (draw.normal(size=heads) * 3).round(2)
    if draw.random() < 0.4:
        added = draw.normal(size=(queries, keys)).round(2)
        settings["attn_mask"] = np.where(draw.random((queries, keys)) < 0.2, -np.inf, added)
    return {
        "tokens": [f"t{index}" for index in range(keys)],
        "Q": numbers(heads, queries, width),
        "K": numbers(groups, keys, width),
        "V": numbers(groups, keys, 3),
        "heads": heads,
        "kv_heads": groups,
        **settings,
    }


def _cell(change: Callable[[Draw], float]) -> Fault:
    def faulty(draw: Draw, array: Array) -> Array:
        array = array.copy()
        array[tuple(draw.integers(size) for size in array.shape)] = change(draw)
        return array

    return faulty


FAULTS: dict[str, Fault] = {
    "dropout": lambda draw, array: np.where(draw.random(array.shape) < 0.25, 0, array / 0.75),
    "doubled": lambda draw, array: array * 2,
    "finite mask": lambda draw, array: np.where(np.isneginf(array), -10, array),
    "transposed": lambda draw, array: (
        array.swapaxes(-1, -2) if array.shape[-1] == array.shape[-2] else array[..., ::-1]
    ),
    "noise": lambda draw, array: array + draw.normal(size=array.shape),
    "another number": _cell(lambda draw: float(draw.normal())),
    "NaN": _cell(lambda draw: math.nan),
    "infinity": _cell(lambda draw: math.inf),
    "minus infinity": _cell(lambda draw: -math.inf),
    "a large number": _cell(lambda draw: 12345678.9),
    "all large": lambda draw, array: array * 1e7,
    "zeros": lambda draw, array: np.zeros_like(array),
    "a little": lambda draw, array: array * (1 + 1e-5),
}
DAMAGED = ("Q_rotated", "K", *CHAIN, "weights", "head_output", "sink_weight")


def damaged(draw: Draw, trace: Trace) -> Trace:
    """The trace with one or two faults in its stages, as a dump may hold them, or with other settings."""
    layer = trace.layers[0]
    for _ in range(int(draw.integers(1, 3))):
        name = DAMAGED[draw.integers(len(DAMAGED))]
        fault = list(FAULTS.values())[draw.integers(len(FAULTS))]
        layer = changed(layer, name, lambda array, fault=fault: fault(draw, array).astype(array.dtype))  # type: ignore[misc]
    if draw.random() < 0.3:
        settings = [{"scale": 0.7}, {"mask": "causal"}, {"softcap": 3.0}, {"positions": "rope:7"}, {"scale": "sqrt"}]
        layer = replace(layer, settings=replace(layer.settings, **settings[draw.integers(len(settings))]))  # type: ignore[arg-type]
    if draw.random() < 0.3:
        lost = [stage.name for stage in layer.stages][draw.integers(len(layer.stages))]
        layer = replace(layer, stages=tuple(stage for stage in layer.stages if stage.name != lost))
    return replace(trace, layers=(layer,))


def changed(layer: Layer, name: str, change: Callable[[Array], Array]) -> Layer:
    def stage(held: Stage) -> Stage:
        with np.errstate(all="ignore"):
            return Stage(name, change(held.array), "as stored") if held.name == name else held

    return replace(layer, stages=tuple(map(stage, layer.stages)))


def pages(draw: Draw, trace: Trace) -> list[tuple[str, Any]]:
    """The pages of some cells and rows as texts, each with its cell or row."""
    made: list[tuple[str, Any]] = []
    layer = trace.layers[0]
    for _ in range(3):
        head = int(draw.choice(layer.head_index))
        query, key = int(draw.integers(len(layer.query_tokens))), int(draw.integers(len(layer.key_tokens)))
        display = Display(int([0, 2, 4, 4, 8][draw.integers(5)]), full=bool(draw.integers(2)))
        cell, row = why_cell(layer, head, query, key), why_row(layer, head, query)
        made.append((screen(*cell_page(trace, layer, cell, display, file="d.npz"), width=900, display=display), cell))
        hand = cell_page(trace, layer, cell, display, file="d.npz", by_hand=True)
        check_by_hand(screen(*hand, width=900, display=display), cell)
        made.append((screen(*row_page(trace, layer, row, display, file="d.npz"), width=900, display=display), row))
        for result in (cell_document(trace, cell), row_document(trace, row)):
            assert b'"mismatches"' in dumped(worded(result))
    return made


def check_by_hand(text: str, cell: Any) -> None:
    """Each line comes out of the digits before it, and what is stored is not called its result."""
    for line in lines(text):
        assert line.holds(), (line, text)
        if line.label == "weight" and cell.mismatches and line.stored is None:
            shown = number(line.result)
            assert math.isnan(shown) or abs(shown - cell.key.weight) <= 0.51 * unit(line.result), (line, text)
    assert not cell.mismatches or "does not follow" in text
    assert cell.mismatches or "is stored." not in text


def check_page(text: str, shown: Any) -> None:
    found = lines(text)
    for line in found:
        assert line.holds(), (line, text)
    if hasattr(shown, "key"):
        check_stored(found, shown, text)
    for mismatch in shown.mismatches:
        assert f"The stored {stored_name(mismatch)} does not follow" in text
        assert "attn check d.npz looks for the cause" in text
    assert shown.mismatches or "does not follow" not in text


def check_stored(found: list[Printed], cell: Any, text: str) -> None:
    """Where a line comes to another number than the stored one, it says which one is stored."""
    held = {**cell.key.scores, "weight": cell.key.weight, "score": cell.match.stored if cell.match else None}
    for line in found:
        real = held.get(line.label)
        if real is None:
            continue
        shown = line.stored or line.result
        if shown in ("NaN", "∞", "−∞"):
            assert shown == {math.inf: "∞", -math.inf: "−∞"}.get(real, "NaN"), (line, text)
            continue
        assert abs(number(shown) - real) <= 0.51 * unit(shown) + 1e-9 * abs(real), (line, real, text)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_every_equation_of_a_sound_run_holds_and_nothing_is_called_wrong(seed: int, dtype: str) -> None:
    draw = np.random.default_rng([seed, len(dtype), ord(dtype[-1])])
    trace = explain(weights=document(draw, dtype), stage="all")
    assert not [note for note in trace.notes if "do not follow" in note]
    for text, shown in pages(draw, trace):
        assert not shown.mismatches, text
        check_page(text, shown)


@pytest.mark.parametrize("seed", range(100))
def test_every_equation_of_a_faulty_dump_holds(seed: int) -> None:
    draw = np.random.default_rng([seed, 1])
    dtype = ["float64", "float32", "float16"][draw.integers(3)]
    trace = damaged(draw, explain(weights=document(draw, dtype), stage="all"))
    for text, shown in pages(draw, trace):
        check_page(text, shown)


@pytest.mark.parametrize("name", ["scores", "scaled", "weights", "head_output", "softcapped", "biased", "masked"])
def test_a_stored_number_that_does_not_follow_is_named_on_the_page_of_its_cell(name: str) -> None:
    draw = np.random.default_rng(5)
    numbers = {part: draw.normal(size=(1, 4, 4)) for part in "QKV"}
    settings = {"mask": "causal", "softcap": 5.0, "positions": "alibi", "attn_mask": np.full((4, 4), 0.25)}
    trace = explain(weights={"tokens": list("abcd"), **numbers, **settings})
    layer = trace.layers[0]

    def off(array: Array) -> Array:
        array = array.copy()
        array[0, 2, 1] += 0.125
        return array

    wrong = changed(layer, name, off)
    cell = why_cell(wrong, 0, 2, 1)
    stages = {mismatch.stage: mismatch for mismatch in cell.mismatches}
    # A bias may be anything, so it is the next stage that shows a wrong one.
    stage = {"biased": "masked"}.get(name, name)
    assert stage in stages
    stored, right = float(wrong[stage][0, 2, 1]), stages[stage].calculated
    assert stages[stage].stored == stored
    assert right == pytest.approx(float(layer[name][0, 2, 1]) + (0.125 if name == "biased" else 0))
    text = screen(*cell_page(trace, wrong, cell, Display(), file="d.npz"), width=300)
    sentence = next(line for line in text.split("\n") if f"{stored_name(stages[stage])} does not follow" in line)
    for figure in (stored, right):
        assert f"{figure:.4f}" in sentence.replace(" -0.0000", " 0.0000")


def test_the_products_of_a_page_come_out_within_one_of_the_last_digit() -> None:
    trace = explain("the cat sat on the mat", dim=16)
    layer = trace.layers[0]
    text = screen(*cell_page(trace, layer, why_cell(layer, 0, 3, 1), Display()), width=200)
    rows = [line.split() for line in text.split("\n") if re.match(r" +\d+ +-?\d\.\d+ +-?\d\.\d+ ", line)]
    rows = [row for row in rows if len(row) == 5]
    assert len(rows) == 16
    for _, q, k, product, _ in rows:
        assert abs(float(q) * float(k) - float(product)) <= 1e-4
