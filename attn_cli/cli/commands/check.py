"""`attn check`: is the attention in a dump sound."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import ShowOptions
from attn_cli.errors import UsageError

File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE]", help="A document, a trace or a matrix; - is stdin.", show_default=False),
]
_WHAT = "What the dump should be, whatever it says itself; nothing stored is changed. "


@dataclass(frozen=True)
class Dumped:
    """The dump, and what is declared of it"""

    file: File = None
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", "--input", "-i", metavar="FILE", help="Another way to name FILE.")
    ] = None
    matrix_stage: Annotated[
        str | None,
        typer.Option("--as", metavar="STAGE", help="What a bare matrix is: weights (the default) or scores."),
    ] = None
    mask: Annotated[str | None, typer.Option(metavar="MASK", help=_WHAT + "none, causal, sliding:W, …")] = None
    positions: Annotated[str | None, typer.Option(metavar="NAME", help="Likewise: none, rope[:BASE], alibi.")] = None
    scale: Annotated[str | None, typer.Option(metavar="SCALE", help="Likewise: sqrt (1/√d_k), none or a number.")] = (
        None
    )
    softcap: Annotated[str | None, typer.Option(metavar="NUMBER", help="Likewise: a number, or none.")] = None


def _path(dumped: Dumped) -> str:
    """The one file that is named."""
    if (dumped.file is None) == (dumped.weights is None):
        what = "there is no FILE" if dumped.file is None else "FILE and -w name two files"
        raise UsageError(what, hint="attn check dump.npz")
    if dumped.matrix_stage not in (None, "weights", "scores"):
        raise UsageError(f"--as: {dumped.matrix_stage!r} is not weights or scores", hint="--as scores, or leave it out")
    return dumped.file or dumped.weights or ""


@grouped
def command(
    dumped: Dumped,
    show: ShowOptions,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute all again in float64; print the largest error of each stage.")
    ] = False,
) -> int:
    """Say whether the attention in a file is sound.

    Row sums, masks, scale, heads and NaN are looked at; exit 3 if there is a fault.

    attn check trace.npz
    attn check dump.npz --mask causal --recompute
    """
    from attn_cli.analysis.check.check import check
    from attn_cli.analysis.check.document import check_document
    from attn_cli.analysis.check.reading import declared_by, read_dump, shown
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.sources.documents.files import read_bytes
    from attn_cli.views.pages.check import check_page

    display = display_of(show)
    declared = declared_by(dumped.mask, dumped.positions, dumped.scale, dumped.softcap)
    path = _path(dumped)
    found = read_dump(read_bytes(path), "standard input" if path == "-" else path, dumped.matrix_stage)
    report, trace = check(found, declared, recompute=recompute), shown(found, path)
    deliver(
        Result(
            lambda: check_page(trace, report, again=again()),
            display,
            show,
            document=lambda: check_document(trace, path, report),
        )
    )
    return 3 if report.faults else 0
