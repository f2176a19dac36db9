"""Hostile text made safe, and measured in cells."""

import subprocess
import sys
import unicodedata
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.views.drawing import text
from attn_cli.views.drawing.text import MARK, cells, clusters, escape, fit, labels, pad, safe, wrap
from tests.views.screens import HOSTILE

OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINER = "\u200d"

anything = st.text(
    st.one_of(
        st.characters(),
        st.characters(max_codepoint=0x2FF),
        st.sampled_from("\x1b\n\u202e\u200b\u200d\ufe0f\u0301שم漢👨👩👧🏽❤🇩🇪 \u3164ᅡ한"),
    )
)


def test_control_characters_are_spelled_out() -> None:
    tokens = ["\x1b[31m", "\u202eevil", "a\nb", "\x00", "\u200b", "\u2028", "\ud800", "\xa0", "a\u200db"]
    assert labels(tokens) == (
        r"\x1b[31m", r"\u202eevil", r"a\nb", r"\x00", r"\u200b", r"\u2028", r"\ud800", r"\xa0", r"a\u200db",
    )  # fmt: skip


def test_spaces_at_the_ends_of_a_token_are_visible_and_those_inside_stay() -> None:
    assert labels([" the", "", "   ", "New York", "x "]) == ("␣the", "∅", "␣␣␣", "New York", "x␣")


@pytest.mark.parametrize(
    "token", ["👨‍👩‍👧", "👩🏽‍🚀", "🏳️‍🌈", "❤️", "🇩🇪", "👍🏽", "שלום", "مرحبا", "漢字", "e\u0301", "क्षि"]
)
def test_what_people_write_stays_as_it_is(token: str) -> None:
    assert labels([token]) == (token,)


@pytest.mark.parametrize("token", ["\u0301", "\ufe0f", "🏽", "\u3164", "ᅡ", "\u093f"])
def test_a_mark_that_stands_alone_is_spelled_out(token: str) -> None:
    assert labels([token]) == (escape(token),)


@pytest.mark.parametrize(("token", "width"), HOSTILE.items())
def test_labels_take_the_cells_that_are_counted(token: str, width: int) -> None:
    assert cells(labels([token])[0]) == width


@given(anything)
def test_no_label_holds_a_character_that_a_terminal_obeys(token: str) -> None:
    for cluster in clusters(labels([token])[0]):
        seen = cluster.replace(JOINER, "") if any(ord(c) > 0x2190 for c in cluster) else cluster
        assert not {unicodedata.category(character) for character in seen} & OBEYED


@given(anything)
def test_every_cluster_of_a_label_can_be_seen(token: str) -> None:
    assert all(cells(cluster) > 0 for cluster in clusters(labels([token])[0]))


@given(anything)
def test_safe_text_stays_as_it_is_when_made_safe_again(words: str) -> None:
    assert safe(safe(words)) == safe(words)


@given(anything, st.integers(0, 12))
def test_fit_is_never_wider_and_only_cuts_what_is_too_wide(token: str, width: int) -> None:
    label = labels([token])[0]
    shown = fit(label, width)
    assert cells(shown) <= width
    assert (shown == label) == (cells(label) <= width)
    assert shown == label or not shown or (shown.endswith("…") and label.startswith(shown[:-1]))


@given(anything, st.integers(0, 12), st.booleans())
def test_pad_takes_exactly_its_cells(token: str, width: int, right: bool) -> None:
    assert cells(pad(labels([token])[0], width, right=right)) == width


@given(anything, st.integers(2, 30), st.integers(0, 6))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(words: str, width: int, hanging: int) -> None:
    lines = list(wrap(safe(words), width, hanging))
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(MARK, "").replace(" ", "") == safe(words).replace(" ", "")


def test_fit_does_not_cut_a_family_or_a_wide_letter_in_half() -> None:
    assert fit("a👨‍👩‍👧bc", 4) == "a👨‍👩‍👧…"
    assert fit("漢字漢字", 4) == "漢…"
    assert fit("e\u0301e\u0301e\u0301", 2) == "e\u0301…"


def test_right_to_left_letters_are_kept_from_reordering_their_line() -> None:
    assert pad("שלום", 6) == f"{MARK}שלום{MARK}  "
    assert pad("مرحبا", 6, right=True) == f" {MARK}مرحبا{MARK}"
    assert list(wrap('to "שלום", 20 %', 80)) == [f'to {MARK}"שלום",{MARK} 20 %']
    assert MARK not in pad("漢字 e\u0301", 9)


def test_wrap_breaks_between_words_and_keeps_the_spaces_inside_a_line() -> None:
    words = "scores = Q · Kᵀ   3×4"
    assert list(wrap(words, 80)) == [words]
    assert list(wrap(words, 16, 2)) == ["scores = Q · Kᵀ", "  3×4"]
    assert list(wrap("abcdefghij", 4)) == ["abcd", "efgh", "ij"]
    assert list(wrap("gives 38% of it", 9)) == ["gives 38%", "of it"]


def test_plain_characters_are_what_the_slow_way_says_they_are() -> None:
    from rich.cells import cell_len

    for character in map(chr, range(0x3000)):
        if text._SIMPLE.fullmatch(character):
            assert text._spelled(character) == character
            assert cell_len(character) == 1
            assert unicodedata.bidirectional(character) not in text._RIGHT_TO_LEFT


def test_the_signs_of_our_own_pages_need_no_library_for_clusters() -> None:
    signs = "scores = Q · Kᵀ / √d_k   3×4 → 3×3 − ∞ … ░▒▓█▀▄⋮─ é ä 2⁻¹ ∑ ≤ ± “x” – τ"
    made = f"from attn_cli.views.drawing.text import safe, pad; pad(safe({signs!a}), 9)"
    code = f"import sys; {made}; print('regex' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("word", ["x" * 400_000, "é" * 100_000 + "世" * 100_000, "ש" * 100_000])
def test_a_word_of_a_megabyte_is_wrapped_in_linear_time(word: str) -> None:
    start = process_time()
    lines = list(wrap(word, 80))
    assert process_time() - start < 4  # in quadratic time it takes a minute
    assert all(cells(line.replace(MARK, "")) <= 80 for line in lines)
    assert "".join(lines).replace(MARK, "") == word
