"""Addresses of layers and heads."""

import pytest

from attn_cli.trace.addresses import address, layer_number


@pytest.mark.parametrize(
    ("layer", "head", "spelled", "number"),
    [
        ("layers.3", None, "L3", 3),
        ("layers.3", 5, "L3.5", 3),
        ("layers.10", 0, "L10.0", 10),
        ("encoder.layers.0", 1, "E0.1", 0),
        ("decoder.layers.2", 1, "D2.1", 2),
        ("decoder.layers.2.cross", 1, "X2.1", 2),
        ("decoder.layers.2.cross", None, "X2", 2),
        ("model.layers.7", 1, "model.layers.7.1", 7),
        ("mine", 4, "mine.4", None),
        ("layers.x", None, "layers.x", None),
    ],
)
def test_a_layer_and_its_heads_have_an_address(layer: str, head: int | None, spelled: str, number: int | None) -> None:
    assert address(layer, head) == spelled
    assert layer_number(layer) == number
