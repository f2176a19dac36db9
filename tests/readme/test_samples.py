"""The samples: make.py writes them, and they show what their README says."""

from pathlib import Path

import numpy as np
import pytest

from attn_cli import explain
from tests.readme.shell import ROOT, program

SAMPLES = ROOT / "samples"
BY_HAND = ("by-hand.json", "page-scores.json", "page.json")
MADE = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in (".json", ".npz") and path.name not in BY_HAND)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what make.py writes."""
    folder = tmp_path_factory.mktemp("made")
    script = SAMPLES / "make.py"
    program(
        f"import sys, runpy; sys.argv[1:] = [{str(folder)!r}]; runpy.run_path({str(script)!r}, run_name='__main__')",
        folder,
    )
    return folder


def test_make_writes_every_sample_that_is_not_written_by_hand(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == MADE


@pytest.mark.parametrize("name", MADE)
def test_make_writes_the_same_bytes(made: Path, name: str) -> None:
    assert (made / name).read_bytes() == (SAMPLES / name).read_bytes()


@pytest.mark.parametrize("name", [*BY_HAND, *MADE])
def test_a_sample_is_small_and_its_readme_names_it(name: str) -> None:
    assert (SAMPLES / name).stat().st_size < 6000
    assert f"`{name}`" in (SAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*BY_HAND, *MADE])
def test_a_sample_can_be_explained(name: str) -> None:
    assert "weights" in explain(weights=str(SAMPLES / name))[0]


def test_two_containers_of_one_document_give_one_trace() -> None:
    json, npz = (explain(weights=str(SAMPLES / f"two-heads.{suffix}"))[0] for suffix in ("json", "npz"))
    assert json.settings == npz.settings
    assert [stage.name for stage in json.stages] == [stage.name for stage in npz.stages]
    for one, two in zip(json.stages, npz.stages, strict=True):
        np.testing.assert_array_equal(one.array, two.array)


def test_the_example_page_is_put_right() -> None:
    layer = explain(weights=str(SAMPLES / "page-scores.json"))[0]
    np.testing.assert_allclose(layer["scaled"][0, 0], [0.4, 0.1, 0.35])
    np.testing.assert_array_equal(layer["weights"][0, 0].round(3), [0.371, 0.275, 0.353])


def test_what_is_done_by_hand_comes_out() -> None:
    layer = explain(weights=str(SAMPLES / "by-hand.json"))[0]
    np.testing.assert_allclose(layer["weights"][0], [[0.4, 0.2, 0.4], [0.2, 0.4, 0.4], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(layer["output"], [[16, 12], [12, 16], [15, 15]])
