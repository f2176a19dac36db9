"""RoBERTa (Liu et al. 2019, arXiv 1907.11692): BERT with positions that start after the padding token's id."""

from dataclasses import replace

from attn_cli.models.families.bert import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, check_width, plain_layer, stack
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import StackPlan


def behind(plan: StackPlan, padding: int) -> StackPlan:
    """The stack with positions from `padding` + 1; the padding token has position `padding`."""
    assert plan.max_positions is not None
    return replace(plan, position_offset=padding + 1, padding=padding, max_positions=plan.max_positions - padding - 1)


def read(config: Config) -> Architecture:
    check_width(config)
    plan = stack(config, plain_layer(config), NAMES)
    return Architecture((behind(plan, int(config.number("pad_token_id", 1))),))


FAMILY = Family(
    read=read,
    prefixes=("roberta.", ""),
    harmless_keys=HARMLESS_KEYS,
    harmless_tensors=HARMLESS_TENSORS,
)
