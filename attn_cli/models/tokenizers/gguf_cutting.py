"""Pre-tokenizers: the patterns that split text before byte pairs merge, by `tokenizer.ggml.pre`, as in the models."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Cutting:
    """Patterns that split text one after another, each within the pieces of the one before.

    With `whole`, a piece that is a token is not split or merged. `begins` is the default of whether a text gets a begin
    token. With `composed`, the text is first normalized to NFC. With `separates`, the second of a pair
    has a separator in front, and no begin token.
    """

    patterns: tuple[str, ...]
    whole: bool = False
    begins: bool = False
    composed: bool = False
    separates: bool = False


_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PATH_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*")
_CASED_BUT_HAN = tuple(case.replace(r"\p{M}]", r"\p{M}&&[^\p{Han}]]") for case in _CASED)
_CASED_LETTERS = (
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376-377 37B-37D 37F 386 388-38A 38C 38E-3A1 "
    "3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A "
    "1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 "
    "1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 "
    "212A-212D 212F-2134 2139 213C-213F 2145-2149 214E 2183-2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2-2CF3 A640-A66D "
    "A680-A69B A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F "
    "104B0-104D3 104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943 "
)
"""The code points of letters with upper and lower case, as the first DeepSeek lists them."""
_UNSPACED_LETTERS = (
    "4E00-9FFF 3400-4DBF F900-FAFF 3040-309F 30A0-30FF FF65-FF9F 2F00-2FDF 0E40-0E7F 0E80-0EFF 1780-17FF 1000-109F "
    "AA60-AA7F A9E0-A9FF AC00-D7AF 1100-11FF"
)
"""The code points of scripts that put no blanks between words, as AFMoE lists them."""


def _ranges(runs: str) -> str:
    """Runs of code points as the inside of a character class."""
    return "".join("-".join(chr(int(end, 16)) for end in run.split("-")) for run in runs.split())


LETTERS = _ranges(_CASED_LETTERS)

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
QWEN2 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
QWEN35 = (
    rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}|"
    r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = rf"{'|'.join(_CASED)}|\p{{N}}|{_PATH_REST}"
GPT4O = rf"{'|'.join(f'{case}{_ENDINGS}?' for case in _CASED)}|\p{{N}}{{1,3}}|{_PATH_REST}"
KIMI = rf"\p{{Han}}+|{'|'.join(f'{case}{_ENDINGS}?' for case in _CASED_BUT_HAN)}|\p{{N}}{{1,3}}|{_REST}"
DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")
FALCON = (r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]")
DIGITS = (r"\p{N}", GPT2)
BLOOM = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
DEEPSEEK_LLM = (
    "[\\r\\n]",
    rf"\s?[{LETTERS}]+",
    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
    r"\s+$",
    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
    r"\p{N}+",
)
DEEPSEEK_CODER = ("[\\r\\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", r"\p{N}")
DEEPSEEK3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"""
    r""" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
)
SEED = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
BAILING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
EXAONE_MOE = (
    rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
)
THREES = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
"""Digits in threes from the right: 1|234|567."""
SUPERBPE = (r"\p{N}+", r"(?=(\d{3})+(?!\d))")
AFMOE = (THREES, f"[{_ranges(_UNSPACED_LETTERS)}]+", DEEPSEEK3[-1])
CHAMELEON = (
    "<sentinel:[0-9]+>",
    "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
    "([\\t\\n]|    |  )",
    r"\p{N}",
    r"[\p{P}!-/:-@\[-`{-~]",
    GPT2,
)
YOUTU = (
    "[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+|"
    "[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    rf"{'|'.join(f'{case}{_ENDINGS}?' for case in _CASED)}|\p{{N}}|{_PATH_REST}",
)
MINICPM5 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}+|{_REST}"

LLAMA3_CUTTING = Cutting((LLAMA3,), whole=True, begins=True)
KINDS: Mapping[Cutting, tuple[str, ...]] = MappingProxyType(
    {
        Cutting(DEFAULT): ("default",),
        Cutting((GPT2,)): (
            "a.x-4.0", "exaone4", "gigachat", "gpt-2", "granite-docling", "jais", "jina-de", "jina-es", "jina-v2-de",
            "jina-v2-es", "mellum", "modern-bert", "mpt", "olmo", "phi-2", "trillion",
        ),
        Cutting((GPT2,), separates=True): ("jina-v1-en", "jina-v2-code", "roberta-bpe"),
        LLAMA3_CUTTING: (
            "falcon-h1", "falcon3", "jina-v5-nano", "lfm2", "llama-bpe", "llama-v3", "llama3", "midm-2.0", "pixtral",
        ),
        Cutting((LLAMA3,)): ("chatglm-bpe", "dbrx", "glm4", "smaug-bpe"),
        Cutting((QWEN2,), composed=True): ("qwen2",),
        Cutting((QWEN35,), composed=True): ("qwen35",),
        Cutting((QWEN2,)): (
            "deepseek-r1-qwen", "f2llmv2", "grok-2", "hunyuan", "kormo", "megrez", "solar-open", "stablelm2",
        ),
        Cutting(DIGITS): (
            "codeshell", "command-r", "exaone", "mellum2", "minerva-7b", "refact", "smollm", "starcoder",
        ),
        Cutting((TEKKEN,), whole=True, begins=True): ("tekken",),
        Cutting((GPT4O,)): ("gpt-4o", "kanana2", "llama4", "minimax-m2", "talkie"),
        Cutting((THREES, GPT4O)): ("cohere2moe", "tiny_aya"),
        Cutting(YOUTU, whole=True): ("youtu",),
        Cutting(SUPERBPE): ("superbpe",),
        Cutting(AFMOE): ("afmoe",),
        Cutting(CHAMELEON, begins=True): ("chameleon",),
        Cutting((r"[^\n]+|[\n]+", QWEN2)): ("laguna",),
        Cutting((KIMI,)): ("kimi-k2",),
        Cutting((BLOOM,)): ("bloom", "gpt3-finnish", "poro-chat"),
        Cutting((BLOOM, r"\p{N}")): ("viking",),
        Cutting(FALCON): ("falcon",),
        Cutting(DEEPSEEK_LLM): ("deepseek-llm",),
        Cutting(DEEPSEEK_CODER): ("deepseek-coder",),
        Cutting(DEEPSEEK3): ("deepseek-v3", "hunyuan-dense", "joyai-llm"),
        Cutting((SEED,)): ("seed-coder",),
        Cutting((BAILING,)): ("bailingmoe", "bailingmoe2", "llada-moe"),
        Cutting((EXAONE_MOE,)): ("exaone-moe",),
        Cutting((r"\p{N}{1,3}", MINICPM5), whole=True): ("minicpm5",),
    }
)  # fmt: skip
"""A pre-tokenizer → its names in `tokenizer.ggml.pre`; `default` is for files without a name."""

CUTTINGS: Mapping[str, Cutting] = MappingProxyType({name: cut for cut, names in KINDS.items() for name in names})
"""`tokenizer.ggml.pre` → the pre-tokenizer."""
