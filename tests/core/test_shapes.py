"""What does not fit together is refused with both shapes, and never with an error of NumPy's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from attn_cli.core.attention import Projections, attend
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import SpecError
from attn_cli.trace.trace import Layer

TOKENS = tuple("abcde")
WIDTHS = {"W_Q": (7, 6), "W_K": (7, 3), "W_V": (7, 2), "W_O": (4, 11)}
SHAPES: dict[str, tuple[int, ...]] = WIDTHS | {
    "embedded": (5, 7),
    "b_Q": (6,),
    "b_K": (3,),
    "b_V": (2,),
    "b_O": (11,),
    "bias": (5, 5),
    "hidden": (2, 5, 5),
    "sinks": (2,),
    "position_embeddings": (13, 7),
    "position_ids": (5,),
}


def attend_on(shapes: Mapping[str, tuple[int, ...]], **rest: Any) -> Layer:
    """Two query heads on one key/value head, on arrays of these shapes."""
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    extras = ("bias", "hidden", "sinks", "position_embeddings", "position_ids", "position_ids_context")
    spec = rest.pop("spec", Spec(heads=2, kv_heads=1))
    kinds = {"hidden": bool, "position_ids": int, "position_ids_context": int}
    return attend(
        rest.pop("tokens", TOKENS),
        {name: array for name, array in arrays.items() if name[:2] not in ("W_", "b_") and name not in extras},
        Projections(**{name: array for name, array in arrays.items() if name[:2] in ("W_", "b_")}),
        spec,
        extras=Extras(
            **{name: array.astype(kinds.get(name, float)) for name, array in arrays.items() if name in extras}
        ),
        **rest,
    )


def test_the_shapes_that_the_cases_depart_from_fit() -> None:
    assert attend_on(SHAPES)["output"].shape == (5, 11)


WRONG: list[tuple[dict[str, tuple[int, ...]], list[str]]] = [
    ({"W_Q": (6, 6)}, ["W_Q does not fit X", "5×7", "6×6"]),
    ({"W_K": (11, 3)}, ["W_K does not fit X", "5×7", "11×3"]),
    ({"W_V": (7,)}, ["W_V does not fit X", "5×7", "is 7"]),
    ({"W_Q": (2, 7, 3)}, ["W_Q does not fit X", "5×7", "2×7×3"]),
    ({"W_Q": (7, 5), "b_Q": (5,)}, ["W_Q has 5 columns", "2 heads"]),
    ({"W_K": (7, 0), "b_K": (0,)}, ["W_K has 0 columns", "1 heads"]),
    ({"W_K": (7, 5), "b_K": (5,)}, ["Q and K do not fit", "2×5×3", "1×5×5"]),
    ({"Q_rotated": (2, 5, 7)}, ["Q and Q_rotated do not fit", "2×5×3", "2×5×7"]),
    ({"W_O": (3, 11)}, ["W_O does not fit heads side by side", "5×4", "3×11"]),
    ({"b_Q": (5,)}, ["b_Q does not fit", "is 5", "5×6"]),
    ({"b_O": (11, 1)}, ["b_O does not fit", "11×1", "5×11"]),
    ({"b_V": ()}, ["b_V does not fit", "one number", "5×2"]),
    ({"embedded": (6, 7)}, ["5 tokens cannot label 6 rows"]),
    ({"embedded": (4, 7)}, ["5 tokens cannot label 4 rows"]),
    ({"embedded": (7,)}, ["embedded is 7: it needs 2 dimensions"]),
    ({"embedded": (1, 5, 7)}, ["embedded is 1×5×7: it needs 2 dimensions"]),
    ({"embedded": (5, 0)}, ["embedded is 5×0: it holds no number"]),
    ({"embedded_context": (5, 7)}, ["X_context is given"]),
    ({"Q": (3, 5, 3)}, ["Q has 3 heads (3×5×3), expected 2"]),
    ({"K": (2, 5, 3)}, ["K has 2 heads (2×5×3), expected 1"]),
    ({"Q": (2, 4, 3)}, ["Q does not fit: Q is 2×4×3, 4 queries, and embedded is 5×7, 5 queries"]),
    ({"K": (1, 5, 3), "V": (1, 4, 2)}, ["V does not fit: V is 1×4×2, 4 keys, and K is 1×5×3, 5 keys"]),
    ({"K_rotated": (1, 5, 7)}, ["Q and K_rotated do not fit", "2×5×3", "1×5×7"]),
    ({"Q": (2, 5)}, ["Q is 2×5: it needs 3 dimensions"]),
    ({"weights": (2, 5, 4), "K": (1, 5, 3)}, ["4 keys", "weights is 2×5×4", "K is 1×5×3"]),
    ({"scores": (5, 5)}, ["scores is 5×5: it needs 3 dimensions"]),
    ({"sink_weight": (2, 5, 1)}, ["sink_weight is 2×5×1: it needs 2 dimensions"]),
    ({"bias": (5, 4)}, ["attn_mask is 5×4", "2×5×5"]),
    ({"bias": (5,)}, ["attn_mask is 5,", "2×5×5"]),
    ({"hidden": (1, 5, 5)}, ["attn_mask is 1×5×5", "2×5×5"]),
    ({"sinks": (3,)}, ["sinks are 3 for 2 heads"]),
    ({"sinks": (2, 1)}, ["sinks are 2×1 for 2 heads"]),
    ({"position_embeddings": (13, 6)}, ["position_embeddings are 13×6", "5×7"]),
    ({"position_embeddings": (13,)}, ["position_embeddings are 13: they need 2 dimensions"]),
    ({"position_embeddings": (0, 7)}, ["position_embeddings has 0 rows", "position 0"]),
    ({"position_ids": (4,)}, ["position_ids are 4 for 5 tokens"]),
    ({"position_ids": (1, 5)}, ["position_ids are 1×5 for 5 tokens"]),
    ({"position_ids_context": (5,)}, ["position_ids_context is given, and there is no context"]),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[str(change) for change, _ in WRONG])
def test_what_does_not_fit_is_refused_with_both_shapes(change: dict[str, tuple[int, ...]], words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        attend_on(SHAPES | change)
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint


def test_position_embeddings_that_end_before_a_token_are_refused() -> None:
    shapes = {"embedded": (5, 7), "position_embeddings": (3, 7)}
    with pytest.raises(SpecError, match="has 3 rows, and there is a token at position 4"):
        attend_on(shapes)


def test_a_width_that_contradicts_d_k_is_refused() -> None:
    with pytest.raises(SpecError, match="d_k is 64, and Q is 2×5×3"):
        attend_on(SHAPES, spec=Spec(heads=2, kv_heads=1, d_k=64))


def test_tokens_of_the_context_label_the_keys() -> None:
    shapes = {"embedded": (5, 7), "embedded_context": (3, 7)} | WIDTHS
    assert attend_on(shapes, context_tokens="xyz").key_tokens == ("x", "y", "z")
    with pytest.raises(SpecError, match="2 context tokens cannot label 3 keys"):
        attend_on(shapes, context_tokens="xy")
    with pytest.raises(SpecError, match="4 tokens cannot label 5 queries"):
        attend_on(shapes, context_tokens="xyz", tokens="abcd")


@pytest.mark.parametrize(
    ("heads", "kv_heads", "message"),
    [(6, 4, "6 heads cannot share 4"), (0, None, "0 heads"), (2, 0, "0 heads"), (1, 2, "1 heads cannot share 2")],
)
def test_heads_that_cannot_be_shared_are_refused(heads: int, kv_heads: int | None, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Spec(heads=heads, kv_heads=kv_heads)


def test_a_dtype_that_numpy_has_not_is_refused() -> None:
    with pytest.raises(SpecError, match="bfloat16"):
        Spec(dtype="bfloat16")
