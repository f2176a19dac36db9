"""Commands and programs of a document, run as a reader would: this environment's programs, 80 columns, no color."""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.readme.server import write_client

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def environment(home: Path, *programs: str) -> dict[str, str]:
    """Nothing of the caller's own settings, so that everyone sees the same; `programs` come first on the path."""
    return {
        "PATH": os.pathsep.join((*programs, str(BIN), os.environ.get("PATH", os.defpath))),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }


@cache
def quick_attn() -> str:
    """A folder with an `attn` that starts at once, for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="attn-server-"))
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.readme.server", address],
        cwd=ROOT,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    _SERVERS.append(server)
    write_client(folder, address)
    return str(folder)


_SERVERS: list[subprocess.Popen[bytes]] = []
"""Their standard input stays open until this process ends; then they end too."""


def typed(command: str, folder: Path) -> tuple[str, ...]:
    """The lines that a command prints, on standard output and on standard error, as a terminal shows them."""
    return _lines(["bash", "-c", command], folder, environment(folder, quick_attn()))


def program(text: str, folder: Path) -> tuple[str, ...]:
    """The lines that a Python program prints; AssertionError where it fails."""
    return _lines([sys.executable, "-c", text], folder, environment(folder), check=True)


def _lines(arguments: list[str], folder: Path, env: dict[str, str], *, check: bool = False) -> tuple[str, ...]:
    assert (BIN / "attn").exists(), f"{BIN} has no attn: pip install -e '.[test]' puts it there"
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return tuple(done.stdout.splitlines())
