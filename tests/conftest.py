"""The same environment for every test, and golden files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no fault of the code: no example has a deadline. Every run tries the same examples, so that a change
# alone can turn a test red; HYPOTHESIS_PROFILE=search tries new ones.
settings.register_profile("attn", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "attn"))

# Typer reads some of these while it is imported: a fixture would come too late.
for _name in (
    "GITHUB_ACTIONS",
    "TERMINAL_WIDTH",
    "FORCE_COLOR",
    "PY_COLORS",
    "NO_COLOR",
    "COLUMNS",
    "COLORTERM",
    "ATTN_PRECISION",
    "ATTN_PALETTE",
    "ATTN_COLOR",
):
    os.environ.pop(_name, None)

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files; read the diff")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One process where files are rewritten: two would write one document at a time, each over the other's lines."""
    return 0 if config.getoption("--update-golden") else None


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, or rewrite it with --update-golden."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        assert path.exists(), f"{path} is missing: run pytest --update-golden and read what it wrote"
        assert text == path.read_bytes().decode()

    return compare
