"""The tokenizer in the metadata of a GGUF file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from types import MappingProxyType
from typing import Any

from attn_cli.errors import DocumentError, nearest
from attn_cli.models.gguf.header import AGAIN
from attn_cli.models.gguf.whole import whole
from attn_cli.models.tokenizers.gguf_cutting import CUTTINGS
from attn_cli.models.tokenizers.gguf_pieces import ScoredPieces
from attn_cli.models.tokenizers.library import library_errors, tokenizers_library
from attn_cli.models.tokenizers.tokenizer import Tokenizer

IDS = "give --ids 5,17,3"


class TokenKind(IntEnum):
    """The kinds of tokens in `tokenizer.ggml.token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, eq=False)
class GgufVocabulary:
    """The tokens by id, their kinds, and the other tokenizer settings of the file."""

    path: str
    tokens: Sequence[str]
    kinds: Sequence[int]
    settings: Mapping[str, Any]

    def of(self, kind: TokenKind) -> list[int]:
        """The ids of the tokens of a kind."""
        return [number for number, token_kind in enumerate(self.kinds) if token_kind == kind]

    def ends(self, *, begins: bool) -> tuple[list[int], list[int]]:
        """The ids before and after a text; `begins` is the file's default for a begin token."""
        before_and_after = []
        for name, default in (("bos", begins), ("eos", False)):
            number = self.special(name)
            adds = self.settings.get(f"add_{name}_token", default)
            before_and_after.append([number] if adds and number is not None else [])
        return before_and_after[0], before_and_after[1]

    def special(self, name: str, default: int | None = None) -> int | None:
        """The id of a special token, None if there is none."""
        number = self.settings.get(f"{name}_token_id", default)
        return number if isinstance(number, int) and number < len(self.tokens) else None


def file_tokenizer(path: str) -> Tokenizer:
    """The tokenizer of a GGUF file; DocumentError if it has none, or an unknown one."""
    metadata, begin = whole(path).metadata, "tokenizer.ggml."
    settings = {key.removeprefix(begin): value for key, value in metadata.items() if key.startswith(begin)}
    model, tokens = str(settings.get("model", "none")), settings.get("tokens")
    if model not in MODELS or not isinstance(tokens, list):
        raise DocumentError(
            f"{path}: its tokenizer is {model!r}, which attn does not know",
            hint=f"it knows {', '.join(MODELS)}; or {IDS}",
        )
    with library_errors(partial(_cannot_be_built, path)):
        kinds = settings.get("token_type")
        kinds = [TokenKind.NORMAL] * len(tokens) if kinds is None else [int(kind) for kind in kinds]
        if len(kinds) != len(tokens) or len(set(tokens)) != len(tokens):
            raise DocumentError(f"{path}: its tokens are not {len(tokens)} different ones, each of a kind", hint=AGAIN)
        return MODELS[model](GgufVocabulary(path, tokens, kinds, settings))


def _cannot_be_built(path: str, words: str) -> DocumentError:
    return DocumentError(f"{path}: its tokenizer cannot be built: {words}"[:300], hint=f"{AGAIN}, or {IDS}")


def has_tokenizer(path: str) -> bool:
    """Whether a GGUF file has a tokenizer."""
    return str(whole(path).metadata.get("tokenizer.ggml.model", "none")) != "none"


def _byte_pairs(vocabulary: GgufVocabulary) -> Tokenizer:
    """GPT-2's kind: byte pairs that merge in the order of a list, within the pieces of the pre-tokenizer."""
    name = vocabulary.settings.get("pre", "default")
    if name not in CUTTINGS:
        near = ", ".join(nearest(str(name), CUTTINGS, count=3)) or "gpt-2, llama-bpe, qwen2 and others"
        raise DocumentError(
            f"{vocabulary.path}: its pre-tokenizer is {name!r}, which attn does not know"[:300],
            hint=f"it knows {near}; {IDS}",
        )
    cutting, library = CUTTINGS[name], tokenizers_library()
    numbers = {token: number for number, token in enumerate(vocabulary.tokens)}
    merges = [_pair(merge) for merge in vocabulary.settings.get("merges", ())]
    core = library.Tokenizer(library.models.BPE(numbers, merges, ignore_merges=cutting.whole))
    if cutting.composed:
        core.normalizer = library.normalizers.NFC()
    cuts = library.pre_tokenizers
    patterns = [cuts.Split(library.Regex(pattern), "isolated") for pattern in cutting.patterns]
    core.pre_tokenizer = cuts.Sequence([*patterns, cuts.ByteLevel(add_prefix_space=False, use_regex=False)])
    core.decoder = library.decoders.ByteLevel()
    _add(core, library, vocabulary)
    _surround(core, library, vocabulary, *vocabulary.ends(begins=cutting.begins), separates=cutting.separates)
    return Tokenizer(core, "bytes")


def _pair(merge: str) -> tuple[str, str]:
    """The two sides of a merge; the first may be a blank."""
    blank = merge.index(" ", 1)
    return merge[:blank], merge[blank + 1 :]


def _add(core: Any, library: Any, vocabulary: GgufVocabulary) -> None:
    """Add the tokens that are found in a text before it is split."""
    for kind, special in ((TokenKind.CONTROL, True), (TokenKind.USER_DEFINED, False)):
        tokens = [vocabulary.tokens[number] for number in vocabulary.of(kind) if vocabulary.tokens[number]]
        added = [library.AddedToken(token, normalized=False, special=special) for token in tokens]
        (core.add_special_tokens if special else core.add_tokens)(added)


def _surround(
    core: Any, library: Any, vocabulary: GgufVocabulary, before: list[int], after: list[int], *, separates: bool
) -> None:
    """Add the special tokens around a text and around the second of a pair, which may have a separator in front."""
    separator = vocabulary.special("seperator", vocabulary.settings.get("eos_token_id")) if separates else None
    between = [] if separator is None else [separator]
    special = [
        {"id": name, "ids": ids, "tokens": [vocabulary.tokens[number] for number in ids]}
        for name, ids in (("BEGIN", before), ("END", after), ("BETWEEN", between))
        if ids
    ]
    begin, end = ["BEGIN"] if before else [], ["END"] if after else []
    opening = ["BETWEEN"] if between else begin
    first, second = [*begin, "$A", *end], [f"{part}:1" for part in (*opening, "$B", *end)]
    core.post_processor = library.processors.TemplateProcessing(
        single=first, pair=[*first, *second], special_tokens=special
    )


def _scored_pieces(vocabulary: GgufVocabulary) -> Tokenizer:
    """SentencePiece's kind: the best-scored neighbors merge first; unknown characters become bytes."""
    settings = vocabulary.settings
    if settings.get("remove_extra_whitespaces") or "precompiled_charsmap" in settings:
        raise DocumentError(f"{vocabulary.path}: its tokenizer changes the text, which attn does not do", hint=IDS)
    scores = settings.get("scores")
    if scores is None or len(scores) != len(vocabulary.tokens):
        raise DocumentError(f"{vocabulary.path}: its tokens have no scores", hint=f"{AGAIN}, or {IDS}")
    mergeable = {*vocabulary.of(TokenKind.NORMAL), *vocabulary.of(TokenKind.UNUSED)}
    defaulted = GgufVocabulary(vocabulary.path, vocabulary.tokens, vocabulary.kinds, {**DEFAULT_IDS, **settings})
    before, after = defaulted.ends(begins=True)
    pieces = ScoredPieces(
        tokens=vocabulary.tokens,
        scores={vocabulary.tokens[number]: (float(scores[number]), number) for number in sorted(mergeable)},
        unused=frozenset(vocabulary.of(TokenKind.UNUSED)),
        whole=frozenset((*vocabulary.of(TokenKind.CONTROL), *vocabulary.of(TokenKind.USER_DEFINED))),
        bytes_={vocabulary.tokens[number]: number for number in vocabulary.of(TokenKind.BYTE)},
        unknown=defaulted.special("unknown"),
        before=tuple(before),
        after=tuple(after),
        prefix=bool(settings.get("add_space_prefix", True)),
    )
    return Tokenizer(pieces, "spaces")


DEFAULT_IDS = {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0}
"""The ids of Llama's SentencePiece model, for files without them."""


def _word_pieces(vocabulary: GgufVocabulary) -> Tokenizer:
    """BERT's kind; llama.cpp stores pieces that begin a word with ▁, and pieces inside words without ##."""
    tokens = [
        token
        if kind in (TokenKind.CONTROL, TokenKind.UNKNOWN)
        else token[1:]
        if token.startswith("▁")
        else f"##{token}"
        for token, kind in zip(vocabulary.tokens, vocabulary.kinds, strict=True)
    ]
    begin, end, unknown = (
        vocabulary.special(name, default) for name, default in (("cls", None), ("seperator", 102), ("unknown", 100))
    )
    begin = vocabulary.special("bos", 101) if begin is None else begin
    if begin is None or end is None or unknown is None:
        raise DocumentError(f"{vocabulary.path}: its tokenizer names no [CLS], [SEP] and [UNK]", hint=IDS)
    plain = (token for token, kind in zip(tokens, vocabulary.kinds, strict=True) if kind == TokenKind.NORMAL)
    lower = vocabulary.settings.get(
        "normalizer.lowercase", not any(token != token.lower() for token in plain if token[:1] != "[")
    )
    library = tokenizers_library()
    numbers = {token: number for number, token in enumerate(tokens)}
    core = library.Tokenizer(library.models.WordPiece(numbers, unk_token=tokens[unknown]))
    core.normalizer = library.normalizers.BertNormalizer(lowercase=lower)
    core.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    core.decoder = library.decoders.WordPiece()
    _add(core, library, vocabulary)
    core.post_processor = library.processors.BertProcessing((tokens[end], end), (tokens[begin], begin))
    return Tokenizer(core, "pieces")


MODELS: Mapping[str, Callable[[GgufVocabulary], Tokenizer]] = MappingProxyType(
    {"gpt2": _byte_pairs, "llama": _scored_pieces, "bert": _word_pieces}
)
"""`tokenizer.ggml.model` → its reader."""
