"""Whole screens at four sizes in four color systems, as files to be looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli import explain
from attn_cli.analysis.compare import compare
from attn_cli.analysis.heads.head_names import thresholds
from attn_cli.analysis.heads.heads import heads
from attn_cli.analysis.heads.orders import ordered
from attn_cli.trace.trace import Trace
from attn_cli.views.display import Display
from attn_cli.views.page import Page
from attn_cli.views.pages.atlas import atlas_page
from attn_cli.views.pages.compare import Shown, compare_page
from attn_cli.views.pages.explain import explain_page, heatmap_page
from attn_cli.views.pages.heads import Asked, heads_page
from tests.views.screens import screen

SIZES = ((80, 24), (80, 50), (120, 40), (200, 60))
COLORS = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": None}
TEXT = "The old cat sat on the mat because it was very tired"
KNOWN = str(Path(__file__).parents[2] / "samples" / "known-heads")


def known(text: str) -> Trace:
    """The sample checkpoint on a text."""
    pytest.importorskip("tokenizers")
    from attn_cli.models.explain import run_model
    from attn_cli.models.request import ModelRequest

    trace = run_model(ModelRequest(KNOWN, text), stages=("weights",))
    return Trace(trace.tokens, trace.layers, trace.source | {"path": "known-heads"}, trace.text, notes=trace.notes)


def explained() -> Page:
    return explain_page(explain(TEXT, heads=2, mask="causal"))


def drawn() -> Page:
    return heatmap_page(explain(TEXT, mask="causal"))


def atlas() -> Page:
    return atlas_page(known("the cat sat on the mat and the cat"))


def profiles() -> Page:
    return atlas_page(known(" ".join(["the cat sat on the mat and"] * 6)), full=False)


def named() -> Page:
    report = heads([known("the cat sat on the mat and the cat")], thresholds([]))
    return heads_page(report, ordered(report.heads, "evidence"), Asked(None, False, None, None), Display())


def compared() -> Page:
    a, b = (explain("the cat sat on the mat", mask=mask) for mask in ("none", "causal"))
    return compare_page(a, b, compare(a, b), Shown())


PAGES = (explained, drawn, atlas, named, compared)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screens(width: int, height: int, color: str, golden: Callable[[str, str], None]) -> None:
    shown = [screen(*page(), width=width, height=height, color=COLORS[color]) for page in PAGES]
    golden(f"screens/{width}x{height}-{color}.ansi", "\n".join(shown))


@pytest.mark.parametrize("color", ["truecolor", "16"])
def test_a_light_screen(color: str, golden: Callable[[str, str], None]) -> None:
    shown = [
        screen(*page(), height=50, color=COLORS[color], background="light") for page in (explained, drawn, compared)
    ]
    golden(f"screens/light-{color}.ansi", "\n".join(shown))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_answer_is_on_the_first_screen(width: int, height: int, page: Callable[[], Page]) -> None:
    first = screen(*page(), width=width, height=height).split("\n")[:height]
    assert any("cat" in line or "L0" in line for line in first)
    assert "Made with" not in "\n".join(first)
