"""The families of checkpoints that attn computes; a new one needs a file and a line here."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attn_cli.models.family import Family

FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "albert": ("albert",),
        "apertus": ("apertus",),
        "arcee": ("arcee",),
        "bart": ("bart", "m2m_100", "marian", "mbart", "pegasus"),
        "bert": ("bert",),
        "bloom": ("bloom",),
        "cohere": ("cohere", "cohere2"),
        "deberta": ("deberta", "deberta-v2"),
        "deepseek": ("deepseek_v2", "deepseek_v3", "glm4_moe_lite"),
        "distilbert": ("distilbert",),
        "electra": ("electra",),
        "ernie": ("ernie4_5", "helium"),
        "eurobert": ("eurobert",),
        "exaone": ("exaone",),
        "exaone4": ("exaone4",),
        "falcon": ("falcon", "RefinedWeb", "RefinedWebModel"),
        "gemma": ("gemma", "gemma2", "gemma3", "gemma3_text"),
        "glm": ("glm", "glm4"),
        "glm4_moe": ("dots1", "glm4_moe"),
        "gpt2": ("gpt2",),
        "gpt_bigcode": ("gpt_bigcode",),
        "gpt_neo": ("gpt_neo",),
        "gpt_neox": ("gpt_neox",),
        "gpt_oss": ("gpt_oss",),
        "gptj": ("codegen", "gptj"),
        "granite": ("granite", "granitemoe", "granitemoehybrid", "granitemoeshared"),
        "llama": ("internlm3", "llama", "seed_oss"),
        "llama4": ("llama4", "llama4_text"),
        "ministral3": ("ministral3", "mistral3"),
        "mistral": ("ministral", "mistral"),
        "mixtral": ("mixtral",),
        "modernbert": ("modernbert",),
        "mpnet": ("mpnet",),
        "mpt": ("mpt",),
        "nemotron": ("nemotron",),
        "olmo": ("flex_olmo", "olmo", "olmo2", "olmo3", "olmoe"),
        "opt": ("opt",),
        "phi": ("phi",),
        "phi3": ("phi3",),
        "phimoe": ("phimoe",),
        "qwen": ("qwen2", "qwen2_moe", "qwen3", "qwen3_moe"),
        "roberta": ("camembert", "roberta", "xlm-roberta"),
        "smollm3": ("smollm3",),
        "stablelm": ("stablelm",),
        "starcoder2": ("starcoder2",),
        "t5": ("mt5", "t5", "umt5"),
    }
)
"""A file of this folder → its `model_type`s."""

FAMILIES: Mapping[str, str] = MappingProxyType({kind: file for file, kinds in FILES.items() for kind in kinds})
"""`model_type` → its file in this folder."""


def family_of(model_type: str) -> "Family | None":
    """The family of a `model_type`; None if there is none."""
    if model_type not in FAMILIES:
        return None
    family: Family = import_module(f"attn_cli.models.families.{FAMILIES[model_type]}").FAMILY
    return family


def families() -> "Iterator[Family]":
    """All families."""
    for file in FILES:
        yield import_module(f"attn_cli.models.families.{file}").FAMILY
