"""The pages of explain and heatmap: the answer first, then the stages, then words."""

import numpy as np

from attn_cli import explain
from attn_cli.views.page import Beside, Command, Grid, Heading, Numbers, Page, Picture, Prose
from attn_cli.views.pages.explain import explain_page, heatmap_page, stage_map
from attn_cli.views.pages.reading import most_looked_at, reading
from tests.analysis.aggregation.aggregating import layer_of
from tests.views.screens import screen

TEXT = "The old cat sat on the mat because it was very tired"


def kinds(page: Page) -> list[type]:
    return [type(block) for block in page]


def test_the_answer_comes_first_then_the_map_then_the_stages() -> None:
    page = explain_page(explain("Transformers are amazing"), again="attn explain x")
    assert kinds(page)[:5] == [Heading, Prose, Picture, Prose, Beside]
    assert page[0] == Heading("Transformers are amazing")
    assert page[3] == Prose(
        "How it got there: X → Q K V → scores → scaled → weights → head_output → output", faint=True
    )
    assert page[-1] == Command("attn explain x")
    lines = screen(*page).split("\n")
    assert lines[4].split() == ["Transformers", "64", "29", "7", "looks", "most", "at", "itself"]
    assert lines[5].split()[:4] == ["are", "18", "33", "49"]


def test_a_terminal_does_not_repeat_the_command_that_was_typed() -> None:
    page = explain_page(explain("a b"), again="attn explain 'a b'")
    assert "Made with: attn explain 'a b'" in screen(*page)
    assert "Made with" not in screen(*page, height=24)


def test_every_row_of_the_summary_says_100() -> None:
    page = explain_page(explain(TEXT))
    lines = screen(*page).split("\n")
    rows = [line.split()[1:13] for line in lines[4:16]]
    assert [sum(map(int, row)) for row in rows] == [100] * 12


def test_masked_cells_are_dots_in_the_summary_the_weights_and_the_heatmap() -> None:
    trace = explain("a b c", mask="causal")
    for page in (explain_page(trace), heatmap_page(trace)):
        rows = [line.split() for line in screen(*page).split("\n") if line.startswith(("a ", "b "))]
        assert ["·", "·"] in [row[2:4] for row in rows]
    pictures = {block.grids[0].mask: block for block in heatmap_page(trace) if isinstance(block, Picture)}
    assert np.isneginf(pictures["·"].grids[0].values).sum() == 3


def test_many_tokens_are_a_heatmap_without_numbers() -> None:
    page = explain_page(explain(" ".join(map(str, range(40)))))
    picture = next(block for block in page if isinstance(block, Picture))
    assert not picture.figures


def test_rotated_queries_and_keys_share_a_step_of_the_map() -> None:
    layer = explain("a b c", positions="rope", mask="causal").layers[0]
    assert stage_map(layer) == (
        "X → Q K V → Q_rotated K_rotated → scores → scaled → masked → weights → head_output → output"
    )


def test_stages_of_one_kind_may_stand_beside_each_other() -> None:
    groups = [block for block in explain_page(explain("a b")) if isinstance(block, Beside)]
    names = [[section[0].text.split()[0] for section in group.sections] for group in groups]  # type: ignore[union-attr]
    assert names == [["X"], ["Q", "K", "V"], ["scores", "scaled", "weights"], ["head_output"], ["output"]]
    wide = screen(*explain_page(explain("Transformers are amazing")), width=200)
    assert any(line.startswith("Q = ") and "K = " in line and "V = " in line for line in wide.split("\n"))


def test_words_say_100_and_count_what_is_spread_out() -> None:
    weights = np.array([[[0.916, 0.042, 0.042], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1]]])
    bars, *rest = reading(layer_of(weights=weights), 0)
    assert bars.rows[0][2] == "itself 92%, b 4%, c 4%"  # type: ignore[union-attr]
    assert bars.rows[2][2] == "itself 100%"  # type: ignore[union-attr]
    assert rest == []
    spread = np.full((1, 8, 8), 1 / 8)
    spread[0, 2] = np.eye(8)[1]
    bars, note = reading(layer_of(weights=spread), 0)
    assert [row[0] for row in bars.rows] == ["c"]  # type: ignore[union-attr]
    assert note == Prose("the other 7 rows are spread out (largest share under 20%).", faint=True)


def test_a_row_that_sees_nothing_and_one_that_is_no_number_say_so() -> None:
    weights = np.array([[[0.0, 0.0], [np.nan, 1.0]]])
    bars = reading(layer_of(weights=weights), 0)[0]
    assert [row[2] for row in bars.rows] == ["sees no key", "its weights are not numbers"]  # type: ignore[union-attr]
    assert most_looked_at(weights[0], ("a", "b"), 0) == ("", "")
    assert most_looked_at(np.array([[-np.inf, 1.0], [0.9, 0.1]]), ("a", "a"), 0) == ("a#2", "a")


def test_a_number_table_stays_a_table_of_all_digits() -> None:
    page = explain_page(explain("a b c"))
    numbers = [block for group in page if isinstance(group, Beside) for section in group.sections for block in section]
    weights = [block for block in numbers if isinstance(block, Numbers)][6]
    assert isinstance(weights.grids[0], Grid)
    assert weights.grids[0].values.shape == (3, 3)
