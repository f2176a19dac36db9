"""The space between tokens, found again in the text or made from the tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.sources.spacing import bare, gaps
from attn_cli.sources.tokenizers import TOKENIZERS


def joined(tokens: list[str], text: str | None) -> str:
    return "".join(gap + bare(token) for gap, token in zip(gaps(tokens, text), tokens, strict=True))


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["it", "'", "s", "a", "cat"], "it's a\n  cat"),
        (["it", "'s", " a", "\n", " ", " cat"], "it's a\n  cat"),
        (["a", "\n\n", "b"], "a\n\nb"),
        (["caf", "##e", "au", "lait"], "Café au lait"),
        (["猫", "が", "いる"], "猫がいる"),
    ],
)
def test_a_text_is_put_together_again(tokens: list[str], text: str) -> None:
    shown = joined([token.removeprefix("##") for token in tokens], text)
    assert shown.casefold().replace("e", "é") == text.casefold().replace("e", "é")


def test_special_tokens_stand_apart() -> None:
    assert joined(["[CLS]", "the", "cat", "[SEP]"], "the cat") == "[CLS] the cat [SEP]"


def test_a_token_that_the_text_does_not_hold_loses_nothing_after_it() -> None:
    assert joined(["<F0 9F>", "<98 80>", "the", "cat"], "😀 the\ncat").endswith("the\ncat")


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        (["The", " cat", "s"], "The cats"),
        (["the", "cat", "##s"], "the cat##s"),
        (["the", "cat"], "the cat"),
    ],
)
def test_without_a_text_tokens_tell_their_space(tokens: list[str], shown: str) -> None:
    assert joined(tokens, None) == shown


@pytest.mark.parametrize("name", ["word", "whitespace", "char"])
@given(text=st.text(alphabet="ab cß\n\t.'猫é", min_size=1))
def test_no_tokenizer_of_ours_loses_space_inside_a_text(name: str, text: str) -> None:
    tokens = TOKENIZERS[name](text)
    if name == "char":
        assert "".join(tokens) == text
    else:
        assert joined(tokens, text).strip() == text.strip()
