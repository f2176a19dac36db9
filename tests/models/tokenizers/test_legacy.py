"""Tokenizer files older than tokenizer.json: numbered and surrounded as transformers has each family do it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.tokenizers.legacy import target_tokenizer
from attn_cli.models.tokenizers.opening import open_tokenizer
from attn_cli.models.tokenizers.schemes import OF_50, OF_100, SCHEMES
from attn_cli.models.tokenizers.spelling import byte_numbers
from attn_cli.models.tokenizers.tokenizer import Tokenizer

pytest.importorskip("tokenizers")
LETTERS = [*sorted(byte_numbers())]
WORDS = ["play", "##ing", "cards", "café", "cafe", "好", "!"]


def byte_pairs(folder: Path, specials: list[str], model_type: str, **settings: Any) -> Tokenizer:
    """A vocabulary of special tokens, bytes and one merge."""
    vocabulary = {token: number for number, token in enumerate([*specials, *LETTERS, "he"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\nh e\n")
    return configured(folder, model_type, **settings)


def configured(folder: Path, model_type: str, **settings: Any) -> Tokenizer:
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return open_tokenizer(str(folder))


OPT = {
    "add_bos_token": True,
    "bos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": False, "normalized": True},
    "special_tokens_map_file": None,
    "tokenizer_class": "GPT2Tokenizer",
}


@pytest.mark.parametrize(
    ("model_type", "specials", "settings", "one", "two"),
    [
        ("gpt2", ["<|endoftext|>"], {}, "he", "he he"),
        ("opt", ["<s>", "<pad>", "</s>", "<unk>"], OPT, "</s> he", "</s> he </s> he"),
        ("opt", ["<s>", "<pad>", "</s>", "<unk>"], {}, "</s> he", "</s> he </s> he"),
        ("roberta", ["<s>", "<pad>", "</s>", "<unk>"], {}, "<s> he </s>", "<s> he </s> </s> he </s>"),
        ("deberta", ["[CLS]", "[PAD]", "[SEP]"], {"vocab_type": "gpt2"}, "[CLS] he [SEP]", "[CLS] he [SEP] he [SEP]"),
    ],
)
def test_byte_pairs_stand_between_their_familys_tokens(
    model_type: str, specials: list[str], settings: dict[str, Any], one: str, two: str, tmp_path: Path
) -> None:
    tokenizer = byte_pairs(tmp_path, specials, model_type, **settings)
    assert tokenizer.encode("he").raw == tuple(one.split())
    assert tokenizer.encode("he", special=False).raw == ("he",)
    assert tokenizer.encode("he", "he").raw == tuple(two.split())


def test_a_special_token_in_a_text_is_one_token(tmp_path: Path) -> None:
    found = byte_pairs(tmp_path, ["<|endoftext|>"], "gpt2").encode("he<|endoftext|>he")
    assert found.raw == ("he", "<|endoftext|>", "he")


def test_tokens_that_files_add_have_the_ids_that_they_say(tmp_path: Path) -> None:
    vocabulary = len(LETTERS) + 2
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<new>": vocabulary}))
    decoder = {str(vocabulary + 1): {"content": "<newer>", "special": True}}
    tokenizer = byte_pairs(tmp_path, ["<|endoftext|>"], "gpt2", added_tokens_decoder=decoder)
    assert tokenizer.encode("he<newer><new>").ids == (vocabulary - 1, vocabulary + 1, vocabulary)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<new>": vocabulary + 7}))
    with pytest.raises(DocumentError, match="has id"):
        open_tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "text", "raw"),
    [
        ({}, "Café 好cards", "cafe 好 cards"),
        ({"strip_accents": False}, "Café", "café"),
        ({"tokenize_chinese_chars": False}, "好cards", "[UNK]"),
        ({"do_lower_case": False}, "café", "café"),
        ({"mask_token": {"content": "[MASK]"}}, "play[MASK]", "play [MASK]"),
    ],
)
def test_word_pieces_are_cut_as_settings_say(settings: dict[str, Any], text: str, raw: str, tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    assert configured(tmp_path, "bert", **settings).encode(text, special=False).raw == tuple(raw.split())


def test_mpnet_has_robertas_tokens_around_berts_pieces(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(["<s>", "<pad>", "</s>", "[UNK]", "<mask>", *WORDS]))
    tokenizer = configured(tmp_path, "mpnet", tokenizer_class="MPNetTokenizer")
    assert tokenizer.encode("playing", "cards").raw == ("<s>", "play", "##ing", "</s>", "</s>", "cards", "</s>")
    (tmp_path / "vocab.txt").write_text("play\ncards\n")
    with pytest.raises(DocumentError, match=r"vocab\.txt"):
        open_tokenizer(str(tmp_path))


TEXT = "the cat sat"
FILES = {"t5": "spiece.model", "mt5": "spiece.model", "pegasus": "spiece.model", "deberta-v2": "spm.model"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose first pieces are <unk>, <s> and </s>; and one with <pad>, </s> and <unk>."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text.txt").write_text("the cat sat on the mat\nthe dog ran to the door\n" * 20)
    for name, first in (("fairseq", {}), ("t5", {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1})):
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "text.txt"), model_prefix=str(folder / name), vocab_size=19, minloglevel=2, **first
        )
    return folder


def opened(trained: Path, folder: Path, model_type: str, **settings: Any) -> tuple[Tokenizer, list[int]]:
    """The tokenizer, and the ids that the SentencePiece model itself gives the text."""
    import sentencepiece

    source = trained / ("t5.model" if model_type in ("t5", "mt5", "pegasus") else "fairseq.model")
    shutil.copy(source, folder / FILES.get(model_type, "sentencepiece.bpe.model"))
    model = sentencepiece.SentencePieceProcessor(model_file=str(source))
    return configured(folder, model_type, **settings), model.EncodeAsIds(TEXT)


@pytest.mark.parametrize(
    ("model_type", "settings", "shift", "before", "after"),
    [
        ("t5", {}, 0, [], [1]),
        ("mt5", {"extra_ids": 0}, 0, [], [1]),
        ("pegasus", {}, 103, [], [1]),
        ("xlm-roberta", {}, 1, [0], [2]),
        ("camembert", {}, 4, [5], [6]),
        ("mbart", {"src_lang": "de_DE"}, 1, [], [2, 20 + 2]),
        ("mbart", {"src_lang": "de_DE", "tokenizer_class": "MBart50Tokenizer"}, 1, [20 + 2], [2]),
    ],
)
def test_pieces_have_their_familys_ids(
    model_type: str, settings: dict[str, Any], shift: int, before: list[int], after: list[int],
    trained: Path, tmp_path: Path,
) -> None:  # fmt: skip
    tokenizer, own = opened(trained, tmp_path, model_type, **settings)
    found = tokenizer.encode(TEXT)
    assert list(found.ids) == [*before, *(number + shift for number in own), *after]
    assert "".join(tokenizer.encode(TEXT, special=False).tokens).strip() == TEXT
    assert tokenizer.named(found.ids).raw == found.raw


def test_two_texts_are_told_apart_as_the_family_does(trained: Path, tmp_path: Path) -> None:
    roberta, _ = opened(trained, tmp_path, "xlm-roberta")
    raw = roberta.encode("cat", "dog").raw
    assert raw[raw.index("</s>") : raw.index("</s>") + 2] == ("</s>", "</s>")
    assert set(roberta.encode("cat", "dog").segments) == {0}


def test_deberta_marks_segments_and_knows_its_mask(trained: Path, tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        input=str(trained / "text.txt"), model_prefix=str(tmp_path / "spm"), vocab_size=19, minloglevel=2,
        pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]",
        unk_piece="[UNK]",
    )  # fmt: skip
    tokenizer = configured(tmp_path, "deberta-v2", do_lower_case=False, vocab_type="spm")
    found = tokenizer.encode("the cat", "the dog")
    assert (found.ids[0], found.ids[-1]) == (1, 2)
    assert found.raw.count("[SEP]") == 2
    assert found.segments == tuple(int(place > found.raw.index("[SEP]")) for place in range(len(found.ids)))
    assert 19 in tokenizer.encode("the [MASK]").ids


def test_a_vocabulary_may_number_the_pieces(trained: Path, tmp_path: Path) -> None:
    pieces, own = opened(trained, tmp_path, "xlm-roberta")
    names = [pieces.library.model.IdToPiece(number) for number in range(19)]
    vocabulary = {name: number for number, name in enumerate([*reversed(names), ">>fra<<"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    shutil.copy(trained / "fairseq.model", tmp_path / "source.spm")
    found = configured(tmp_path, "marian").encode(f">>fra<< {TEXT}")
    assert found.ids == (19, *(18 - number for number in own), vocabulary["</s>"])
    assert found.raw[0] == ">>fra<<"
    own_tokenizer = open_tokenizer(str(tmp_path))
    assert target_tokenizer(str(tmp_path), own_tokenizer) is own_tokenizer
    (tmp_path / "target_vocab.json").write_text(json.dumps(dict(zip(names, range(19), strict=True))))
    shutil.copy(trained / "fairseq.model", tmp_path / "target.spm")
    assert list(target_tokenizer(str(tmp_path), own_tokenizer).encode(TEXT, special=False).ids) == own
    many = configured(tmp_path, "m2m_100", src_lang="fr").encode(TEXT)
    assert many.ids[0] == len(vocabulary) + OF_100.split().index("fr")
    assert many.raw[0] == "__fr__"


def test_schemes_have_as_many_languages_as_their_models() -> None:
    assert (len(OF_50.split()), len(OF_100.split())) == (52, 100)
    assert len(SCHEMES["pegasus"].first) == 105


def test_pieces_of_a_family_without_a_scheme_are_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copy(trained / "t5.model", tmp_path / "spiece.model")
    with pytest.raises(DocumentError, match=r"read without tokenizer\.json"):
        configured(tmp_path, "albert")
    with pytest.raises(DocumentError, match="no token 'xx_YY'"):
        opened(trained, tmp_path, "mbart", src_lang="xx_YY")
