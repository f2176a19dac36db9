"""Routers and experts, against plain loops and by hand."""

import math
from collections.abc import Mapping

import numpy as np

from attn_cli.models.families.phimoe import InTurn
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.arithmetic import silu
from attn_cli.models.network.experts import Best, Experts, Sigmoids, highest
from attn_cli.models.network.mlp import Clamped, Gated
from attn_cli.models.network.weights import Names, Packed, Weights, every, unclaimed
from attn_cli.trace.trace import Array

NAMES: Names = {
    "router": "router",
    "shared_switch": "switch",
    **{f"shared_{name}": f"shared.{name}" for name in ("gate", "up", "down")},
    **{f"expert_{name}": f"experts.{{e}}.{name}" for name in ("gate", "up", "down")},
}


class Held(Tensors):
    """Tensors that stand in memory."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        super().__init__(dict.fromkeys(arrays))  # type: ignore[arg-type]
        self.arrays = arrays
        self.reads: list[str] = []

    def read(self, name: str, slot: str, rows: Array | None = None) -> Array:
        self.reads.append(name)
        array = self.arrays[name].astype(np.float32)
        return array if rows is None else array[rows]


def drawn(*shape: int, seed: int = 3) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def held(experts: int, *, switch: bool = False) -> Held:
    arrays = {"router.weight": drawn(experts, 5)}
    arrays |= {"switch.weight": drawn(1, 5, seed=9)} if switch else {}
    for number, side in enumerate(["shared", *(f"experts.{place}" for place in range(experts))]):
        arrays[f"{side}.gate.weight"] = drawn(3, 5, seed=10 * number)
        arrays[f"{side}.up.weight"] = drawn(3, 5, seed=10 * number + 1)
        arrays[f"{side}.down.weight"] = drawn(5, 3, seed=10 * number + 2)
    return Held(arrays)


def test_shares_are_those_of_the_best_of_all_or_add_up_among_them() -> None:
    logits = np.log(np.array([[1, 5, 2, 2]], np.float32))
    weights = Weights(Held({}), {}, "")
    np.testing.assert_allclose(Best(2)(logits, weights), [[0, 0.5, 0.2, 0]], rtol=1e-6)
    np.testing.assert_allclose(Best(2, among=True)(logits, weights), [[0, 5 / 7, 2 / 7, 0]], rtol=1e-6)


def test_sigmoids_choose_within_the_best_groups_by_what_they_are_after_correction() -> None:
    # Sigmoids 0.8 0.5 | 0.6 0.6 | 0.2 0.9; the correction lifts the second group, and within it the second.
    logits = np.log(np.array([[4, 1, 1.5, 1.5, 0.25, 9]], np.float32))
    weights = Weights(Held({"lift": np.array([0, 0, 0.3, 0.4, 0, 0])}), {"correction": Packed("lift", raw=True)}, "")
    one = Sigmoids(1, groups=3, kept=1, among=False, factor=2.0)(logits, weights)
    np.testing.assert_allclose(one, [[0, 0, 0, 1.2, 0, 0]], rtol=1e-6)
    three = Sigmoids(3, groups=3, kept=2, factor=2.0)(logits, weights)
    np.testing.assert_allclose(three, [[0.8, 0, 0.6, 0.6, 0, 0]], rtol=1e-6)
    every_group = Sigmoids(2)(logits, Weights(Held({}), {}, ""))
    np.testing.assert_allclose(every_group, [[0.8 / 1.7, 0, 0, 0, 0, 0.9 / 1.7]], rtol=1e-6)


def test_a_softmax_chooses_within_the_groups_that_have_the_best_and_multiplies() -> None:
    logits = np.log(np.array([[1, 8, 2, 4, 4, 1]], np.float32))
    weights = Weights(Held({}), {}, "")
    # The best group has 8, the second 4 and 2; of those three the best two are 8 and 4.
    np.testing.assert_allclose(Best(2, groups=3, kept=2)(logits, weights), [[0, 0.4, 0, 0.2, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(Best(2, groups=3, kept=1)(logits, weights), [[0.05, 0.4, 0, 0, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(Best(1, factor=5.0)(logits, weights), [[0, 2, 0, 0, 0, 0]], rtol=1e-6)


def test_experts_in_turn_count_by_what_is_near_each() -> None:
    weights = Weights(Held({}), {}, "")
    # Near 10 are 9 and 8, that is what is at least 7.5. After 10 has gone, 9 is the best, and 8 is near it.
    found = InTurn(0.25)(np.array([[8, 10, 1, 9]], np.float32), weights)
    first, second = 1 / (1 + math.exp(-1) + math.exp(-2)), 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(found, [[0, first, 0, second]], rtol=1e-6)
    np.testing.assert_allclose(InTurn(0.01)(np.array([[8, 10, 1, 9]], np.float32), weights), [[0, 1, 0, 1]], rtol=1e-6)


def test_of_equal_logits_the_first_are_the_highest() -> None:
    np.testing.assert_array_equal(highest(np.array([[1, 2, 2, 0, 2]]), 2), [[False, True, True, False, False]])


def test_a_token_is_the_sum_of_what_its_experts_make_of_it() -> None:
    tensors, x = held(4, switch=True), drawn(7, 5, seed=1)
    found = Experts(Best(2, among=True), Gated(silu, "expert_"), Gated(silu, "shared_"))(x, Weights(tensors, NAMES, ""))

    def made(side: str, token: Array) -> Array:
        gate, up, down = (tensors.arrays[f"{side}.{name}.weight"].astype("f8") for name in ("gate", "up", "down"))
        inner = gate @ token
        return np.asarray(down @ (inner / (1 + np.exp(-inner)) * (up @ token)))

    for row, token in zip(found, x.astype("f8"), strict=True):
        logits = tensors.arrays["router.weight"] @ token
        first, second = np.argsort(-logits)[:2]
        share = 1 / (1 + math.exp(logits[second] - logits[first]))
        total = share * made(f"experts.{first}", token) + (1 - share) * made(f"experts.{second}", token)
        total += made("shared", token) / (1 + math.exp(-float(tensors.arrays["switch.weight"][0] @ token)))
        np.testing.assert_allclose(row, total, rtol=1e-4, atol=1e-5)


def test_shares_may_multiply_what_goes_into_an_expert() -> None:
    weights = Weights(held(3), NAMES, "")
    x = drawn(4, 5, seed=1)
    expert = Gated(silu, "expert_")
    found = Experts(Best(1), expert, before=True)(x, weights)
    shares = Best(1)(weights.apply("router", x), weights)
    for token, row in enumerate(x):
        chosen = int(shares[token].argmax())
        expected = expert(row[np.newaxis] * shares[token, chosen], weights.expert(chosen))[0]
        np.testing.assert_allclose(found[token], expected, rtol=1e-5)


def test_experts_that_no_token_sees_are_not_read() -> None:
    tensors = held(4)
    tensors.arrays["router.weight"][:] = 0
    Experts(Best(2), Gated(silu, "expert_"))(drawn(7, 5), Weights(tensors, NAMES, ""))
    assert {name for name in tensors.reads if name.startswith("experts.")} == {
        f"experts.{number}.{name}.weight" for number in (0, 1) for name in ("gate", "up", "down")
    }


def test_the_clamped_gate_by_hand() -> None:
    tensors = Held(
        {
            "gate.weight": np.array([[1.0], [1.0]]),
            "up.weight": np.array([[2.0], [-9.0]]),
            "down.weight": np.array([[1.0, 10.0]]),
        }
    )
    names: Names = {name: name for name in ("gate", "up", "down")}
    found = Clamped(slope=2.0, limit=3.0)(np.array([[1.0], [4.0], [-4.0]], np.float32), Weights(tensors, names, ""))
    swish = [gate / (1 + math.exp(-2 * gate)) for gate in (1, 3, -4)]
    # up is 2 and −9 for the first token, 8 and −36 for the second: held within ± 3, then one more.
    by_hand = [swish[0] * (3 + 10 * -2), swish[1] * (4 + 10 * -2), swish[2] * (-2 + 10 * 4)]
    np.testing.assert_allclose(found[:, 0], by_hand, rtol=1e-6)


def stacked() -> Held:
    held = Held({"both": drawn(2, 5, 6), "both_bias": drawn(2, 6, seed=4)})
    held.tensors = {name: type("Tensor", (), {"shape": array.shape})() for name, array in held.arrays.items()}
    return held


def test_one_expert_is_cut_out_of_a_tensor_that_holds_all_with_its_bias() -> None:
    part: Names = {
        "gate": Packed("both", cut=every(2, 0), transposed=True, raw=True, bias="both_bias", stacked=True),
        "up": Packed("both", cut=every(2, 1), transposed=True, raw=True, bias="both_bias", stacked=True),
    }
    tensors, x = stacked(), drawn(7, 5, seed=2)
    weights = Weights(tensors, part, "").expert(1)
    both = x @ tensors.arrays["both"][1] + tensors.arrays["both_bias"][1]
    np.testing.assert_allclose(weights.apply("gate", x), both[:, ::2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weights.apply("up", x), both[:, 1::2], rtol=1e-5, atol=1e-6)
    assert tensors.reads == ["both", "both_bias"]
    assert unclaimed(tensors, [part], "", ()) == []
