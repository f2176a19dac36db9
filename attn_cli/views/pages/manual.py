"""The pages of `attn manual` without a topic: the list of topics, and the lines that hold a word."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from attn_cli.manual import TOPICS, Hit, summary
from attn_cli.views.page import Block, Equation, Heading, Listing, Page, Prose


def topics_page() -> Page:
    """Every topic, with the sentence that says what its page answers."""
    rows = tuple((topic, summary(topic)) for topic in TOPICS)
    return (
        Heading("The manual of attn"),
        Listing(("topic", "what its page answers"), rows),
        Prose("attn manual TOPIC shows a page, attn manual --find WORD searches all pages."),
    )


def hits_page(hits: Iterable[Hit]) -> Page:
    """Lines of the manual, below the page and heading that they stand under."""
    return tuple(_hits(hits))


def _hits(hits: Iterable[Hit]) -> Iterator[Block]:
    for (topic, heading), group in groupby(hits, key=lambda hit: (hit.topic, hit.heading)):
        yield Prose(f"attn manual {topic}: {heading}")
        for hit in group:
            if hit.line != heading:
                yield Equation(hit.line)
