"""The JSON Schema takes what the reader takes, and refuses what can be refused without names and shapes."""

import jsonschema  # type: ignore[import-untyped]
import pytest

from attn_cli.sources.documents.catalogue import IGNORED, KEYS
from attn_cli.sources.documents.schema import weights_schema
from tests.sources.documents.files import Document, a_document, numbers, plain
from tests.sources.documents.test_refusals import WRONG, Q, X


def fits(document: Document) -> bool:
    """Whether the schema takes a document."""
    return bool(jsonschema.Draft202012Validator(weights_schema()).is_valid(plain(document)))


FINE: list[Document] = [
    a_document(),
    a_document(heads=3, W_Q=numbers(3, 7, 2), softcap=None, X=None, attn_mask=[[True, 0.5, None, "-Infinity", False]]),
    a_document(**X, scale="none", softcap=30, b_Q=[1], position_ids=[0, 1]),
    {"Q": Q, "K_rotated": Q},
    {"weights": Q, "comment": {"any": "thing"}, "$schema": "https://example.org"},
    {"weights": [Q, Q], "sink_weight": [[0.5, 0], [0, 0]], "softcap": "none"},
    {"masked": [[1, None], [1, "-Infinity"]], "V": Q},
    {"Q": Q, "K": Q, "V": Q, "scale": "sqrt", "mask": "causal", "dtype": "float16", "attn_mask": [[[True]]]},
]


@pytest.mark.parametrize("document", FINE)
def test_the_schema_takes_documents(document: Document) -> None:
    assert fits(document)


# What a schema cannot see: whether names are spelled right, and whether shapes fit.
UNSEEN = (
    "unknown mask",
    "unknown scale",
    "1 heads cannot",
    "cannot share",
    "columns",
    "d_k is",
    "rope cannot",
    "position_ids are",
    "position_ids_context",
    "rows",
    "position_embeddings are",
    "sinks are",
    "integers 0 and 1",
    "missing",
    "fit",
    "heads is",
    "keys",
    "d_k, or a scale",
    "no vector",
    "has no tokens",
    "of them different",
    "token → vector",
    "as for",
    "as in",
    "batch of 2",
    "NaN",
    "found Infinity",
    "1 heads, found 2",
    "-Infinity",
)
SEEN = [(document, message) for document, message in WRONG if not any(word in message for word in UNSEEN)]


@pytest.mark.parametrize(("document", "message"), SEEN, ids=[message for _, message in SEEN])
def test_the_schema_refuses_what_the_reader_refuses(document: Document, message: str) -> None:
    assert not fits(document)


def test_the_schema_is_one_and_describes_every_key() -> None:
    schema = weights_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(KEYS)
    assert all(entry["description"] for key, entry in schema["properties"].items() if key not in IGNORED)
