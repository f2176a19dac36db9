"""What `attn init` writes gives back the same arrays and settings, in every container."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.errors import AttnError
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.reading import read_document
from attn_cli.sources.documents.schema import weights_schema
from attn_cli.sources.documents.to_parameters import read_parameters
from attn_cli.sources.documents.writing import WRITERS, to_json, to_npz, to_safetensors
from attn_cli.sources.explain import read, run
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Trace
from tests.core.runs import MASKS, POSITIONS
from tests.sources.documents.files import D_MODEL, TOKENS, Document, a_document, numbers, same
from tests.sources.documents.files import read as from_document

writers = pytest.mark.parametrize("suffix", WRITERS)


def back(parameters: Parameters, suffix: str) -> Parameters:
    """The parameters, written and read again."""
    document = read_document(WRITERS[suffix](parameters), "d")
    assert not isinstance(document, Trace)
    return read_parameters(Request(weights="d"), document, "d")


def check(found: Parameters, expected: Parameters) -> None:
    assert (found.tokens, found.context_tokens) == (expected.tokens, expected.context_tokens)
    assert found.spec == replace(expected.spec, kv_heads=expected.spec.key_heads)
    assert everything(found).keys() == everything(expected).keys()
    # In the arithmetic's dtype: what a narrower one does not tell apart is not written.
    narrow = np.dtype(expected.spec.dtype)
    for name, value in everything(expected).items():
        pair = [everything(found)[name], value]
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            pair = [array.astype(narrow) for array in pair]
        np.testing.assert_array_equal(pair[0], pair[1], err_msg=name)


def everything(parameters: Parameters) -> Mapping[str, Any]:
    """All arrays by name, the vectors of the table by their tokens."""
    table = {f"embeddings.{token}": vector for token, vector in (parameters.table or {}).items()}
    extras = {name: array for name, array in vars(parameters.extras).items() if array is not None}
    return {**parameters.given, **parameters.projections.given(), **table, **extras}


def random(**options: Any) -> Parameters:
    found = read(Request(text="the cat sat the mat", **options))
    assert isinstance(found, Parameters)
    return found


OPTIONS: list[dict[str, Any]] = [
    *({"mask": mask} for mask in MASKS),
    *({"positions": positions} for positions in POSITIONS),
    {"scale": "none"},
    {"scale": "-0.1"},
    {"softcap": "0.3"},
    {"dtype": "float16", "heads": 6, "kv_heads": 2, "head_dim": 3},
    {"context": "le chat", "seed": -7},
]


@writers
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_random_parameters_are_read_back(options: dict[str, Any], suffix: str) -> None:
    parameters = random(**{"dim": 12, "kv_heads": 1, "heads": 2} | options)
    check(back(parameters, suffix), parameters)


MASK = np.where(numbers(5, 5) < -0.3, -np.inf, numbers(5, 5))
DOCUMENTS: dict[str, Document] = {
    "X": a_document(embeddings=None, X=numbers(5, D_MODEL)),
    "X_context": a_document(embeddings=None, X=numbers(5, D_MODEL), X_context=numbers(2, D_MODEL)),
    "a table and X_context": a_document(X_context=numbers(2, D_MODEL), context_tokens=["le", "chat"]),
    "context_tokens": a_document(context_tokens=["sat", "The"]),
    "linear": a_document(W_Q=numbers(3, 7), W_K=numbers(3, 7), W_V=numbers(2, 7), projections="linear"),
    "per head": a_document(W_Q=numbers(2, 7, 3), W_K=numbers(1, 7, 3), W_V=numbers(1, 7, 2), W_O=numbers(4, 11)),
    "biases": a_document(b_Q=numbers(3), b_K=numbers(3), b_V=numbers(2), b_O=numbers(2)),
    "positions": a_document(position_embeddings=numbers(13, 7), position_ids=[3, 0, 12, 2, 2]),
    "context positions": a_document(X_context=numbers(2, D_MODEL), position_ids_context=[7, 7]),
    "sinks": a_document(sinks=[0.25]),
    "a mask that hides": a_document(attn_mask=np.isinf(MASK)),
    "a mask that adds": a_document(attn_mask=numbers(5, 5)),
    "a mask that does both": a_document(attn_mask=MASK),
    "a mask of each head": {"Q": numbers(2, 5, 3), "K": numbers(5, 3), "attn_mask": np.stack([MASK, MASK.T])},
    "a mask of ones": a_document(attn_mask=np.ones((5, 5))),
    "Q, K and V": {"Q": numbers(2, 3, 5), "K": numbers(2, 5, 5), "V": numbers(2, 5, 7), "tokens": TOKENS},
    "scores": {"scores": numbers(2, 5), "d_k": 64, "V": numbers(5, 3)},
    "masked": {"masked": np.where(np.tri(5, dtype=bool), numbers(5, 5), -np.inf)},
    "weights": {"weights": np.eye(5), "sink_weight": np.zeros(5), "head_output": numbers(5, 3)},
    "stored stages": a_document(Q=numbers(5, 3), scores=numbers(5, 5)),
    "float32": a_document(W_Q=numbers(7, 3).astype("f4"), dtype="float32"),
}


@writers
@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_read_back(name: str, suffix: str) -> None:
    parameters = from_document(DOCUMENTS[name], container=".npz")
    again = back(parameters, suffix)
    check(again, parameters)
    same(again.attended(), parameters.attended())


@writers
@pytest.mark.parametrize("unknown", ["random", "zero"])
def test_tokens_that_had_no_vector_are_read_back_with_the_one_they_were_given(unknown: str, suffix: str) -> None:
    seed: dict[str, Any] = {"seed": 5} if unknown == "random" else {}
    parameters = from_document(a_document(), text="a dog and the Cat", unknown=unknown, **seed)
    check(back(parameters, suffix), parameters)


@writers
@settings(max_examples=30)
@given(tokens=st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, max_size=5))
def test_any_tokens_are_read_back(suffix: str, tokens: list[str]) -> None:
    from attn_cli.core.spec import Spec
    from attn_cli.sources.documents.parameters import draw

    parameters = draw(tokens, Spec(), 0, 3)
    check(back(parameters, suffix), parameters)


@pytest.mark.parametrize("token", ["\udcff", "é\ud800", "[/b]", "a\tb\n", "\u2028"])
@writers
def test_odd_tokens_are_read_back(suffix: str, token: str) -> None:
    parameters = random(tokenizer="whitespace")
    odd = Parameters((token,), {"X": numbers(1, 4)}, parameters.projections, parameters.spec)
    assert back(odd, suffix).tokens == (token,)


def test_npz_refuses_a_token_that_it_would_cut_short() -> None:
    parameters = Parameters(("a\0",), {"weights": np.eye(1)[np.newaxis]}, random().projections, random().spec)
    with pytest.raises(AttnError, match="ends in NUL"):
        to_npz(parameters)
    assert back(parameters, ".safetensors").tokens == back(parameters, ".json").tokens == ("a\0",)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_what_is_written_is_what_the_schema_says(options: dict[str, Any]) -> None:
    document = json.loads(to_json(random(**{"dim": 12, "heads": 2} | options)))
    jsonschema.validate(document, weights_schema())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_that_are_written_again_are_what_the_schema_says(name: str) -> None:
    jsonschema.validate(json.loads(to_json(from_document(DOCUMENTS[name], container=".npz"))), weights_schema())


def test_json_has_a_row_of_numbers_on_each_line() -> None:
    lines = to_json(random()).decode().splitlines()
    assert lines[:4] == [
        "{",
        '  "tokens": ["the", "cat", "sat", "the", "mat"],',
        '  "embeddings": {',
        '    "the": [0.5, 1.4, 0.2, -0.1],',
    ]
    assert '  "W_Q": [' in lines
    assert lines[-1] == "}"


@pytest.mark.parametrize("write", [to_json, to_npz, to_safetensors])
def test_the_same_parameters_are_the_same_bytes(write: Any) -> None:
    assert write(random(seed=3)) == write(random(seed=3))
    assert write(random(seed=3)) != write(random(seed=4))


@writers
def test_init_and_explain_agree(suffix: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"mask": "causal", "positions": "rope", "heads": 2, "dim": 12}
    path = tmp_path / f"parameters{suffix}"
    path.write_bytes(WRITERS[suffix](random(**options)))
    same(run(Request(weights=str(path))).layers[0], run(Request(text="the cat sat the mat", **options)).layers[0])
