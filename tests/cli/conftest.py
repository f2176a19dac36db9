"""The command line from outside, as a process of its own; and from inside, where a process adds nothing."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attn_cli.cli.boundary import run

EXAMPLE = "Transformers are amazing"
ROOT = Path(__file__).parents[2]
# What a run may not depend on, and cannot do without.
CLEAN = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
CLEAN |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what it wrote."""

    code: int
    data: bytes
    errors: str

    @property
    def out(self) -> str:
        return self.data.decode()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self) -> Any:
        return json.loads(self.data)

    def complains(self, code: int, *parts: str) -> None:
        """Assert that it failed as it should: two lines on standard error with these parts, and nothing else."""
        complaint = self.errors.splitlines()
        assert (self.code, self.data, len(complaint)) == (code, b"", 2), self
        assert complaint[0].startswith("attn: "), self
        assert complaint[1].startswith("  hint: "), self
        assert len(complaint[1]) > len("  hint: ")
        for part in parts:
            assert part in self.errors


Attn = Callable[..., Ran]


@pytest.fixture
def attn(tmp_path: Path) -> Attn:
    """A process: `attn("explain", "a text", stdin=b"", env={})`, in an empty folder and environment."""

    def ran(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
        command = [sys.executable, "-m", "attn_cli", *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, cwd=tmp_path, env=CLEAN | (env or {}), check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    return ran


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attn:
    """The same without a process: quicker, and just as good for everything but streams, signals and the environment."""

    def ran(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
        typed = list(map(str, arguments))
        out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["attn", *typed])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", errors)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = run(typed)
            for stream in (out, errors):
                stream.flush()
            written = [stream.buffer.getvalue() for stream in (out, errors)]  # type: ignore[attr-defined]
        return Ran(code, written[0], written[1].decode())

    return ran
