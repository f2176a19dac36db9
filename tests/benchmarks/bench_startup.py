"""How fast attn starts: whole processes, against `python -c pass` and `python -c "import numpy"`.

    python tests/benchmarks/bench_startup.py [--runs 41]

They take turns, so that a busy machine slows all alike. The bytecode is compiled first.
"""

import compileall
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
ATTN = ("-c", "from attn_cli.__main__ import main; main()")  # as the installed script does
TEXT = "Transformers are amazing"
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    'python -c "import numpy"': ("-c", "import numpy"),
    "attn --version": (*ATTN, "--version"),
    "attn --help": (*ATTN, "--help"),
    "attn explain": (*ATTN, "explain", TEXT),
    "attn explain --json": (*ATTN, "explain", "--json", TEXT),
}
GOALS = {
    "attn --version": ("python -c pass", 1.15),
    "attn --help": ('python -c "import numpy"', 0.85),
    "attn explain": ('python -c "import numpy"', 1.6),
    "attn explain --json": ('python -c "import numpy"', 1.45),
}


def seconds(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=41)
    runs = parser.parse_args().runs
    compileall.compile_dir(ROOT / "attn_cli", quiet=1)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(runs + 1):
        for name, arguments in COMMANDS.items():
            taken = seconds(arguments, environment)
            if run:  # the first only fills the disk's cache
                times[name].append(taken)
    middle = {name: median(taken) for name, taken in times.items()}
    print(f"medians of {runs} alternating runs")
    for name, taken in middle.items():
        print(f"{name:<26}{taken * 1e3:>8.1f} ms")
    print(f"\n{'':<22}{'against':<26}{'ratio':>6}{'goal':>6}")
    for name, (other, goal) in GOALS.items():
        ratio = middle[name] / middle[other]
        print(f"{name:<22}{other:<26}{ratio:>6.2f}{goal:>6.2f}  {'ok' if ratio <= goal else 'MISSED'}")


if __name__ == "__main__":
    main()
