"""Titles of small pictures, as short as their room demands."""

import re
from collections.abc import Sequence

from attn_cli.views.drawing.text import cells


def short_titles(titles: Sequence[str], room: int) -> Sequence[str]:
    """Titles as they are if they fit into `room` cells, else without the words they share, else their numbers: 3.11.

    What would leave a title empty, or make two alike, is not done; where nothing fits the shortest way is taken.
    """
    shared = _shared(titles)
    without = [title[shared:] for title in titles]
    numbers = [".".join(re.findall(r"\d+", title)) for title in titles]
    clear = [names for names in (titles, without, numbers) if all(names) and len(set(names)) == len(set(titles))]
    return next((names for names in clear if max(map(cells, names)) <= room), clear[-1] if clear else titles)


def _shared(titles: Sequence[str]) -> int:
    """How many characters of words all titles begin with, if there are several titles."""
    words = titles[0].split(" ")[:-1] if len(set(titles)) > 1 else []
    while words and not all(title.startswith(" ".join(words) + " ") for title in titles):
        words.pop()
    return len(" ".join(words)) + 1 if words else 0
