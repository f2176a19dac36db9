"""The manual: one page for each topic, Markdown files beside this one, so that an installed package carries them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from attn_cli.errors import nearest

TOPICS = (
    "stages",
    "masks",
    "documents",
    "keys",
    "checkpoints",
    "heads",
    "read",
    "aggregate",
    "what-if",
    "compare",
    "check",
    "display",
    "pipes",
    "library",
    "conventions",
    "words",
    "security",
    "code",
)
"""The topics in reading order; the page of a topic is the file TOPIC.md."""

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Hit:
    """A heading, sentence, row or line of code of a page, and the heading that it stands under."""

    topic: str
    heading: str
    line: str


def read_page(topic: str) -> str:
    """Return the Markdown of a topic's page."""
    from importlib.resources import files

    return files(__name__).joinpath(f"{topic}.md").read_text(encoding="utf-8")


def summary(topic: str) -> str:
    """Return the sentence with which a page begins: what it answers, without markup."""
    paragraph = read_page(topic).split("\n\n")[1]
    return plain(" ".join(paragraph.split()))


def plain(markdown: str) -> str:
    """Return a line of Markdown without backticks, emphasis and link targets."""
    return _LINK.sub(r"\1", markdown).replace("`", "").replace("**", "")


def find(word: str) -> Iterator[Hit]:
    """Yield all that holds `word`, upper case or lower: headings, sentences, rows of tables, lines of code."""
    wanted = " ".join(word.casefold().split())
    for topic in TOPICS:
        for heading, passage in _passages(read_page(topic)):
            if wanted in passage.casefold():
                yield Hit(topic, heading, passage)


def _passages(page: str) -> Iterator[tuple[str, str]]:
    """The headings, sentences, rows and lines of code of a page, each after the heading that it stands under."""
    heading, fenced, prose = "", False, ""
    for line in [*page.splitlines(), ""]:
        fence = line.startswith("```")
        if prose and (fence or fenced or line[:1] in ("", "#", "|", "<", "-")):
            yield from ((heading, sentence) for sentence in re.split(r"(?<=[.:]) (?=[A-Z`])", plain(prose)))
            prose = ""
        if fence:
            fenced = not fenced
        elif fenced:
            yield heading, line
        elif line.startswith("#"):
            heading = plain(line).lstrip("# ")
            yield heading, heading
        elif line.startswith("|"):
            if not set(line) <= set("|-: "):
                yield heading, plain(line).strip("| ").replace("\\|", "|")
        elif not line.startswith("<!--"):
            prose = f"{prose} {line.removeprefix('- ').strip()}".strip()


def nearest_topic(name: str) -> str:
    """Return the topic nearest to a name: one spelled alike, else the one that mentions it most, else any."""
    if near := nearest(name, TOPICS):
        return near[0]
    if mentions := Counter(hit.topic for hit in find(name)).most_common(1):
        return mentions[0][0]
    return nearest(name, TOPICS, cutoff=0)[0]
