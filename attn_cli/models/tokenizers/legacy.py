"""Tokenizers without tokenizer.json: word pieces, byte pairs, and SentencePiece models."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from attn_cli.errors import DocumentError
from attn_cli.models.tokenizers.library import tokenizers_library
from attn_cli.models.tokenizers.schemes import BEGINS, OTHERWISE, SCHEMES
from attn_cli.models.tokenizers.tokenizer import Tokenizer

PIECES = ("spiece.model", "spm.model", "sentencepiece.bpe.model", "source.spm")
"""The file names of SentencePiece models."""
TARGET = "target.spm"
"""The SentencePiece model of the target language of a translation."""


def _from_vocab(folder: str) -> Tokenizer:
    """BERT's vocab.txt: a list of word pieces."""
    library, settings = tokenizers_library(), _settings(folder)
    path = os.path.join(folder, "vocab.txt")
    with open(path, encoding="utf-8", errors="replace") as file:
        of_bert = "[CLS]" in {line.rstrip() for line in file}
    begin, end, pad, mask = ("[CLS]", "[SEP]", "[PAD]", "[MASK]") if of_bert else ("<s>", "</s>", "<pad>", "<mask>")
    begin, end = _name(settings, "cls_token", begin), _name(settings, "sep_token", end)
    try:
        cutter = library.BertWordPieceTokenizer(
            path,
            lowercase=bool(settings.get("do_lower_case", True)),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
            cls_token=begin,
            sep_token=end,
            unk_token=_name(settings, "unk_token", "[UNK]"),
            pad_token=_name(settings, "pad_token", pad),
            mask_token=_name(settings, "mask_token", mask),
        )
    except (TypeError, ValueError) as error:
        raise DocumentError(
            f"{path}: is not a vocabulary of BERT: {error}", hint="copy or download it again"
        ) from error
    core = cutter._tokenizer
    if not of_bert:  # MPNet
        _surround(library, core, begin, end, twice=True)
    return Tokenizer(_with_added(library, core, folder), "pieces")


def _from_merges(folder: str) -> Tokenizer:
    """GPT-2's vocab.json and merges.txt: byte pairs, and the order in which they merge."""
    library = tokenizers_library()
    paths = [os.path.join(folder, file) for file in ("vocab.json", "merges.txt")]
    if not os.path.exists(paths[1]):
        return _from_numbered_pieces(folder)
    settings = _settings(folder)
    cutter = library.ByteLevelBPETokenizer(*paths, add_prefix_space=bool(settings.get("add_prefix_space", False)))
    core = cutter._tokenizer
    kind = str(settings.get("tokenizer_class", _model_type(folder)))
    named = [_name(settings, f"{word}_token", "") for word in ("bos", "eos", "unk", "pad", "cls", "sep", "mask")]
    usual = ["<|endoftext|>", "<s>", "</s>", "<pad>", "<mask>", "<unk>", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"]
    core.add_special_tokens([token for token in dict.fromkeys([*named, *usual]) if core.token_to_id(token) is not None])
    if kind.startswith("GPT2") or kind in BEGINS:
        if settings.get("add_bos_token", kind in BEGINS):
            _surround(library, core, _name(settings, "bos_token", BEGINS.get(kind, "<|endoftext|>")))
    elif core.token_to_id("<s>") is not None and core.token_to_id("</s>") is not None:  # RoBERTa, BART
        _surround(library, core, "<s>", "</s>", twice=True)
    elif core.token_to_id("[CLS]") is not None and core.token_to_id("[SEP]") is not None:  # DeBERTa
        _surround(library, core, "[CLS]", "[SEP]")
    return Tokenizer(_with_added(library, core, folder), "bytes")


def _surround(library: Any, core: Any, begin: str, end: str | None = None, *, twice: bool = False) -> None:
    """Add a begin token before the first text and an end token after each; `twice` adds two ends between texts.

    With `twice` both texts are one segment. Without an end token, each text has a begin token.
    """
    numbers = [(token, core.token_to_id(token)) for token in (begin, end) if token is not None]
    if missing := [token for token, number in numbers if number is None]:
        raise DocumentError(f"the vocabulary has no {missing[0]}", hint="copy its tokenizer files again")
    single, pair = f"{begin} $A {end}", f"{begin}:0 $A:0 {end}:0 $B:1 {end}:1"
    if end is None:
        single, pair = f"{begin} $A", f"{begin} $A {begin} $B"
    elif twice:
        pair = f"{single} {end} $B {end}"
    core.post_processor = library.processors.TemplateProcessing(single, pair, numbers)


def _with_added(library: Any, core: Any, folder: str) -> Any:
    """The tokenizer with the folder's added tokens under their ids."""
    added: dict[int, str] = {}
    for token, number in _object(folder, "added_tokens.json").items():
        if not isinstance(number, int):
            raise _wrong(folder, "added_tokens.json", token, "a whole number", number)
        added[number] = token
    decoder = _settings(folder).get("added_tokens_decoder", {})
    if not isinstance(decoder, dict):
        raise _wrong(folder, "tokenizer_config.json", "added_tokens_decoder", "an object", decoder)
    for key, entry in decoder.items():
        if key.isdecimal() and key.isascii() and isinstance(entry, dict):
            added[int(key)] = str(entry.get("content"))
    for number, token in sorted(added.items()):
        core.add_special_tokens([library.AddedToken(token, normalized=False)])
        if core.token_to_id(token) != number:
            raise DocumentError(
                f"{folder}: the added token {token!r} has id {core.token_to_id(token)}, not {number}",
                hint="check that all files are of one tokenizer",
            )
    return core


def _wrong(folder: str, file: str, key: str, expected: str, value: Any) -> DocumentError:
    return DocumentError(
        f"{os.path.join(folder, file)}: {key}: expected {expected}, found {value!r}"[:300],
        hint="copy or download it again",
    )


def _name(settings: Mapping[str, Any], key: str, otherwise: str) -> str:
    """A token in the settings, a word or an object with its content; `otherwise` if it is missing."""
    token = settings.get(key) or otherwise
    return str(token.get("content", otherwise) if isinstance(token, dict) else token)


def _from_pieces(folder: str) -> Tokenizer:
    """A SentencePiece model with its own ids."""
    from attn_cli.models.tokenizers.sentencepieces import plain_pieces

    return Tokenizer(plain_pieces(os.path.join(folder, "tokenizer.model"), _settings(folder)), "spaces")


def target_tokenizer(folder: str, encoder: Tokenizer) -> Tokenizer:
    """The tokenizer of a decoder's text: the encoder's, unless the folder has a SentencePiece model for the target."""
    if os.path.exists(os.path.join(folder, "tokenizer.json")) or not os.path.exists(os.path.join(folder, TARGET)):
        return encoder
    return _from_numbered_pieces(folder, (TARGET,), ("target_vocab.json", "vocab.json"))


def _from_numbered_pieces(
    folder: str, files: tuple[str, ...] = PIECES, vocabularies: tuple[str, ...] = ("vocab.json",)
) -> Tokenizer:
    """A SentencePiece model with a family's ids, or with a vocabulary that numbers its pieces."""
    from attn_cli.models.tokenizers.sentencepieces import numbered_pieces

    settings = _settings(folder)
    kind = OTHERWISE.get(str(settings.get("tokenizer_class")), _model_type(folder))
    paths = [path for file in files if os.path.exists(path := os.path.join(folder, file))]
    if not paths or kind not in SCHEMES:
        missing = (
            "merges.txt or a SentencePiece model" if not paths else "a tokenizer that is read without tokenizer.json"
        )
        raise DocumentError(f"{folder}: has no {missing}", hint="copy its tokenizer files too, or give --ids 5,17,3")
    scheme = SCHEMES[kind]
    language = str(settings.get("src_lang") or scheme.lang)
    before, after = (tuple(token.format(lang=language) for token in tokens) for tokens in (scheme.before, scheme.after))
    last = scheme.last[-int(extra) :] if (extra := settings.get("extra_ids")) else () if extra == 0 else scheme.last
    scheme = replace(scheme, before=before, after=after, last=last)
    vocabulary = next(filter(None, (_object(folder, file) for file in vocabularies)), None)
    return Tokenizer(numbered_pieces(paths[0], scheme, vocabulary), "spaces")


def _model_type(folder: str) -> str:
    return str(_object(folder, "config.json").get("model_type", ""))


def _settings(folder: str) -> dict[str, Any]:
    return _object(folder, "special_tokens_map.json") | _object(folder, "tokenizer_config.json")


def _object(folder: str, file: str) -> dict[str, Any]:
    """The object in a JSON file of the folder; empty if there is none."""
    path = os.path.join(folder, file)
    if not os.path.exists(path):
        return {}
    from attn_cli.trace.files.parsing import parse_json

    with open(path, "rb") as opened:
        value = parse_json(opened.read(), path)
    return value if isinstance(value, dict) else {}


OLDER: Mapping[str, Callable[[str], Tokenizer]] = MappingProxyType(
    {
        "vocab.txt": _from_vocab,
        "vocab.json": _from_merges,
        "tokenizer.model": _from_pieces,
        **dict.fromkeys(PIECES, _from_numbered_pieces),
    }
)
"""The file that identifies a kind of tokenizer → its reader."""
