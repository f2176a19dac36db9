"""The table token → vector of a document, and the lookup of tokens in it."""

from collections.abc import Mapping, Sequence

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.sources.documents.catalogue import Document
from attn_cli.sources.seeded import embeddings
from attn_cli.trace.files.checker import to_array
from attn_cli.trace.trace import Array

Table = Mapping[str, Array]


def read_tokens(document: Document, name: str, key: str = "tokens") -> tuple[str, ...] | None:
    """The tokens of the document, None if it has none; DocumentError for anything but a list of strings."""
    tokens = document.get(key)
    if tokens is None:
        return None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens) or not tokens:
        raise DocumentError(
            f"{name}: {key}: expected a list of strings", hint='such as ["Transformers", "are", "amazing"]'
        )
    return tuple(tokens)


def read_table(document: Document, name: str) -> Table:
    """The table token → vector (feature), all of one width; DocumentError if it is malformed."""
    where = f"{name}: embeddings"
    table = document["embeddings"]
    if isinstance(table, dict):
        if not table:
            raise DocumentError(f"{where}: is empty", hint="give each token a vector")
        vectors = {token: to_array(row, f"{where}.{token}", (1,)) for token, row in table.items()}
        first, width = next((token, len(vector)) for token, vector in vectors.items())
        for token, vector in vectors.items():
            if len(vector) != width:
                raise DocumentError(
                    f"{where}.{token}: expected {width} numbers, as for {first!r}, found {len(vector)}",
                    hint="all vectors need the same width",
                )
        return vectors
    names = read_tokens(document, name, "embedding_tokens")
    if names is None:
        raise DocumentError(
            f"{where}: expected token → vector", hint="give an object, or a matrix and its embedding_tokens"
        )
    matrix = to_array(table, where, (2,))
    if len(matrix) != len(names) or len(set(names)) != len(names):
        raise DocumentError(
            f"{where} has {len(matrix)} rows for {len(names)} embedding_tokens, {len(set(names))} of them different",
            hint="give one row to each token",
        )
    return dict(zip(names, matrix, strict=True))


def filled(table: Table, tokens: Sequence[str], name: str, *, unknown: str | None, seed: int, random: str) -> Table:
    """The table with added vectors for the tokens that it lacks, both exactly and in lower case.

    `unknown`: `random` draws them from `seed`, `zero` adds zeros, and None raises a DocumentError with those tokens.
    """
    missing = list(dict.fromkeys(token for token in tokens if token not in table and token.lower() not in table))
    if not missing:
        return table
    if unknown is None:
        raise DocumentError(
            f"{name}: no vector for {', '.join(map(repr, missing))}",
            hint="add them to embeddings, or choose --unknown random or --unknown zero",
        )
    width = len(next(iter(table.values())))
    drawn = embeddings(seed, missing, width, random) if unknown == "random" else np.zeros((len(missing), width))
    return {**table, **dict(zip(missing, drawn, strict=True))}


def look_up(table: Table, tokens: Sequence[str]) -> Array:
    """The vector of each token (token, feature), found exactly, or else in lower case."""
    return np.stack([table[token if token in table else token.lower()] for token in tokens])
