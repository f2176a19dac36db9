"""How much faster 64 × 64 coloured numbers are printed than by a Rich Table: python tests/benchmarks/bench_table.py.

Both are measured in one run, in turn; the medians and their ratio are printed.
"""

import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from attn_cli.views.display import Display
from attn_cli.views.drawing.colors.palette import PALETTES, level_of, readable_on
from attn_cli.views.page import Grid, Numbers
from attn_cli.views.terminal import TerminalPage

SIDE = 64
ROUNDS = 9
WIDTH = 800


def main() -> None:
    """Measure, and print."""
    values = np.random.default_rng(0).dirichlet(np.ones(SIDE), SIDE)
    tokens = tuple(f"token{place}" for place in range(SIDE))
    grid = Grid(values, tokens, tokens, signed=False)
    ways: dict[str, Callable[[], RenderableType]] = {
        "ours": lambda: TerminalPage((Numbers((grid,)),), Display(full=True)),
        "Rich Table": lambda: rich_table(values, tokens),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, make in ways.items():
            times[name].append(seconds(make))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:>10}  {1000 * median:8.1f} ms")
    print(f"{'ratio':>10}  {medians['ours'] / medians['Rich Table']:8.3f}")


def seconds(make: Callable[[], RenderableType]) -> float:
    """How long it takes to make and print something on a wide screen of 16 million colours."""
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        color_system="truecolor",
        force_terminal=True,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    start = time.perf_counter()
    console.print(make(), crop=False, end="")
    return time.perf_counter() - start


def rich_table(values: np.ndarray, tokens: tuple[str, ...]) -> Table:
    """The same numbers in the same colours as a Table of Text."""
    palette = PALETTES["viridis"].levels
    levels = level_of(values / values.max(), len(palette))
    table = Table(box=None, padding=0)
    table.add_column()
    for token in tokens:
        table.add_column(Text(token), justify="right")
    styles = [Style(color=hexed(readable_on(ground)), bgcolor=hexed(ground)) for ground in palette]
    for token, row, found in zip(tokens, values.tolist(), levels.tolist(), strict=True):
        texts = (Text(f" {value:.4f} ", styles[level]) for value, level in zip(row, found, strict=True))
        table.add_row(Text(token), *texts)
    return table


def hexed(color: tuple[int, int, int]) -> str:
    """#rrggbb."""
    return "#" + bytes(color).hex()


if __name__ == "__main__":
    main()
