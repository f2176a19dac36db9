"""`attn heatmap`: one picture of one stage."""

from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import (
    CheckpointOptions,
    PictureOptions,
    SelectOptions,
    ShowOptions,
    SourceOptions,
    WhatIfOptions,
)

if TYPE_CHECKING:
    from attn_cli.views.page import Page


@grouped
def command(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    picturing: PictureOptions,
    show: ShowOptions,
    numbers: Annotated[bool, typer.Option("--numbers", help="Print the value in each cell.")] = False,
) -> None:
    """Draw one stage as a heatmap, by default the weights.

    attn heatmap "Transformers are amazing"
    attn heatmap "The cat sat on the mat" --mask causal --heads 2
    attn heatmap "The cat sat" --stage scores --numbers
    attn heatmap -w trace.npz --head 0-3
    attn heatmap -m ./gpt2 "The keys are" --layer 5
    attn heatmap -m ./gpt2 "The keys are" --drop first
    attn heatmap -m ./gpt2 "The keys are" --aggregate rollout
    """
    from attn_cli.cli.aggregates import deliver_aggregate, pictured
    from attn_cli.cli.inputs import trace_of
    from attn_cli.cli.results import Result, again, deliver, display_of

    def page() -> "Page":
        from attn_cli.views.pages.atlas import atlas_page
        from attn_cli.views.pages.explain import heatmap_page

        if checkpoint.model is not None and choice.stage is None and len(trace.layers) > 1:
            return atlas_page(trace, again=again(), drawn=drawn, full=show.full)
        return heatmap_page(trace, again=again(), drawn=drawn)

    display = display_of(show, numbers=numbers, color_scale=picturing.color_scale, pool=picturing.pool)
    if picturing.aggregate is not None:
        deliver_aggregate(source, checkpoint, change, choice, picturing, show, display)
        return
    trace = trace_of(source, checkpoint, choice, default=("weights",), change=change)
    drawn = pictured(trace, picturing, show, alone=True)
    deliver(Result(page, display, show, trace))
