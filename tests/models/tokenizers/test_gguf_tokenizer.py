"""Tokenizers that GGUF files hold against those that they were made from."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from attn_cli.cli.boundary import run
from attn_cli.errors import DocumentError
from attn_cli.models.gguf.whole import whole
from attn_cli.models.tokenizers.gguf_cutting import CUTTINGS
from attn_cli.models.tokenizers.opening import open_tokenizer
from attn_cli.models.tokenizers.spelling import byte_numbers
from tests.models.gguf.test_gguf import folder_of

gguf = pytest.importorskip("gguf")
tokenizers = pytest.importorskip("tokenizers")
from tests.models.converting import add, convert, written  # noqa: E402

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

AWKWARD = [
    "hello world",
    " two  spaces   three ",
    "naïve café, cafe\u0301",
    "👍🏽 ok 👩‍👩‍👧‍👦",
    "中文字 標點。",
    "a\tb\nc\r\n\r\n  d\n\n",
    "DON'T don't it'S they'LL 'twas",
    "שלום עולם",
    "x" * 50,
    "1234567 3.14159, 12 ¾ ②",
    "while(i<=10) { i += 2; } // $HOME/tmp",
    "ABCdefGHI camelCase HTTPServer",
    "\x00\x07 nul",
    "▁ is a blank in some",
    "...!!! ??? ```",
    "the end<|end|> of it",
    " ",
]
CORPUS = [*AWKWARD, "the cat sat on the mat and the dog sat on the cat", "hello hello world worlds 123 1234"] * 3

Splits = Callable[[], Any]


def split(pattern: str) -> Splits:
    cuts = tokenizers.pre_tokenizers
    return lambda: cuts.Sequence(
        [
            cuts.Split(tokenizers.Regex(pattern), "isolated"),
            cuts.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def by_digits() -> Any:
    cuts = tokenizers.pre_tokenizers
    return cuts.Sequence([cuts.Digits(individual_digits=True), cuts.ByteLevel(add_prefix_space=False)])


# As they stand in the tokenizer.json of the models.
OWN: dict[str, Splits] = {
    "gpt-2": lambda: tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
    "starcoder": by_digits,
    "smollm": by_digits,
    "llama-bpe": split(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    ),
    "qwen2": split(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    ),
    "tekken": split(
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    ),
    "gpt-4o": split(
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    ),
    "deepseek-v3": lambda: tokenizers.pre_tokenizers.Sequence(
        [
            *(
                tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
                for pattern in (
                    "\\p{N}{1,3}",
                    "[一-龥぀-ゟ゠-ヿ]+",
                    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                    " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
                )
            ),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "seed-coder": split(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|"
        "\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
    ),
    "bloom": split(" ?[^(\\s|[.,!?…。，、।۔،])]+"),
    "glm4": split(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    ),
    "phi-2": lambda: tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
}
WHOLE = ("llama-bpe", "tekken")


@cache
def trained(pre: str) -> Any:
    """A small byte-level tokenizer that cuts as a model does, in which a token that cannot be merged stands too."""
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = OWN[pre]()
    core.normalizer = tokenizers.normalizers.NFC() if pre == "qwen2" else None
    special = ["<|begin|>", "<|end|>"]
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        CORPUS, tokenizers.trainers.BpeTrainer(vocab_size=420, special_tokens=special, initial_alphabet=alphabet)
    )
    described = json.loads(core.to_str())
    described["model"]["vocab"]["Ġworlds"] = max(described["model"]["vocab"].values()) + 3
    described["model"]["ignore_merges"] = pre in WHOLE
    return tokenizers.Tokenizer.from_str(json.dumps(described))


def byte_pairs(core: Any, pre: str, **more: Any) -> dict[str, Any]:
    """What a file says of a byte-level tokenizer."""
    model = json.loads(core.to_str())["model"]
    named = {number: token for token, number in model["vocab"].items()}
    tokens = [named.get(number, f"[PAD{number}]") for number in range(max(named) + 1)]
    kinds = [UNUSED if token.startswith("[PAD") else CONTROL if token.startswith("<|") else NORMAL for token in tokens]
    said = {"model": "gpt2", "pre": pre, "tokens": tokens, "token_type": kinds, "bos_token_id": 0, "eos_token_id": 1}
    return said | {"merges": [" ".join(merge) for merge in model["merges"]]} | more


def file_of(said: dict[str, Any], path: Path) -> str:
    writer = gguf.GGUFWriter(str(path), "llama")
    for key, value in said.items():
        add(writer, f"tokenizer.ggml.{key}", value)
    return str(written(writer, path))


CASES = Path(__file__).parents[1] / "cases" / "gguf-pre"
EXPECTED = json.loads((CASES / "expected-llama.cpp.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", EXPECTED)
def test_texts_are_cut_as_llama_cpp_cuts_them(file: str, tmp_path: Path) -> None:
    stored = CASES / file
    if not stored.exists():  # they differ in what they say of the cutting alone
        own, other = "phi-2", file.removesuffix(".gguf")
        said = {
            key.removeprefix("tokenizer.ggml."): value
            for key, value in whole(str(CASES / f"{own}.gguf")).metadata.items()
        }
        said = {key: said[key] for key in ("model", "tokens", "token_type", "merges")}
        stored = Path(file_of({**said, "token_type": said["token_type"].tolist(), "pre": other}, tmp_path / file))
    tokenizer = open_tokenizer(str(stored))
    assert {text: list(tokenizer.encode(text).ids) for text in EXPECTED[file]} == EXPECTED[file]


NUMBERS, CODE, ACCENTS = "Numbers like 1,234,567 and 89000.", "CamelCaseIDENTifier_v2", "café — naïve"
IN_THREES = ["Numbers", " like", " ", "1", ",", "234", ",", "567", " and", " ", "89", "000", "."]
CASED = ["Camel", "Case", "IDENTifier", "_v", "2"]
ASIAN = "東京は123456人 สวัสดี"
CUTS: dict[str, dict[str, list[str]]] = {
    "superbpe": {
        NUMBERS: ["Numbers like ", "1", ",", "234", ",", "567", " and ", "89", "000", "."],
        ACCENTS: [ACCENTS],
    },
    "tiny_aya": {NUMBERS: IN_THREES, CODE: CASED, ACCENTS: ["café", " —", " naïve"]},
    "cohere2moe": {NUMBERS: IN_THREES},
    "afmoe": {
        NUMBERS: IN_THREES,
        CODE: ["CamelCaseIDENTifier", "_v", "2"],
        ASIAN: ["東京は", "123", "456", "人", " สวัสดี"],
    },
    "chameleon": {
        NUMBERS: ["Numbers", " like", " ", *"1,234,567", " and", " ", *"89000."],
        "a    b": ["a", "    ", "b"],
    },
    "laguna": {"a b\n\n c": ["a", " b", "\n\n", " c"], "a \nb": ["a", " ", "\n", "b"]},
    "roberta-bpe": {NUMBERS: ["Numbers", " like", " 1", ",", "234", ",", "567", " and", " 89000", "."]},
    "jina-v2-code": {CODE: ["CamelCaseIDENTifier", "_", "v", "2"]},
    "youtu": {"한국어 ok": ["한국어", " ok"], CODE: CASED},
}
"""The pieces that llama.cpp cuts these texts into, by its own patterns."""


@pytest.mark.parametrize("pre", CUTS)
def test_texts_are_cut_into_the_pieces_of_llama_cpp(pre: str) -> None:
    cuts = tokenizers.pre_tokenizers
    patterns = [cuts.Split(tokenizers.Regex(pattern), "isolated") for pattern in CUTTINGS[pre].patterns]
    for text, pieces in CUTS[pre].items():
        assert [piece for piece, _ in cuts.Sequence(patterns).pre_tokenize_str(text)] == pieces


def test_the_second_text_of_roberta_follows_a_separator_and_the_first_one_a_begin(tmp_path: Path) -> None:
    said = byte_pairs(trained("gpt-2"), "roberta-bpe", add_bos_token=True, add_eos_token=True)
    tokenizer = open_tokenizer(file_of(said, tmp_path / "model.gguf"))
    ids = tokenizer.encode("the", "cat").ids
    one = tokenizer.encode("the").ids
    assert (one[0], one[-1]) == (0, 1)
    assert list(ids[: len(one)]) == list(one)
    assert ids[len(one)] == 1
    assert ids[-1] == 1
    assert 0 not in ids[1:]


@pytest.mark.parametrize("pre", CUTTINGS)
def test_no_text_is_lost_however_it_is_cut(pre: str, tmp_path: Path) -> None:
    tokenizer = open_tokenizer(file_of(byte_pairs(trained("gpt-2"), pre), tmp_path / "model.gguf"))
    for text in AWKWARD:
        encoded = tokenizer.encode(text)
        raw = [token for token, special in zip(encoded.raw, encoded.special, strict=True) if not special]
        data = b"".join(bytes(byte_numbers()[character] for character in token) for token in raw if "<|" not in token)
        expected = text.replace("<|end|>", "") if "<|end|>" in text else text
        assert data.decode() == (unicodedata.normalize("NFC", expected) if CUTTINGS[pre].composed else expected)


@pytest.mark.parametrize("pre", OWN)
def test_byte_pairs_are_those_of_the_tokenizer_that_they_were_made_from(pre: str, tmp_path: Path) -> None:
    core = trained(pre)
    tokenizer = open_tokenizer(file_of(byte_pairs(core, pre), tmp_path / "model.gguf"))
    for text in [*AWKWARD, "hello worlds"]:
        assert list(tokenizer.encode(text, special=False).ids) == core.encode(text).ids, text
    assert tokenizer.encode("hello world").special[0] == (pre in WHOLE)


def test_tokens_around_a_text_are_those_that_the_file_asks_for(tmp_path: Path) -> None:
    core = trained("gpt-2")
    for number, (begins, ends) in enumerate([(True, True), (True, False), (False, True), (False, False)]):
        said = byte_pairs(core, "gpt-2", add_bos_token=begins, add_eos_token=ends)
        tokenizer = open_tokenizer(file_of(said, tmp_path / f"{number}.gguf"))
        own = core.encode("the cat").ids
        found = tokenizer.encode("the cat")
        assert list(found.ids) == [0] * begins + own + [1] * ends
        assert found.special == (*[True] * begins, *[False] * len(own), *[True] * ends)
        pair = tokenizer.encode("the cat", "the cat")
        assert pair.segments == (*[0] * len(found.ids), *[1] * len(found.ids))


def scored(pieces: Sequence[str], unused: Sequence[str] = ()) -> dict[str, Any]:
    """What a file says of SentencePiece's pieces, the first merged first."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *(UNUSED if piece in unused else NORMAL for piece in pieces)]
    scores = [0.0] * 259 + [-float(place) for place in range(len(pieces))]
    return {"model": "llama", "tokens": tokens, "token_type": kinds, "scores": scores}


def same_pieces(pieces: Sequence[str]) -> Any:
    """The tokenizers library's byte pairs for these pieces: every way to join two, by the score of the whole."""
    said = scored(pieces)
    numbers = {token: number for number, token in enumerate(said["tokens"])}
    merges = [
        (piece[:place], piece[place:])
        for piece in pieces
        for place in range(1, len(piece))
        if piece[:place] in pieces and piece[place:] in pieces
    ]
    model = tokenizers.models.BPE(numbers, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    core = tokenizers.Tokenizer(model)
    changes = tokenizers.normalizers
    core.normalizer = changes.Sequence([changes.Prepend("▁"), changes.Replace(" ", "▁")])
    core.add_special_tokens(["<unk>", "<s>", "</s>"])
    return core


def pieces() -> list[str]:
    """Pieces as SentencePiece trains them: merges by count, then letters."""
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    core.train_from_iterator(CORPUS, tokenizers.trainers.BpeTrainer(vocab_size=500, limit_alphabet=60))
    found = json.loads(core.to_str())["model"]
    return [*("".join(merge) for merge in found["merges"]), *(token for token in found["vocab"] if len(token) == 1)]


def test_scored_pieces_are_those_of_byte_pairs_with_the_same_order(tmp_path: Path) -> None:
    own = pieces()
    core, tokenizer = same_pieces(own), open_tokenizer(file_of(scored(own), tmp_path / "model.gguf"))
    for text in [*AWKWARD, "</s> and <s>", "hello worlds"]:
        assert list(tokenizer.encode(text, special=False).ids) == core.encode(text).ids, text
    found = tokenizer.encode("the cat", "the mat")
    assert found.raw[0] == "<s>"
    assert found.special == tuple(token == "<s>" for token in found.raw)
    assert "".join(found.tokens[1:]).replace("<s>", "") == " the cat the mat"
    assert sum(found.segments) == len(tokenizer.encode("the mat").ids)


def test_scored_pieces_are_those_of_sentencepiece(tmp_path: Path) -> None:
    library = pytest.importorskip("sentencepiece")
    (tmp_path / "text.txt").write_text("\n".join(text.replace("\n", " ").replace("\x00", " ") for text in CORPUS))
    library.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=480,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    model = library.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    numbers = range(model.GetPieceSize())
    kinds = {
        number: CONTROL if model.IsControl(number) else BYTE if model.IsByte(number) else NORMAL for number in numbers
    } | {model.unk_id(): UNKNOWN}
    said = {
        "model": "llama",
        "tokens": [model.IdToPiece(number) for number in numbers],
        "scores": [model.GetScore(number) for number in numbers],
        "token_type": [kinds[number] for number in numbers],
    }
    tokenizer = open_tokenizer(file_of(said, tmp_path / "model.gguf"))
    for text in AWKWARD:
        if "\x00" not in text:
            assert list(tokenizer.encode(text, special=False).ids) == model.EncodeAsIds(text), text


def test_pieces_that_are_unused_are_taken_apart_again(tmp_path: Path) -> None:
    own = ["ab", "abc", "a", "b", "c", "▁"]
    tokenizer = open_tokenizer(file_of(scored(own, unused=["abc"]), tmp_path / "model.gguf"))
    assert tokenizer.encode("abc", special=False).raw == ("▁", "ab", "c")


def test_without_bytes_what_is_unknown_is_one_token(tmp_path: Path) -> None:
    said = scored(["a", "▁"])
    said = {key: value[:3] + value[259:] if isinstance(value, list) else value for key, value in said.items()}
    tokenizer = open_tokenizer(file_of(said | {"add_space_prefix": False}, tmp_path / "model.gguf"))
    assert tokenizer.encode("a中文a", special=False).raw == ("a", "<unk>", "a")


def test_word_pieces_are_those_of_bert(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "cards", "!", "##s", "cafe", "中"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    plain = open_tokenizer(str(tmp_path))
    tokens = [word if word[0] == "[" else word[2:] if word.startswith("##") else f"▁{word}" for word in words]
    said = {
        "model": "bert",
        "tokens": tokens,
        "token_type": [CONTROL if word[0] == "[" else NORMAL for word in words],
        "unknown_token_id": 1,
        "cls_token_id": 2,
        "seperator_token_id": 3,
    }
    tokenizer = open_tokenizer(file_of(said, tmp_path / "model.gguf"))
    for text in [*AWKWARD, "Playing cards!", "plays Café 中国", "[MASK] cards"]:
        assert tokenizer.encode(text) == plain.encode(text), text
        assert tokenizer.encode(text, "cards") == plain.encode(text, "cards")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"model": "rwkv"}, "'rwkv', which attn does not know"),
    "no tokens": ({"tokens": None}, "which attn does not know"),
    "another cut": ({"pre": "k2-horizon"}, "pre-tokenizer is 'k2-horizon'"),
    "a token twice": ({"tokens": ["a"] * 2, "token_type": [1, 1]}, "not 2 different ones"),
    "too few kinds": ({"token_type": [1]}, "each of a kind"),
    "merges of nothing": ({"merges": ["q@ z@"]}, "cannot be built"),
    "no scores": ({"model": "llama"}, "no scores"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tokenizer_that_is_not_known_is_refused_by_name(case: str, tmp_path: Path) -> None:
    more, message = REFUSED[case]
    said = {key: value for key, value in (byte_pairs(trained("gpt-2"), "gpt-2") | more).items() if value is not None}
    with pytest.raises(DocumentError) as caught:
        open_tokenizer(file_of(said, tmp_path / "model.gguf"))
    assert message in caught.value.message
    assert case in ("a token twice", "too few kinds") or "--ids" in caught.value.hint


def test_a_text_is_looked_at_with_nothing_but_the_file(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    said = scored([*"abcdefghijklmnopqrstuvwxyz▁", "th", "▁th", "▁the"])
    said = {key: [*value[:3], *value[259:]] if isinstance(value, list) else value for key, value in said.items()}
    file = convert(
        folder_of("llama", tmp_path),
        tmp_path / "model.gguf",
        more={f"tokenizer.ggml.{key}": value for key, value in said.items()},
    )
    assert run(["heatmap", "-m", str(file), "the cat", "--json"]) == 0
    trace = json.loads(capsysbinary.readouterr().out)
    assert trace["tokens"] == ["<s>", " the", " ", "c", "a", "t"]
    assert trace["source"]["model_type"] == "llama"
    ids = ",".join(map(str, trace["token_ids"]))
    assert run(["heatmap", "-m", str(tmp_path / "llama"), "--ids", ids, "--json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["layers"][1]["weights"] == trace["layers"][1]["weights"]
