"""A trace in a notebook."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

import numpy as np
import pytest

from attn_cli.trace.trace import Layer, Settings, Stage, Trace
from attn_cli.views.notebook import html
from tests.views.screens import HOSTILE


def trace_of(tokens: Sequence[str], *, heads: int = 1, layers: int = 1) -> Trace:
    n = len(tokens)
    rng = np.random.default_rng(0)
    weights = rng.random((heads, n, n))
    weights /= weights.sum(-1, keepdims=True)
    stages = (
        Stage("X", rng.random((n, 3)) - 0.5, "X"),
        Stage("masked", np.where(np.tril(np.ones((n, n), bool)), weights - 0.5, -np.inf), "masked"),
        Stage("weights", weights, "weights = softmax(masked)"),
    )
    names, places = tuple(tokens), tuple(range(heads))
    made = tuple(
        Layer(stages, names, names, heads, heads, places, places, Settings(), name=f"layers.{index}", index=index)
        for index in range(layers)
    )
    return Trace(names, made, {"kind": "random", "seed": 0}, notes=("a note with <tags> & more",))


class Reader(HTMLParser):
    """The tags and the text of a fragment; fails where tags do not close."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(fragment)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE_HTML = ("<script>alert(1)</script>", "</table>", "&amp;", '" onload="x', "<!--", *HOSTILE)


def test_tokens_are_text_and_the_fragment_loads_nothing() -> None:
    seen = Reader(html(trace_of(HOSTILE_HTML)))
    assert seen.tags == {"div", "b", "bdi", "details", "summary", "table", "tr", "th", "td", "caption"}
    assert seen.attributes == {"style", "cellpadding", "align"}
    assert "<script>alert(1)</script>" in seen.text
    assert "a note with <tags> & more" in seen.text
    assert not re.search(r"url\(|http|@import", html(trace_of(HOSTILE)))
    assert not re.search(r"[\x00-\x1f\u202e\u200b\ud800-\udfff]", html(trace_of(HOSTILE)))


def test_the_weights_are_open_and_other_stages_are_folded_away() -> None:
    fragment = html(trace_of(["a", "b"]))
    assert fragment.count("<details>") == 2
    outside = re.sub(r"<details>.*?</details>", "", fragment)
    assert "weights = softmax(masked)" in outside
    assert outside.count("<table") == 1
    assert "−∞" in fragment


def test_a_big_trace_is_cut_and_says_so() -> None:
    fragment = html(trace_of([f"t{place}" for place in range(300)], heads=12, layers=5))
    assert len(fragment) < 2_000_000
    assert "2 more layers are in the trace, not shown here" in fragment
    assert "4 more heads are in the trace, not shown here" in fragment
    assert "284 more rows and 284 more columns" in fragment


def test_a_trace_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = trace_of(["a", "b"])
    monkeypatch.setattr(Trace, "notebook_view", html)
    assert trace._repr_html_() == html(trace)


@pytest.mark.parametrize("tokens", [("a", "b"), ("é", "👨‍👩‍👧", "שלום")])
def test_rich_is_not_imported(tokens: tuple[str, ...]) -> None:
    code = (
        "import sys; from tests.views.test_notebook import trace_of; from attn_cli.views.notebook import html;"
        "[sys.modules.pop(m) for m in list(sys.modules) if m.split('.')[0] == 'rich'];"
        f"html(trace_of({tokens!a})); print([m for m in sys.modules if m.split('.')[0] == 'rich'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_fragment(golden: Callable[[str, str], None]) -> None:
    golden("trace.html", html(trace_of(["Transformers", "are", "amazing"], heads=2)))
