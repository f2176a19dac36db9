"""The families of checkpoints that attn computes: to add one, write its file and a line here."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from attn_cli.errors import DocumentError

if TYPE_CHECKING:
    from attn_cli.models.family import Family

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "bart": "bart",
        "mbart": "bart",
        "marian": "bart",
        "pegasus": "bart",
        "bert": "bert",
        "deberta-v2": "deberta",
        "mpnet": "mpnet",
        "modernbert": "modernbert",
        "eurobert": "eurobert",
        "electra": "electra",
        "distilbert": "distilbert",
        "albert": "albert",
        "camembert": "roberta",
        "gpt2": "gpt2",
        "gpt_neox": "gpt_neox",
        "bloom": "bloom",
        "nemotron": "nemotron",
        "cohere2": "cohere",
        "cohere": "cohere",
        "stablelm": "stablelm",
        "gpt_bigcode": "gpt_bigcode",
        "starcoder2": "starcoder2",
        "mpt": "mpt",
        "falcon": "falcon",
        "RefinedWebModel": "falcon",
        "RefinedWeb": "falcon",
        "opt": "opt",
        "phi3": "phi3",
        "phi": "phi",
        "gptj": "gptj",
        "gpt_neo": "gpt_neo",
        "codegen": "gptj",
        "llama": "llama",
        "mt5": "t5",
        "roberta": "roberta",
        "t5": "t5",
        "umt5": "t5",
        "xlm-roberta": "roberta",
        "mistral": "mistral",
        "ministral": "mistral",
        "qwen2": "qwen",
        "qwen3": "qwen",
        "gemma": "gemma",
        "gemma2": "gemma",
        "gemma3_text": "gemma",
        "gemma3": "gemma",
        "mixtral": "mixtral",
        "olmo": "olmo",
        "olmo2": "olmo",
        "olmo3": "olmo",
        "olmoe": "olmo",
        "gpt_oss": "gpt_oss",
        "qwen2_moe": "qwen",
        "qwen3_moe": "qwen",
        "granite": "granite",
        "smollm3": "smollm3",
        "glm": "glm",
        "glm4": "glm",
        "deepseek_v3": "deepseek",
        "deepseek_v2": "deepseek",
        "ministral3": "ministral3",
        "mistral3": "ministral3",
        "m2m_100": "bart",
        "deberta": "deberta",
        "glm4_moe_lite": "deepseek",
        "glm4_moe": "glm4_moe",
        "dots1": "glm4_moe",
        "arcee": "arcee",
        "apertus": "apertus",
        "ernie4_5": "ernie",
        "helium": "ernie",
        "exaone": "exaone",
        "exaone4": "exaone4",
        "internlm3": "llama",
        "seed_oss": "llama",
        "granitemoe": "granite",
        "granitemoeshared": "granite",
        "granitemoehybrid": "granite",
        "phimoe": "phimoe",
        "flex_olmo": "olmo",
        "llama4_text": "llama4",
        "llama4": "llama4",
    }
)
"""`model_type` → the file of this folder that describes it."""


STATE_SPACE = (
    "bamba", "falcon_h1", "falcon_mamba", "jamba", "kimi_linear", "mamba", "mamba2", "minimax", "nemotron_h",
    "olmo_hybrid", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next", "recurrent_gemma",
    "rwkv", "zamba", "zamba2",
)  # fmt: skip
"""Models whose layers, or some of them, carry a state along instead of looking back."""


def family_of(model_type: str, where: str) -> "Family":
    """The family that serves a `model_type`; DocumentError names the nearest where there is none."""
    if model_type in STATE_SPACE:
        raise DocumentError(
            f"{where}: {model_type!r} is a state-space model: its layers carry a state along and do not attend",
            hint="choose a model whose layers attend, such as gpt2 or llama",
        )
    if model_type not in FAMILIES:
        from difflib import get_close_matches

        near = get_close_matches(model_type, FAMILIES, n=1)
        hint = (f"the nearest it computes is {near[0]!r}; " if near else "") + "attn manual checkpoints lists them"
        raise DocumentError(f"{where}: model_type {model_type!r} is not one that attn computes", hint=hint)
    family: Family = import_module(f"attn_cli.models.families.{FAMILIES[model_type]}").FAMILY
    return family


def families() -> "Iterator[Family]":
    """Every family, each once."""
    for file in dict.fromkeys(FAMILIES.values()):
        yield import_module(f"attn_cli.models.families.{file}").FAMILY
