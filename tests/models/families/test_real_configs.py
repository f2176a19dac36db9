"""config.json of well-known checkpoints, word for word where keys matter: read without a refusal, and read right.

`real_configs.json` says where each was found. Their readings were compared with transformers, from the same keys with
smaller sizes. Sizes that a finder had cut down stand as the model has them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attn_cli.core.masks import MASKS
from attn_cli.core.positions import POSITIONS
from attn_cli.core.spelling import spell
from attn_cli.errors import DocumentError
from attn_cli.models.families import family_of
from attn_cli.models.family import Architecture
from attn_cli.models.files.config import Config
from attn_cli.models.files.tensor import Tensor
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.plan import LayerPlan
from attn_cli.models.network.rotary import Rotary
from attn_cli.models.network.weights import unclaimed

STORED = Path(__file__).with_name("real_configs.json")
REAL: dict[str, dict[str, Any]] = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}

BESIDE = {
    "_name_or_path": "owner/name",
    "architectures": ["SomeModel"],
    "auto_map": {"AutoConfig": "configuration_some.SomeConfig"},
    "bos_token_id": 1,
    "eos_token_id": [2, 3],
    "id2label": {"0": "LABEL_0"},
    "initializer_range": 0.02,
    "label2id": {"LABEL_0": 0},
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.0",
    "use_cache": True,
    "vocab_size": 101,
}
"""What all of them say beside, and what changes nothing."""


def read(name: str, values: Mapping[str, Any]) -> Architecture:
    config = Config(values, name)
    family = family_of(config.word("model_type"))
    found = family.read(config)
    config.refuse_unread(family.harmless_keys)
    return found


def turns(rotary: Rotary) -> str:
    """A scheme with the fastest and the slowest speed of its pairs over ten tokens, and what makes them longer."""
    speeds = rotary.frequencies(10)
    longer = "" if rotary.factor == 1 else f" × {rotary.factor:.5g}"
    return f"{spell(rotary.scheme, POSITIONS)} ({speeds[0]:.4g}…{speeds[-1]:.4g}{longer})"


def words(plan: LayerPlan) -> str:
    """Heads / heads of keys × width, mask, positions, scale, and what else acts on scores or around them."""
    positions = turns(plan.rotary) if plan.rotary else "alibi" if plan.alibi else "none"
    scale = plan.scale if isinstance(plan.scale, str) else f"{plan.scale:.5g}"
    softcap = "" if plan.softcap is None else f"softcap {plan.softcap:g}"
    more = {
        "relative": plan.relative is not None,
        "disentangled": plan.disentangled is not None,
        "latent": plan.projecting is not None,
        "normed": plan.qk_norm is not None,
        "sinks": plan.sinks,
        softcap: bool(softcap),
        "cross": plan.cross,
        "parallel": plan.parallel,
    }
    heads = f"{plan.heads}/{plan.kv_heads}×{plan.d_k}"
    norm = f"{plan.norm.kind} {plan.norm.eps:g}{' +1' if plan.norm.plus_one else ''} {'|'.join(plan.norms)}"
    acts = [f"+{word}" for word, there in more.items() if there]
    return " ".join([heads, spell(plan.mask, MASKS), positions, scale, *acts, f"[{norm}]", type(plan.mlp).__name__])


def reads(found: Architecture) -> list[str]:
    """Each kind of layer, with how many there are and the first three of them."""
    lines = []
    for stack in found.stacks:
        kinds: dict[str, list[int]] = {}
        for number, plan in enumerate(stack.layers):
            kinds.setdefault(words(plan), []).append(number)
        for kind, numbers in kinds.items():
            first = ",".join(map(str, numbers[:3]))
            lines.append(f"{stack.name} {len(numbers)} ({first}) {kind}".strip())
    return lines


def around(found: Architecture) -> str:
    """Positions in a table, what multiplies embeddings, and how logits are made."""
    stack, unembedding = found.stacks[-1], found.unembedding
    parts = [f"{stack.table} +{stack.position_offset}"]
    if stack.embed_scale != 1:
        parts.append(f"embeddings × {stack.embed_scale:.5g}")
    if unembedding is None:
        return ", ".join([*parts, "no logits"])
    cap = "" if unembedding.softcap is None else f" ± {unembedding.softcap:g}"
    return ", ".join([*parts, f"logits{' tied' * unembedding.tied} × {unembedding.scale:.5g}{cap}"])


@pytest.mark.parametrize("name", REAL)
def test_a_real_config_is_read_right(name: str) -> None:
    found = read(name, BESIDE | REAL[name]["config"])
    assert reads(found) == REAL[name]["reads"]
    assert around(found) == REAL[name]["around"]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("opus-mt", "do_blenderbot_90_layernorm", True),
        ("smollm2-135m", "rope_interleaved", True),
        ("nemotron-4b", "kv_channels", 64),
        ("albert-zh", "layers_to_keep", [0, 5]),
        ("gpt2", "made_up", 1),
    ],
)
def test_what_would_change_the_arithmetic_is_refused_all_the_same(name: str, key: str, value: Any) -> None:
    with pytest.raises(DocumentError, match=key):
        read(name, BESIDE | REAL[name]["config"] | {key: value})


def test_the_first_falcons_are_read_like_those_of_today() -> None:
    seven, forty = (read(name, REAL[name]["config"]) for name in ("falcon-7b-rw", "falcon-40b-rw"))
    assert reads(seven) == reads(read("", REAL["falcon-7b"]["config"]))
    assert reads(forty) == reads(read("", REAL["falcon-40b"]["config"]))
    plain = {key: value for key, value in REAL["falcon-7b-rw"]["config"].items() if "multi" not in key}
    plan = (
        read("", plain | {"parallel_attn": False, "alibi": True, "n_head": 32, "hidden_size": 2048}).stacks[0].layers[0]
    )
    assert (plan.kv_heads, plan.parallel) == (32, False)


BESIDE_WEIGHTS = {
    "albert-base-v1": ("albert.", ["albert.pooler.weight", "albert.embeddings.position_ids", "predictions.bias"]),
    "bart-large-cnn": (
        "model.",
        ["model.shared.weight", "final_logits_bias", "model.encoder.version", "lm_head.weight"],
    ),
    "bert": (
        "bert.",
        ["bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.beta", "bert.embeddings.position_ids",
         "bert.pooler.dense.weight", "cls.predictions.decoder.weight", "cls.seq_relationship.bias"],
    ),
    "bloom": ("", ["word_embeddings_layernorm.bias", "h.0.self_attention.query_key_value.bias"]),
    "deberta-v3-base": ("deberta.", ["lm_predictions.lm_head.bias", "mask_predictions.dense.weight"]),
    "distilbert": ("distilbert.", ["vocab_transform.weight", "vocab_projector.bias"]),
    "electra-small": ("electra.", ["electra.embeddings_project.weight", "discriminator_predictions.dense.bias"]),
    "falcon-40b-rw": ("transformer.", ["transformer.h.0.ln_attn.bias", "lm_head.weight"]),
    "gpt2-medium": ("", ["h.3.attn.bias", "h.3.attn.masked_bias", "wpe.weight"]),
    "gpt-j-6b": ("transformer.", ["transformer.h.1.attn.bias", "transformer.h.1.attn.masked_bias", "lm_head.bias"]),
    "gpt-neo-125m": (
        "transformer.",
        ["transformer.h.0.attn.attention.bias", "transformer.h.0.attn.attention.masked_bias", "lm_head.weight"],
    ),
    "llama-2": ("model.", ["model.layers.0.self_attn.rotary_emb.inv_freq", "lm_head.weight"]),
    "mpnet": ("", ["embeddings.position_ids", "pooler.dense.bias", "encoder.relative_attention_bias.weight"]),
    "opt-350m": ("model.decoder.", ["model.decoder.project_in.weight", "lm_head.weight"]),
    "pythia-6.9b": (
        "gpt_neox.",
        ["gpt_neox.layers.0.attention.bias", "gpt_neox.layers.0.attention.masked_bias", "embed_out.weight",
         "gpt_neox.layers.0.attention.rotary_emb.inv_freq"],
    ),
    "t5-small": ("", ["shared.weight", "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"]),
}  # fmt: skip
"""Tensors of the files as they are, by their prefix: buffers, heads on top, old names."""


@pytest.mark.parametrize("name", BESIDE_WEIGHTS)
def test_what_files_hold_beside_the_weights_is_known(name: str) -> None:
    prefix, tensors = BESIDE_WEIGHTS[name]
    values = REAL[name]["config"]
    family = family_of(values["model_type"])
    assert prefix in family.prefixes
    stacks = [stack.names for stack in read(name, values).stacks]
    held = Tensors({tensor: Tensor("", "F32", (1,), 0, 4) for tensor in [*tensors, f"{prefix}odd.weight"]})
    assert unclaimed(held, stacks, prefix, family.harmless_tensors) == [f"{prefix}odd.weight"]
