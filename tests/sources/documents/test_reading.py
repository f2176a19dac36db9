"""What documents hold, in every container, and what attention makes of it."""

import io
from pathlib import Path

import numpy as np
import pytest

from attn_cli.core.attention import Projections, attend
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions
from attn_cli.trace.trace import Array
from tests.sources.documents.files import (
    CONTAINERS,
    D_MODEL,
    TOKENS,
    Document,
    a_document,
    arrays,
    as_json,
    as_npz,
    layer_of,
    numbers,
    same,
    trace_of,
    vectors,
)

containers = pytest.mark.parametrize("container", CONTAINERS)


def projections_of(document: Document) -> Projections:
    return Projections(**{key: np.array(document[key]) for key in document if key[:2] in ("W_", "b_")})


@containers
def test_a_table_of_embeddings_is_looked_up(container: str, tmp_path: Path) -> None:
    document = a_document()
    expected = attend(TOKENS, {"X": vectors(document)}, projections_of(document))
    same(layer_of(document, tmp_path, container=container), expected)


@containers
def test_every_setting_acts(container: str, tmp_path: Path) -> None:
    document = a_document(
        W_Q=numbers(D_MODEL, 24),
        W_K=numbers(D_MODEL, 8),
        W_V=numbers(D_MODEL, 6),
        W_O=numbers(18, 11),
        b_Q=numbers(24),
        b_K=numbers(8),
        b_V=numbers(6),
        b_O=numbers(11),
        heads=6,
        kv_heads=2,
        dtype="float32",
        mask="sliding:3",
        positions="rope:50,dim=2",
        scale=0.25,
        softcap=0.5,
        sinks=numbers(6),
        position_ids=[4, 5, 9, 1, 1],
        attn_mask=np.where(numbers(5, 5) < -0.5, -np.inf, numbers(5, 5)) if container != ".json" else None,
        comment="a reader may say what he likes",
    )
    mask = document.get("attn_mask")
    expected = attend(
        TOKENS,
        {"X": vectors(document)},
        projections_of(document),
        Spec(6, 2, parse_mask("sliding:3"), parse_positions("rope:50,dim=2"), 0.25, 0.5, "float32"),
        extras=Extras(
            bias=None if mask is None else np.where(np.isinf(mask), 0, mask),
            hidden=None if mask is None else np.isinf(mask),
            sinks=document["sinks"],
            position_ids=np.array([4, 5, 9, 1, 1]),
        ),
    )
    same(layer_of(document, tmp_path, container=container), expected)


@containers
def test_positions_are_still_to_be_added_to_x(container: str, tmp_path: Path) -> None:
    x, table = numbers(5, D_MODEL), numbers(13, D_MODEL)
    document = a_document(embeddings=None, tokens=None, X=x, positions="sinusoidal", position_embeddings=table)
    layer = layer_of(document, tmp_path, container=container)
    np.testing.assert_array_equal(layer["embedded"], x)
    added = parse_positions("sinusoidal").added(np.arange(5), D_MODEL)
    assert added is not None
    np.testing.assert_allclose(layer["X"], x + added + table[:5], rtol=1e-14)
    assert layer.query_tokens == ("0", "1", "2", "3", "4")


@containers
def test_position_ids_choose_the_vectors_that_are_added(container: str, tmp_path: Path) -> None:
    x, table = numbers(5, D_MODEL), numbers(13, D_MODEL)
    document = a_document(embeddings=None, X=x, position_embeddings=table, position_ids=[12, 0, 3, 3, 1])
    layer = layer_of(document, tmp_path, container=container)
    np.testing.assert_array_equal(layer["X"], x + table[[12, 0, 3, 3, 1]])


@containers
def test_projections_are_turned_where_they_are_stored_as_pytorch_does(container: str, tmp_path: Path) -> None:
    document = a_document(W_O=numbers(2, 11))
    turned = document | {key: document[key].T for key in ("W_Q", "W_K", "W_V", "W_O")} | {"projections": "linear"}
    expected = layer_of(document, tmp_path)
    same(layer_of(turned, tmp_path, container=container), expected)


@pytest.mark.parametrize("linear", [None, "linear"])
@containers
def test_projections_of_each_head_are_laid_side_by_side(container: str, linear: str | None, tmp_path: Path) -> None:
    by_head = {"W_Q": numbers(6, D_MODEL, 4), "W_K": numbers(2, D_MODEL, 4), "W_V": numbers(2, D_MODEL, 3)}
    flat = {key: np.concatenate(list(matrix), axis=1) for key, matrix in by_head.items()}
    expected = layer_of(a_document(**flat, heads=6, kv_heads=2), tmp_path)
    stored = {key: matrix.swapaxes(1, 2) for key, matrix in by_head.items()} if linear else by_head
    same(layer_of(a_document(**stored, projections=linear), tmp_path, container=container), expected)


CHAIN = ("scores", "scaled", "softcapped", "biased", "masked", "weights")
STARTS: dict[str, tuple[str, ...]] = {
    "Q and K": ("Q", "K"),
    "Q, K and V": ("Q", "K", "V"),
    "rotated": ("Q_rotated", "K_rotated", "V"),
    "a cache": ("Q", "K_rotated", "V"),
    **{stage: (stage, "V") for stage in CHAIN},
    "weights alone": ("weights",),
    "all": ("Q", "K", "V", "Q_rotated", "K_rotated", *CHAIN, "head_output"),
}


@pytest.mark.parametrize("start", STARTS)
@containers
def test_a_document_may_start_at_any_stage(container: str, start: str, tmp_path: Path) -> None:
    settings = {"mask": "causal", "positions": "rope:dim=2", "scale": 0.5, "softcap": 3.0, "heads": 3, "kv_heads": 1}
    mask = {"attn_mask": numbers(5, 5)}
    matrices = {"W_Q": numbers(D_MODEL, 12), "W_K": numbers(D_MODEL, 4), "W_V": numbers(D_MODEL, 2)}
    whole = arrays(layer_of(a_document(**settings, **mask, **matrices), tmp_path))
    held = {name: whole[name] for name in STARTS[start]}
    if container == ".json":
        held = {n: np.where(np.isneginf(a), None, a.astype(object)) for n, a in held.items()}  # type: ignore[call-overload]
    layer = layer_of(settings | mask | held | {"tokens": TOKENS}, tmp_path, container=container)
    assert layer.heads == 3
    made = arrays(layer)
    assert "weights" in made
    assert ("output" in made) == ("V" in held)
    for name, array in made.items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def test_a_matrix_for_one_head_needs_no_dimension_for_it(tmp_path: Path) -> None:
    q, k, v = numbers(2, 3), numbers(5, 3), numbers(5, 2)
    layer = layer_of({"Q": q, "K": k, "V": v, "tokens": TOKENS}, tmp_path)
    same(layer, attend(TOKENS, {"Q": q[None], "K": k[None], "V": v[None]}))
    assert layer.query_tokens == ("the", "mat")


def test_keys_of_one_head_serve_all_query_heads(tmp_path: Path) -> None:
    layer = layer_of({"Q": numbers(3, 5, 2), "K": numbers(5, 2), "V": numbers(5, 2)}, tmp_path)
    assert (layer.heads, layer.kv_heads) == (3, 1)


def test_scores_are_scaled_by_the_d_k_that_made_them(tmp_path: Path) -> None:
    scores = numbers(2, 5)
    layer = layer_of({"scores": scores, "d_k": 4}, tmp_path)
    np.testing.assert_array_equal(layer["scaled"][0], scores / 2)
    assert layer.settings.scale == 0.5
    assert "scaled" not in layer_of({"scores": scores, "scale": "none"}, tmp_path)
    np.testing.assert_array_equal(layer_of({"scores": scores}, tmp_path, scale="3")["scaled"][0], scores * 3)


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".tsv", ".json"])
def test_a_bare_matrix_is_weights_unless_it_is_said_to_be_scores(suffix: str, tmp_path: Path) -> None:
    weights = np.array([[1, 0, 0], [0.25, 0.75, 0], [0.125, 0.5, 0.375]])
    file = io.BytesIO()
    np.save(file, weights)
    sign = {".csv": ",", ".tsv": "\t"}.get(suffix, ",")
    text = "\n".join(sign.join(map(str, row)) for row in weights.tolist())
    data = {".npy": file.getvalue(), ".json": str(weights.tolist()).encode()}.get(suffix, text.encode())
    layer = trace_of(data, tmp_path).layers[0]
    assert [stage.name for stage in layer.stages] == ["weights"]
    np.testing.assert_array_equal(layer["weights"], weights[np.newaxis])
    assert layer.query_tokens == ("0", "1", "2")
    layer = trace_of(data, tmp_path, matrix_stage="scores", scale="none", text="a b c").layers[0]
    np.testing.assert_array_equal(layer["scores"], weights[np.newaxis])
    np.testing.assert_allclose(layer["weights"].sum(axis=2), np.ones((1, 3)), rtol=1e-15)
    assert layer.query_tokens == ("a", "b", "c")


@containers
def test_the_context_is_looked_up_in_the_same_table(container: str, tmp_path: Path) -> None:
    document = a_document(tokens=["cat", "mat"], context_tokens=["The", "sat", "cat"])
    layer = layer_of(document, tmp_path, container=container)
    assert (layer.kind, layer.query_tokens, layer.key_tokens) == ("cross", ("cat", "mat"), ("The", "sat", "cat"))
    table = document["embeddings"]
    np.testing.assert_array_equal(layer["X_context"], np.stack([table["the"], table["sat"], table["cat"]]))
    np.testing.assert_allclose(layer["K"][0], layer["X_context"] @ document["W_K"], rtol=1e-14)


@pytest.mark.parametrize("named", [True, False])
@containers
def test_the_context_may_be_vectors(container: str, named: bool, tmp_path: Path) -> None:
    context = numbers(2, D_MODEL, seed=9)
    document = a_document(
        X_context=context, context_tokens=["le", "chat"] if named else None, positions="alibi", mask="causal"
    )
    layer = layer_of(document, tmp_path, container=container)
    expected = attend(
        TOKENS,
        {"X": vectors(document), "X_context": context},
        projections_of(document),
        Spec(positions=parse_positions("alibi"), mask=parse_mask("causal")),
        context_tokens=["le", "chat"] if named else ["0", "1"],
    )
    same(layer, expected)


def test_context_positions_are_their_own(tmp_path: Path) -> None:
    document = a_document(X_context=numbers(2, D_MODEL), positions="alibi", position_ids_context=[7, 3])
    bias = layer_of(document, tmp_path)
    np.testing.assert_allclose((bias["biased"] - bias["scaled"])[0, 0] * 256, [-7, -3], atol=1e-10)


def test_text_replaces_the_tokens_of_a_table_and_finds_them_in_lower_case(tmp_path: Path) -> None:
    document = a_document()
    layer = layer_of(document, tmp_path, text="The MAT sat")
    assert layer.query_tokens == ("The", "MAT", "sat")
    table = document["embeddings"]
    np.testing.assert_array_equal(layer["X"], np.stack([table["the"], table["mat"], table["sat"]]))


def test_a_token_is_looked_up_exactly_before_it_is_in_lower_case(tmp_path: Path) -> None:
    document = a_document()
    document["embeddings"]["The"] = numbers(D_MODEL, seed=5)
    layer = layer_of(document, tmp_path, text="The the")
    np.testing.assert_array_equal(layer["X"], np.stack([document["embeddings"][word] for word in ("The", "the")]))


def test_with_x_a_text_only_labels(tmp_path: Path) -> None:
    document = a_document(embeddings=None, X=numbers(5, D_MODEL))
    layer = layer_of(document, tmp_path, text="five words that label rows")
    same(layer_of(document | {"tokens": ["five", "words", "that", "label", "rows"]}, tmp_path), layer)


def test_a_token_without_a_vector_is_zero_or_drawn_where_that_is_asked_for(tmp_path: Path) -> None:
    zero = layer_of(a_document(), tmp_path, text="the dog dog Cat", unknown="zero")
    np.testing.assert_array_equal(zero["X"][1:3], np.zeros((2, D_MODEL)))
    assert zero["X"][[0, 3]].any(axis=1).all()
    drawn, again = (
        layer_of(a_document(), tmp_path, text=text, unknown="random", seed=3)
        for text in ("the dog dog Cat", "Dog bites dog")
    )
    np.testing.assert_array_equal(drawn["X"][1], drawn["X"][2])
    np.testing.assert_array_equal(drawn["X"][1], again["X"][2])
    np.testing.assert_array_equal(drawn["X"][[0, 3]], zero["X"][[0, 3]])
    other = layer_of(a_document(), tmp_path, text="dog", unknown="random", seed=4)
    assert not np.array_equal(other["X"][0], drawn["X"][1])


@containers
def test_a_batch_of_one_is_taken(container: str, tmp_path: Path) -> None:
    q, k, v, mask = numbers(3, 5, 2), numbers(3, 5, 2), numbers(3, 5, 2), numbers(3, 5, 5)
    expected = layer_of({"Q": q, "K": k, "V": v, "attn_mask": mask}, tmp_path)
    batch: dict[str, Array] = {"Q": q[None], "K": k[None], "V": v[None], "attn_mask": mask[None]}
    same(layer_of(dict(batch), tmp_path, container=container), expected)
    x = numbers(5, D_MODEL)
    document = a_document(embeddings=None, X=x)
    same(layer_of(document | {"X": x[None]}, tmp_path, container=container), layer_of(document, tmp_path))


def test_nulls_count_as_absent(tmp_path: Path) -> None:
    nulls = b'"X": null, "softcap": null, "mask": null, "sinks": null, "W_O": null, "heads": null, '
    data = as_json(a_document())
    trace = trace_of(data[:1] + nulls + data[1:], tmp_path)
    same(trace.layers[0], layer_of(a_document(), tmp_path))


def test_what_libraries_write_into_the_metadata_is_no_key(tmp_path: Path) -> None:
    from safetensors.numpy import save

    data = save({"weights": np.eye(3)}, {"format": "pt"})
    np.testing.assert_array_equal(trace_of(data, tmp_path).layers[0]["weights"], [np.eye(3)])


def test_the_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(as_npz(a_document()))
    from attn_cli import explain

    same(explain(weights=str(path)).layers[0], layer_of(a_document(), tmp_path))


def test_a_source_says_where_the_numbers_came_from(tmp_path: Path) -> None:
    trace = trace_of(as_json(a_document()), tmp_path, text="the cat")
    assert trace.source == {"kind": "document", "path": str(tmp_path / "document")}
    assert trace.text == "the cat"
    assert trace.notes == ()
