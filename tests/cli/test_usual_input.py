"""Files as other programs write them, through every command that reads one."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Attn

WORDS = ["alder", "birch", "cedar", "elm"]
RNG = np.random.default_rng(11)
Q, K, V = RNG.normal(size=(3, 2, 4, 3))
WEIGHTS = RNG.dirichlet(np.ones(4), size=(2, 4))
CAUSAL = np.tri(4, dtype=bool)
LOWER = np.where(CAUSAL, WEIGHTS, 0) / np.where(CAUSAL, WEIGHTS, 0).sum(axis=-1, keepdims=True)
X, SQUARE = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 6))
COMMANDS = {
    "explain": ["explain", "-w"],
    "heatmap": ["heatmap", "-w"],
    "why": ["why", "--query", "1", "--key", "0", "--layer", "0", "--head", "0", "-w"],
    "heads": ["heads", "-w"],
    "check": ["check"],
}


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def objects() -> bytes:
    file = io.BytesIO()
    np.savez(file, weights=WEIGHTS, tokens=np.array(WORDS, dtype=object))
    return file.getvalue()


TAKEN = {
    "token, head, feature": (
        npz(Q=Q.transpose(1, 0, 2), K=K.transpose(1, 0, 2), V=V.transpose(1, 0, 2), tokens=WORDS),
        "stored as (token, head, feature)",
    ),
    "per-head matrices": (
        npz(
            X=X,
            W_Q=RNG.normal(size=(2, 6, 3)),
            W_K=RNG.normal(size=(2, 6, 3)),
            W_V=RNG.normal(size=(2, 6, 3)),
            W_O=RNG.normal(size=(2, 3, 6)),
            b_Q=RNG.normal(size=(2, 3)),
            b_O=np.zeros(6),
        ),
        "",
    ),
    "stacked layers": (npy(np.stack([WEIGHTS[np.newaxis]] * 3)), "holds the weights of 3 layers: 3×1×2×4×4"),
    "infinities": (b'{"masked": [[1.0, -Infinity], [0.5, 0.2]]}', "masked: -Infinity hides a cell, as null does"),
    "labels": (b",the,cat\nthe,0.5,0.5\ncat,0.25,0.75\n", ""),
    "a fused matrix": (
        npz(X=X, in_proj_weight=np.concatenate([SQUARE] * 3), heads=2),
        "in_proj_weight is cut into W_Q, W_K and W_V",
    ),
    "a mask of keys": (
        npz(Q=Q, K=K, attn_mask=np.array([[True, True, True, False]])),
        "attn_mask has one row, which holds for all queries",
    ),
    "lower case": (npz(q=Q, k=K, v=V), "q is read as Q, k as K, v as V"),
    "NaN in hidden cells": (npz(weights=np.where(CAUSAL, LOWER, np.nan)), "NaN is read as 0 in 12 numbers"),
    "packed texts": (npz(Q=Q, K=K, mask="packed:1,3"), ""),
    "a mask of numbers": (
        npz(Q=Q, K=K, attn_mask=np.tile([1.0, 1, 0, 0], (4, 1))),
        "the numbers 0 and 1, which",
    ),
}
NOTED = {
    "rows that do not sum to 1": (npz(weights=WEIGHTS * 1.25, tokens=WORDS), "rows of weights do not sum to 1: head"),
    "bits": (npz(weights=np.full((2, 2), 16256, "u2")), "weights are whole numbers up to 16,256 (uint16)"),
}
REFUSED = {
    "objects": (objects(), "tokens: holds pickled Python objects", "np.array(tokens, dtype=str)"),
    "an average over heads": (
        npz(Q=Q, K=K, weights=np.full((4, 4), 0.25)),
        "weights is one matrix for 2 heads, and up to",
        "average_attn_weights=False",
    ),
    "layers or texts": (npy(np.stack([WEIGHTS] * 3)), "3×2×4×4 may be 3 layers, or a batch of 3", "attentions"),
    "a fused matrix without heads": (npz(X=X, in_proj_weight=np.zeros((18, 6))), "is cut by heads", "num_heads"),
    "packed texts of other lengths": (
        npz(Q=Q, K=K, mask="packed:1,2"),
        "is 3 tokens, and there are 4 keys",
        "packed:3,3",
    ),
    "a character that does not exist": (
        npz(weights=np.eye(1), tokens=np.array(["c"])).replace(b"c\0\0\0", b"\xff" * 4),
        "",
        "",
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", TAKEN)
def test_every_command_takes_it_and_says_how(call: Attn, tmp_path: Path, case: str, command: str) -> None:
    data, note = TAKEN[case]
    (tmp_path / "dump").write_bytes(data)
    ran = call(*COMMANDS[command], "dump")
    nothing = command == "check" and ran.out.startswith("nothing to check")
    assert (ran.code, ran.errors) == (1 if nothing else 0, "")
    assert (note if (case, command) != ("NaN in hidden cells", "check") else "hidden-cells-nan") in " ".join(
        ran.out.split()
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", NOTED)
def test_every_command_says_what_is_odd(call: Attn, tmp_path: Path, case: str, command: str) -> None:
    data, note = NOTED[case]
    (tmp_path / "dump").write_bytes(data)
    ran = call(*COMMANDS[command], "dump")
    if command == "check":
        assert ran.code == 3
    else:
        assert ran.code == 0
        assert note in " ".join(ran.out.split())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", REFUSED)
def test_every_command_refuses_it_in_two_lines(call: Attn, tmp_path: Path, case: str, command: str) -> None:
    data, message, hint = REFUSED[case]
    (tmp_path / "dump").write_bytes(data)
    ran = call(*COMMANDS[command], "dump")
    if (case, command) == ("an average over heads", "check"):  # which is what it is there to find
        assert ran.code == 3
    else:
        ran.complains(1, message, hint)


def test_compare_reads_the_same_files(call: Attn, tmp_path: Path) -> None:
    for name, (data, _) in TAKEN.items():
        (tmp_path / "a.npz").write_bytes(data)
        ran = call("compare", "a.npz", "a.npz")
        assert (name, ran.code) == (name, 0)


def test_an_average_is_not_compared_with_the_heads_that_it_is_made_of(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "heads.npz").write_bytes(npz(weights=WEIGHTS))
    (tmp_path / "mean.npz").write_bytes(npz(weights=WEIGHTS.mean(axis=0)))
    call("compare", "mean.npz", "heads.npz").complains(1, "weights of A are the average over the 2 heads of B")
    call("compare", "heads.npz", "mean.npz", "--stage", "weights").complains(1, "weights of B are the average over")
    ran = call("compare", "mean.npz", "heads.npz", "--head", "0")
    assert ran.code == 3


def test_heads_without_a_partner_are_named(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "three.npz").write_bytes(npz(weights=np.concatenate([WEIGHTS, WEIGHTS])))
    (tmp_path / "two.npz").write_bytes(npz(weights=WEIGHTS))
    found = call("compare", "three.npz", "two.npz", "--json").json()
    assert "layers.0: heads 2, 3 are in A alone" in json.dumps(found, ensure_ascii=False)
    found = call("compare", "two.npz", "three.npz", "--json").json()
    assert "layers.0: heads 2, 3 are in B alone" in json.dumps(found, ensure_ascii=False)


def test_a_limit_on_what_is_unpacked_holds_for_every_command(call: Attn, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, weights=np.eye(300))
    (tmp_path / "dump").write_bytes(file.getvalue())
    for command in COMMANDS.values():
        ran = call(*command, "dump", "--max-bytes", "700000")
        ran.complains(1, "would unpack to 720,128, and the limit is 700,000", "--max-bytes 720128")
        assert call(*command, "dump", "--max-bytes", "720128").code == (1 if "check" in command else 0)


def test_cells_that_a_spreadsheet_would_run_are_disarmed(call: Attn, tmp_path: Path) -> None:
    document = {"tokens": ["=1+1", "+1", "-1", "@a", "\t=1"], "weights": np.full((5, 5), 0.2).tolist()}
    (tmp_path / "a.json").write_text(json.dumps(document))
    for arguments in (["explain", "-w", "a.json"], ["heatmap", "-w", "a.json", "--aggregate", "mean"]):
        text = call(*arguments, "-f", "csv").out
        for token in document["tokens"]:
            assert f",'{token}," in text
            assert f",{token}," not in text
