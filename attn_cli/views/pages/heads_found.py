"""What `attn heads` found: the named heads with bars and addresses, and a map of layers × heads."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from attn_cli.analysis.heads.heads import MIXED, Head
from attn_cli.analysis.heads.orders import by_name, ordered
from attn_cli.trace.addresses import address
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Bars, Block, Heading, Letters

LETTERS: Mapping[str, str] = MappingProxyType(
    {
        "induction": "I",
        "duplicate_token": "D",
        "previous_token": "P",
        "next_token": "N",
        "current_token": "C",
        "sink": "S",
        "even": "E",
        MIXED: "·",
    }
)
"""The letter of each kind of head on the map."""
NAMED = 3
GROUPS = 12
"""The most lines of names; rarer ones are counted."""
FEW = 2
"""So many heads need no map."""


def title_of(head: Head) -> str:
    """The head's name and its evidence: `sink on ␣the 0.37`."""
    name = name_of(head)
    return name if head.evidence is None else f"{name} {head.evidence:.2f}"


def name_of(head: Head) -> str:
    """The head's name, its token as a label."""
    return f"sink on {labels([head.sink[1]])[0]}" if head.kind == "sink" else head.name


def found(heads: Sequence[Head]) -> Iterator[Block]:
    """A line for each name with its strongest heads, then the map."""
    groups: dict[str, list[Head]] = {}
    for head in ordered(heads, "name"):
        groups.setdefault(name_of(head), []).append(head)
    # Sinks on many different tokens are ordered by how many heads they hold.
    ranked = sorted(groups.items(), key=lambda group: (by_name(group[1][0])[0], -len(group[1]), by_name(group[1][0])))
    rows = [(name, group[0].evidence or 0.0, _strongest(group)) for name, group in ranked[:GROUPS]]
    if len(ranked) > GROUPS:
        rest = [head for _, group in ranked[GROUPS:] for head in group]
        rows.append((f"{len(ranked) - GROUPS} more names", 0.0, _count(len(rest))))
    yield Bars(tuple(rows))
    if len(heads) > FEW:
        yield Heading("Map of layers × heads")
        yield _map(heads)


def _strongest(group: Sequence[Head]) -> str:
    """The addresses of the strongest heads with their evidence, and how many there are."""
    if group[0].evidence is None:
        return _count(len(group))
    listed = ", ".join(f"{address(head.layer, head.head)} {head.evidence:.2f}" for head in group[:NAMED])
    return listed if len(group) <= NAMED else f"{listed} … {_count(len(group))}"


def _count(number: int) -> str:
    return f"{number:,} head{'s' * (number != 1)}"


def _map(heads: Sequence[Head]) -> Letters:
    layers = list(dict.fromkeys(head.layer for head in heads))
    numbers = sorted({head.head for head in heads})
    kinds = {(head.layer, head.head): head.kind for head in heads}
    rows = tuple(tuple(LETTERS.get(kinds.get((layer, number), ""), " ") for number in numbers) for layer in layers)
    used = [kind for kind in LETTERS if kind in kinds.values()]
    legend = tuple((LETTERS[kind], kind.replace("_", " ")) for kind in used)
    return Letters(tuple(map(address, layers)), tuple(map(str, numbers)), rows, legend)
