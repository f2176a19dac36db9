"""What heads do to the next token, as documents for scripts."""

from typing import Any

from attn_cli import __version__
from attn_cli.analysis.logits.ablation import Ablations
from attn_cli.analysis.logits.head_writes import CONVENTION, HeadWrites


def ablations_document(found: Ablations, text: str | None, model: str) -> dict[str, Any]:
    """The heads ranked by what is lost without them."""
    return _of_model("ablation", text, model) | {
        "next": {"token": found.token, "share": found.share},
        "heads": [vars(one) for one in found.heads],
    }


def writes_document(found: HeadWrites, text: str | None, model: str) -> dict[str, Any]:
    """What each head adds to the logits at the last position, and the parts of the likeliest token's logit."""
    return _of_model("writes", text, model) | {
        "next": vars(found.token),
        "convention": CONVENTION,
        "parts": [{"part": name, "logit": logit} for name, logit in found.parts],
        "heads": [
            {
                "layer": head.layer,
                "head": head.head,
                "next": head.top,
                "promotes": [vars(token) for token in head.promotes],
                "suppresses": [vars(token) for token in head.suppresses],
                "ov_copying": head.circuit.copying,
                "qk_matching": head.circuit.matching,
            }
            for head in found.heads
        ],
    }


def _of_model(kind: str, text: str | None, model: str) -> dict[str, Any]:
    source = {"kind": "checkpoint", "path": model}
    return {"format": f"attn.{kind}", "version": 1, "attn": __version__, "text": text, "source": source}
