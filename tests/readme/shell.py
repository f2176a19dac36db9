"""Commands and programs of a document, run as a reader would: this environment's programs, 80 columns, no colour."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's own settings, so that everyone sees the same."""
    return {
        "PATH": os.pathsep.join((str(BIN), os.environ.get("PATH", os.defpath))),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }


def typed(command: str, folder: Path) -> tuple[str, ...]:
    """The lines that a command prints, on standard output and on standard error, as a terminal shows them."""
    return _lines(["bash", "-c", command], folder)


def program(text: str, folder: Path) -> tuple[str, ...]:
    """The lines that a Python program prints; AssertionError where it fails."""
    return _lines([sys.executable, "-c", text], folder, check=True)


def _lines(arguments: list[str], folder: Path, *, check: bool = False) -> tuple[str, ...]:
    assert (BIN / "attn").exists(), f"{BIN} has no attn: pip install -e '.[test]' puts it there"
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return tuple(done.stdout.splitlines())
