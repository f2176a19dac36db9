"""What each finding of `attn check` may say of a file, for the table in the manual."""

from collections.abc import Mapping
from types import MappingProxyType

USUAL: Mapping[str, str] = MappingProxyType(
    {
        "acts": "causal:start", "cap": "50", "count": "2", "does": "do", "factor": "0.5", "follows": "follow",
        "found": "0.25", "groups": "2", "holds": "hold", "is_": "are", "key": "key 0", "keys": "5", "least": "0.99",
        "mask": "causal", "number": "−10", "queries": "3", "root": "1/√4", "sees": "the key after it",
        "source": "Q and K", "stage": "weights", "whole": "1", "whose": "that of the model", "width": "8",
    }
)  # fmt: skip
"""What fills in a finding's words, by name."""

OWN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "alibi-distance": {"how": "key − query, which rewards later keys"},
        "alibi-slopes": {"how": "of 8 heads"},
        "bias-doubled": {"what": "attn_mask"},
        "bias-form": {"what": "attn_mask", "how": "transposed"},
        "bias-left-out": {"names": "b_Q", "is_added": "is"},
        "bias-missing": {"what": "ALiBi"},
        "bias-order": {"what": "ALiBi", "where": "before the scale, which shrinks it"},
        "bias-sign": {"what": "ALiBi"},
        "biases-exchanged": {"names": "b_Q and b_K"},
        "clip-missing": {"limit": "8"},
        "context-missing": {"how": "keys and values are made of X, not of X_context"},
        "dropout": {"how": "and the rest is multiplied with 1/(1 − 0.25) = 1.3333"},
        "float16-overflow": {"stage": "scores"},
        "heads-by-feature": {"names": "Q, K and V", "are": "are"},
        "heads-exchanged": {"how": "heads 0 and 1 are exchanged", "names": "V"},
        "heads-joined-wrong": {"how": "(head, token, feature) was viewed as (token, head · feature)"},
        "heads-one-group": {"head": "0", "names": "K and V"},
        "heads-reshaped": {"names": "V", "are": "is"},
        "heads-tiled": {"names": "K and V"},
        "hidden-attended": {"what": "attn_mask"},
        "hidden-row-uniform": {"how": "alike, 1/m each"},
        "linear-not-transposed": {"names": "Q, K and V"},
        "mask-as-numbers": {"numbers": "1 where a query may look, 0 elsewhere"},
        "mask-differs": {"mask": "none", "acts": "causal"},
        "mask-finite": {"how": "was added to"},
        "mask-finite-unseen": {"number": "−1e+09"},
        "mask-hides-more": {"mask": "the mask causal"},
        "mask-inverted": {"mask": "attn_mask"},
        "mask-missing": {"what": "the mask causal"},
        "mask-moved": {"how": "on the other side"},
        "mask-undeclared": {"mask": "mask causal"},
        "mask-window-off-by-one": {"mask": "sliding:3", "acts": "sliding:4"},
        "masked-early": {"stage": "scores"},
        "norm-differs": {"how": "it has no gain"},
        "norm-one-sided": {"what": "K", "rest": "Q"},
        "norm-undeclared": {"how": "rms norm over each head"},
        "positions-added": {"how": "positions are off by +1"},
        "positions-differ": {"acts": "alibi", "positions": "rope"},
        "positions-undeclared": {"positions": "rope"},
        "qkv-interleaved": {"how": "as (head, 3, feature), and lies as (3, head, feature)"},
        "query-scaling-differs": {"how": "do not grow with their position"},
        "residual-added": {"name": "X"},
        "row-hidden": {"mask": "the mask causal"},
        "rotation-base": {"base": "10000", "found": "500000"},
        "rotation-before-norm": {"acts": "after", "right": "before"},
        "rotation-features": {"acts": "the first 4", "dim": "8"},
        "rotation-frequencies": {"found": "those of base 10000"},
        "rotation-length": {"how": "not made longer", "factor": "1.2"},
        "rotation-missing": {"what": "queries and keys"},
        "rotation-offset": {"how": "keys stand 1 position too far on, or queries 1 position too early"},
        "rotation-one-sided": {"what": "K", "rest": "Q"},
        "rotation-positions": {"how": "padding does not count (the running sum of the mask)"},
        "rotation-sign": {"what": "queries and keys"},
        "rotation-speeds": {"how": "base^(i/dim) in place of base^(2i/dim)"},
        "rotation-style": {"acts": "style=interleaved", "style": "half"},
        "scale-base-2": {"how": "2^x in place of e^x"},
        "scale-inverted": {"found": "2"},
        "sinks-differ": {"sinks": "their negatives"},
        "sinks-undeclared": {"sinks": "0.3, −1"},
        "softcap-formula": {"formula": "tanh(x / 50)"},
        "softcap-order": {"where": "before the scale"},
        "softcap-undeclared": {"found": "30"},
        "softcap-wrong": {"found": "30"},
        "wrong-input": {"wrong": "K", "right": "V"},
    }
)
"""The words of single findings, by code."""
