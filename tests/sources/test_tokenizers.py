"""Tokenizers, on text that people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import AttnError
from attn_cli.sources.tokenizers import TOKENIZERS, tokenize

FAMILY = "👨‍👩‍👧"

WORDS = {
    "Transformers are amazing": ["Transformers", "are", "amazing"],
    "I don't, l’eau!": ["I", "don't", ",", "l’eau", "!"],
    "rock'n'roll 'tis dogs'": ["rock'n'roll", "'", "tis", "dogs", "'"],
    "a''b": ["a", "'", "'", "b"],
    "GPT2 costs 3.14": ["GPT2", "costs", "3", ".", "14"],
    "我爱 ひと カタカナ l'水": ["我", "爱", "ひ", "と", "カタカナ", "l", "'", "水"],
    f"hi{FAMILY}🇩🇪🇫🇷": ["hi", FAMILY, "🇩🇪", "🇫🇷"],
    "cafe\u0301 नमस्ते": ["cafe\u0301", "नमस्ते"],
    "a\r\n\tb": ["a", "b"],
    "…\u200b": ["…", "\u200b"],
}


@pytest.mark.parametrize(("text", "tokens"), WORDS.items())
def test_words_keep_together_what_a_reader_does(text: str, tokens: list[str]) -> None:
    assert tokenize(text, "word") == tuple(tokens)


def test_whitespace_leaves_punctuation_on() -> None:
    assert tokenize(" Hello,  world! ", "whitespace") == ("Hello,", "world!")


def test_characters_are_what_a_reader_sees_spaces_too() -> None:
    assert tokenize(f"e\u0301 {FAMILY}", "char") == ("e\u0301", " ", FAMILY)


def test_bytes_are_spelled_unless_they_are_printable_ascii() -> None:
    assert tokenize("a é\n", "byte") == ("a", " ", "<0xC3>", "<0xA9>", "<0x0A>")
    assert tokenize("\udcff", "byte") == ("<0xED>", "<0xB3>", "<0xBF>")


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("text", ["", " \n\u3000"])
def test_a_blank_text_has_no_tokens_and_says_so(text: str, name: str) -> None:
    with pytest.raises(AttnError, match="the text is") as caught:
        tokenize(text, name)
    assert "attn explain" in caught.value.hint


def test_a_tokenizer_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(AttnError, match="'bpe'") as caught:
        tokenize("a", "bpe")
    assert "word, whitespace, char, byte" in caught.value.hint


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_ascii_is_cut_as_any_other_text(text: str) -> None:
    assert TOKENIZERS["word"](f"{text} é") == [*TOKENIZERS["word"](text), "é"]
