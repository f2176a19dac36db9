"""Tokenizers of checkpoints: ids, and the text that each token stands for."""

import json
import sys
from pathlib import Path

import pytest

from attn_cli.errors import AttnError, DocumentError
from attn_cli.models.tokenizers.opening import open_tokenizer
from attn_cli.models.tokenizers.spelling import byte_numbers, text_of
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.tokenizers.words import starts, words_of

tokenizers = pytest.importorskip("tokenizers")

AWKWARD = ["hello world", " two  spaces", "naïve café", "👍🏽 ok", "中文字", "a\tb\nc", "don't!", "שלום", "x" * 50]


def byte_level(folder: Path, *, padded: bool = False) -> None:
    """A byte-level tokenizer of 256 bytes and one merge, and a text that it would pad and cut if it were let."""
    letters = {letter: number for number, letter in enumerate(sorted(byte_numbers()))}
    model = tokenizers.models.BPE(letters | {"he": 256, "Ġw": 257}, [("h", "e"), ("Ġ", "w")])
    library = tokenizers.Tokenizer(model)
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = tokenizers.decoders.ByteLevel()
    if padded:
        library.enable_padding(length=40)
        library.enable_truncation(3)
    library.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("text", AWKWARD)
def test_ids_are_those_of_the_library_and_labels_join_to_the_text(text: str, tmp_path: Path) -> None:
    byte_level(tmp_path)
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    found = open_tokenizer(str(tmp_path)).encode(text)
    assert list(found.ids) == library.encode(text).ids
    shown = b"".join(bytes.fromhex(token[1:-1]) if token.startswith("<") else token.encode() for token in found.tokens)
    assert shown.decode() == text


def test_padding_and_truncation_are_switched_off(tmp_path: Path) -> None:
    byte_level(tmp_path, padded=True)
    assert open_tokenizer(str(tmp_path)).encode("hello w").tokens == ("he", "l", "l", "o", " w")


def test_bytes_that_are_no_character_are_shown_as_bytes() -> None:
    assert text_of("Ġcapital", "bytes") == " capital"
    assert text_of("ðŁ", "bytes") == "<F0 9F>"
    assert text_of("cafÃ©", "bytes") == "café"
    assert text_of("<|endoftext|>", "bytes") == "<|endoftext|>"
    assert text_of("▁capital", "spaces") == " capital"
    assert text_of("##ing", "pieces") == "ing"
    assert text_of("##ing", "plain") == "##ing"


def test_older_bert_files_add_their_special_tokens_and_can_leave_them_out(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "cards", "!"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = open_tokenizer(str(tmp_path))
    found = tokenizer.encode("Playing cards!")
    assert found.raw == ("[CLS]", "play", "##ing", "cards", "!", "[SEP]")
    assert found.tokens == ("[CLS]", "play", "ing", "cards", "!", "[SEP]")
    assert found.special == (True, False, False, False, False, True)
    assert tokenizer.encode("Playing", special=False).raw == ("play", "##ing")
    pair = tokenizer.encode("cards", "playing")
    assert pair.segments == (0, 0, 0, 1, 1, 1)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert open_tokenizer(str(tmp_path)).encode("Cards", special=False).raw == ("[UNK]",)


def test_older_gpt2_and_roberta_files_are_read(tmp_path: Path) -> None:
    letters = {letter: number for number, letter in enumerate(sorted(byte_numbers()))}
    (tmp_path / "vocab.json").write_text(json.dumps(letters | {"he": 256}))
    with pytest.raises(DocumentError, match="merges"):
        open_tokenizer(str(tmp_path))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nh e\n")
    assert open_tokenizer(str(tmp_path)).encode("he is").tokens == ("he", " ", "i", "s")
    (tmp_path / "vocab.json").write_text(json.dumps(letters | {"he": 256, "<s>": 257, "</s>": 258}))
    assert open_tokenizer(str(tmp_path)).encode("he").raw == ("<s>", "he", "</s>")


def test_a_sentencepiece_model_is_read_by_its_own_library(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat\nthe dog ran to the door\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(tmp_path / "tokenizer"), vocab_size=19, minloglevel=2
    )
    found = open_tokenizer(str(tmp_path)).encode("the cat")
    assert found.raw[0] == "<s>"
    assert "".join(found.tokens[1:]).strip() == "the cat"
    assert found.special[:2] == (True, False)


def test_a_folder_without_a_tokenizer_or_with_a_broken_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="has no tokenizer") as caught:
        open_tokenizer(str(tmp_path))
    assert "--ids" in caught.value.hint
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(DocumentError, match="is not a tokenizer that can be read"):
        open_tokenizer(str(tmp_path))


def test_pieces_are_joined_into_words_and_special_tokens_stay_alone() -> None:
    text = Encoded(
        ids=(0, 1, 2, 3, 4, 5),
        raw=("[CLS]", "play", "##ing", "cards", "!", "[SEP]"),
        tokens=("[CLS]", "play", "ing", "cards", "!", "[SEP]"),
        special=(True, False, False, False, False, True),
        words=(None, 0, 0, 1, 2, None),
        segments=(0,) * 6,
    )
    assert starts(text) == [0, 1, 3, 4, 5]
    assert words_of(text, starts(text), "pieces") == ("[CLS]", "playing", "cards", "!", "[SEP]")
    assert words_of(text, starts(text), None) == ("[CLS]", "play##ing", "cards", "!", "[SEP]")


def spelled(*pieces: bytes) -> list[str]:
    """Pieces of bytes as a byte-level vocabulary spells them."""
    letters = {byte: letter for letter, byte in byte_numbers().items()}
    return ["".join(letters[byte] for byte in piece) for piece in pieces]


SPREAD = {
    "bytes": (spelled(b" caf", b"\xc3", b"\xa9", b" \xf0\x9f", b"\x91", b"\x8d", b"x"), [0, 3], ("café", "👍x")),
    "half a character": (spelled(b" caf", b"\xc3", b" \xf0\x9f", b"\x91"), [0, 2], ("caf<C3>", "<F0 9F 91>")),
    "spaces": (["▁caf", "<0xC3>", "<0xA9>", "▁a", "<0x0A>", "b"], [0, 3], ("café", "a\nb")),
    "spaces, half": (["▁a", "<0xC3>"], [0], ("a<C3>",)),
    "characters that are no byte": (["Ġa", "<|日本|>", "b"], [0], ("a<|日本|>b",)),
}


@pytest.mark.parametrize("what", SPREAD)
def test_characters_that_are_spread_over_pieces_come_together_in_words(what: str) -> None:
    raw, places, words = SPREAD[what]
    style = "spaces" if what.startswith("spaces") else "bytes"
    tokens = tuple(text_of(token, style) for token in raw)
    count = len(raw)
    text = Encoded((0,) * count, tuple(raw), tokens, (False,) * count, (0,) * count, (0,) * count)
    assert words_of(text, places, style) == words


def test_a_missing_package_is_said_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    byte_level(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(AttnError) as caught:
        open_tokenizer(str(tmp_path))
    assert "pip install -e '.[models]' brings it" in caught.value.hint
