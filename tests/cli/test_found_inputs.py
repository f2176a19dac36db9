"""Inputs that once went wrong, from the command line: each is two lines, or what it should be, in little time."""

import csv
import io
import json
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import ROOT, Attn

SAMPLE = ROOT / "samples" / "known-heads"
CASES = ROOT / "tests" / "models" / "cases"
SECONDS = 5.0
"""Far more than linear time takes, and far less than quadratic time did, for the larger inputs here."""


def trace(**changes: Any) -> dict[str, Any]:
    layer: dict[str, Any] = {
        "heads": 2,
        "kv_heads": 2,
        "head_index": [0, 1],
        "kv_head_index": [0, 1],
        "V": [[[1.0], [2.0]], [[3.0], [4.0]]],
        "weights": [[[1.0, 0.0], [0.5, 0.5]]] * 2,
    }
    return {"format": "attn.trace", "version": 1, "tokens": ["a", "b"], "layers": [layer | changes]}


def npz(path: Path, **arrays: Any) -> None:
    np.savez(path, **arrays)


def huge_code_point(path: Path) -> None:
    tokens = np.array(["ab", "cd"])
    raw = tokens.view(np.uint32).copy()
    raw[0] = 2**32 - 1
    npz(path, weights=np.eye(2), tokens=raw.view(tokens.dtype))


REFUSED: dict[str, tuple[str, Callable[[Path], Any], list[str], str]] = {
    "a number of a million digits": (
        "digits.csv",
        lambda path: path.write_text("1" * 1_000_000),
        ["heatmap", "-w"],
        "expected a finite number",
    ),
    "a string of escaped quotes that does not end": (
        "quotes.json",
        lambda path: path.write_text('{"a": "' + '\\"' * 500_000),
        ["check"],
        "unterminated string",
    ),
    "a token that is no code point": ("code.npz", huge_code_point, ["heatmap", "-w"], "does not exist"),
    "a trace without the key heads of its heads": (
        "trace.json",
        lambda path: path.write_text(json.dumps(trace(kv_head_index=[]))),
        ["heads", "-w"],
        "kv_head_index",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_was_found_is_refused_in_two_lines(what: str, call: Attn, tmp_path: Path) -> None:
    name, write, command, words = REFUSED[what]
    write(tmp_path / name)
    start = time.process_time()
    call(*command, name).complains(1, words)
    assert time.process_time() - start < SECONDS


def test_numbers_near_the_largest_give_a_note_and_no_warning(attn: Attn, tmp_path: Path) -> None:
    np.save(tmp_path / "huge.npy", np.full((3, 3), 1e308))
    for command in ("heads", "explain", "heatmap"):
        ran = attn(command, "-w", "huge.npy")
        assert (ran.code, ran.errors) == (0, "")
        assert "do not sum to 1" in " ".join(ran.out.split())


def test_cells_that_a_spreadsheet_would_run_are_texts(call: Attn, tmp_path: Path) -> None:
    tokens = ["=cmd|'/C calc'!A0", "+1", "\t=1", "-2", "@x", "plain"]
    (tmp_path / "f.json").write_text(json.dumps({"tokens": tokens, "weights": np.eye(6).tolist()}))
    rows = list(csv.DictReader(io.StringIO(call("explain", "-w", "f.json", "-f", "csv").out)))
    for row in rows:
        for cell in (row["row_token"], row["column_token"]):
            assert not cell.startswith(("=", "+", "-", "@", "\t"))
            assert cell.removeprefix("'") in tokens


def infinite(folder: Path) -> None:
    """An infinity in the first matrix of the sample."""
    data = bytearray((folder / "model.safetensors").read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    name = next(name for name in header if name.endswith("0.attn.c_attn.weight"))
    start = 8 + size + header[name]["data_offsets"][0]
    data[start : start + 2] = struct.pack("<e", np.inf)
    (folder / "model.safetensors").write_bytes(data)


def configured(**changes: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(config))

    return write


FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "an infinite weight": (infinite, "c_attn.weight holds NaN or infinities"),
    "a negative epsilon": (configured(layer_norm_epsilon=-1), "layer_norm_epsilon: expected a finite number from 0"),
    "an epsilon that is a word": (configured(layer_norm_epsilon="1e-5"), "layer_norm_epsilon"),
}


@pytest.mark.parametrize("what", FOLDERS)
@pytest.mark.parametrize("command", [["heatmap"], ["heads", "--writes"], ["heads", "--by", "ablation"]])
def test_a_checkpoint_that_cannot_be_computed_is_two_lines(
    what: str, command: list[str], call: Attn, tmp_path: Path
) -> None:
    write, words = FOLDERS[what]
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "model"))
    write(folder)
    call(command[0], "-m", folder, "--ids", "1,2,3", *command[1:]).complains(1, words)


def test_a_text_of_unknown_tokens_gets_a_note_that_says_why(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    ran = call("heatmap", "-m", CASES / "protein-vocab-all-unknown", "EVQLV")
    note = " ".join(ran.out.split())
    assert "all tokens of the text are [UNK]" in note
    assert "capital letters" in note
    known = call("heatmap", "-m", CASES / "protein-vocab-all-unknown", "--ids", "5,6,7")
    assert "[UNK]" not in known.out
