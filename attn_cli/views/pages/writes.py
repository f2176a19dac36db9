"""The pages of what heads do to the next token: what each writes, and what is lost without it."""

from collections.abc import Iterator, Sequence

from attn_cli.analysis.logits.ablation import Ablations
from attn_cli.analysis.logits.head_writes import CONVENTION, HeadWrites, Promoted
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Heading, Listing, Page, Prose
from attn_cli.views.pages.atlas import short

FEW = 2
LEAST = 0.05
MOST = 20
COPYING = (
    "OV copying and QK matching: Σ Re λ / Σ |λ| of the circuits' eigenvalues over the vocabulary, −1 to 1, norms' "
    "weights folded in (Elhage et al. 2021); 1 copies every token, or looks for the same"
)
ABLATION = (
    "zero ablation (Michel et al. 2019): the head's output is set to 0 before W_O; KL(before ‖ after) of the next "
    "token in nats (Conmy et al. 2023), and the change of the log-probability of the token that was likeliest before"
)


def writes_page(found: HeadWrites, origin: Sequence[str], *, full: bool = False, again: str | None = None) -> Page:
    """What each head promotes and suppresses, and the parts of the likeliest token's logit."""
    return tuple(_writes(found, origin, full, again))


def _writes(found: HeadWrites, origin: Sequence[str], full: bool, again: str | None) -> Iterator[Block]:
    yield from _top(origin, again)
    yield Heading("What each head adds to the logits at the last position")
    top = _named(found.token)
    shown = found.heads if full else sorted(found.heads, key=lambda head: -abs(head.top))[:MOST]
    rows = [
        (
            f"{short(head.layer)}.{head.head}",
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
    if len(shown) < len(found.heads):
        yield Prose(f"{len(found.heads) - len(shown)} heads that add less to {top} are left out: --full", faint=True)
    yield Prose(CONVENTION, faint=True)
    yield Prose(COPYING, faint=True)
    yield Heading(f"The logit of {top}, the likeliest: {found.token.logit:.4f}")
    parts = sorted(found.parts, key=lambda part: -abs(part[1]))
    rest = [] if full else parts[MOST:]
    listed = [(name, f"{logit:+.4f}") for name, logit in (parts if full else parts[:MOST])]
    if rest:
        listed.append((f"{len(rest)} smaller parts", f"{sum(logit for _, logit in rest):+.4f}"))
    listed.append(("sum", f"{sum(logit for _, logit in parts):+.4f}"))
    yield Listing(("part", "logit"), tuple(listed), frozenset({1}))


def ablations_page(found: Ablations, origin: Sequence[str], *, full: bool = False, again: str | None = None) -> Page:
    """The heads that move the prediction most when they are switched off."""
    return tuple(_ablations(found, origin, full, again))


def _ablations(found: Ablations, origin: Sequence[str], full: bool, again: str | None) -> Iterator[Block]:
    yield from _top(origin, again)
    token = f'"{labels([found.token])[0]}"'
    yield Heading(f"Heads by what is lost without them: next is {token} {100 * found.share:.1f} %")
    shown = found.heads if full else found.heads[:MOST]
    rows = [
        (
            f"{short(one.layer)}.{one.head}",
            f"{one.kl:.4f}",
            f"{one.log_change:+.4f}",
            f'"{labels([one.top])[0]}" {100 * one.share:.1f} %',
        )
        for one in shown
    ]
    yield Listing(("without", "KL", f"log p of {token}", "then next is"), tuple(rows), frozenset({1, 2}))
    if len(shown) < len(found.heads):
        yield Prose(f"{len(found.heads) - len(shown)} heads that move it less are left out: --full", faint=True)
    yield Prose(ABLATION, faint=True)


def _top(origin: Sequence[str], again: str | None) -> Iterator[Block]:
    yield Prose(" · ".join(origin))
    if again:
        yield Prose(f"again: {again}", faint=True)


def _named(token: Promoted) -> str:
    return f'"{labels([token.token])[0]}"'


def _list(tokens: Sequence[Promoted]) -> str:
    told = [f"{_named(token)} {token.logit:+.1f}" for token in tokens if abs(token.logit) >= LEAST]
    return ", ".join(told[:FEW]) or "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"
