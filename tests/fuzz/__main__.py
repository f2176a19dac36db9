"""Damage many inputs and read them: `python -m tests.fuzz --count 3000` (or `--reader json`).

A command line reads each input in a process of its own. A row per reader counts the inputs that were refused (exit 1 or
2, in two lines), accepted (exit 0 or 3) and what went wrong: internal errors (exit 70, a traceback, a signal, a
warning, a refusal of another length), and inputs that took more than 2 s of processor time or 500 MB. It gives the
slowest and the largest. Inputs that failed are kept in `--keep`. It exits with 1 if there are any.
"""

import argparse
import os
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random

os.environ.update(TOKENIZERS_PARALLELISM="false", OPENBLAS_NUM_THREADS="1", HF_HUB_OFFLINE="1", COLUMNS="100")
os.environ.pop("ATTN_DEBUG", None)

from attn_cli.cli.boundary import run
from tests.fuzz.readers import FILE, READERS, Reader

PAGES = ("model", "check")
"""Commands whose page may say why there is nothing to run or to check, with exit 1."""
SECONDS, MEGABYTES, LONGEST = 2.0, 500, 20
STUCK = 300
"""The seconds by the clock after which a run counts as stuck, on a machine that does other work too."""


@dataclass(frozen=True)
class Outcome:
    """What a command line did: `kind` is refused, accepted or what is wrong with it."""

    kind: str
    seconds: float
    megabytes: float
    errors: str

    @property
    def fine(self) -> bool:
        return self.kind in ("refused", "accepted") and self.seconds <= SECONDS and self.megabytes <= MEGABYTES


def read(arguments: list[str], folder: Path) -> Outcome:
    """The outcome of a command line, in a process of its own."""
    child = os.fork()
    if child == 0:
        _child(arguments, folder)
    _, status, used = os.wait4(child, 0)
    errors = (folder / "stderr").read_text(errors="replace")
    page = arguments[0] in PAGES and not errors
    kind = "refused" if page and os.WEXITSTATUS(status) == 1 else _kind(status, errors)
    return Outcome(kind, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, errors)


def warm(reader: Reader, target: Path) -> None:
    """Import what a reader needs, so that each process measures the input alone."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for command in reader.commands:
            run([word.replace(FILE, str(target)) for word in command])


def _child(arguments: list[str], folder: Path) -> None:
    """Run a command line, with its streams in files, and leave with its code."""
    signal.alarm(STUCK)
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.argv = ["attn", *arguments]
    warnings.simplefilter("ignore")  # as the program does
    code = 99
    try:
        code = run(arguments)
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _kind(status: int, errors: str) -> str:
    """How a run ended."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.WEXITSTATUS(status)
    if "Warning" in errors or "Traceback" in errors or "panicked" in errors:
        return "a warning or traceback"
    if code in (1, 2):
        return "refused" if len(errors.splitlines()) == 2 else "not two lines"
    return {0: "accepted", 3: "accepted", 70: "internal error"}.get(code, f"exit {code}")


def fuzz(name: str, reader: Reader, count: int, seed: int, keep: Path) -> bool:
    """Read `count` damaged inputs and print a row; whether all went well."""
    random = Random(f"{name} {seed}")
    kinds: Counter[str] = Counter()
    slowest = largest = 0.0
    slow = large = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        inputs = reader.inputs(folder / "inputs")
        target = folder / "input"
        if reader.base is not None:
            reader.base(target)
        (target / reader.file if reader.file else target).write_bytes(inputs[0])
        warm(reader, target)
        for number in range(count):
            data = reader.mutate(random.choice(inputs), random)
            (target / reader.file if reader.file else target).write_bytes(data)
            command = reader.commands[number % len(reader.commands)]
            outcome = read([word.replace(FILE, str(target)) for word in command], folder)
            kinds[outcome.kind] += 1
            slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.megabytes)
            slow += outcome.seconds > SECONDS
            large += outcome.megabytes > MEGABYTES
            if not outcome.fine:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{name}-{number}").write_bytes(data)
                words = f"{name}-{number}: attn {' '.join(command)}: {outcome.kind}, {outcome.seconds:.1f} s, "
                print(f"{words}{outcome.megabytes:.0f} MB\n{outcome.errors[-600:]}", file=sys.stderr)
    failed = count - kinds["refused"] - kinds["accepted"]
    print(
        f"{name:16} {count:6} {kinds['refused']:8} {kinds['accepted']:9} {failed:15} {slow:8} {large:11} "
        f"{slowest:6.2f} s {largest:5.0f} MB",
        flush=True,
    )
    return not failed and not slow and not large


def main() -> None:
    """Fuzz the readers that are named, and exit with 1 if any input failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reader", default="all", choices=["all", *READERS])
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    asked = parser.parse_args()
    print(
        f"{'reader':16} {'inputs':>6} {'refused':>8} {'accepted':>9} {'internal errors':>15} {'over 2 s':>8} "
        f"{'over 500 MB':>11} {'slowest':>8} {'largest':>8}"
    )
    names = list(READERS) if asked.reader == "all" else [asked.reader]
    fine = [fuzz(name, READERS[name], asked.count, asked.seed, asked.keep) for name in names]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
