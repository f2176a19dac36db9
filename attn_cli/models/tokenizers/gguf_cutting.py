"""How text is cut before byte pairs merge, by `tokenizer.ggml.pre`; the patterns are those of the models themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Cutting:
    """Patterns, each of which cuts what the one before it left.

    A piece that is a token stays `whole` without merging; `begins` is whether a text gets a token in front where the
    file does not say; `composed` text is normalised to NFC first.
    """

    patterns: tuple[str, ...]
    whole: bool = False
    begins: bool = False
    composed: bool = False


_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PATH_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*")

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
QWEN2 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
TEKKEN = rf"{'|'.join(_CASED)}|\p{{N}}|{_PATH_REST}"
GPT4O = rf"{'|'.join(f'{case}{_ENDINGS}?' for case in _CASED)}|\p{{N}}{{1,3}}|{_PATH_REST}"
DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")

CUTTINGS: Mapping[str, Cutting] = MappingProxyType(
    {
        "default": Cutting(DEFAULT),
        "gpt-2": Cutting((GPT2,)),
        "llama-bpe": Cutting((LLAMA3,), whole=True, begins=True),
        "llama3": Cutting((LLAMA3,), whole=True, begins=True),
        "llama-v3": Cutting((LLAMA3,), whole=True, begins=True),
        "dbrx": Cutting((LLAMA3,)),
        "qwen2": Cutting((QWEN2,), composed=True),
        "deepseek-r1-qwen": Cutting((QWEN2,)),
        "starcoder": Cutting((r"\p{N}", GPT2)),
        "smollm": Cutting((r"\p{N}", GPT2)),
        "command-r": Cutting((r"\p{N}", GPT2)),
        "refact": Cutting((r"\p{N}", GPT2)),
        "olmo": Cutting((GPT2,)),
        "tekken": Cutting((TEKKEN,), whole=True, begins=True),
        "gpt-4o": Cutting((GPT4O,)),
    }
)
"""`default` is what llama.cpp falls back to for files that do not say; it is no model's own."""
