"""The text painted by attention: whole screens as files to be looked at, and 4,000 tokens on one of them."""

from collections.abc import Callable

import numpy as np
import pytest

from attn_cli.analysis.read import HeadShare, Reading, TextRead, choosing, text_read
from attn_cli.sources.read import gathered
from attn_cli.sources.request import Request
from attn_cli.sources.spacing import gaps
from attn_cli.trace.trace import Layer, Settings, Trace
from attn_cli.views.display import Display
from attn_cli.views.page import Page, Passage
from attn_cli.views.pages.read import read_page
from tests.views.screens import HOSTILE, plain, screen

SIZES = ((80, 24), (120, 40))
COLORS = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": None}
EVENTS = ("INFO request served", "INFO cache miss for key 71", "WARN queue is long", "INFO retrying connection")


def log(lines: int) -> tuple[str, tuple[str, ...]]:
    """A log, and its tokens: each with the space before it, line breaks alone."""
    text = "\n".join(f"2026-11-30T04:{at // 60:02}:{at % 60:02}Z {EVENTS[at * 7 % 4]}" for at in range(lines))
    tokens = [token for line in text.split("\n") for token in (*line.replace(" ", "\0 ").split("\0"), "\n")][:-1]
    return text, tuple(tokens)


def read_of(
    tokens: tuple[str, ...], strong: dict[int, float], *, text: str | None = None, masked: int = 0, heads: int = 1
) -> TextRead:
    """A text whose last query gives these shares, and the rest evenly to the other keys that are not masked."""
    count = len(tokens)
    shares = np.zeros(count)
    seen = count - masked
    shares[:seen] = (1 - sum(strong.values())) / max(1, seen - len(strong))
    for key, share in strong.items():
        shares[key] = share
    layer = Layer((), tokens, tokens, 12, 12, tuple(range(12)), tuple(range(12)), Settings(mask="causal"), "layers.5")
    trace = Trace(tokens, (layer,), {"kind": "checkpoint", "path": "gpt2", "model_type": "gpt2"}, text)
    top = max(strong, key=lambda key: strong[key], default=0)
    means = tuple(HeadShare("layers.5", head, top, shares[top]) for head in range(heads))
    hidden = np.arange(count) >= seen
    query = seen - 1
    reading = Reading(means, shares, hidden, None)
    return TextRead(trace, tokens, gaps(tokens, text), (query,), tokens, (query,), (reading,))


def long_log() -> Page:
    text, tokens = log(700)
    assert len(tokens) > 4000
    return read_page(read_of(tokens, {537: 0.73, 1327: 0.11, 3000: 0.04}, text=text))


def sink() -> Page:
    text, tokens = log(300)
    return read_page(read_of(tokens, {0: 0.8, 700: 0.06, 701: 0.05, 1500: 0.02}, text=text, heads=12))


def spread() -> Page:
    text, tokens = log(700)
    return read_page(read_of(tokens, {}, text=text, heads=12))


def masked() -> Page:
    request = Request(text="The old cat sat on the mat\nbecause it was very tired", mask="causal")
    return read_page(text_read(gathered(request, choosing("mat"))))


def hostile() -> Page:
    return read_page(read_of(tuple(HOSTILE), {0: 0.2, 3: 0.2, 4: 0.1, 13: 0.1}, masked=2))


PAGES = (long_log, sink, spread, masked, hostile)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screens_of_a_text(width: int, height: int, color: str, golden: Callable[[str, str], None]) -> None:
    shown = [screen(*page(), width=width, height=height, color=COLORS[color]) for page in PAGES]
    golden(f"screens/read-{width}x{height}-{color}.ansi", "\n".join(shown))


@pytest.mark.parametrize("color", COLORS.values())
@pytest.mark.parametrize(("width", "height"), [*SIZES, (60, 20), (200, 60), (80, 100)])
@pytest.mark.parametrize("page", [long_log, sink, spread])
def test_4000_tokens_fit_on_a_screen(page: Callable[[], Page], width: int, height: int, color: str | None) -> None:
    lines = plain(screen(*page(), width=width, height=height, color=color)).splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    numbers = [int(line[:4].strip("% <")) for line in lines if line[:6].endswith("%  ") and "<" not in line[:6]]
    assert sum(numbers) == 100


def test_the_strongest_tokens_are_in_view_and_the_first_line_answers() -> None:
    shown = plain(screen(*long_log(), height=24))
    assert "73% of its attention goes to one token" in shown.splitlines()[2]
    for mark in ("]73%", "]11%", "]4%", "»"):
        assert mark in shown
    assert shown.count("⋮") >= 3


def test_full_shows_every_line() -> None:
    shown = plain(screen(*long_log(), height=24, display=Display(full=True)))
    assert "⋮" not in shown
    assert shown.count("2026-11-30T04:") >= 699


def test_masked_tokens_are_dots_and_not_words() -> None:
    shown = plain(screen(*masked()))
    assert "tired" not in shown
    assert "because" not in shown
    assert "· · · · ·" in shown


def test_a_long_run_of_masked_tokens_is_folded_as_masked() -> None:
    text, tokens = log(300)
    shown = plain(screen(*read_page(read_of(tokens, {5: 0.9}, text=text, masked=1200)), height=24))
    assert ", masked" in shown


def test_tokens_are_painted_more_the_more_they_get() -> None:
    shares = np.array([0.5, 0.3, 0.2, 0.0])
    passage = Passage(("a", "b", "c", "d"), ("", " ", " ", " "), shares, np.zeros(4, dtype=bool), {})
    first = screen(passage, color="truecolor").splitlines()[0]
    grounds = [part.split("m")[0] for part in first.split("\x1b[48;2;")[1:]] or first.split("48;2;")[1:]
    assert "48;2;" in first
    assert len({ground[:11] for ground in grounds}) == 3  # three colors; a token that gets nothing has none
    assert first.rstrip("\n").endswith(" d")


def test_a_sink_does_not_take_all_the_color() -> None:
    with_sink = screen(*sink(), height=24, color="truecolor")
    assert "more for the sink" in plain(with_sink)
    assert "0%" in plain(with_sink)
    assert "6%" in plain(with_sink)
    assert plain(with_sink).count("⋮") >= 2
