"""SantaCoder and StarCoder (arXiv 2301.03988, 2305.06161): GPT-2 with multi-query attention."""

from dataclasses import replace

from attn_cli.models.families import gpt2
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.weights import Names, fused


def read(config: Config) -> Architecture:
    base = gpt2.read(config.assume({"activation_function": "gelu_pytorch_tanh"}))
    stack, heads = base.stacks[0], base.stacks[0].layers[0].heads
    kv_heads = 1 if config.flag("multi_query", True) else heads
    layers = tuple(replace(layer, kv_heads=kv_heads) for layer in stack.layers)
    names = {**gpt2.NAMES, **MODULES, **fused("h.{i}.attn.c_attn", heads, kv_heads, groups=kv_heads)}
    return replace(base, stacks=(replace(stack, layers=layers, names=names),))


MODULES: Names = {"o": "h.{i}.attn.c_proj", "up": "h.{i}.mlp.c_fc", "down": "h.{i}.mlp.c_proj"}

FAMILY = Family(
    read=read,
    prefixes=gpt2.FAMILY.prefixes,
    harmless_keys=(
        *gpt2.FAMILY.harmless_keys, "attention_softmax_in_fp32", "inference_runner", "max_batch_size",
        "max_sequence_length", "num_key_value_heads", "pad_key_length", "pre_allocate_kv_cache",
        "scale_attention_softmax_in_fp32", "validate_runner_input",
    ),
    harmless_tensors=(r".*\.attn\.(bias|masked_bias)", r"(transformer\.)?bias"),
)  # fmt: skip
