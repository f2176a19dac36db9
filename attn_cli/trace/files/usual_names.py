"""Names of stages in other programs, in lower case."""

from collections.abc import Mapping
from types import MappingProxyType

_NAMES = {
    "Q": "q query queries query_states hook_q",
    "K": "k key keys key_states hook_k",
    "V": "v value values value_states hook_v",
    "X": "x hidden_states hidden_state inputs_embeds resid_pre",
    "weights": (
        "attn attns attention attentions attn_weights attn_weight attention_weights attention_weight attn_probs "
        "attention_probs attn_prob attention_prob attn_pattern attention_pattern pattern hook_pattern probs"
    ),
    "head_output": "z hook_z",
    "output": "out outputs attn_output attn_out attention_output",
}
USUAL_STAGES: Mapping[str, str] = MappingProxyType(
    {name: stage for stage, names in _NAMES.items() for name in names.split()}
)
"""The stage of each name."""

UNCLEAR = MappingProxyType(
    dict.fromkeys(
        ("attn_scores", "attention_scores", "hook_attn_scores", "logits", "attn_logits", "attention_logits", "qk"),
        "scores before the scale are named scores, after it scaled, after the mask masked",
    )
)
"""Names that may mean several stages, with a hint."""


def usual_stage(name: str) -> str | None:
    """The stage of a name from another program, None if unknown."""
    return USUAL_STAGES.get(name.lower())


def read_as(names: Mapping[str, str]) -> tuple[str, ...]:
    """The note on renamed arrays: `q is read as Q, attn as weights`."""
    words = [f"{name} {'is read ' * (not index)}as {key}" for index, (name, key) in enumerate(names.items())]
    return (", ".join(words),) if words else ()
