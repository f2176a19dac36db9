"""Memory for arrays: what becomes of it when it is freed, and matrices transposed."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from attn_cli.core.memory import transpose


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (31, 200), (100, 129), (5000, 3)])
def test_a_matrix_is_transposed_however_it_is_cut(shape: tuple[int, int]) -> None:
    x = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = np.full(shape[::-1], -1, np.float32)
    transpose(x, out)
    np.testing.assert_array_equal(out, x.T)


FREED = """
import resource
import sys

import numpy as np

if sys.argv[1:]:
    from attn_cli.core.memory import hold_on

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
