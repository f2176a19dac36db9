"""A checkpoint is opened once per command, its tokenizer too, and no text leaves numbers of the weights to the next."""

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

from attn_cli.models.model import open_model
from attn_cli.models.tokenizers.opening import open_tokenizer
from tests.cli.conftest import ROOT, Attn

MODEL = str(ROOT / "samples" / "known-heads")
TEXT = "the cat sat on the mat"


@contextmanager
def counted(*functions: CodeType) -> Iterator[Counter[str]]:
    """How often functions are called, whoever calls them."""
    calls: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in functions:
            calls[frame.f_code.co_name] += 1

    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)


LINES = [
    ["explain", "-m", MODEL, TEXT, "--next", "2"],
    ["explain", "-m", MODEL, "--ids", "5,6,7", "--next", "2"],
    ["heatmap", "-m", MODEL, TEXT, "--aggregate", "norm"],
    ["heatmap", "-m", MODEL, TEXT, "--aggregate", "contribution"],
    ["why", "-m", MODEL, TEXT, "--layer", "0", "--head", "0", "--query", "1"],
    ["heads", "-m", MODEL, TEXT],
    ["heads", "-m", MODEL, "--texts", "lines.txt"],
    ["heads", "-m", MODEL, "-"],
    ["heads", "-m", MODEL, "--repeat", "5"],
    ["heads", "-m", MODEL, TEXT, "--by", "ablation"],
    ["heads", "-m", MODEL, TEXT, "--writes"],
    ["compare", "-m", MODEL, "the cat", "the mat", "--next", "2"],
    ["compare", "-m", MODEL, TEXT, "--with", "mask=none", "--next", "2"],
    ["compare", "-m", MODEL, TEXT, "--without-head", "0.1"],
    ["init", "-m", MODEL, TEXT, "--layer", "0"],
]


@pytest.mark.parametrize("arguments", LINES, ids=lambda arguments: " ".join(arguments).replace(MODEL, "MODEL"))
def test_a_checkpoint_is_opened_once(call: Attn, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "lines.txt").write_text("the cat\nthe mat\nthe cat sat\n")
    with counted(open_model.__code__, open_tokenizer.__code__) as calls:
        ran = call(*arguments, stdin=b"the cat\nthe mat\n")
    assert (ran.code in (0, 3), ran.errors) == (True, "")
    assert calls == {"open_model": 1, "open_tokenizer": 1}


def test_two_checkpoints_are_opened_once_each(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(MODEL)
    with counted(open_model.__code__, open_tokenizer.__code__) as calls:
        assert call("compare", "-m", MODEL, TEXT, "--with", "model=other", "--next", "2").code == 0
    assert calls == {"open_model": 2, "open_tokenizer": 2}


def test_a_text_leaves_no_matrix_to_the_next(call: Attn, tmp_path: Path) -> None:
    long = " ".join([TEXT] * 7)
    peaks = []
    gc.collect()
    gc.disable()  # what is only freed as garbage is kept for a long time by a process that seldom looks for any
    try:
        for count in (2, 2, 22):  # the first run loads what is loaded once
            (tmp_path / "lines.txt").write_text(f"{long}\n" * count)
            tracemalloc.start()
            assert call("heads", "-m", MODEL, "--texts", "lines.txt", "--json").code == 0
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    finally:
        gc.enable()
    heads, tokens = 8, len(long.split()) + 1
    assert (peaks[2] - peaks[1]) / 20 < heads * tokens**2 * 4
