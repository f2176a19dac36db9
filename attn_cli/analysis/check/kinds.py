"""Every kind of finding: how grave it is, what is wrong, the likely cause and the fix."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["fault", "remark"]


@dataclass(frozen=True)
class FindingKind:
    """A finding's words; those in braces are filled in where it is found."""

    severity: Severity
    what: str
    cause: str
    fix: str


def _fault(what: str, cause: str, fix: str) -> FindingKind:
    return FindingKind("fault", what, cause, fix)


def _remark(what: str, cause: str, fix: str) -> FindingKind:
    return FindingKind("remark", what, cause, fix)


KINDS: Mapping[str, FindingKind] = MappingProxyType(
    {
        "not-a-number": _fault(
            "{stage} {holds} NaN or infinities",
            "an operation before it overflowed or divided by zero, or the array was never filled",
            "find the first operation that makes them; mask with −∞ before softmax, and let no row lose all its keys",
        ),
        "float16-overflow": _fault(
            "{stage} overflowed float16",
            "numbers above 65,504 do not fit into float16; softmax turns the infinity into NaN",
            "scale the queries before the product, or compute scores in float32 or bfloat16",
        ),
        "hidden-row-nan": _fault(
            "NaN weights for a query that sees no key",
            "softmax over a row that is −∞ throughout divides zero by zero",
            "give such a query weights of 0, or let it see itself",
        ),
        "negative-weight": _fault(
            "weights below 0",
            "these are no softmax results: scores, logits or a difference may have been stored as weights",
            "store what softmax returned; for scores use the name scores (or --as scores)",
        ),
        "weight-above-1": _fault(
            "weights above 1",
            "the exponentials were not divided by their sum, or scores were stored as weights",
            "divide each row by its sum; for scores use the name scores (or --as scores)",
        ),
        "rows-not-1": _fault(
            "rows of weights do not sum to {whole}",
            "weights were changed after softmax (dropout, a mask, averaging, clipping), or a row was cut off",
            "store the weights as softmax returns them, before dropout, and with all keys",
        ),
        "softmax-over-queries": _fault(
            "softmax ran over the queries: columns sum to 1, rows do not",
            "softmax took the wrong axis: of (head, query, key) the last but one",
            "softmax over the last axis, the keys: softmax(scores, dim=-1)",
        ),
        "softmax-over-heads": _fault(
            "softmax ran over the heads: for each query and key the heads sum to 1",
            "softmax took axis 0 of (head, query, key)",
            "softmax over the last axis, the keys: softmax(scores, dim=-1)",
        ),
        "softmax-over-all": _fault(
            "softmax ran over the whole matrix: all its weights sum to 1",
            "scores were flattened before softmax, or its axis was left out",
            "softmax over the last axis, the keys: softmax(scores, axis=-1)",
        ),
        "mask-after-softmax": _fault(
            "the mask was applied after softmax, and rows were not made to sum to 1 again",
            "hidden keys took part in softmax and were set to 0 afterwards, so their share is lost",
            "set hidden scores to −∞ before softmax",
        ),
        "mask-added-after-softmax": _fault(
            "the additive mask was added to the weights, not to the scores",
            "softmax(scores) + mask, where softmax(scores + mask) was meant",
            "add the mask to the scores before softmax",
        ),
        "mask-missing": _fault(
            "{what} does not act on {stage}",
            "softmax ran on scores that were not masked, or the wrong array was passed on",
            "set scores to −∞ where {what} hides, before softmax",
        ),
        "mask-off-by-one": _fault(
            "the mask {mask} is off by one: a query sees {sees}",
            "the diagonal was counted wrong: tril(k={diagonal}), or a comparison with < for ≤",
            "let query i see the keys up to and including its own: tril(k=0)",
        ),
        "mask-window-off-by-one": _fault(
            "the mask {mask} acts as {acts}",
            "the window is counted without the token itself, or with one more",
            "count the token itself among the window, or declare {acts}",
        ),
        "mask-aligned-wrong": _fault(
            "the mask {mask} stands in the wrong corner: with {queries} queries and {keys} keys it acts as {acts}",
            "a causal mask for fewer queries than keys (a KV cache) was made as for a square",
            "tril(k=keys − queries), so that the last query stands on the last key; or declare {acts}",
        ),
        "mask-inverted": _fault(
            "the mask {mask} is inverted: what it hides is seen, what it shows is hidden",
            "True means 'may look' in one library and 'hidden' in another",
            "negate the mask",
        ),
        "mask-transposed": _fault(
            "the mask {mask} is transposed: queries see later keys instead of earlier ones",
            "triu where tril was meant, or rows and columns of the mask were exchanged",
            "rows of the mask are queries: transpose it",
        ),
        "future-attended": _fault(
            "weight on future keys, which the mask {mask} hides",
            "the mask was not applied before softmax, or to another array",
            "set the scores of later keys to −∞ before softmax",
        ),
        "hidden-attended": _fault(
            "weight on keys that {what} hides",
            "the padding mask was not applied before softmax, or was broadcast over the wrong axis",
            "set the scores of hidden keys to −∞ before softmax",
        ),
        "row-hidden": _fault(
            "a query weighs nothing although {mask} leaves it keys",
            "the mask hides too much: a padding mask over queries instead of keys, or one that is off by one",
            "let the mask hide keys (columns); if the query is to see nothing, say so with attn_mask",
        ),
        "scale-missing": _fault(
            "{stage} {is_} not scaled: ×{factor} ({root}) is missing",
            "the product of queries and keys was not divided by √d_k",
            "multiply scores with {factor}, or declare scale none if that is meant",
        ),
        "scale-doubled": _fault(
            "{stage} {is_} scaled twice: ×{found} instead of ×{factor}",
            "divided by d_k instead of √d_k, or both the queries and the scores were scaled",
            "scale once, by {factor} ({root})",
        ),
        "scale-wrong-width": _fault(
            "{stage} {is_} scaled by the root of the wrong width: 1/√{width}, {whose}",
            "the width in 1/√d is {whose}, not that of a head",
            "scale by {factor} ({root}), the width of one head",
        ),
        "scale-wrong": _fault(
            "{stage} {is_} scaled by ×{found} instead of ×{factor}",
            "another scale or temperature was used than the one that is declared",
            "scale by {factor}, or declare scale {found}",
        ),
        "scores-already-scaled": _remark(
            "scores hold Q · Kᵀ that is already scaled",
            "the dump was taken after the division by √d_k",
            "name the stage scaled",
        ),
        "masked-early": _remark(
            "{stage} {holds} −∞ for hidden keys",
            "the dump was taken after the mask",
            "name the stage masked",
        ),
        "heads-tiled": _fault(
            "grouped heads in the wrong order: for {stage}, query head i looks through key/value head i mod {groups}",
            "key/value heads were tiled (repeat) where each has to stand for {share} neighbours (repeat_interleave)",
            "query head i looks through key/value head ⌊i·{groups}/{heads}⌋: repeat_interleave({share}, dim=head)",
        ),
        "keys-reshaped": _fault(
            "K was reshaped where it had to be transposed",
            "reshape keeps the order of the numbers in memory, so that features of different tokens are mixed",
            "transpose the last two axes: Q @ K.transpose(-1, -2)",
        ),
        "heads-reshaped": _fault(
            "{stage} {is_} cut into heads by reshaping alone",
            "(token, head · feature) was viewed as (head, token, feature), which mixes tokens and features",
            "reshape to (token, head, feature), then exchange the first two axes",
        ),
        "heads-joined-wrong": _fault(
            "the heads were joined without putting them side by side first",
            "(head, token, feature) was viewed as (token, head · feature), which mixes heads and tokens",
            "exchange head and token axes before the reshape",
        ),
        "scores-transposed": _fault(
            "{stage} {is_} transposed: rows are keys",
            "K · Qᵀ was computed where Q · Kᵀ was meant",
            "rows look at columns: queries first",
        ),
        "rotation-missing": _fault(
            "{stage} {is_} made from Q and K before they were rotated or normed",
            "the product was taken of Q and K instead of {forms}",
            "match the rotated queries with the rotated keys",
        ),
        "weights-transposed": _fault(
            "head_output blends V with the transposed weights",
            "weights.T @ V was computed where weights @ V was meant",
            "rows of weights are queries: weights @ V",
        ),
        "softcap-missing": _fault(
            "the softcap of {cap} does not act on {stage}",
            "cap · tanh(scores / cap) was left out: fused kernels often have no softcap",
            "apply it before the mask, or declare no softcap",
        ),
        "bias-missing": _fault(
            "{what} is not added to {stage}",
            "the bias was left out of the scores that softmax ran on",
            "add it to the scores before the mask",
        ),
        "sinks-missing": _fault(
            "the sinks take no share of the weights",
            "softmax ran over the keys alone",
            "let each head's sink join its softmax",
        ),
        "mask-undeclared": _remark(
            "the weights follow from the scores under {mask}, which the dump does not declare",
            "the dump stores no mask",
            "declare it (--mask, or mask or attn_mask in the dump), so that it can be checked",
        ),
        "does-not-follow": _fault(
            "{stage} {does} not follow from {source}",
            "it was computed from other numbers, with a step that is not declared, or changed afterwards",
            "compare the first difference with your code; declare mask, scale, positions and softcap as they are",
        ),
        "saturated-head": _remark(
            "saturated: nearly every row has one weight of {least} or more",
            "large scores: softmax has become a choice of one key, and its gradient vanishes",
            "look whether the scores are scaled; in a trained model it may be meant",
        ),
        "uniform-head": _remark(
            "dead: nearly uniform over all keys that can be seen",
            "scores that hardly differ: the head averages its values",
            "look whether Q or K is near zero; in an untrained model it is normal",
        ),
        "one-key-head": _remark(
            "nearly all weight on one key, {key}",
            "an attention sink: the head rests where it has nothing to say",
            "normal for the first token or a separator; otherwise look at that key",
        ),
        "unattended-keys": _remark(
            "the last {count} keys get no weight from anyone, and no declared mask hides them",
            "padding whose mask is not in the dump",
            "declare it as attn_mask, or cut the padding off",
        ),
    }
)
