"""The manual: one page for each topic, Markdown files beside this one, so that an installed package carries them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

TOPICS = (
    "stages",
    "masks",
    "documents",
    "checkpoints",
    "heads",
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
_FENCE = "```"


@dataclass(frozen=True)
class Hit:
    """A line of a page, and the heading above it."""

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
    """Yield every line of every page that holds `word`, upper case or lower; code, tables and headings included."""
    wanted = word.casefold()
    for topic in TOPICS:
        heading, fenced = "", False
        for line in read_page(topic).splitlines():
            if line.startswith(_FENCE):
                fenced = not fenced
                continue
            text = line if fenced else _prose(line)
            if not fenced and line.startswith("#"):
                heading = text
            if wanted in text.casefold():
                yield Hit(topic, heading, text)


def _prose(line: str) -> str:
    """A line outside code as it is read: no markup, the cells of a table apart by bars."""
    if line.startswith("<!--") or set(line) <= set("|- "):
        return ""
    return plain(line).lstrip("#").strip("| ").replace("\\|", "|")


def nearest(name: str) -> str:
    """Return the topic nearest to a name: one spelled alike, else the one that mentions it most, else any."""
    if near := get_close_matches(name.lower(), TOPICS, n=1):
        return near[0]
    if mentions := Counter(hit.topic for hit in find(name)).most_common(1):
        return mentions[0][0]
    return get_close_matches(name.lower(), TOPICS, n=1, cutoff=0)[0]
