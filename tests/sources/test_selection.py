"""Layers and heads as they are chosen, by numbers and by addresses."""

import pytest

from attn_cli.errors import AttnError, SelectionError, UsageError
from attn_cli.sources.selection import Selection, chooses_heads
from attn_cli.trace.addresses import address

PLAIN = [f"layers.{number}" for number in range(5)]
PAIR = [
    *(f"encoder.layers.{number}" for number in range(2)),
    *(name for number in range(2) for name in (f"decoder.layers.{number}", f"decoder.layers.{number}.cross")),
]
HEADS = 4


def chosen(layers: str | None, heads: str | None, names: list[str] = PLAIN) -> list[str]:
    """The chosen heads, each by its address."""
    selection = Selection(layers, heads, names)
    found = []
    for layer in selection.layers:
        numbers = selection.heads(layer, HEADS)
        found += [address(layer, head) for head in (range(HEADS) if numbers is None else numbers)]
    return found


ALL = [address(layer, head) for layer in PLAIN for head in range(HEADS)]


@pytest.mark.parametrize(
    ("layers", "heads", "found"),
    [
        (None, None, ALL),
        ("all", "all", ALL),
        ("3", "2", ["L3.2"]),
        (None, "L3.2", ["L3.2"]),
        (None, "l3.2", ["L3.2"]),
        (None, "3.2", ["L3.2"]),
        (None, "layers.3.2", ["L3.2"]),
        (None, "L3.-1", ["L3.3"]),
        (None, "L3.1-2", ["L3.1", "L3.2"]),
        (None, "L3.2,L1.0", ["L1.0", "L3.2"]),
        (None, "L3.2, L3.0", ["L3.0", "L3.2"]),
        ("L3", None, ["L3.0", "L3.1", "L3.2", "L3.3"]),
        ("L3,L1", "0", ["L1.0", "L3.0"]),
        ("3", "L3.2", ["L3.2"]),
        ("3,4", "L3.2", ["L3.2"]),
        ("L3.2", None, ["L3.2"]),
        ("L3.2,L4.0", None, ["L3.2", "L4.0"]),
        ("L3.2", "L4.0", ["L3.2", "L4.0"]),
        ("L3.2", "0", ["L3.0", "L3.2"]),
        ("3,L4.1", None, ["L3.0", "L3.1", "L3.2", "L3.3", "L4.1"]),
        ("3", "0,L3.2", ["L3.0", "L3.2"]),
        (None, "0,L3.2", ["L0.0", "L1.0", "L2.0", "L3.0", "L3.2", "L4.0"]),
    ],
)
def test_layers_and_heads_are_chosen_by_number_and_by_address(
    layers: str | None, heads: str | None, found: list[str]
) -> None:
    assert chosen(layers, heads) == found


@pytest.mark.parametrize(
    ("layers", "heads", "found"),
    [
        (None, "E0.1", ["E0.1"]),
        (None, "D1.1,X1.2", ["D1.1", "X1.2"]),
        (None, "encoder.0.1", ["E0.1"]),
        (None, "encoder.layers.0.1", ["E0.1"]),
        (None, "decoder.1.cross.2", ["X1.2"]),
        ("X0", "0", ["X0.0"]),
        ("E0,D0", "0", ["E0.0", "D0.0"]),
        ("encoder", "0", ["E0.0", "E1.0"]),
        ("X0.3", None, ["X0.3"]),
        ("decoder.0.cross", "3", ["X0.3"]),
        ("2", "3", ["D0.3"]),
    ],
)
def test_stacks_have_letters_of_their_own(layers: str | None, heads: str | None, found: list[str]) -> None:
    assert chosen(layers, heads, PAIR) == found


@pytest.mark.parametrize(
    ("layers", "heads", "names", "kind", "message"),
    [
        (None, "L9.0", PLAIN, SelectionError, "there is no layer 'L9'"),
        (None, "E0.1", PLAIN, SelectionError, "there is no layer 'E0'"),
        ("L0", None, PAIR, SelectionError, "there is no layer 'L0'"),
        (None, "L3.9", PLAIN, SelectionError, "L3: there is no head 9"),
        ("2", "L3.1", PLAIN, SelectionError, "--head names L3, which --layer 2 leaves out"),
        (None, "encoder.1", PAIR, UsageError, "'encoder.1': 'encoder' is 2 layers"),
        (None, "L3", PLAIN, UsageError, "--head: there is no head 'L3'"),
        (None, "L3.", PLAIN, UsageError, "--head: there is no head 'L3.'"),
        (None, "L3.x", PLAIN, UsageError, "--head: there is no head 'L3.x'"),
        (None, "L3.2-1", PLAIN, UsageError, "runs backwards"),
        (None, "", PLAIN, UsageError, "--head"),
        ("L3.1.2", None, PLAIN, SelectionError, "there is no layer 'L3.1.2'"),
    ],
)
def test_an_address_that_is_not_there_is_named(
    layers: str | None, heads: str | None, names: list[str], kind: type[AttnError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        chosen(layers, heads, names)
    assert message in caught.value.message
    assert caught.value.hint


def test_an_address_chooses_a_layer_and_a_head_at_once() -> None:
    assert [chooses_heads(*given) for given in (("3", "1"), (None, "L3.1"), ("L3.1", None), ("3", "L3.1"))] == [
        True
    ] * 4
    assert [chooses_heads(*given) for given in ((None, None), ("3", None), (None, "1"), ("L3", None))] == [False] * 4
