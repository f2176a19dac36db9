"""The spelling of variants, there and back, and what is not one."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.core.masks import MASKS, Causal, Chunked, Local, Mask, NoMask, Packed, Prefix, Sliding
from attn_cli.core.norms import QK_NORMS, HeadNorm, LayerHeadNorm, RmsHeadNorm
from attn_cli.core.positions import (
    POSITIONS,
    QUERY_SCALINGS,
    Alibi,
    NoPositions,
    Positions,
    QueryScaling,
    Rope,
    Sinusoidal,
)
from attn_cli.core.spec import (
    parse_dtype,
    parse_mask,
    parse_positions,
    parse_qk_norm,
    parse_query_scaling,
    parse_scale,
    parse_softcap,
)
from attn_cli.core.spelling import forms, spell
from attn_cli.errors import SpecError

counts = st.integers(1, 10**9 - 1)
numbers = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)
masks = st.one_of(
    st.just(NoMask()),
    st.sampled_from([Causal("end"), Causal("start")]),
    counts.map(Sliding),
    counts.map(Local),
    counts.map(Prefix),
    counts.map(Chunked),
    st.lists(counts, min_size=1).map(tuple).map(Packed),
)
positions = st.one_of(
    st.sampled_from([NoPositions(), Sinusoidal(), Alibi()]),
    st.builds(Rope, numbers, st.sampled_from(["half", "interleaved"]), st.none() | counts, numbers, numbers),
)
over, after = st.sampled_from(["head", "each", "all"]), st.sampled_from(["projection", "rotation"])
norms = st.sampled_from([RmsHeadNorm, LayerHeadNorm]).flatmap(lambda kind: st.builds(kind, numbers, over, after))
scalings = st.builds(QueryScaling, numbers, numbers, st.just(0) | counts)


@given(masks)
def test_a_mask_is_parsed_back_from_its_spelling(mask: Mask) -> None:
    assert parse_mask(spell(mask, MASKS)) == mask


@given(positions)
def test_a_position_scheme_is_parsed_back_from_its_spelling(scheme: Positions) -> None:
    assert parse_positions(spell(scheme, POSITIONS)) == scheme


@given(norms)
def test_a_norm_of_queries_and_keys_is_parsed_back_from_its_spelling(norm: HeadNorm) -> None:
    assert parse_qk_norm(spell(norm, QK_NORMS)) == norm


@given(scalings)
def test_a_scaling_of_queries_is_parsed_back_from_its_spelling(scaling: QueryScaling) -> None:
    assert parse_query_scaling(spell(scaling, QUERY_SCALINGS)) == scaling


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("none", NoMask()),
        ("causal", Causal("end")),
        ("causal:start", Causal("start")),
        ("causal:align=start", Causal("start")),
        (" sliding:4 ", Sliding(4)),
        ("sliding:window=4", Sliding(4)),
        ("local:007", Local(7)),
        ("prefix:3", Prefix(3)),
        ("chunked:8", Chunked(8)),
        ("packed:3,3", Packed((3, 3))),
        ("packed:07", Packed((7,))),
        ("packed:lengths=2,1,4", Packed((2, 1, 4))),
    ],
)
def test_a_mask_is_what_its_spelling_says(text: str, mask: Mask) -> None:
    assert parse_mask(text) == mask


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("rope", Rope()),
        ("rope:1e6", Rope(1e6)),
        (
            "rope:10000,style=interleaved,dim=4,factor=2",
            Rope(10000.0, style="interleaved", dim=4, factor=2.0),
        ),
        ("rope:factor=0.5,dim=2", Rope(dim=2, factor=0.5)),
        ("alibi", Alibi()),
        ("sinusoidal", Sinusoidal()),
    ],
)
def test_a_position_scheme_is_what_its_spelling_says(text: str, scheme: Positions) -> None:
    assert parse_positions(text) == scheme


def test_what_stands_at_its_default_is_not_spelled() -> None:
    assert spell(Causal("end"), MASKS) == "causal"
    assert spell(Rope(500000.0, factor=2.0), POSITIONS) == "rope:500000,factor=2"
    assert spell(Rope(style="interleaved"), POSITIONS) == "rope:style=interleaved"


def test_the_forms_show_every_field() -> None:
    assert forms(MASKS) == (
        "none",
        "causal[:end|start]",
        "sliding:WINDOW",
        "local:WINDOW",
        "prefix:LENGTH",
        "chunked:SIZE",
        "packed:LENGTH,…",
    )
    assert forms(POSITIONS) == (
        "none",
        "sinusoidal",
        "rope[:BASE][,style=half|interleaved][,dim=DIM][,factor=FACTOR][,attention_factor=ATTENTION_FACTOR]",
        "alibi",
    )


WRONG = [
    (parse_mask, "sliding", "lacks its window"),
    (parse_mask, "sliding:", "expected a whole number from 1, found ''"),
    (parse_mask, "sliding:0", "expected a whole number from 1, found '0'"),
    (parse_mask, "sliding:-1", "expected a whole number from 1, found '-1'"),
    (parse_mask, "sliding:2.5", "expected a whole number from 1, found '2.5'"),
    (parse_mask, "sliding:٣", "expected a whole number from 1"),
    (parse_mask, "sliding:1000000000", "expected a whole number from 1"),
    (parse_mask, "sliding:0000000001" + "9" * 5000, "expected a whole number from 1"),
    (parse_mask, "sliding:2,3", "'3' is not a field of sliding"),
    (parse_mask, "sliding:2,window=3", "'window=3' is not a field of sliding"),
    (parse_mask, "sliding:width=3", "'width=3' is not a field of sliding"),
    (parse_mask, "none:1", "'1' is not a field of none"),
    (parse_mask, "none:", "'' is not a field of none"),
    (parse_mask, "packed", "lacks its lengths"),
    (parse_mask, "packed:", "expected a whole number from 1, found ''"),
    (parse_mask, "packed:3,0", "expected a whole number from 1, found '0'"),
    (parse_mask, "packed:3,x", "expected a whole number from 1, found 'x'"),
    (parse_mask, "packed:3,size=3", "'size=3' is not a field of packed"),
    (parse_mask, "causal:", "'' is not one of end, start"),
    (parse_mask, "causal:end,start", "'start' is not a field of causal"),
    (parse_mask, "causal:middle", "'middle' is not one of end, start"),
    (parse_mask, "casual", "did you mean 'causal'?"),
    (parse_mask, "slidng:4", "did you mean 'sliding'?"),
    (parse_mask, "Causal", "did you mean 'causal'?"),
    (parse_mask, "", "unknown mask ''"),
    (parse_positions, "rope:style=x", "'x' is not one of half, interleaved"),
    (parse_positions, "rope:10000,interleaved", "'interleaved' is not a field of rope"),
    (parse_positions, "rope:1e400", "expected a number above 0, found '1e400'"),
    (parse_positions, "rope:0", "expected a number above 0, found '0'"),
    (parse_positions, "rope:-5", "expected a number above 0, found '-5'"),
    (parse_positions, "rope:nan", "expected a number above 0, found 'nan'"),
    (parse_positions, "rope:10_000", "expected a number above 0, found '10_000'"),
    (parse_positions, "rope:１０", "expected a number above 0"),
    (parse_positions, "rope:dim=2.0", "expected a whole number from 1, found '2.0'"),
    (parse_positions, "rope:dim=2,dim=2", "'dim=2' is not a field of rope"),
    (parse_positions, "ropes", "did you mean 'rope'?"),
    (parse_qk_norm, "rms", "lacks its eps"),
    (parse_qk_norm, "rms:0", "expected a number above 0, found '0'"),
    (parse_qk_norm, "layer:1e-5,over=heads", "'heads' is not one of head, each, all"),
    (parse_qk_norm, "l2:1e-5", "unknown norm of queries and keys 'l2:1e-5'"),
    (parse_query_scaling, "log:0.1", "lacks its step"),
    (parse_scale, "root", "unknown scale 'root'"),
    (parse_scale, "inf", "unknown scale 'inf'"),
    (parse_scale, float("nan"), "unknown scale nan"),
    (parse_scale, 10**400, "unknown scale 1000"),
    (parse_softcap, "0", "expected a number above 0"),
    (parse_softcap, -30, "expected a number above 0, found -30"),
    (parse_softcap, "1_0", "expected a number above 0"),
    (parse_dtype, "float128", "unknown dtype 'float128'"),
]


@pytest.mark.parametrize(("parse", "text", "message"), WRONG, ids=[str(text)[:20] for _, text, _ in WRONG])
def test_a_bad_spelling_is_refused_with_what_is_right(parse: Callable[[Any], Any], text: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert message in f"{caught.value.message}\n{caught.value.hint}"
    forms_of: dict[Callable[[Any], Any], str] = {
        parse_mask: "sliding:WINDOW",
        parse_positions: "rope[:BASE]",
        parse_dtype: "float16",
        parse_qk_norm: "rms:EPS[,over=head|each|all]",
        parse_query_scaling: "log:SLOPE,step=STEP[,ahead=AHEAD]",
    }
    assert forms_of.get(parse, "such as") in caught.value.hint


def test_numbers_are_read_from_words_and_from_documents_alike() -> None:
    assert parse_scale("0.5") == parse_scale(0.5) == 0.5
    assert parse_scale("-2") == -2
    assert (parse_scale("sqrt"), parse_scale("none")) == ("sqrt", "none")
    assert parse_softcap("50") == parse_softcap(50) == 50
    assert parse_softcap("none") is None
