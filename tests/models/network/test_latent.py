"""Multi-head latent attention's queries, keys and values, token by token."""

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.models.network.latent import Latent
from attn_cli.models.network.weights import Names, Weights
from tests.models.network.test_experts import Held, drawn

HEADS, TURNED, PLAIN, D_V, RANK = 3, 2, 5, 7, 4
ARRAYS = {
    "q.weight": drawn(HEADS * (PLAIN + TURNED), 11, seed=1),
    "kv_down.weight": drawn(RANK + TURNED, 11, seed=2),
    "kv_down_norm.weight": drawn(RANK, seed=3),
    "kv.weight": drawn(HEADS * (PLAIN + D_V), RANK, seed=4),
}
NAMES: Names = {name: name for name in ("q", "q_down", "q_down_norm", "kv", "kv_down", "kv_down_norm")}


def test_rotated_features_come_first_and_are_shared_by_the_keys_of_all_heads() -> None:
    x = drawn(6, 11, seed=5)
    made = Latent(Norm("rms", 1e-6), HEADS, TURNED, PLAIN, D_V)(Weights(Held(ARRAYS), NAMES, ""), x)
    for token, vector in enumerate(x):
        down = ARRAYS["kv_down.weight"] @ vector
        latent, turned = down[:RANK], down[RANK:]
        latent = latent / np.sqrt(np.square(latent).mean() + 1e-6) * ARRAYS["kv_down_norm.weight"]
        q = (ARRAYS["q.weight"] @ vector).reshape(HEADS, PLAIN + TURNED)
        kv = (ARRAYS["kv.weight"] @ latent).reshape(HEADS, PLAIN + D_V)
        for head in range(HEADS):
            expected = {
                "Q": [*q[head, PLAIN:], *q[head, :PLAIN]],
                "K": [*turned, *kv[head, :PLAIN]],
                "V": kv[head, PLAIN:],
            }
            for name, numbers in expected.items():
                np.testing.assert_allclose(made[name][0][head, token], numbers, rtol=1e-4, atol=1e-5)


def test_formulas_say_where_queries_come_from() -> None:
    plain = Weights(Held(ARRAYS), NAMES, "")
    compressing = {"q_down.weight": drawn(11, 11, seed=6), "q_down_norm.weight": drawn(11, seed=7)}
    latent = Latent(Norm("rms", 1e-6), HEADS, TURNED, PLAIN, D_V)
    x = drawn(6, 11, seed=5)
    assert latent(plain, x)["Q"][1] == "Q = X · W_Q   6×11, 3 heads of 6×7"
    assert latent(Weights(Held(ARRAYS | compressing), NAMES, ""), x)["Q"][1].startswith("Q = norm(X · W_DQ) · W_UQ")
