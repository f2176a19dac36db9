"""What all head metrics cost beside the forward pass that feeds them: a GPT-2-sized checkpoint of random numbers.

    python tests/benchmarks/bench_heads.py [--runs 9] [--tokens 128] [--folder FOLDER]

Both run in one process that has run before, on one thread as the command line does, and take turns. The pass keeps the
weights of every layer; the metrics are those of `attn heads`: every metric, its baseline, and the names. The ratio is
the median of the ratios of each turn; exit 1 where it is not below one half.
"""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
MOST = 0.5


def main() -> int:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        passes, metrics = measured(folder, asked.tokens, asked.runs)
    ratio = median(one / other for one, other in zip(metrics, passes, strict=True))
    print(f"12 × 12 heads, {asked.tokens} tokens, {asked.runs} turns")
    print(f"forward pass  {1000 * median(passes):8.1f} ms")
    print(f"all metrics   {1000 * median(metrics):8.1f} ms")
    print(f"ratio         {ratio:8.2f}    wanted: below {MOST}")
    return int(ratio >= MOST)


def measured(folder: Path, tokens: int, runs: int) -> tuple[list[float], list[float]]:
    """The seconds of each forward pass, and of the metrics of what it gave; the first turn does not count."""
    from attn_cli.analysis.heads.head_names import thresholds
    from attn_cli.analysis.heads.heads import heads
    from attn_cli.models.model import open_model
    from attn_cli.trace.trace import Trace
    from tests.benchmarks.checkpoints.made import make

    if not (folder / "gpt2").exists():
        make("gpt2", folder / "gpt2")
    model = open_model(str(folder / "gpt2"))
    ids = [(7919 * place) % 61 for place in range(tokens)]
    names = tuple(map(str, ids))
    passes, metrics = [], []
    for _ in range(runs + 1):
        start = time.perf_counter()
        layers = tuple(model.stream(ids, names, ("weights",)))
        between = time.perf_counter()
        heads([Trace(names, layers, {"kind": "checkpoint"})], thresholds([]))
        passes.append(between - start)
        metrics.append(time.perf_counter() - between)
    return passes[1:], metrics[1:]


if __name__ == "__main__":
    raise SystemExit(main())
