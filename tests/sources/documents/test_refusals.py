"""What a document must not hold, refused with the path to the place, what was expected and what was found."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from attn_cli.errors import AttnError, DocumentError
from tests.sources.documents.files import D_MODEL, Document, a_document, layer_of, numbers, plain, trace_of

Q = [[1.0, 0.0], [0.0, 1.0]]
X = {"embeddings": None, "X": numbers(5, D_MODEL)}

WRONG: list[tuple[Document, str]] = [
    (a_document(W_qq=Q), "unknown key 'W_qq'"),
    (a_document(head=2), "unknown key 'head'"),
    (a_document(W_Q=[[1, 2], ["4.0", 1]]), 'W_Q[1][0]: expected a number, found "4.0"'),
    (a_document(W_Q=[[1, 2], [1]]), "W_Q[1]: expected 2 numbers, as in W_Q[0], found 1"),
    (a_document(W_Q=[[1, True]]), "W_Q[0][1]: expected a number, found true"),
    (a_document(W_Q=[[1, [2]]]), "W_Q[0][1]: expected a number, found a list"),
    (a_document(W_Q=[[1, float("nan")]]), "W_Q[0][1]: expected a finite number, found NaN"),
    (a_document(W_Q=[[1, float("-inf")]]), "W_Q[0][1]: expected a finite number, found -Infinity"),
    (a_document(W_Q=[1, 2]), "W_Q: expected a matrix (n × m)"),
    (a_document(W_Q=5), "W_Q: expected a matrix (n × m)"),
    (a_document(W_Q=[]), "W_Q: expected numbers, found an empty list"),
    (a_document(W_O=numbers(2, 2, 3)), "W_O: expected 1 heads, found 2"),
    (a_document(b_Q=[[1, 2, 3], [4, 5, 6]]), "b_Q: expected 1 heads, found 2"),
    (a_document(b_Q=[1, None, 3]), "b_Q[1]: expected a number, found null"),
    (a_document(sinks=0.5), "sinks: expected a list of numbers (n), found 0.5"),
    (a_document(embeddings={}), "embeddings: is empty"),
    (a_document(embeddings={"the": [1, 2], "cat": [1]}), "embeddings.cat: expected 2 numbers, as for 'the', found 1"),
    (a_document(embeddings={"the": [1, "2"]}), 'embeddings.the[1]: expected a number, found "2"'),
    (a_document(embeddings=numbers(4, 7)), "embeddings: expected token → vector"),
    (a_document(embeddings=numbers(4, 7), embedding_tokens=["a"]), "embeddings has 4 rows for 1 embedding_tokens"),
    (a_document(embeddings=numbers(2, 7), embedding_tokens=["a", "a"]), "1 of them different"),
    (a_document(tokens=["the", "dog", "bit", "dog"]), "no vector for 'dog', 'bit'"),
    (a_document(tokens=None), "has no tokens, and there is no TEXT"),
    (a_document(tokens="the cat"), "tokens: expected a list of strings"),
    (a_document(tokens=["the", 2]), "tokens: expected a list of strings"),
    (a_document(tokens=[]), "tokens: expected a list of strings"),
    (a_document(context_tokens=["the", "dog"]), "no vector for 'dog'"),
    (a_document(X=numbers(5, 7)), "has both embeddings and X"),
    (a_document(embeddings=None), "lacks embeddings or X"),
    (a_document(W_K=None), "lacks W_K"),
    (a_document(W_Q=None, W_K=None, W_V=None), "lacks W_Q"),
    ({"tokens": ["a"]}, "holds nothing that attention can start from"),
    ({"Q": Q, "V": Q}, "lacks K"),
    ({"K_rotated": Q, "V": Q}, "lacks Q"),
    (a_document(heads=0), "heads: expected a whole number from 1 to 65,536, found 0"),
    (a_document(heads=2.5), "heads: expected a whole number from 1 to 65,536, found 2.5"),
    (a_document(heads="2"), 'heads: expected a whole number from 1 to 65,536, found "2"'),
    (a_document(heads=True), "heads: expected a whole number from 1 to 65,536, found true"),
    (a_document(kv_heads=2), "1 heads cannot share 2"),
    (a_document(heads=2), "W_Q has 3 columns, which 2 heads cannot share evenly"),
    (a_document(d_k=5), "d_k is 5, and Q is 1×5×3"),
    (a_document(mask="casual"), "unknown mask 'casual'"),
    (a_document(mask=5), "mask: found 5"),
    (a_document(positions="rope:dim=1"), "rope cannot rotate 1 features of a head of width 3"),
    (a_document(positions=["rope"]), "positions: found a list"),
    (a_document(scale="root"), "unknown scale 'root'"),
    (a_document(scale="0.5"), 'scale: found "0.5"'),
    (a_document(scale=True), "scale: found true"),
    (a_document(softcap=0), "softcap: expected a number above 0, found 0"),
    (a_document(softcap="50"), 'softcap: found "50"'),
    (a_document(dtype="float8"), "unknown dtype 'float8'"),
    (a_document(projections="torch"), "projections: expected 'linear', found \"torch\""),
    (a_document(position_ids=[0, 1, 2, 3]), "position_ids are 4 for 5 tokens"),
    (a_document(position_ids=[0, 1, 2, 3, -1]), "position_ids: expected whole numbers from 0"),
    (a_document(position_ids=[0, 1, 2, 3, 0.5]), "position_ids: expected whole numbers from 0"),
    (a_document(position_ids_context=[0, 1]), "position_ids_context is given, and there is no context"),
    (a_document(position_embeddings=numbers(3, 7)), "has 3 rows, and there is a token at position 4"),
    (a_document(position_embeddings=numbers(5, 3)), "position_embeddings are 5×3, and embeddings 5×7"),
    (a_document(sinks=numbers(2)), "sinks are 2 for 1 heads"),
    (a_document(attn_mask=[[0, 1], [1, 0]]), "attn_mask: holds only the integers 0 and 1"),
    (a_document(**X, context_tokens=["a", "b"]), "X_context, which is missing"),
    (a_document(**X, tokens=["a", "b"]), "2 tokens cannot label 5 rows"),
    (a_document(**X | {"X": numbers(2, 5, 7)}), "X: batch of 2"),
    (a_document(W_Q=numbers(6, 3)), "W_Q does not fit X: X is 5×7, W_Q is 6×3"),
    (a_document(W_K=numbers(7, 5)), "Q and K do not fit: Q is 1×5×3, and K is 1×5×5"),
    (a_document(W_Q=numbers(2, 7, 3), heads=3), "heads is 3, and the arrays hold 2"),
    (a_document(W_Q=numbers(2, 7, 3), W_K=numbers(3, 7, 3)), "2 heads cannot share 3"),
    ({"Q": Q, "K": Q, "heads": 2}, "heads is 2, and the arrays hold 1"),
    ({"Q": numbers(2, 3, 5, 2), "K": Q}, "Q: batch of 2"),
    ({"Q": numbers(2, 5, 2), "K": numbers(3, 5, 2)}, "2 heads cannot share 3"),
    ({"Q": numbers(5, 2), "K": numbers(5, 3)}, "Q and K do not fit: Q is 1×5×2, and K is 1×5×3"),
    (
        {"weights": numbers(5, 5), "V": numbers(4, 3)},
        "weights is 1×5×5, 5 keys, and V is 1×4×3, 4 keys",
    ),
    ({"weights": [[0.5, None]]}, "weights[0][1]: expected a finite number, found NaN"),
    ({"weights": [[[0.5, "NaN"]]]}, "weights[0][0][1]: expected a finite number, found NaN"),
    ({"weights": [[0.5, float("inf")]]}, "weights[0][1]: expected a finite number, found Infinity"),
    ({"weights": [[1.0, None]], "mask": "none"}, "weights[0][1]: expected a finite number, found NaN"),
    ({"scores": [[0.5, float("-inf")]], "scale": 1}, "scores[0][1]: expected a finite number, found -Infinity"),
    ({"masked": [[1.0, "Infinity"]]}, "masked: holds NaN or infinities"),
    ({"scores": numbers(5, 5)}, "scores need d_k, or a scale"),
    ({"format": "attn.survey", "version": 1}, "format: expected 'attn.trace'"),
]


@pytest.mark.parametrize(("document", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_refused_with_the_place(document: Document, message: str, tmp_path: Path) -> None:
    with pytest.raises(AttnError) as caught:
        trace_of(json.dumps(plain(document)).encode(), tmp_path)
    assert message in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "document"))
    assert caught.value.hint
    assert caught.value.exit_code == 1


IN_ARRAYS: list[tuple[Document, str]] = [
    (a_document(W_Q=np.array([[1.0, np.nan]])), "W_Q[0][1]: expected a finite number, found NaN"),
    (a_document(W_Q=numbers(2, 2, 2, 2)), "W_Q: batch of 2"),
    (a_document(W_Q=np.ones((7, 3), bool)), "W_Q: expected numbers, found true and false"),
    (a_document(attn_mask=np.eye(5, dtype=int)), "attn_mask: holds only the integers 0 and 1"),
    (a_document(W_qq=numbers(7, 3)), "unknown key 'W_qq'"),
    (a_document(mask="casual"), "unknown mask 'casual'"),
    (a_document(heads=2), "W_Q has 3 columns"),
    (a_document(dtype="float8"), "unknown dtype 'float8'"),
    ({"weights": np.zeros((0, 5))}, "weights: expected a matrix (n × m) or a matrix for each head (h × n × m)"),
]


@pytest.mark.parametrize("container", [".npz", ".safetensors"])
@pytest.mark.parametrize(("document", "message"), IN_ARRAYS, ids=[message for _, message in IN_ARRAYS])
def test_containers_of_arrays_are_refused_alike(
    document: Document, message: str, container: str, tmp_path: Path
) -> None:
    with pytest.raises(AttnError) as caught:
        layer_of(document, tmp_path, container=container)
    assert message in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "document"))


def test_a_text_must_cut_to_as_many_tokens_as_there_are_vectors(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="3 tokens cannot label 5 rows"):
        layer_of(a_document(**X), tmp_path, text="only three words")


def test_every_token_without_a_vector_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        layer_of(a_document(), tmp_path, text="A dog and a dog and the Cat")
    assert caught.value.message.endswith("no vector for 'A', 'dog', 'and', 'a'")
    assert "--unknown random" in caught.value.hint


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="'weights' is given twice"):
        trace_of(b'{"weights": [[1]], "weights": [[1]]}', tmp_path)
    from safetensors.numpy import save

    with pytest.raises(DocumentError, match="'scale' is in the metadata too"):
        trace_of(save({"weights": np.eye(2), "scale": np.eye(2)}, {"scale": "none"}), tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"true", "holds true, not an object"),
        (b'"text"', 'holds "text", not an object'),
        (b"[[1, 2], [3]]", "weights[1]: expected 2 numbers"),
        (b"1,2\n3\n", "line 2: expected 2 numbers"),
        (b"0.5,nan\n0,1\n", "weights[0][1]: expected a finite number, found NaN"),
        (b"layer,head,stage,row\n", "is the CSV that attn writes"),
        (b"\x00\x01\x02", "is neither JSON"),
        (b"{", "line 1"),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        trace_of(data, tmp_path)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_matrix_with_a_batch_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((2, 3, 5, 5)))
    with pytest.raises(DocumentError, match="weights: 2×3×5×5 may be 2 layers"):
        trace_of(file.getvalue(), tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    from attn_cli import explain

    with pytest.raises(DocumentError, match="no such file"):
        explain(weights=str(tmp_path / "none.json"))
    with pytest.raises(DocumentError, match="is a folder"):
        explain(weights=str(tmp_path))
