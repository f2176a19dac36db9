"""Steps on heads, by hand."""

import numpy as np

from attn_cli.core.head_steps import Clip, NormHeads, ScaleQueries
from attn_cli.core.positions import QueryScaling

HEADS = np.arange(30, dtype=np.float32).reshape(2, 5, 3)


def test_queries_grow_with_positions_that_are_far_enough_and_the_formula_says_so() -> None:
    q, positions = np.ones((1, 5, 3), np.float32), np.arange(5)
    still = ScaleQueries("Q", QueryScaling(0.1, 8, ahead=1))
    assert still(q, positions) is q
    assert still.formula("Q = X · W_Q", positions) == "Q = X · W_Q"
    grows = ScaleQueries("Q", QueryScaling(0.5, 2, ahead=1))
    np.testing.assert_allclose(grows(q, positions)[0, :, 0], 1 + 0.5 * np.log([1, 2, 2, 3, 3]), rtol=1e-6)
    formula = grows.formula("Q = X · W_Q", positions)
    assert formula == "Q = X · W_Q · (1 + 0.5 · ln(1 + ⌊(position + 1) / 2⌋))"


def test_clipping_limits_both_signs_and_says_so() -> None:
    clip = Clip("V", 2.5)
    np.testing.assert_array_equal(clip(np.array([[[-7.0, -2, 0, 2, 3]]]), np.arange(1)), [[[-2.5, -2, 0, 2, 2.5]]])
    assert clip.formula("V = X · W_V", np.arange(1)) == "V = X · W_V, clipped to ±2.5"


def test_a_norm_sees_each_head_with_its_number_or_all_heads_of_a_token_at_once() -> None:
    seen: list[tuple[int, np.ndarray]] = []  # type: ignore[type-arg]

    def norm(head: int, vectors: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        seen.append((head, vectors))
        return vectors - vectors.mean(axis=-1, keepdims=True)

    each = NormHeads("Q_normed", norm)(HEADS, np.arange(5))
    np.testing.assert_array_equal(each, np.broadcast_to([-1, 0, 1], (2, 5, 3)))
    together = NormHeads("Q_normed", norm, together=True)(HEADS, np.arange(5))
    np.testing.assert_array_equal(
        together, np.stack([np.broadcast_to([x - 8.5, x - 7.5, x - 6.5], (5, 3)) for x in (0, 15)])
    )
    assert [head for head, _ in seen] == [0, 1, 0]
    assert [vectors.shape for _, vectors in seen] == [(5, 3), (5, 3), (5, 6)]
