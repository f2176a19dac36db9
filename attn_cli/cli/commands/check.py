"""`attn check`: is the attention in a dump sound."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.help.choices import completing, require
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import MatrixStage, MaxBytes, ShowOptions
from attn_cli.errors import UsageError

File = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE]", help="A document, a trace or a matrix; - reads JSON from standard input.", show_default=False
    ),
]


@dataclass(frozen=True)
class Dumped:
    """How the attention should have been computed"""

    file: File = None
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", "--input", "-i", metavar="FILE", help="Another way to name FILE.")
    ] = None
    matrix_stage: MatrixStage = None
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="MASK",
            help="The mask that was meant, whatever the file says: {masks}.",
            autocompletion=completing("masks"),
        ),
    ] = None
    positions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The position encoding that was meant: {positions}.",
            autocompletion=completing("positions"),
        ),
    ] = None
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="SCALE",
            help="The scale that was meant: a number, {scales}. sqrt is 1/√d_k.",
            autocompletion=completing("scales"),
        ),
    ] = None
    softcap: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The softcap that was meant: a number, or none.")
    ] = None
    max_bytes: MaxBytes = None


def _path(dumped: Dumped) -> str:
    """The one file that is named."""
    if (dumped.file is None) == (dumped.weights is None):
        what = "there is no FILE" if dumped.file is None else "FILE and -w name two files"
        raise UsageError(what, hint="attn check dump.npz")
    require("--as", dumped.matrix_stage, "matrix_stages")
    return dumped.file or dumped.weights or ""


@grouped
def command(
    dumped: Dumped,
    show: ShowOptions,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Recompute every stage in float64 and print its largest error.")
    ] = False,
) -> int:
    """Check whether attention is sound, or which mistake it shows.

    Every stored array is compared with the stored arrays that it follows from. Exits with 3 if there is a fault, with 1
    if there is nothing to check.

    attn check trace.npz
    attn check dump.npz --mask causal --recompute
    """
    from attn_cli.analysis.check.check import check
    from attn_cli.analysis.check.document import check_document
    from attn_cli.analysis.check.reading import declared_by, read_dump, shown
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.sources.documents.files import read_bytes
    from attn_cli.sources.documents.reading import is_known
    from attn_cli.views.pages.check import check_page

    display = display_of(show)
    declared = declared_by(dumped.mask, dumped.positions, dumped.scale, dumped.softcap)
    path = _path(dumped)
    data = read_bytes(path, max_bytes=dumped.max_bytes, known=is_known)
    dump = read_dump(data, "standard input" if path == "-" else path, dumped.matrix_stage, dumped.max_bytes)
    report, trace = check(dump, declared, recompute=recompute), shown(dump, path)
    deliver(
        Result(
            lambda: check_page(trace, report, again=again()),
            display,
            show,
            document=lambda: check_document(trace, path, report),
        )
    )
    return {"faulty": 3, "sound": 0, "nothing to check": 1}[report.verdict]
