"""How fast attend() is: 12 heads × n × 64 in float32, against PyTorch's eager attention or plain NumPy.

    python tests/benchmarks/bench_attention.py [--torch PYTHON] [--runs 15]

Each side is a process of its own, and they take turns: attn with one BLAS thread, as the command line runs it, the
other with its defaults. `--torch` names a Python that has PyTorch; without one the other side is the same arithmetic
in plain NumPy. A ratio is the median of the ratios of neighbouring runs, small for a fast attn. What is kept: `all`
stages, `outputs` and weights, or the `weights` alone, which attn then stops at. PyTorch's eager attention makes the
outputs and lets go of the scores, as a model does; rows without a goal compare like with like.
Leave OPENBLAS_CORETYPE unset: it slows a current NumPy.
"""

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HEADS, WIDTH = 12, 64
KEEP = {"all": None, "outputs": ("weights", "head_output", "output"), "weights": ("weights",)}
GOALS = {  # (other, what attn keeps, what the other keeps, n) → the largest ratio
    ("torch", "all", "outputs", 512): 2.0,
    ("torch", "all", "outputs", 2048): 0.9,
    ("torch", "weights", "outputs", 512): 1.2,
    ("torch", "weights", "outputs", 2048): 0.55,
    ("torch", "outputs", "outputs", 512): None,
    ("torch", "outputs", "outputs", 2048): None,
    ("torch", "all", "all", 512): None,
    ("torch", "all", "all", 2048): None,
    ("numpy", "all", "all", 512): 1.0,
    ("numpy", "all", "all", 2048): 0.75,
    ("numpy", "weights", "weights", 512): 1.0,
    ("numpy", "weights", "weights", 2048): 0.75,
    ("numpy", "outputs", "outputs", 512): None,
    ("numpy", "outputs", "outputs", 2048): None,
}


def attn_side(n: int) -> Callable[[str], Any]:
    import numpy as np

    from attn_cli import Spec, attend

    rng = np.random.default_rng(0)
    given = {name: rng.standard_normal((HEADS, n, WIDTH), dtype=np.float32) for name in "QKV"}
    tokens, spec = [str(i) for i in range(n)], Spec(heads=HEADS, dtype="float32")
    return lambda kept: attend(tokens, given, None, spec, keep=KEEP[kept])


def torch_side(n: int) -> Callable[[str], Any]:
    import torch

    torch.manual_seed(0)
    q, k, v = (torch.randn(HEADS, n, WIDTH) for _ in range(3))

    @torch.no_grad()
    def eager(kept: str) -> Any:
        if kept == "all":
            scores = q @ k.transpose(-1, -2)
            scaled = scores * WIDTH**-0.5
            weights = torch.softmax(scaled, dim=-1)
            return scores, scaled, weights, weights @ v
        weights = torch.softmax(q @ k.transpose(-1, -2) * WIDTH**-0.5, dim=-1)
        return weights, weights @ v

    return eager


def numpy_side(n: int) -> Callable[[str], Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((HEADS, n, WIDTH), dtype=np.float32) for _ in range(3))

    def plain(kept: str) -> Any:
        scores = q @ k.swapaxes(-1, -2)
        scaled = scores * np.float32(WIDTH**-0.5)
        weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        weights = weights / weights.sum(axis=-1, keepdims=True)
        if kept == "weights":
            return weights
        return (scores, scaled, weights, weights @ v) if kept == "all" else (weights, weights @ v)

    return plain


SIDES = {"attn": attn_side, "torch": torch_side, "numpy": numpy_side}


def serve(side: str) -> None:
    """Answer each line, what to keep and n, with the seconds that one run took."""
    made: dict[int, Callable[[str], Any]] = {}
    for line in sys.stdin:
        kept, n = line.split()
        run = made.get(int(n)) or made.setdefault(int(n), SIDES[side](int(n)))
        start = time.perf_counter()
        result = run(kept)
        seconds = time.perf_counter() - start
        del result
        print(seconds, flush=True)


class Worker:
    """One side, in a process of its own."""

    def __init__(self, side: str, python: str) -> None:
        threads = {"OPENBLAS_NUM_THREADS": "1"} if side == "attn" else {}
        self.process = subprocess.Popen(
            [python, __file__, "--serve", side],
            env=os.environ | threads,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, kept: str, n: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(kept, n, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--torch", metavar="PYTHON", default=sys.executable)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--serve", choices=SIDES)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    found = subprocess.run([options.torch, "-c", "import torch"], capture_output=True, check=False).returncode == 0
    name = "torch" if found else "numpy"
    other = Worker(name, options.torch if found else sys.executable)
    attn = Worker("attn", sys.executable)
    print(f"12 heads × n × 64, float32, against {name}, medians of {options.runs} alternating runs")
    print(f"{'attn keeps':<11}{name + ' keeps':<14}{'n':>5}{'attn ms':>10}{name + ' ms':>10}{'ratio':>8}{'goal':>7}")
    for (against, ours, theirs, n), goal in GOALS.items():
        if against != name:
            continue
        attn.seconds(ours, n), other.seconds(theirs, n)
        pairs = [(attn.seconds(ours, n), other.seconds(theirs, n)) for _ in range(options.runs)]
        mine, others = (median(column) for column in zip(*pairs, strict=True))
        ratio = median(our / their for our, their in pairs)
        verdict = "" if goal is None else f"{goal:7.2f}  {'ok' if ratio <= goal else 'MISSED'}"
        print(f"{ours:<11}{theirs:<14}{n:>5}{mine * 1e3:>10.1f}{others * 1e3:>10.1f}{ratio:>8.2f}{verdict}")
    attn.close()
    other.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
