"""What becomes of an array's memory when it is freed."""

import os
import platform
import subprocess
import sys

import pytest

FREED = """
import resource
import sys

import numpy as np

if sys.argv[1:]:
    from attn_cli.core.scoring import hold_on

    hold_on()
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [np.ones(2**21, np.uint8) for _ in range(12)]
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to hold on to memory")
def test_memory_that_was_freed_is_not_asked_for_again() -> None:
    tuned = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}

    def faults(*arguments: str) -> int:
        line = [sys.executable, "-c", FREED, *arguments]
        return int(subprocess.run(line, env=tuned, capture_output=True, text=True, check=True).stdout)

    assert faults("hold on") < 0.1 * faults()
