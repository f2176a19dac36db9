"""`attn compare`: where two runs differ."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from attn_cli.cli.help.choices import completing
from attn_cli.cli.number_types import distance
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions, WhatIfOptions

FirstRun = Annotated[
    str | None,
    typer.Argument(
        metavar="A",
        help="A text, or the path of a document; - reads a document from standard input.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class FirstSource(SourceOptions):
    """The source of A; its options hold for B too"""

    text: FirstRun = None


@grouped
def command(
    source: FirstSource,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    show: ShowOptions,
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="[B]", help="The second text or document. Omit it when --with or a what-if option defines B."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=VALUE",
            help="Change a setting for B alone: mask=causal, model=PATH, layer=1. NAME is {settings}.",
            autocompletion=completing("settings"),
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", parser=distance, show_default=False, help="Ignore differences up to this. Default: 0."
        ),
    ] = 0.0,
) -> int:
    """Show where two runs differ: texts, documents, models, layers, heads.

    Exits with 3 if they differ by more than --tolerance. With a what-if option and no B, the run is compared with and
    without the change.

    attn compare "The cat sat" "The dog sat"
    attn compare "The cat sat" --with mask=causal
    attn compare "The cat sat" --without-token cat
    attn compare "The cat sat" -m ./gpt2 --without-head L5.1 --next 5
    attn compare "The cat sat" -m ./gpt2 --with model=./tuned
    attn compare "The cat sat" --heads 2 --head 0 --with head=1
    attn compare old.json new.npz --tolerance 1e-6
    attn explain "The cat sat" --json | attn compare - trace.json
    """
    from attn_cli.analysis.compare import compare
    from attn_cli.analysis.compare_document import compare_document
    from attn_cli.analysis.tables import compare_csv
    from attn_cli.cli.inputs import stages_of
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.cli.two_runs import RunOptions, two_runs
    from attn_cli.trace.stages import STAGES
    from attn_cli.views.pages.compare import Shown, compare_page

    display = display_of(show)
    runs = two_runs(RunOptions(source, checkpoint, choice, change), second, changes or [])
    a, b = runs.a, runs.b
    difference = compare(a, b)
    pictured = (stages_of(choice) or tuple(STAGES)) if choice.stage else None
    shown = Shown(tolerance, pictured, tuple(changes or ()), again(), runs.expected)

    def document() -> dict[str, Any]:
        return compare_document(a, b, difference, tolerance, runs.expected)

    deliver(
        Result(
            lambda: compare_page(a, b, difference, shown),
            display,
            show,
            document=document,
            table=lambda: compare_csv(document()),
        )
    )
    return 3 if difference.first(tolerance) else 0
