"""The page of `attn read`: the text itself, painted by the attention of a query, and the answer in one sentence."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.heads.special import is_special, special_tokens
from attn_cli.analysis.read import HeadShare, Reading, TextRead
from attn_cli.sources.spacing import bare
from attn_cli.trace.addresses import address
from attn_cli.views.drawing.pictures.percent import per_cent, percent, percents
from attn_cli.views.drawing.pictures.percent import strongest as strongest_percents
from attn_cli.views.drawing.text import fit, labels
from attn_cli.views.page import Block, Heading, Page, Passage, Prose
from attn_cli.views.pages.provenance import count, made_with, origin
from attn_cli.views.pages.titles import head_name

NAMED = 3
"""So many tokens are named in the sentence, and so many heads below the text."""
LISTED = 4
"""The most heads whose addresses a title lists."""
HALF = 0.5
FEW = 3
"""So many tokens are marked where all shares are small."""
UNEVEN = 5
"""A small share is marked if it is so many times as large as an even one."""
SPREAD = 0.1
"""A query whose largest share is below this spreads its attention."""
LONGEST = 20
"""The cells of a token in a sentence."""


def read_page(read: TextRead, again: str | None = None, digits: int = 0) -> Page:
    """For each reading a title, the answer and the text; then the heads that look at one token, and the origin.

    `digits` stand behind the point of per cents.
    """
    return tuple(_blocks(read, again, digits))


def _blocks(read: TextRead, again: str | None, digits: int) -> Iterator[Block]:
    foot = [*_foot(read)]
    for reading in read.readings:
        title, answer = _title(read, reading), _answer(read, reading, digits)
        yield Heading(title)
        yield Prose(answer)
        yield Passage(
            tokens=read.tokens,
            gaps=read.gaps,
            shares=reading.shares,
            masked=reading.masked & (reading.shares == 0),
            marks=_marks(reading, digits),
            queries=read.places,
            largest=_largest(read, reading),
            beside=(title, answer, *foot),
        )
    yield from (Prose(text, faint=True) for text in foot)
    yield from made_with(again)


def _marks(reading: Reading, digits: int) -> dict[int, str]:
    """The strongest shares in per cent; where all are below 1%, the few that stand out."""
    if numbers := strongest_percents(reading.shares, reading.sink or 0.0, digits=digits):
        return {key: per_cent(number, digits) for key, number in numbers.items()}
    even = UNEVEN / len(reading.shares)
    return {key: percent(float(reading.shares[key])) for key in reading.strongest[:FEW] if reading.shares[key] > even}


def _foot(read: TextRead) -> Iterator[str]:
    """The heads to look at next, the origin of the numbers, and the notes."""
    if text := _single_heads(read):
        yield text
    yield origin(read.trace)
    yield from (f"note: {note}" for note in read.trace.notes)


def _title(read: TextRead, reading: Reading) -> str:
    if read.every:
        asks = f"What all {len(read.queries):,} queries look at, on average"
    else:
        query = read.queries[0]
        asks = f"What {_quoted(read.query_tokens[query])} (query {query}) looks at"
    return f"{asks} · {_whose(read, reading)}"


def _whose(read: TextRead, reading: Reading) -> str:
    """The head, or the heads whose mean it is."""
    heads = reading.heads
    if len(heads) == 1:
        return head_name(read.trace, heads[0].layer, heads[0].head)
    layers = list(dict.fromkeys(head.layer for head in heads))
    if len(heads) <= LISTED:
        names = [head_name(read.trace, head.layer, head.head) for head in heads]
        shared = "heads " if all(name.startswith("head ") for name in names) else ""
        return f"mean of {shared}" + ", ".join(name.removeprefix("head ") for name in names)
    where = f" of {address(layers[0])}" if len(layers) == 1 else f" in {len(layers)} layers"
    return f"mean of {len(heads)} heads{where}"


def _answer(read: TextRead, reading: Reading, digits: int) -> str:
    """The strongest tokens in a sentence, in per cent that add up to 100."""
    shares = reading.shares
    if not np.isfinite(shares).all():
        return "Its weights are not numbers."
    total = float(shares.sum())
    if total <= 0:
        return "All of its attention goes to the sink, none to a token." if reading.sink else "It sees no key."
    who = "their" if read.every else "its"
    strongest = [key for key in reading.strongest if shares[key] > 0]
    numbers = strongest_percents(shares, reading.sink or 0.0, digits=digits)
    named = list(numbers)[: NAMED + 1 if len(strongest) == NAMED + 1 else NAMED] or strongest[:1]
    said = [f"{_per_cent(numbers.get(key, 0), digits)} to {_named(read, key)}" for key in named]
    others, sink = len(strongest) - len(named), percents([reading.sink or 0.0], digits)[0]
    rest = max(0, percents([total], digits)[0] - sum(numbers.get(key, 0) for key in named))
    ends = [f"{_per_cent(rest, digits)} to {others:,} other{'s' * (others != 1)}"] if others else []
    ends += [f"{_per_cent(sink, digits)} to the sink, which is no token"] if reading.sink else []
    top = float(shares[named[0]])
    if top < SPREAD:
        return (
            f"{who.capitalize()} attention is spread out: the largest share is {percent(top)}, "
            f"on {_named(read, named[0])}, of {count(len(strongest), 'token')}."
        )
    if top >= HALF:
        first = f"{per_cent(numbers[named[0]], digits)} of {who} attention goes to one token, {_named(read, named[0])}"
        after = [*said[1:], *ends]
        return f"{first}{', ' if after else ''}{', '.join(after)}.{_sink_words(read, reading)}"
    return f"{who.capitalize()} attention goes {', '.join([*said, *ends])}."


def _sink_words(read: TextRead, reading: Reading) -> str:
    if not read.is_sink(reading):
        return ""
    key = reading.strongest[0]
    if is_special(read.tokens[key], special_tokens(read.trace)):
        return " Special tokens are often attention sinks: --drop special."
    return " The first token is often an attention sink: --drop first."


def _per_cent(number: int, digits: int) -> str:
    return per_cent(number, digits) if number else f"under {per_cent(1, digits)}"


def _named(read: TextRead, key: int) -> str:
    """A token with its index, or `itself`."""
    if not read.every and read.places == (key,):
        return f"itself (key {key})"
    return f"{_quoted(read.tokens[key])} (key {key})"


def _quoted(token: str) -> str:
    return f'"{fit(labels([bare(token)])[0], LONGEST)}"'


def _largest(read: TextRead, reading: Reading) -> float | None:
    """The largest share of the other tokens, where a sink takes most; where all are small, what would stand out."""
    if not read.is_sink(reading):
        top = float(np.nanmax(reading.shares, initial=0))
        return max(top, UNEVEN / len(reading.shares)) if top < SPREAD else None
    rest = float(np.delete(reading.shares, reading.strongest[0]).max(initial=0))
    return rest or None


def _single_heads(read: TextRead) -> str:
    """The heads of a mean that give one token most, those that look at no sink first."""
    heads = [head for reading in read.readings for head in reading.heads]
    if len(read.readings) > 1 or len(heads) < NAMED:
        return ""
    special = special_tokens(read.trace)

    def is_usual(head: HeadShare) -> bool:
        return head.key == 0 or is_special(read.tokens[head.key], special)

    telling = [head for head in heads if not is_usual(head)] or heads
    best = [head for head in sorted(telling, key=lambda head: -head.share)[:NAMED] if head.share >= SPREAD]
    if not best:
        return ""
    listed = ", ".join(
        f"{head_name(read.trace, head.layer, head.head)} {percent(head.share)} to {_named(read, head.key)}"
        for head in best
    )
    apart = " apart from sinks" if len(telling) < len(heads) else ""
    alone = head_name(read.trace, best[0].layer, best[0].head).startswith("head ")
    spelled = str(best[0].head) if alone else address(best[0].layer, best[0].head)
    return f"Strongest single heads{apart}: {listed}. Zoom in: --head {spelled}"
