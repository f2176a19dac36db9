"""Results: the formats that they are written in, and their way to a file or to standard output."""

import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from attn_cli.cli.background import background_of
from attn_cli.cli.help.choices import require
from attn_cli.cli.options import ShowOptions
from attn_cli.cli.output import color_system, height, width, write_file, write_stdout
from attn_cli.cli.progress import clear
from attn_cli.errors import UsageError
from attn_cli.sources.documents.files import was_read
from attn_cli.trace.trace import Trace
from attn_cli.views.display import Display

if TYPE_CHECKING:
    from attn_cli.views.page import Page


class Result(NamedTuple):
    """What a command made: a `page` for people, which is built only if it is shown, and data for scripts.

    The data are a trace, or else a `document` of plain values; `table` gives them as CSV where that is possible.
    """

    page: "Callable[[], Page]"
    display: Display
    show: ShowOptions
    trace: Trace | None = None
    document: Callable[[], Mapping[str, Any]] | None = None
    table: Callable[[], bytes] | None = None

    def shown(self) -> "Page":
        """The page as the reader wants it: under their title, or alone."""
        from attn_cli.views.presenting import result_alone, titled

        page = result_alone(self.page()) if self.show.quiet else self.page()
        return page if self.show.title is None else titled(page, self.show.title)

    def arrays(self) -> Trace:
        """The trace, whose arrays can be written; UsageError for a result that is not a trace."""
        if self.trace is None:
            raise UsageError(
                "this result holds no arrays, as npz, safetensors and csv need",
                hint=f"choose terminal, json{'' if self.table is None else ', csv'} or markdown",
            )
        return self.trace


class Format(NamedTuple):
    """A format: the suffixes that choose it, and the function from a result to bytes."""

    suffixes: tuple[str, ...]
    render: Callable[[Result], bytes]


def _json(result: Result) -> bytes:
    from attn_cli.trace.files.to_json import dumped, trace_to_json, worded

    if result.document is not None:
        return dumped(worded(result.document())) + b"\n"
    return trace_to_json(result.arrays())


def _npz(result: Result) -> bytes:
    from attn_cli.trace.files.codec import trace_to_npz

    return trace_to_npz(result.arrays())


def _safetensors(result: Result) -> bytes:
    from attn_cli.trace.files.codec import trace_to_safetensors

    return trace_to_safetensors(result.arrays())


def _csv(result: Result) -> bytes:
    from attn_cli.trace.files.csv import trace_to_csv

    if result.table is not None:
        return result.table()
    return trace_to_csv(result.arrays())


def _markdown(result: Result) -> bytes:
    from attn_cli.views.markdown import page_to_markdown

    return page_to_markdown(result.shown(), result.display).encode()


def _terminal(result: Result) -> bytes:
    from attn_cli.views.drawing.screen import Screen
    from attn_cli.views.terminal import TerminalPage

    stream = None if result.show.output else sys.stdout
    encoding = stream.encoding if stream else "utf-8"
    color = color_system(result.show.color, stream)
    if (result.show.output or "").lower().endswith(".ansi") and result.show.color == "auto":
        color = "truecolor"
    background = background_of(result.show.background, stream) if color else "dark"
    screen = Screen(width(stream), color, encoding, height(stream), background)
    return TerminalPage(result.shown(), result.display).text(screen).encode(encoding, errors="backslashreplace")


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "terminal": Format((".txt", ".ansi"), _terminal),
        "json": Format((".json",), _json),
        "npz": Format((".npz",), _npz),
        "safetensors": Format((".safetensors",), _safetensors),
        "csv": Format((".csv",), _csv),
        "markdown": Format((".md", ".markdown"), _markdown),
    }
)
LONGEST = 300
BINARY = ("npz", "safetensors")
PAGES = ("terminal", "markdown")


def deliver(result: Result) -> None:
    """Write the result to the file, or to standard output."""
    name = format_of(result.show.format, result.show.json, result.show.output)
    if name in BINARY and not result.show.output and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError(f"{name} is not for a terminal", hint=f"write a file with -o trace.{name}")
    if result.show.title is not None and name not in PAGES:
        raise UsageError(
            f"--title: {name} holds data, and no title", hint=f"choose {' or '.join(PAGES)}, or leave it out"
        )
    data = FORMATS[name].render(result)
    clear()
    if name == "terminal" and not result.show.output:
        from attn_cli.cli.pager import write_paged

        write_paged(data, paged=not result.show.no_pager)
    else:
        put(data, result.show.output, quiet=result.show.quiet)


def put(data: bytes, path: str | None, *, quiet: bool) -> None:
    """Write bytes to a file, with a message on standard error unless `quiet`, or to standard output."""
    if path is None:
        write_stdout(data)
        return
    if was_read(path):
        raise UsageError(f"-o {path}: is an input of this run", hint="choose another name, to keep the input")
    write_file(path, data)
    if not quiet:
        print(f"attn: wrote {path!r}, {size(len(data))}", file=sys.stderr)


def size(count: int) -> str:
    """A number of bytes, rounded to three digits: 847 bytes, 7.27 kB, 208 kB, 1.5 MB."""
    if count < 1000:
        return f"{count} byte{'s' * (count != 1)}"
    rounded = round(count, 3 - len(str(count)))  # 999,999 is 1 MB, not 1e+03 kB
    power = (len(str(rounded)) - 1) // 3
    return f"{rounded / 1000**power:.3g} {' kMGTP'[power]}B"


def format_of(asked: str | None, json: bool, path: str | None) -> str:
    """The name of the format: the one asked for, else that of the file's suffix, else terminal."""
    if json:
        if asked not in (None, "json"):
            raise UsageError(f"--json and -f {asked} contradict each other", hint="give one of them")
        return "json"
    if asked is not None:
        require("--format", asked, "formats")
        return asked
    if path is None:
        return "terminal"
    suffix = os.path.splitext(path)[1].lower()
    for name, form in FORMATS.items():
        if suffix in form.suffixes:
            return name
    known = ", ".join(suffix for form in FORMATS.values() for suffix in form.suffixes)
    raise UsageError(
        f"--output: {path!r} ends in none of {known}", hint="change the suffix, or choose the format with -f"
    )


def display_of(
    show: ShowOptions, *, numbers: bool = False, color_scale: str | None = None, pool: str = "max"
) -> Display:
    """The display settings of the options, checked."""
    require("--palette", show.palette, "palettes")
    require("--color", show.color, "colors")
    require("--background", show.background, "backgrounds")
    require("--color-scale", color_scale, "color_scales")
    require("--pool", pool, "pools")
    digits = Display().precision if show.precision is None else show.precision
    exact = show.precision is not None
    return Display(digits, show.palette, show.full, numbers, color_scale or "linear", exact, pool)


def again() -> str:
    """The command line that makes this result again, with long arguments cut short."""
    import shlex

    short = (argument if len(argument) <= LONGEST else f"{argument[: LONGEST - 1]}…" for argument in sys.argv[1:])
    return shlex.join(["attn", *short])
