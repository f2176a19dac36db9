"""attend(), and the command line on documents, against what PyTorch gives: attention.npz, from make_attention.py."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli import Layer, Projections, Spec, attend
from attn_cli.cli.boundary import run
from attn_cli.core.spec import Extras, parse_mask, parse_positions
from attn_cli.sources.documents.mask_arrays import read_mask

Array = np.ndarray[Any, np.dtype[Any]]
Settings = Mapping[str, Any]
TOLERANCE = {"float64": 1e-12, "float32": 2e-6}
GIVEN = ("embedded", "X", "X_context", "Q", "K", "V")
COMPARED = ("X", "Q_rotated", "K_rotated", "weights", "sink_weight", "head_output", "output")

SDPA: dict[str, Settings] = {
    "sdpa_plain": {},
    "sdpa_one_query": {},
    "sdpa_scale": {"scale": 0.7},
    "sdpa_causal": {"mask": "causal:start"},
    "sdpa_causal_few_queries": {"mask": "causal:start"},
    "sdpa_causal_many_queries": {"mask": "causal:start"},
    "sdpa_lower_right_few_queries": {"mask": "causal"},
    "sdpa_lower_right_many_queries": {"mask": "causal"},
    "sdpa_boolean": {},
    "sdpa_boolean_per_head": {},
    "sdpa_boolean_hidden_row": {},
    "sdpa_additive": {},
    "sdpa_additive_per_head": {},
    "sdpa_additive_hidden_row": {},
    "sdpa_gqa": {},
    "sdpa_gqa_causal": {"mask": "causal"},
    "sdpa_one_key_head": {},
}
MHA = (
    "mha_self",
    "mha_without_biases",
    "mha_key_padding",
    "mha_boolean",
    "mha_boolean_per_head",
    "mha_additive",
    "mha_cross",
    "mha_cross_padded",
    "mha_cross_of_another_width",
)
FORMULAS: dict[str, Settings] = {
    "rope_half": {"positions": "rope"},
    "rope_interleaved": {"positions": "rope:10000,style=interleaved"},
    "rope_base": {"positions": "rope:500000"},
    "rope_half_partial": {"positions": "rope:10000,dim=4"},
    "rope_interleaved_partial": {"positions": "rope:10000,style=interleaved,dim=4"},
    "rope_factor": {"positions": "rope:10000,factor=4"},
    "rope_few_queries": {"positions": "rope", "mask": "causal"},
    "rope_far": {"positions": "rope"},
    "rope_far_factor": {"positions": "rope:10000,factor=3"},
    "alibi_of_4_heads": {"positions": "alibi", "mask": "causal"},
    "alibi_of_6_heads": {"positions": "alibi", "mask": "causal"},
    "alibi_both_ways": {"positions": "alibi"},
    "alibi_few_queries": {"positions": "alibi", "mask": "causal"},
    "sinusoidal": {"positions": "sinusoidal"},
    "softcap": {"softcap": 0.9, "mask": "causal"},
    "sinks": {"mask": "causal"},
    "sinks_gqa_rope_sliding": {"positions": "rope:150000", "mask": "sliding:3"},
    "softcap_alibi_gqa": {"positions": "alibi", "softcap": 0.7},
}


def pairs(*names: str) -> list[Any]:
    """Each case in each dtype."""
    return [pytest.param(name, dtype, id=f"{name}-{dtype}") for name in names for dtype in TOLERANCE]


@cache
def stored() -> dict[str, Array]:
    with np.load(Path(__file__).with_name("attention.npz")) as arrays:
        return dict(arrays)


def case(name: str, dtype: str) -> dict[str, Array]:
    """The arrays of a case: those that are the same in both dtypes, and those of this one."""
    arrays = {}
    for key, array in stored().items():
        start, *middle, last = key.split(".")
        if start == name and middle in ([], [dtype]):
            arrays[last] = array.astype(dtype) if array.dtype.kind == "f" else array
    return arrays


def compare(found: Mapping[str, Any], arrays: Mapping[str, Array], dtype: str) -> None:
    """Every array that the case gives and that was not given to attend() is as PyTorch has it."""
    wanted = [name for name in COMPARED if name in arrays and not (name == "X" and "embedded" not in arrays)]
    assert "weights" in wanted
    for name in wanted:
        tolerance = TOLERANCE[dtype]
        np.testing.assert_allclose(found[name], arrays[name], rtol=tolerance, atol=tolerance, err_msg=name)


def attended(arrays: Mapping[str, Array], dtype: str, settings: Settings, mask: Array | None = None) -> Layer:
    """attend() on the arrays of a case, with `mask` as a document holds it: True, or a number to add, to look."""
    given = {name: arrays[name] for name in GIVEN if name in arrays}
    if "embedded" in given:
        del given["X"]
    bias, hidden = (None, None) if mask is None else read_mask(mask, "attn_mask")
    parsed = dict(settings)
    for name, parse in (("mask", parse_mask), ("positions", parse_positions)):
        if name in parsed:
            parsed[name] = parse(parsed[name])
    heads, kv_heads = (len(arrays[name]) if name in arrays else len(arrays["weights"]) for name in "QK")
    linear = "X" in given
    matrices = {
        name: array.T if linear and array.ndim == 2 else array for name, array in arrays.items() if name[1:2] == "_"
    }
    queries, keys = arrays["weights"].shape[1:]
    cross = "X_context" in arrays
    return attend(
        [str(i) for i in range(queries if cross else max(queries, keys))],
        given,
        Projections(**{name: array for name, array in matrices.items() if name[0] in "Wb"}),
        Spec(heads=heads, kv_heads=kv_heads, dtype=dtype, **parsed),
        extras=Extras(bias=bias, hidden=hidden, sinks=arrays.get("sinks"), position_ids=arrays.get("position_ids")),
        context_tokens=[str(i) for i in range(keys)] if cross else None,
    )


def seen_by_mha(arrays: Mapping[str, Array]) -> Array | None:
    """The mask of nn.MultiheadAttention, whose True hides, turned into ours, whose True looks."""
    mask = arrays.get("attn_mask")
    if mask is not None and mask.dtype.kind == "f":
        return mask
    padded = arrays.get("key_padding_mask", np.zeros((1, arrays["weights"].shape[2]), dtype=bool))
    hidden = np.zeros(arrays["weights"].shape[1:], dtype=bool) | padded
    return ~hidden if mask is None else ~(hidden | mask)


@pytest.mark.parametrize(("name", "dtype"), pairs(*SDPA))
def test_attend_agrees_with_scaled_dot_product_attention(name: str, dtype: str) -> None:
    arrays = case(name, dtype)
    compare(attended(arrays, dtype, SDPA[name], arrays.get("attn_mask")), arrays, dtype)


@pytest.mark.parametrize(("name", "dtype"), pairs(*MHA))
def test_attend_agrees_with_multihead_attention(name: str, dtype: str) -> None:
    arrays = case(name, dtype)
    compare(attended(arrays, dtype, {}, seen_by_mha(arrays)), arrays, dtype)


@pytest.mark.parametrize(("name", "dtype"), pairs(*FORMULAS))
def test_attend_agrees_with_the_formulas_of_the_papers(name: str, dtype: str) -> None:
    arrays = case(name, dtype)
    compare(attended(arrays, dtype, FORMULAS[name]), arrays, dtype)


def test_every_stored_case_is_compared() -> None:
    assert {key.partition(".")[0] for key in stored()} == {*SDPA, *MHA, *FORMULAS, "mha_hidden_row"}


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_query_that_sees_nothing_weighs_nothing_where_multihead_attention_gives_nan(dtype: str) -> None:
    arrays = case("mha_hidden_row", dtype)
    layer = attended(arrays, dtype, {}, seen_by_mha(arrays))
    assert np.isnan(arrays["weights"][:, 2]).all()
    assert not layer["weights"][:, 2].any()
    assert not layer["head_output"][:, 2].any()
    np.testing.assert_array_equal(layer["output"][2], arrays["b_O"])
    others = {name: np.delete(arrays[name], 2, axis=arrays[name].ndim - 2) for name in ("weights", "output")}
    compare({name: np.delete(layer[name], 2, axis=layer[name].ndim - 2) for name in others}, others, dtype)


def test_causal_counts_from_the_last_key_and_is_causal_from_the_first() -> None:
    arrays = case("sdpa_causal_few_queries", "float64")
    last = attended(arrays, "float64", {"mask": "causal"})["weights"]
    assert np.count_nonzero(arrays["weights"][0], axis=1).tolist() == [1, 2, 3, 4, 5]
    assert np.count_nonzero(last[0], axis=1).tolist() == [3, 4, 5, 6, 7]


def written(arrays: Mapping[str, Array], dtype: str, settings: Settings, mask: Array | None) -> str:
    """A case as a JSON document."""
    names = {"embedded": "X"} | {name: name for name in ("X", "X_context", "Q", "K", "V", "sinks", "position_ids")}
    if "embedded" in arrays:
        del names["X"]
    document: dict[str, Any] = {key: arrays[name].tolist() for name, key in names.items() if name in arrays}
    document |= {name: array.tolist() for name, array in arrays.items() if name[:2] in ("W_", "b_")}
    document |= {"heads": len(arrays["weights"]), "dtype": dtype, **settings}
    if "X" in arrays and "embedded" not in arrays:
        document["projections"] = "linear"
    if mask is not None:
        cells = mask.astype(object)
        cells[mask == -np.inf] = None
        document["attn_mask"] = cells.tolist()
    return json.dumps(document)


@pytest.mark.parametrize(("name", "dtype"), pairs(*SDPA, *MHA, *FORMULAS))
def test_the_command_line_agrees_on_a_document(name: str, dtype: str, tmp_path: Path) -> None:
    arrays = case(name, dtype)
    settings = {**SDPA, **FORMULAS}.get(name, {})
    mask = seen_by_mha(arrays) if name in MHA else arrays.get("attn_mask")
    (tmp_path / "document.json").write_text(written(arrays, dtype, settings, mask))
    trace = tmp_path / "trace.json"
    assert run(["explain", "-w", str(tmp_path / "document.json"), "-o", str(trace), "--quiet"]) == 0
    compare(json.loads(trace.read_text())["layers"][0], arrays, dtype)
