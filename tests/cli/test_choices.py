"""The values of options: what is added to a table is in the help, the completion and the error hint at once."""

import gc
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from attn_cli.analysis.aggregation.aggregates import METHODS
from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.cli.app import COMMANDS
from attn_cli.cli.help.choices import CHOICES, listed
from attn_cli.cli.results import FORMATS
from attn_cli.core.masks import MASKS, Mask
from attn_cli.core.positions import POSITIONS
from attn_cli.sources.tokenizers import TOKENIZERS
from attn_cli.trace.stages import STAGES
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.drawing.colors.palette import PALETTES
from tests.cli.conftest import ROOT, Attn

MODEL = str(ROOT / "samples" / "known-heads")


@dataclass(frozen=True)
class Strided(Mask):
    """Every `stride`-th key."""

    stride: int


def entries(table: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary behind a read-only table, to add to it as its author would."""
    (dictionary,) = gc.get_referents(table)
    assert isinstance(dictionary, dict)
    return dictionary


def completions(call: Attn, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = ["attn", *words]
    env = {"_ATTN_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}
    ran = call(env=env)
    assert (ran.code, ran.errors) == (0, "")
    return [line for line in ran.lines if line]


def flat(text: str) -> str:
    return " ".join(text.split())


def help_of(call: Attn, command: str, option: str) -> str:
    """The lines of the help about one option."""
    entry = re.search(rf"^  (?:-\w, )?{option} .*(?:\n {{10}}.*)*", call(command, "--help").out, re.MULTILINE)
    assert entry is not None
    return entry[0]


TABLES: dict[str, tuple[Mapping[str, Any], str, Any, list[str]]] = {
    "mask": (MASKS, "strided", Strided, ["explain", "a b", "--mask"]),
    "positions": (POSITIONS, "added", type(POSITIONS["none"]()), ["explain", "a b", "--positions"]),
    "tokenizer": (TOKENIZERS, "added", str.split, ["explain", "a b", "--tokenizer"]),
    "stage": (STAGES, "added", STAGES["weights"], ["explain", "a b", "--stage"]),
    "format": (FORMATS, "added", FORMATS["json"], ["explain", "a b", "--format"]),
    "palette": (PALETTES, "added", PALETTES["gray"], ["explain", "a b", "--palette"]),
    "color scale": (COLOR_SCALES, "added", COLOR_SCALES["log"], ["heatmap", "a b", "--color-scale"]),
    "aggregation": (METHODS, "added", METHODS["mean"], ["heatmap", "a b", "--aggregate"]),
    "metric": (METRICS, "added", METRICS["entropy"], ["heads", "a b", "--by"]),
    "head type": (KINDS, "added", KINDS["sink"], ["heads", "a b", "--threshold"]),
}


@pytest.mark.parametrize("what", TABLES)
def test_an_entry_of_a_table_is_in_help_completion_and_hint(
    call: Attn, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    table, name, value, typed = TABLES[what]
    for there in (False, True):
        if there:
            monkeypatch.setitem(entries(table), name, value)
        assert (re.search(rf"\b{name}\b", help_of(call, typed[0], typed[-1])) is not None) is there
        offered = completions(call, typed[0], "x", typed[-1], "")
        assert any(word.rstrip("=").partition(":")[0] == name for word in offered) is there
        wrong = call(*typed, "addd=0")
        assert (wrong.code, name in wrong.errors) == (1 if what == "stage" else 2, there)


def test_a_mask_is_shown_with_its_fields_and_completed_up_to_them(call: Attn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(entries(MASKS), "strided", Strided)
    assert "packed:LENGTH,… or strided:STRIDE" in flat(call("explain", "--help").out)
    assert completions(call, "explain", "x", "--mask", "s") == ["sliding:", "strided:"]
    call("explain", "a b", "--mask", "stridd:2").complains(2, "did you mean 'strided'?", "strided:STRIDE")


OFFERED = [
    (["explain", "x", "--unknown", ""], ["random", "zero"]),
    (["explain", "x", "--as", ""], ["weights", "scores"]),
    (["check", "x", "--as", "s"], ["scores"]),
    (["explain", "x", "--dtype", ""], ["float64", "float32", "float16"]),
    (["explain", "x", "--color", ""], ["auto", "always", "never"]),
    (["explain", "x", "--scale", ""], ["sqrt", "none"]),
    (["check", "x", "--scale", "s"], ["sqrt"]),
    (["explain", "x", "--mask", "causal"], ["causal", "causal:start"]),
    (["explain", "x", "--drop", ""], ["first", "none", "special"]),
    (["explain", "x", "--stage", "Q,sc"], ["Q,scores", "Q,scaled"]),
    (["explain", "x", "--stage", "p"], ["position", "parts"]),
    (["heads", "x", "--by", "ab"], ["ablation"]),
    (["heads", "x", "--by", "induction."], [name for name in METRICS if name.startswith("induction.")]),
    (["compare", "x", "--with", "dt"], ["dtype=", "dtype=float64", "dtype=float32", "dtype=float16"]),
    (["schema", ""], ["weights", "trace"]),
    (["explain", "x", "--heads", "3", "--head", ""], ["0", "1", "2", "all"]),
    (["explain", "x", "--heads", "3", "--head", "0,"], ["0,0", "0,1", "0,2", "0,all"]),
    (["explain", "x", "--heads", "2", "--head", "L"], ["L0.0", "L0.1"]),
    (["explain", "x", "--layer", ""], ["0", "all"]),
    (["explain", "-m", MODEL, "x", "--layer", ""], ["L0", "L1", "all"]),
    (["explain", "-m", MODEL, "x", "--head", ""], ["0", "1", "2", "3", "all"]),
    (["explain", "-m", MODEL, "x", "--head", "L1."], ["L1.0", "L1.1", "L1.2", "L1.3"]),
    (["explain", "-m", MODEL, "x", "--without-head", "L0.1,L1.3"], ["L0.1,L1.3"]),
    (["init", "-m", MODEL, "x", "--layer", "L"], ["L0", "L1"]),
    (["explain", "-m", "no/such/model", "x", "--layer", ""], ["0", "all"]),
    (["explain", "-m", "samples", "x", "--layer", ""], ["0", "all"]),
    (["why", "the\\ cat\\ and\\ the\\ dog", "--query", "the"], ["the#1", "the#2"]),
    (["why", "the\\ cat\\ and\\ the\\ dog", "--query", "c"], ["cat"]),
    (["why", "cat", "--tokenizer", "char", "--key", ""], ["c", "a", "t"]),
    (["why", "-", "--query", ""], []),
    (["why", "-w", "x.json", "--query", ""], []),
]


@pytest.mark.parametrize(("words", "offered"), OFFERED, ids=[" ".join(words) for words, _ in OFFERED])
def test_a_shell_is_offered_the_values_of_an_option(call: Attn, words: list[str], offered: list[str]) -> None:
    if words[0] == "schema":
        assert set(offered) <= set(completions(call, *words))
    else:
        assert sorted(completions(call, *words)) == sorted(offered)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_placeholder_is_left_in_the_help(call: Attn, command: str) -> None:
    usage, _, text = call(command, "--help").out.partition("\n\n")
    assert usage.startswith("Usage: attn")
    assert not set("{}") & set(text)


# What --explain takes are the metrics of --by, whose help names them; attn manual lists its topics.
@pytest.mark.parametrize("name", sorted({*CHOICES} - {"definitions", "topics"}))
def test_every_set_of_values_is_in_some_help(call: Attn, name: str) -> None:
    helps = " ".join(flat(call(command, "--help").out) for command in COMMANDS)
    assert listed(CHOICES[name].spelled()).replace("[,", " [,") in helps


def test_values_are_listed_as_a_sentence_lists_them() -> None:
    assert [listed(names) for names in ("a", "ab", "abc")] == ["a", "a or b", "a, b or c"]


@pytest.mark.parametrize("command", ["why", "heads"])
def test_stages_are_not_offered_by_commands_that_refuse_them(command: str, call: Attn) -> None:
    assert "--stage" not in call(command, "--help").out
    assert "--stage" in call("explain", "--help").out
