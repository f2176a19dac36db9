"""How fast a trace becomes JSON: 3.15 million numbers in float32, against `json.dumps(array.tolist())`.

python tests/benchmarks/bench_json.py [--runs 5]
"""

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from attn_cli import Layer, Spec, Trace, attend
from attn_cli.trace.files.codec import trace_to_json

GOAL = 0.10


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def weighed() -> Layer:
    """12 heads of weights over 512 tokens."""
    rng = np.random.default_rng(0)
    given = {name: rng.standard_normal((12, 512, 64), dtype=np.float32) for name in "QK"}
    return attend([str(i) for i in range(512)], given, None, Spec(heads=12, dtype="float32"), keep=("weights",))


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    layer = weighed()
    weights = layer["weights"]
    trace = Trace(tokens=layer.key_tokens, layers=(layer,), source={"kind": "document", "path": "bench"})
    pairs = [
        (seconds(lambda: trace_to_json(trace)), seconds(lambda: json.dumps(weights.tolist()))) for _ in range(runs)
    ]
    ours, theirs = (median(column) for column in zip(*pairs, strict=True))
    ratio = ours / theirs
    print(f"{weights.size:,} numbers, medians of {runs} alternating runs")
    print(f"trace_to_json {ours * 1e3:.0f} ms, json.dumps {theirs * 1e3:.0f} ms")
    print(f"ratio {ratio:.3f}  goal {GOAL:.2f}  {'ok' if ratio <= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main()
