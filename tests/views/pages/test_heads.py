"""The page of heads: the named ones first, sinks by token, a map of letters."""

from dataclasses import replace
from types import MappingProxyType

from attn_cli.analysis.heads.heads import Head
from attn_cli.analysis.heads.orders import ordered
from attn_cli.views.page import Bars, Heading, Letters
from attn_cli.views.pages.heads_found import found, title_of

NOTHING: MappingProxyType[str, float | None] = MappingProxyType({})


def head(layer: int, number: int, kind: str, evidence: float | None, token: str = "<s>") -> Head:
    name = kind.replace("_", " ") if kind != "sink" else f"sink on {token}"
    return Head(f"layers.{layer}", layer, number, kind, name, evidence, 5, (0, token), NOTHING, NOTHING, NOTHING, None)


HEADS = (
    head(0, 0, "mixed", None),
    head(0, 1, "sink", 0.9),
    head(0, 2, "previous_token", 0.8),
    head(1, 0, "sink", 0.95),
    head(1, 1, "sink", 0.4, " because"),
    head(1, 2, "induction", 0.7),
    head(2, 0, "sink", 0.5),
    head(2, 1, "sink", 0.6),
    head(2, 2, "previous_token", 0.99),
)


def test_named_heads_come_before_sinks_and_sinks_before_mixed_ones() -> None:
    bars, heading, letters = found(HEADS)
    assert isinstance(bars, Bars)
    assert bars.rows == (
        ("induction", 0.7, "L1.2 0.70"),
        ("previous token", 0.99, "L2.2 0.99, L0.2 0.80"),
        ("sink on <s>", 0.95, "L1.0 0.95, L0.1 0.90, L2.1 0.60 … 4 heads"),
        ("sink on ␣because", 0.4, "L1.1 0.40"),
        ("mixed", 0.0, "1 head"),
    )
    assert heading == Heading("Map of layers × heads")
    assert letters == Letters(
        ("L0", "L1", "L2"),
        ("0", "1", "2"),
        (("·", "S", "P"), ("S", "S", "I"), ("S", "S", "P")),
        (("I", "induction"), ("P", "previous token"), ("S", "sink"), ("·", "mixed")),
    )


def test_heads_are_ordered_by_evidence_or_by_name() -> None:
    addresses = {name: [f"{h.index}.{h.head}" for h in ordered(HEADS, name)] for name in ("evidence", "name")}
    assert addresses["evidence"][:3] == ["2.2", "0.2", "1.2"]
    assert addresses["name"][:3] == ["1.2", "2.2", "0.2"]
    assert addresses["evidence"][3:] == addresses["name"][3:] == ["1.0", "0.1", "2.1", "2.0", "1.1", "0.0"]


def test_layers_with_fewer_heads_leave_their_places_on_the_map_empty() -> None:
    *_, letters = found([*HEADS, replace(HEADS[0], head=3)])
    assert isinstance(letters, Letters)
    assert letters.letters[1] == ("S", "S", "I", " ")


def test_titles_show_the_blank_of_a_token() -> None:
    assert title_of(HEADS[4]) == "sink on ␣because 0.40"
    assert title_of(HEADS[0]) == "mixed"
