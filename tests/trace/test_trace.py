"""The values of a trace."""

import pytest

from attn_cli.errors import SpecError
from attn_cli.trace.trace import aligned


def test_labels_are_the_last_tokens_or_the_first() -> None:
    assert aligned(["a", "b", "c"], 2, from_start=False) == ("b", "c")
    assert aligned(["a", "b", "c"], 2, from_start=True) == ("a", "b")
    assert aligned(["a"], 0, from_start=False) == ()


def test_too_few_tokens_label_nothing() -> None:
    with pytest.raises(SpecError, match="2 tokens cannot label 3 rows"):
        aligned(["a", "b"], 3, from_start=True)
