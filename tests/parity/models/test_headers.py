"""The headers of every case fit its config, and what does not fit is named."""

from pathlib import Path
from typing import Any

import pytest

from attn_cli.models.header_check import header_fault
from attn_cli.models.model import open_model
from tests.parity.models.test_models import CASES, folders

__all__ = ["folders"]


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_wrong_with_the_headers_of_a_case(name: str, folders: Any, tmp_path: Path) -> None:
    assert header_fault(open_model(folders(CASES[name]))) is None
