"""Every model type that is computed is compared with transformers, or is known not to be."""

from attn_cli.models.families import FAMILIES
from tests.parity.models.cases import cases

ELSEWHERE = {"llama4": "test_nested.py compares it with the model of its text alone"}
"""Model types without a case of their own → where they are compared."""


def test_each_model_type_has_a_case() -> None:
    compared = {case.shown_type for case in cases()}
    assert {kind for kind in FAMILIES if kind not in compared} == set(ELSEWHERE)


def test_each_case_is_of_a_model_type_that_is_computed() -> None:
    assert {case.shown_type for case in cases()} <= set(FAMILIES)
