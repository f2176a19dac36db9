"""Errors for model types that attn does not compute, with related types that it does."""

from collections.abc import Mapping
from types import MappingProxyType

from attn_cli.errors import DocumentError, nearest
from attn_cli.models.families import FAMILIES
from attn_cli.models.files.config import Config
from attn_cli.models.hybrids import hybrid_error

KIN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "baichuan": ("llama",),
        "bigbird_pegasus": ("pegasus",),
        "big_bird": ("bert", "roberta"),
        "biogpt": ("gpt2", "opt"),
        "blenderbot": ("bart",),
        "chatglm": ("glm", "glm4"),
        "ctrl": ("gpt2",),
        "dbrx": ("mixtral", "qwen2_moe"),
        "deepseek": ("deepseek_v2", "deepseek_v3"),
        "deepseek_v32": ("deepseek_v3",),
        "ernie": ("bert",),
        "ernie4_5_moe": ("ernie4_5", "mixtral"),
        "esm": ("bert", "roberta"),
        "exaone_moe": ("exaone4",),
        "fsmt": ("marian", "bart"),
        "funnel": ("bert",),
        "gemma3n": ("gemma3_text",),
        "gemma4": ("gemma3_text",),
        "glm4v": ("glm4",),
        "glm_moe_dsa": ("glm4_moe",),
        "gptsan": ("gpt2",),
        "hunyuan": ("llama", "qwen3"),
        "ibert": ("roberta",),
        "internlm": ("llama", "internlm3"),
        "jina": ("bert", "xlm-roberta"),
        "layoutlm": ("bert",),
        "led": ("bart",),
        "longformer": ("roberta",),
        "longt5": ("t5",),
        "luke": ("roberta",),
        "megatron-bert": ("bert",),
        "minicpm": ("llama",),
        "mobilebert": ("bert",),
        "mvp": ("bart",),
        "nomic_bert": ("modernbert", "bert"),
        "openai-gpt": ("gpt2",),
        "openelm": ("llama",),
        "orion": ("llama",),
        "persimmon": ("phi", "gpt_neox"),
        "phi-msft": ("phi",),
        "mixformer-sequential": ("phi",),
        "phi4": ("phi3",),
        "plbart": ("bart",),
        "prophetnet": ("bart",),
        "qwen": ("qwen2", "qwen3"),
        "rembert": ("bert",),
        "roformer": ("bert",),
        "squeezebert": ("bert",),
        "switch_transformers": ("t5",),
        "tapas": ("bert",),
        "xglm": ("opt",),
        "xlm": ("xlm-roberta", "roberta"),
        "xlm-roberta-xl": ("xlm-roberta",),
        "xlnet": ("bert", "roberta"),
        "xmod": ("xlm-roberta",),
        "yi": ("llama",),
        "yoso": ("bert",),
    }
)
"""The prefix of a model type → related types that attn computes; the longest matching prefix is used."""
OTHER_SENSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "images": (
            "beit", "blip", "clip", "convnext", "deit", "detr", "dinov2", "dinov3", "dpt", "sam", "segformer", "siglip",
            "swin", "vit",
        ),
        "sound": (
            "clap", "encodec", "hubert", "moonshine", "parakeet", "seamless", "speech", "unispeech", "wav2vec2",
            "wavlm", "whisper",
        ),
    }
)  # fmt: skip
"""An input other than text → the prefixes of its models' types."""


def not_computed(config: Config, kind: str) -> DocumentError:
    """The error for a `model_type` without a family."""
    if (error := hybrid_error(config, kind)) is not None:
        return error
    where = f"{config.where}: model_type {kind!r} is not one that attn computes"[:300]
    text = config.values.get("text_config") or config.values.get("llm_config") or config.values.get("language_config")
    inner = text.get("model_type") if isinstance(text, dict) else None
    if inner in FAMILIES:
        return DocumentError(
            where, hint=f"its part for text is {inner!r}, which attn computes: save that part alone with transformers"
        )
    for sense, begins in OTHER_SENSES.items():
        if kind.startswith(begins):
            return DocumentError(where, hint=f"it reads {sense}, and attn computes models of text")
    return DocumentError(where, hint=_kin(kind))


def _kin(kind: str) -> str:
    """A hint with the nearest types that attn computes: related, of the same name, or of similar spelling."""
    begins = [begin for begin in KIN if kind.lower().startswith(begin)]
    near = KIN[max(begins, key=len)] if begins else ()
    stem = kind.lower().rstrip("0123456789._-").partition("_")[0]
    if not near and len(stem) > 2:
        near = tuple(name for name in FAMILIES if name.lower().startswith(stem))[:3]
    near = near or tuple(nearest(kind, FAMILIES, count=3, cutoff=0.75))
    if near:
        return f"of its kind attn computes {', '.join(near)}: take such a model; another model_type would not fit"
    return "attn manual checkpoints lists the model types that are computed"
