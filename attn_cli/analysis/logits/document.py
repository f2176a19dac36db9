"""The results of `heads --writes` and `heads --by ablation` as documents for scripts."""

from typing import Any

from attn_cli.analysis.document import document_head, layer_keys
from attn_cli.analysis.logits.ablation import Ablations
from attn_cli.analysis.logits.head_writes import CONVENTION, HeadWrites


def ablations_document(result: Ablations, text: str | None, model: str) -> dict[str, Any]:
    """The heads, those whose ablation moves the prediction most first."""
    return _model_document("ablation", text, model) | {
        "next": {"token": result.token, "share": result.share},
        "heads": [layer_keys(ablation.layer) | vars(ablation) for ablation in result.heads],
    }


def writes_document(result: HeadWrites, text: str | None, model: str) -> dict[str, Any]:
    """The logits that each head adds at the last position, and the components of the likeliest token's logit."""
    return _model_document("writes", text, model) | {
        "next": vars(result.token),
        "convention": CONVENTION,
        "parts": [{"part": name, "logit": logit} for name, logit in result.components],
        "heads": [
            {
                **layer_keys(head.layer),
                "head": head.head,
                "next": head.top,
                "promotes": [vars(token) for token in head.promotes],
                "suppresses": [vars(token) for token in head.suppresses],
                "ov_copying": head.circuit.copying,
                "qk_matching": head.circuit.matching,
                "undefined": head.circuit.missing or None,
            }
            for head in result.heads
        ],
    }


def _model_document(kind: str, text: str | None, model: str) -> dict[str, Any]:
    return document_head(kind) | {"text": text, "source": {"kind": "checkpoint", "path": model}}
