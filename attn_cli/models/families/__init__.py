"""The families of checkpoints that attn computes: to add one, write its file and a line here."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType

from attn_cli.errors import DocumentError
from attn_cli.models.family import Family

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "bert": "bert",
        "camembert": "roberta",
        "gpt2": "gpt2",
        "llama": "llama",
        "roberta": "roberta",
        "xlm-roberta": "roberta",
        "mistral": "mistral",
        "ministral": "mistral",
        "qwen2": "qwen",
        "qwen3": "qwen",
    }
)
"""`model_type` → the file of this folder that describes it."""


def family_of(model_type: str, where: str) -> Family:
    """The family that serves a `model_type`; DocumentError names the nearest where there is none."""
    if model_type not in FAMILIES:
        near = get_close_matches(model_type, FAMILIES, n=1)
        hint = f"the nearest it computes is {near[0]!r}" if near else f"it computes {', '.join(FAMILIES)}"
        raise DocumentError(f"{where}: model_type {model_type!r} is not one that attn computes", hint=hint)
    family: Family = import_module(f"attn_cli.models.families.{FAMILIES[model_type]}").FAMILY
    return family


def families() -> Iterator[Family]:
    """Every family, each once."""
    for file in dict.fromkeys(FAMILIES.values()):
        yield import_module(f"attn_cli.models.families.{file}").FAMILY
