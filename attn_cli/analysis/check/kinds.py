"""Every kind of finding: how grave it is, what is wrong, the likely cause and the fix."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from attn_cli.analysis.check.deviations.deviation import Severity
from attn_cli.analysis.check.deviations.table import DEVIATIONS


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


_SEEN = {
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
        "{stage} {is_} NaN for a query that sees no key",
        "softmax over a row that is −∞ throughout divides zero by zero",
        "give such a query weights of 0, or let it see itself",
    ),
    "hidden-cells-nan": _remark(
        "weights of hidden keys are NaN",
        "the file marks what is hidden by NaN",
        "store 0 there: a hidden key weighs nothing",
    ),
    "negative-weight": _fault(
        "weights below 0",
        "no softmax gives them: scores, logits or a difference may have been stored as weights",
        "store what softmax returned; for scores use the name scores (or --as scores)",
    ),
    "weight-above-1": _fault(
        "weights above 1",
        "no softmax gives them: exponentials that were not divided by their sum, scores, or weights after dropout",
        "store Q and K beside the weights, so that the cause can be found",
    ),
    "rows-not-1": _fault(
        "rows of weights do not sum to {whole}",
        "weights were changed after softmax (dropout, a mask, averaging, clipping), or a row was cut off{more}",
        "store the weights as softmax returns them, before dropout, and with all keys",
    ),
    "future-attended": _fault(
        "weight on future keys, which the mask {mask} hides",
        "the mask does not act as declared, or not everywhere",
        "set the scores of later keys to −∞ before softmax; store Q and K, so that the cause can be found",
    ),
    "hidden-attended": _fault(
        "weight on keys that {what} hides",
        "the mask does not act as declared, or not everywhere",
        "set the scores of hidden keys to −∞ before softmax; store Q and K, so that the cause can be found",
    ),
    "row-hidden": _fault(
        "a query weighs nothing although {mask} leaves it keys",
        "the mask hides too much: a padding mask over queries instead of keys, or one that is off by one",
        "let the mask hide keys (columns); if the query is to see nothing, say so with attn_mask",
    ),
    "masked-early": _remark(
        "{stage} {holds} −∞ for hidden keys",
        "the numbers were taken after the mask",
        "name the stage masked",
    ),
    "does-not-follow": _fault(
        "{stage} {does} not follow from {source}",
        "none of the mistakes that attn knows gives these numbers, alone or two together{cut}",
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
        "padding whose mask is not in the file",
        "declare it as attn_mask, or cut the padding off",
    ),
}

KINDS: Mapping[str, FindingKind] = MappingProxyType(
    _SEEN | {d.code: FindingKind(d.severity, d.what, d.cause, d.fix) for d in DEVIATIONS}
)
"""Every kind by its code: what is seen without a search, then what a deviation explains."""
