"""Each mask as a picture: a row for each query, 1 where it looks."""

import numpy as np
import pytest

from attn_cli.core.masks import MASKS
from attn_cli.core.spec import parse_mask
from attn_cli.errors import SpecError

SQUARE = {
    "causal": "10000 11000 11100 11110 11111",
    "causal:start": "10000 11000 11100 11110 11111",
    "sliding:1": "10000 01000 00100 00010 00001",
    "sliding:2": "10000 11000 01100 00110 00011",
    "sliding:7": "10000 11000 11100 11110 11111",
    "local:1": "10000 01000 00100 00010 00001",
    "local:3": "11100 11110 11111 01111 00111",
    "prefix:1": "10000 11000 11100 11110 11111",
    "prefix:3": "11100 11100 11100 11110 11111",
    "prefix:7": "11111 11111 11111 11111 11111",
    "chunked:1": "10000 01000 00100 00010 00001",
    "chunked:3": "10000 11000 11100 00010 00011",
    "chunked:7": "10000 11000 11100 11110 11111",
    "packed:5": "10000 11000 11100 11110 11111",
    "packed:2,3": "10000 11000 00100 00110 00111",
    "packed:1,3,1": "10000 01000 01100 01110 00001",
}
FEWER_QUERIES = {
    "causal": "11110 11111",
    "causal:start": "10000 11000",
    "sliding:2": "00110 00011",
    "local:2": "00111 00011",
    "prefix:1": "11110 11111",
    "prefix:5": "11111 11111",
    "chunked:3": "00010 00011",
    "chunked:4": "11110 00001",
    "packed:2,3": "00110 00111",
    "packed:4,1": "11110 00001",
}
MORE_QUERIES = {
    "causal": "000 000 100 110 111",
    "causal:start": "100 110 111 111 111",
    "sliding:2": "000 000 100 110 011",
    "local:2": "000 100 110 111 011",
    "prefix:2": "110 110 110 110 111",
    "chunked:2": "000 000 100 110 001",
    "packed:2,1": "000 000 100 110 001",
}


@pytest.mark.parametrize(
    ("mask", "picture"), [pair for pictures in (SQUARE, FEWER_QUERIES, MORE_QUERIES) for pair in pictures.items()]
)
def test_a_mask_looks_like_its_picture(mask: str, picture: str) -> None:
    rows = picture.split()
    expected = np.array([[sign == "1" for sign in row] for row in rows])
    visible = parse_mask(mask).visible(slice(None), *expected.shape)
    np.testing.assert_array_equal(visible, expected)


@pytest.mark.parametrize(("mask", "picture"), SQUARE.items())
def test_a_band_of_rows_is_that_band_of_the_picture(mask: str, picture: str) -> None:
    expected = np.array([[sign == "1" for sign in row] for row in picture.split()[1:3]])
    np.testing.assert_array_equal(parse_mask(mask).visible(slice(1, 3), 5, 5), expected)


@pytest.mark.parametrize("mask", ["packed:3,3", "packed:4", "packed:2,2,2,2"])
def test_the_lengths_of_packed_texts_are_those_of_all_keys(mask: str) -> None:
    with pytest.raises(SpecError, match="tokens, and there are 5 keys") as caught:
        parse_mask(mask).visible(slice(None), 5, 5)
    assert "packed:3,3 is two texts of 3 tokens" in caught.value.hint


def test_no_mask_hides_nothing() -> None:
    assert parse_mask("none").visible(slice(None), 3, 5) is None


def test_every_mask_has_a_picture() -> None:
    assert {mask.partition(":")[0] for mask in SQUARE} | {"none"} == set(MASKS)
