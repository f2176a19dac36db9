"""The table of stages: every order of stages in the program comes from what each stage is made of."""

import pytest

from attn_cli.trace.stages import CHAIN, FORMS, PARTS, READS, STAGES, arranged, between, followers, last_form


def test_every_stage_says_what_it_is_made_of_and_reads_only_stages() -> None:
    assert list(READS) == list(STAGES)
    assert {name for sources in READS.values() for name in sources} <= set(STAGES)


def test_the_catalogue_is_in_an_order_in_which_the_arithmetic_can_run() -> None:
    before: set[str] = set()
    for name, sources in READS.items():
        assert not sources or before & set(sources), name
        before.add(name)


def test_orders_that_the_program_uses_follow_from_the_table() -> None:
    assert CHAIN == ("scores", "scaled", "softcapped", "biased", "masked", "weights")
    assert FORMS["Q"] == ("Q", "Q_normed", "Q_rotated")
    assert FORMS["K"] == ("K", "K_normed", "K_rotated")
    assert between("V", "output") == ("V", "head_output", "output")


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("output", set()),
        ("weights", {"head_output", "output"}),
        ("V", {"head_output", "output"}),
        ("masked", {"weights", "sink_weight", "head_output", "output"}),
        ("K_rotated", {*CHAIN, *PARTS, "sink_weight", "head_output", "output"}),
        ("X_context", {*FORMS["K"], "V", *CHAIN, *PARTS, "sink_weight", "head_output", "output"}),
        ("residual", set(STAGES) - {"embedded", "residual", "X_context"}),
    ],
)
def test_followers_are_what_is_made_of_a_stage_directly_or_not(stage: str, expected: set[str]) -> None:
    assert followers(stage) == expected


def test_which_stages_follow_depends_on_the_order_in_which_they_were_made() -> None:
    late = arranged(("Q", "Q_rotated", "Q_normed", "scores"))
    assert "Q_rotated" in followers("Q_normed")
    assert "Q_normed" not in followers("Q_rotated")
    assert "Q_normed" in followers("Q_rotated", order=late)
    assert "Q_rotated" not in followers("Q_normed", order=late)
    assert sorted(late) == sorted(STAGES)


def test_the_last_form_is_the_one_that_was_made_last() -> None:
    assert last_form("Q", ["K", "Q", "Q_normed", "Q_rotated", "scores"]) == "Q_rotated"
    assert last_form("Q", ["Q", "Q_rotated", "Q_normed", "K_rotated"]) == "Q_normed"
    assert last_form("K", ["Q", "V", "weights"]) is None
