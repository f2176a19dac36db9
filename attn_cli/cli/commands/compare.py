"""`attn compare`: where two runs differ."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.number_types import distance
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions, WhatIfOptions

OneSide = Annotated[
    str | None,
    typer.Argument(metavar="A", help="A text, or a document's path; - is a document on stdin.", show_default=False),
]


@dataclass(frozen=True)
class Sides(SourceOptions):
    """The source of A; the options hold for both sides."""

    text: OneSide = None


@grouped
def command(
    source: Sides,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    show: ShowOptions,
    other: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another one; left out where an option says what changes.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME=VALUE", help="Of B alone: mask=causal, model=PATH, layer=1, head=2 …"),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", parser=distance, show_default=False, help="Differences up to this are none; 0 unless set."
        ),
    ] = 0.0,
) -> int:
    """Say where two runs differ: texts, documents, models, layers, heads.

    Exit 3 if they differ by more than --tolerance. A lone what-if option compares the run before and after it.

    attn compare "The cat sat" "The dog sat"
    attn compare "The cat sat" --with mask=causal
    attn compare "The cat sat" --without-token cat
    attn compare "The cat sat" -m ./gpt2 --without-head 5.1 --next 5
    attn compare "The cat sat" -m ./gpt2 --with model=./tuned
    attn compare "The cat sat" --heads 2 --head 0 --with head=1
    attn compare old.json new.npz --tolerance 1e-6
    attn explain "The cat sat" --json | attn compare - trace.json
    """
    from attn_cli.analysis.compare import compare
    from attn_cli.analysis.documents import compare_document
    from attn_cli.cli.inputs import stages_of
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.cli.two_runs import RunOptions, two_runs
    from attn_cli.trace.stages import STAGES
    from attn_cli.views.pages.compare import Shown, compare_page

    display = display_of(show)
    pair = two_runs(RunOptions(source, checkpoint, choice, change), other, changes or [])
    a, b = pair.a, pair.b
    found = compare(a, b)
    pictured = (stages_of(choice) or tuple(STAGES)) if choice.stage else None
    shown = Shown(tolerance, pictured, tuple(changes or ()), again(), pair.expected)
    deliver(
        Result(
            lambda: compare_page(a, b, found, shown),
            display,
            show,
            document=lambda: compare_document(a, b, found, tolerance, pair.expected),
        )
    )
    return 3 if found.first(tolerance) else 0
