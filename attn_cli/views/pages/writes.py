"""The pages of `heads --writes` and `heads --by ablation`: the effect of each head on the next token."""

from collections.abc import Iterator, Sequence

from attn_cli.analysis.logits.ablation import Ablations
from attn_cli.analysis.logits.head_writes import CONVENTION, HeadWrites, Promoted
from attn_cli.trace.addresses import address
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Command, Heading, Listing, Page, Prose

FEW = 2
LEAST = 0.05
MOST = 20
COPYING = (
    "OV copying and QK matching: Σ Re λ / Σ |λ| over the eigenvalues of the circuits from vocabulary to vocabulary, "
    "−1 to 1, with the norms' weights folded in and positions left out (Elhage et al. 2021); 1: the head copies every "
    "token (OV), or attends to the same token (QK)"
)
ABLATION = (
    "Zero ablation (Michel et al. 2019): the head's output is set to 0 before W_O. KL(before ‖ after) of the next "
    "token in nats (Conmy et al. 2023), and the change of the log-probability of the token that was likeliest before."
)


def writes_page(result: HeadWrites, origin: Sequence[str], *, full: bool = False, again: str | None = None) -> Page:
    """The tokens that each head promotes and suppresses, and the components of the likeliest token's logit."""
    return tuple(_writes(result, origin, full, again))


def _writes(result: HeadWrites, origin: Sequence[str], full: bool, again: str | None) -> Iterator[Block]:
    yield from _top(origin, again)
    yield Heading("Logits that each head adds at the last position")
    top = _named(result.token)
    shown = result.heads if full else sorted(result.heads, key=lambda head: -abs(head.top))[:MOST]
    rows = [
        (
            address(head.layer, head.head),
            f"{head.top:+.2f}",
            _share(head.circuit.copying),
            _share(head.circuit.matching),
            _list(head.promotes),
            _list(head.suppresses),
        )
        for head in shown
    ]
    header = ("head", f"to {top}", "OV", "QK", "promotes", "suppresses")
    yield Listing(header, tuple(rows), frozenset({1, 2, 3}))
    if len(shown) < len(result.heads):
        yield Prose(f"--full shows {len(result.heads) - len(shown)} more heads, which add less to {top}", faint=True)
    yield Prose(CONVENTION, faint=True)
    yield Prose(COPYING, faint=True)
    for reason in dict.fromkeys(head.circuit.missing for head in shown if head.circuit.missing):
        yield Prose(f"–: {reason}.", faint=True)
    yield Heading(f"The logit of {top}, the likeliest token: {result.token.logit:.4f}")
    components = sorted(result.components, key=lambda component: -abs(component[1]))
    rest = [] if full else components[MOST:]
    listed = [(name, f"{logit:+.4f}") for name, logit in (components if full else components[:MOST])]
    if rest:
        listed.append((f"{len(rest)} smaller components", f"{sum(logit for _, logit in rest):+.4f}"))
    listed.append(("sum", f"{sum(logit for _, logit in components):+.4f}"))
    yield Listing(("component", "logit"), tuple(listed), frozenset({1}))


def ablations_page(result: Ablations, origin: Sequence[str], *, full: bool = False, again: str | None = None) -> Page:
    """The heads, those whose ablation moves the prediction most first."""
    return tuple(_ablations(result, origin, full, again))


def _ablations(result: Ablations, origin: Sequence[str], full: bool, again: str | None) -> Iterator[Block]:
    yield from _top(origin, again)
    token = f'"{labels([result.token])[0]}"'
    yield Heading(f"Heads by the effect of their ablation: the next token is {token} {100 * result.share:.1f}%")
    shown = result.heads if full else result.heads[:MOST]
    rows = [
        (
            address(ablation.layer, ablation.head),
            f"{ablation.kl:.4f}",
            f"{ablation.log_change:+.4f}",
            f'"{labels([ablation.top])[0]}" {100 * ablation.share:.1f}%',
        )
        for ablation in shown
    ]
    yield Listing(("without", "KL", f"log p of {token}", "next token then"), tuple(rows), frozenset({1, 2}))
    if len(shown) < len(result.heads):
        yield Prose(f"--full shows {len(result.heads) - len(shown)} more heads, which have less effect", faint=True)
    yield Prose(ABLATION, faint=True)


def _top(origin: Sequence[str], again: str | None) -> Iterator[Block]:
    yield Prose(" · ".join(origin))
    if again:
        yield Command(again)


def _named(token: Promoted) -> str:
    return f'"{labels([token.token])[0]}"'


def _list(tokens: Sequence[Promoted]) -> str:
    named = [f"{_named(token)} {token.logit:+.1f}" for token in tokens if abs(token.logit) >= LEAST]
    return ", ".join(named[:FEW]) or "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"
