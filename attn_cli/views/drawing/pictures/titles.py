"""Titles of small pictures, shortened to fit."""

import re
from collections.abc import Sequence

from attn_cli.views.drawing.text import cells


def short_titles(titles: Sequence[str], room: int) -> Sequence[str]:
    """Titles unchanged if they fit into `room` cells, else their addresses, without shared words, or as numbers: 3.11.

    No title becomes empty, and no two become alike; if nothing fits, the shortest form is used.
    """
    shared = _shared(titles)
    without = [title[shared:] for title in titles]
    addresses = [title.partition(" · ")[0] for title in titles]
    numbers = [".".join(re.findall(r"\d+", title)) for title in titles]
    forms = (titles, addresses, without, numbers)
    clear = [names for names in forms if all(names) and len(set(names)) == len(set(titles))]
    return next((names for names in clear if max(map(cells, names)) <= room), clear[-1] if clear else titles)


def _shared(titles: Sequence[str]) -> int:
    """The length of the words with which all titles begin, 0 for a single title."""
    words = titles[0].split(" ")[:-1] if len(set(titles)) > 1 else []
    while words and not all(title.startswith(" ".join(words) + " ") for title in titles):
        words.pop()
    return len(" ".join(words)) + 1 if words else 0
