"""How a reader wants a page presented: under a title of their own, or as the result alone."""

from collections.abc import Iterator

from attn_cli.views.page import Beside, Block, Command, Heading, Page, Prose


def titled(page: Page, title: str) -> Page:
    """The page under a title."""
    return (Heading(title), *page)


def result_alone(page: Page) -> Page:
    """The page without notes, explanations and commands; a heading stays where it tells several results apart."""
    kept = tuple(_without_remarks(page))
    results = [block for block in kept if not isinstance(block, Heading)]
    return tuple(results) if len(results) == 1 and not isinstance(results[0], Prose) else kept


def _without_remarks(page: Page) -> Iterator[Block]:
    for block in page:
        if isinstance(block, Command) or (isinstance(block, Prose) and block.faint):
            continue
        if isinstance(block, Beside):
            yield Beside(tuple(tuple(_without_remarks(section)) for section in block.sections))
        else:
            yield block
