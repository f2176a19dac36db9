"""Any combination of settings computes what plain loops compute."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.runs import MASKS, POSITIONS, a_run
from tests.core.test_reference import EXTRAS, ON_HEADS, check


@settings(max_examples=150)
@given(
    on_heads=st.sampled_from([(), *([step] for step in ON_HEADS)]),
    extras=st.lists(st.sampled_from(EXTRAS), unique=True),
    mask=st.sampled_from(MASKS),
    positions=st.sampled_from(POSITIONS),
    heads=st.sampled_from([(1, 1), (3, 3), (6, 2), (5, 1)]),
    cross=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_any_combination_is_the_plain_loops(
    on_heads: list[str], extras: list[str], mask: str, positions: str, heads: tuple[int, int], cross: bool, seed: int
) -> None:
    counts = {"heads": heads[0], "kv_heads": heads[1]}
    check(a_run(*extras, *on_heads, mask=mask, positions=positions, **counts, cross=cross, seed=seed))
