"""How fast and how small checkpoints run: GPT-2-sized and BERT-base-sized ones of random numbers.

    python tests/benchmarks/bench_models.py [--torch PYTHON] [--runs 9] [--folder FOLDER] [--only gpt2|bert]

Cold rows are whole processes: `attn heatmap -m FOLDER TEXT --layer 5 --head 1` against the usual transformers script,
and against a bare NumPy forward pass written for this checkpoint alone; the files are in the disk's cache. Warm rows
are forward passes over all layers that keep every layer's weights, in a process that has run before: attn under the
settings of the command line, transformers' eager attention with its defaults, threads included. Sides take turns; a
ratio is the median of the ratios of each turn. `--torch` names a Python that has torch and transformers; what needs
them is left out without. `--folder` keeps the checkpoints for the next time.
"""

import compileall
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
SIDES = Path(__file__).resolve().parent / "checkpoints"
TEXTS = {"gpt2": "The keys to the old door", "bert": "The keys to the old doors are in"}  # 18 and 17 tokens
FASTER = {"gpt2": 12, "bert": 15}
BARE, MEMORY, WARM = 1.5, 0.25, 1.3
LENGTHS = 16, 64, 128, 512
FIRST_LAYER = """
import sys
from attn_cli.models.explain import run_model
from attn_cli.models.request import ModelRequest
from attn_cli.models.files.tensors import Tensors
load, done = Tensors._load, []
Tensors._load = lambda self, name, *rest, **more: done.append(name) or load(self, name, *rest, **more)
run_model(ModelRequest(sys.argv[1], sys.argv[2]), layers="0", heads="1", stages=("weights",))
print(sum(any(f".{layer}." in name for layer in range(1, 12)) for name in done))
"""


@dataclass(frozen=True)
class Spent:
    """What one process took: seconds, and mebibytes at its peak."""

    seconds: float
    memory: float


def spent(arguments: list[str], environment: dict[str, str]) -> Spent:
    """Run a process to its end. This one stays small, as a child's peak begins with that of who started it."""
    start = time.perf_counter()
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(arguments)}")
    return Spent(seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


class Worker:
    """One warm side, in a process of its own."""

    def __init__(self, side: str, python: str) -> None:
        threads = {"OPENBLAS_NUM_THREADS": "1"} if side == "attn" else {}
        self.process = subprocess.Popen(
            [python, str(SIDES / "warm.py"), side],
            cwd=ROOT,
            env=os.environ | threads | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self, folder: Path, count: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(folder, count, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def say(what: str, goal: str, measured: str, *, good: bool) -> None:
    print(f"{what:<52}{goal:>10}{measured:>24}  {'ok' if good else 'MISSED'}", flush=True)


def turns(sides: dict[str, Callable[[], Spent]], runs: int) -> dict[str, list[Spent]]:
    """Each side in turn, after a first time that only fills the disk's cache."""
    found: dict[str, list[Spent]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            taken = side()
            if run:
                found[name].append(taken)
    return found


def ratio(above: list[float], below: list[float]) -> float:
    return median(one / other for one, other in zip(above, below, strict=True))


def cold(kind: str, folder: Path, torch: str | None, runs: int) -> None:
    """Whole processes."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    named = [str(folder), TEXTS[kind]]
    attn = [sys.executable, "-c", "from attn_cli.__main__ import main; main()", "heatmap", "-m"]
    commands = {
        "attn": [*attn, *named, "--layer", "5", "--head", "1"],
        "bare": [sys.executable, str(SIDES / "bare.py"), kind, *named],
    }
    if torch:
        commands["usual"] = [torch, str(SIDES / "usual.py"), *named]
    found = turns({name: lambda line=line: spent(line, environment) for name, line in commands.items()}, runs)
    times = {name: [one.seconds for one in taken] for name, taken in found.items()}
    memory = {name: median(one.memory for one in taken) for name, taken in found.items()}

    def both(name: str) -> str:
        return f"{median(times['attn']):.2f} s, {median(times[name]):.2f} s:"

    if torch:
        faster = ratio(times["usual"], times["attn"])
        say(
            f"{kind} cold, faster than the usual script",
            f"≥ {FASTER[kind]} ×",
            f"{both('usual')} {faster:.1f} ×",
            good=faster >= FASTER[kind],
        )
        share = memory["attn"] / memory["usual"]
        sizes = f"{memory['attn']:.0f} MB, {memory['usual']:.0f} MB:"
        say(f"{kind} cold, peak memory of it", f"≤ {MEMORY}", f"{sizes} {share:.2f}", good=share <= MEMORY)
    slower = ratio(times["attn"], times["bare"])
    say(f"{kind} cold, against bare NumPy", f"≤ {BARE}", f"{both('bare')} {slower:.2f}", good=slower <= BARE)
    later = subprocess.run(
        [sys.executable, "-c", FIRST_LAYER, *named], cwd=ROOT, capture_output=True, text=True, check=True
    )
    read = int(later.stdout)
    say(f"{kind} --layer 0, tensors of later layers read", "0", str(read), good=read == 0)


def warm(kind: str, folder: Path, attn: Worker, other: Worker, runs: int) -> None:
    """Forward passes of processes that have run before."""
    for count in LENGTHS:
        attn.seconds(folder, count), other.seconds(folder, count)
        pairs = [(attn.seconds(folder, count), other.seconds(folder, count)) for _ in range(runs)]
        ours, theirs = (list(column) for column in zip(*pairs, strict=True))
        slower = ratio(ours, theirs)
        both = f"{median(ours) * 1e3:.0f} ms, {median(theirs) * 1e3:.0f} ms:"
        say(f"{kind} warm, {count} tokens, against eager", f"≤ {WARM}", f"{both} {slower:.2f}", good=slower <= WARM)


def has_torch(python: str) -> bool:
    try:
        return (
            subprocess.run([python, "-c", "import torch, transformers"], capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


def folders(kept: str | None) -> Iterator[Path]:
    """The folder of the checkpoints, made where they are not there; thrown away unless it is named."""
    with tempfile.TemporaryDirectory() as passing:
        folder = Path(kept or passing)
        if not (folder / "bert" / "tokenizer_config.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable, str(SIDES / "made.py"), str(folder)], check=True)
        yield folder


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--torch", metavar="PYTHON", default=os.environ.get("TORCH_PYTHON", sys.executable))
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--folder")
    parser.add_argument("--only", choices=TEXTS)
    options = parser.parse_args()
    torch = options.torch if has_torch(options.torch) else None
    compileall.compile_dir(ROOT / "attn_cli", quiet=1)
    for folder in folders(options.folder):
        load = f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
        print(f"medians of {options.runs} alternating runs{load}; attn's figure first")
        if torch is None:
            print(f"{options.torch} has no torch and transformers: what is measured against them is left out")
        kinds = [options.only] if options.only else list(TEXTS)
        for kind in kinds:
            cold(kind, folder / kind, torch, options.runs)
        if torch is None:
            continue
        attn, other = Worker("attn", sys.executable), Worker("torch", torch)
        for kind in kinds:
            warm(kind, folder / kind, attn, other, options.runs)
        attn.close()
        other.close()


if __name__ == "__main__":
    main()
